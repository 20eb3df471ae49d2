"""Weights of 8 or 4 bits that stay packed in memory: experts, linear layers and the embedding of a decoder.

Symmetric, one scale for each group of 32 weights of a row: bfloat16 beside 8 bits, beside 4 bits an 8-bit float, the
one of several candidates that gives the least squared error. Experts are unpacked one by one when tokens are routed to
them, never all at once. Norms and gates stay as they are, routers and latents become bfloat16 where the model computes
in float32 all the same. Letters in shapes: E experts, O outputs, I inputs, G groups, N tokens, K choices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tomoscribe.core.errors import ConfigError, WeightsError

GROUP = 32
BITS = (8, 4)
_SHRINKS = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75)
_SCALE_TYPES = {8: torch.bfloat16, 4: torch.float8_e4m3fn}
_LARGEST_SCALE = 32.0
"""In units of the tensor: from here down to 2^-6 an 8-bit float has three bits of fraction."""


class PackedWeight(nn.Module):
    """A tensor (..., O, I) in ``bits`` per weight and a scale per group, in units of ``unit``.

    Args:
        weight: what is packed; its last axis is cut into groups, padded with zeros.
        bits: 8 or 4.
    """

    codes: Tensor
    scales: Tensor
    unit: Tensor

    def __init__(self, weight: Tensor, bits: int) -> None:
        super().__init__()
        if bits not in BITS:
            raise ConfigError(f"expected weights of 8 or 4 bits, found {bits}")
        self.bits = bits
        self.inputs = int(weight.shape[-1])
        groups = F.pad(weight.detach().float(), (0, -self.inputs % GROUP)).unflatten(-1, (-1, GROUP))
        unit = (groups.abs().max() / ((2 ** (bits - 1) - 1) * _LARGEST_SCALE)).clamp_min(1e-12)
        codes, scales = _quantized(groups / unit, bits)
        flat = codes.flatten(-2)
        self.register_buffer("codes", flat if bits == 8 else _two_in_a_byte(flat))
        self.register_buffer("scales", scales.squeeze(-1))
        self.register_buffer("unit", unit)

    def forward(self, index: int | Tensor | None = None) -> Tensor:
        """The weights as float32, of the rows or experts ``index`` alone if it is given."""
        codes = self.codes if index is None else self.codes[index]
        scales = self.scales if index is None else self.scales[index]
        whole = codes if self.bits == 8 else _one_in_a_byte(codes)
        values = whole.unflatten(-1, (-1, GROUP)).float() * (scales.float() * self.unit)[..., None]
        return values.flatten(-2)[..., : self.inputs]


class PackedLinear(nn.Module):
    """A linear layer on packed weights."""

    def __init__(self, weight: PackedWeight, bias: Tensor | None = None) -> None:
        super().__init__()
        self.weight = weight
        self.bias = None if bias is None else nn.Parameter(bias.detach().clone(), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight().to(x.dtype), self.bias)


class PackedEmbedding(nn.Module):
    """An embedding on packed weights: only the rows asked for are unpacked."""

    def __init__(self, weight: PackedWeight) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, ids: Tensor) -> Tensor:
        rows: Tensor = self.weight(ids)
        return rows


class PackedExperts(nn.Module):
    """The fused experts of transformers (``gate_up_proj`` (E, 2 M, I), ``down_proj`` (E, I, M)) on packed weights."""

    def __init__(self, experts: Any, bits: int) -> None:
        super().__init__()
        self.num_experts = int(experts.gate_up_proj.shape[0])
        self.act_fn = experts.act_fn
        self.gate_up_proj = PackedWeight(experts.gate_up_proj, bits)
        self.down_proj = PackedWeight(experts.down_proj, bits)

    def forward(self, hidden_states: Tensor, top_k_index: Tensor, top_k_weights: Tensor) -> Tensor:
        """(N, I) -> (N, I): each token's chosen experts (N, K), weighted (N, K) and added up."""
        out = torch.zeros_like(hidden_states)
        for expert in torch.unique(top_k_index).tolist():
            token, choice = torch.where(top_k_index == expert)
            gate, up = F.linear(hidden_states[token], self.gate_up_proj(expert).to(out.dtype)).chunk(2, dim=-1)
            made = F.linear(self.act_fn(gate) * up, self.down_proj(expert).to(out.dtype))
            out.index_add_(0, token, (made * top_k_weights[token, choice, None]).to(out.dtype))
        return out


@dataclass(frozen=True, kw_only=True)
class PackedFacts:
    """What a packed model really holds.

    Args:
        bytes_total: of all parameters and buffers, scales and embedding included.
        bytes_per_expert: of one expert of the first mixture, its scales included.
        router_dtype: of the routers' weights.
        bits: of the experts' weights.
    """

    bytes_total: int
    bytes_per_expert: int
    router_dtype: str
    bits: int


def pack(model: Any, bits: int) -> PackedFacts:
    """Packs the decoder, its readers and its embedding in place; training is over then.

    Raises:
        ConfigError: neither 8 nor 4 bits.
        WeightsError: an expert was left as it was; see ``packed_facts``.
    """
    if bits not in BITS:
        raise ConfigError(f"expected weights of 8 or 4 bits, found {bits}")
    for block in model.moe_layers():
        block.experts = PackedExperts(block.experts, bits)
    _halve(model)
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    shared = PackedWeight(embedding.weight, bits)
    tied = head.weight is embedding.weight
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Linear) and child is not head:
                setattr(parent, name, PackedLinear(PackedWeight(child.weight, bits), child.bias))
    model.set_input_embeddings(PackedEmbedding(shared))
    model.set_output_embeddings(PackedLinear(shared if tied else PackedWeight(head.weight, bits), head.bias))
    return packed_facts(model)


def _halve(model: Any) -> None:
    """Routers and latents that are turned into float32 before they are used take half the room until then."""
    for block in model.moe_layers():
        if hasattr(getattr(block, "gate", None), "e_score_correction_bias"):
            block.gate.weight.data = block.gate.weight.data.bfloat16()
    if model.fusion.sources:
        model.resampler.latents.data = model.resampler.latents.data.bfloat16()


def packed_facts(model: Any) -> PackedFacts:
    """What is in memory, looked at tensor by tensor.

    Raises:
        WeightsError: experts that are not packed, or whose bytes are more than their bits allow.
    """
    blocks = model.moe_layers()
    loose = [n for n, block in enumerate(blocks) if not isinstance(block.experts, PackedExperts)]
    if loose or not blocks:
        raise WeightsError(
            f"expected packed experts in {len(blocks)} layers, found {len(loose)} layers with experts as they were",
            remedy="pack the whole model with tomoscribe.fusion.packed.pack",
        )
    experts = blocks[0].experts
    weights = [experts.gate_up_proj, experts.down_proj]
    held = sum(_bytes(w) for w in weights)
    numbers = sum(w.codes.numel() * 8 // w.bits for w in weights)
    bits = weights[0].bits
    if held * 8 > numbers * (bits + 8 * weights[0].scales.element_size() / GROUP) + 64 * len(weights):
        raise WeightsError(f"the experts hold {held} bytes, more than {bits} bits a weight and their scales allow")
    router = next(p for name, p in blocks[0].named_parameters() if "expert" not in name)
    tensors = {t.data_ptr(): t for t in (*model.parameters(), *model.buffers())}
    return PackedFacts(
        bytes_total=sum(t.numel() * t.element_size() for t in tensors.values()),
        bytes_per_expert=held // experts.num_experts,
        router_dtype=str(router.dtype).removeprefix("torch."),
        bits=bits,
    )


def _quantized(groups: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """int8 codes (..., G, 32) of -top to top, and scales (..., G, 1)."""
    top = 2 ** (bits - 1) - 1
    widest = groups.abs().amax(-1, keepdim=True).clamp_min(2.0**-6 * top if bits == 4 else 1e-12) / top
    best_scale = widest.to(_SCALE_TYPES[bits]).float()
    best_error = _error(groups, best_scale, top)
    for shrink in _SHRINKS[1:] if bits == 4 else ():
        scale = (widest * shrink).to(_SCALE_TYPES[bits]).float()
        error = _error(groups, scale, top)
        best_scale = torch.where(error < best_error, scale, best_scale)
        best_error = torch.minimum(error, best_error)
    return _codes(groups, best_scale, top).to(torch.int8), best_scale.to(_SCALE_TYPES[bits])


def _error(groups: Tensor, scale: Tensor, top: int) -> Tensor:
    return (_codes(groups, scale, top) * scale - groups).square().sum(-1, keepdim=True)


def _codes(groups: Tensor, scale: Tensor, top: int) -> Tensor:
    return (groups / scale).round().clamp(-top, top)


def _two_in_a_byte(codes: Tensor) -> Tensor:
    shifted = (codes + 8).to(torch.uint8)
    return shifted[..., 0::2] | (shifted[..., 1::2] << 4)


def _one_in_a_byte(pairs: Tensor) -> Tensor:
    both = torch.stack([pairs & 15, pairs >> 4], dim=-1)
    return both.flatten(-2).to(torch.int8) - 8


def _bytes(weight: PackedWeight) -> int:
    return sum(t.numel() * t.element_size() for t in (weight.codes, weight.scales, weight.unit))
