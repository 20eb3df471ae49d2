"""The report model: a mixture of experts of transformers whose layers also read the images.

The library's parameter names stay as they are: nothing is wrapped, a layer reads in a hook before its own forward pass,
and the gated reader adds names of its own (``model.layers.N.reader.*``). What was seen is passed with every call as
``visual_states`` and never kept. Letters in shapes: see ``types.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import DeepseekV3ForCausalLM, PreTrainedModel
from transformers.modeling_outputs import MoeCausalLMOutputWithPast

from tomoscribe.core.errors import ConfigError, UnsupportedError
from tomoscribe.fusion.config import FusionConfig, ReadingConfig
from tomoscribe.fusion.resampler import Resampler
from tomoscribe.fusion.types import StudyTokens


class GatedReader(nn.Module):
    """Gated cross-attention: the text reads the latents of one scale. The gate starts at zero: nothing changes."""

    def __init__(self, config: ReadingConfig) -> None:
        super().__init__()
        width, inner = config.hidden_size, config.read_heads * config.read_head_dim
        self.heads = config.read_heads
        self.norm = nn.RMSNorm(width)
        self.q_proj = nn.Linear(width, inner, bias=False)
        self.kv_proj = nn.Linear(config.resampler_width, 2 * inner, bias=False)
        self.o_proj = nn.Linear(inner, width, bias=False)
        self.gate = nn.Parameter(torch.zeros(()))

    def states(self, latents_BLD: Tensor) -> Tensor:
        """Keys and values (B, 2, H, L, K) of the latents; latents of zero give zeros, and those add nothing."""
        return self.kv_proj(latents_BLD).unflatten(-1, (2, self.heads, -1)).permute(0, 2, 3, 1, 4)

    def forward(self, hidden_BTD: Tensor, states_B2HLK: Tensor) -> Tensor:
        q = self.q_proj(self.norm(hidden_BTD)).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        seen = F.scaled_dot_product_attention(q, states_B2HLK[:, 0], states_B2HLK[:, 1])
        return hidden_BTD + torch.tanh(self.gate) * self.o_proj(seen.transpose(1, 2).flatten(2))


class Fused:
    """What a causal language model of transformers gains: it sees studies and reads them while it writes.

    Mixed into the model's own class by ``fuse``; ``generate`` and the caches stay the library's.
    """

    fusion: ReadingConfig
    resampler: Resampler
    config: Any
    get_decoder: Callable[[], Any]
    named_modules: Callable[[], Any]

    def see(self, studies: Sequence[StudyTokens]) -> Tensor:
        """Visual states (B, R, 2, H, L, K) of a batch of studies, to be passed to ``forward`` or ``generate``."""
        return self.visual_states(self.resampler(studies))

    def visual_states(self, latents_BSLD: Tensor) -> Tensor:
        """Keys and values that each reading layer makes of the latents of its scale."""
        scales, layers = self.resampler.scales, self.get_decoder().layers
        readers = [layers[layer].reader for layer, _ in self.fusion.read_layers]
        wanted = [scales.index(scale) for _, scale in self.fusion.read_layers]
        return torch.stack([r.states(latents_BSLD[:, s]) for r, s in zip(readers, wanted, strict=True)], dim=1)

    def forward(self, *args: Any, visual_states: Tensor | None = None, **kwargs: Any) -> MoeCausalLMOutputWithPast:
        """As the library's, with ``visual_states`` from ``see``; None = the text alone."""
        return super().forward(*args, visual_states=visual_states, **kwargs)  # type: ignore[misc]

    def moe_layers(self) -> list[Any]:
        """The mixture-of-experts blocks in the order of the layers."""
        return [module for _, module in self.named_modules() if _has_experts(module)]

    def _start_reading(self) -> None:
        """Gives the layers their readers; gates at zero, projections at the usual spread of their width."""
        fusion, layers = self.fusion, self.get_decoder().layers
        readers = [layer for layer, _ in fusion.read_layers] if fusion.sources else []
        for index, layer in enumerate(layers):
            if index in readers:
                layer.reader = GatedReader(fusion)
            layer.register_forward_pre_hook(
                _reading(readers.index(index) if index in readers else None), with_kwargs=True
            )
        if fusion.sources:
            self.resampler = Resampler(fusion)
        for name, module in self.named_modules():
            if not name.startswith("resampler") and ".reader" not in name:
                continue
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=module.in_features**-0.5)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            if isinstance(module, GatedReader):
                nn.init.zeros_(module.gate)


def _reading(reader: int | None) -> Callable[..., Any]:
    """What happens before a layer: the hidden states read the visual states of reader number ``reader``, if any."""

    def read(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        states = kwargs.pop("visual_states", None)
        if states is None or reader is None:
            return args, kwargs
        return (layer.reader(args[0], states[:, reader]), *args[1:]), kwargs

    return read


class FusionModel(Fused, DeepseekV3ForCausalLM):
    """Our own decoder in transformers' DeepSeek-V3 classes, with random weights until they are loaded."""

    # The library looks for the decorator of the experts in the source of this file; the experts are its own.
    _can_set_experts_implementation_cached_value = True

    fusion: FusionConfig

    def __init__(self, fusion: FusionConfig) -> None:
        super().__init__(fusion.decoder_config())
        self.fusion = fusion
        self.apply(self._init_weights)
        self._start_reading()
        self.tie_weights()


def fuse(model: PreTrainedModel, reading: ReadingConfig) -> Any:
    """Lets a mixture of experts of transformers read studies; the same object, its weights untouched.

    Raises:
        UnsupportedError: the model has no layers to read in, or no experts.
        ConfigError: ``reading`` was made for other sizes than the model's.
    """
    layers = getattr(model.get_decoder(), "layers", None)
    if not isinstance(layers, nn.ModuleList):
        raise UnsupportedError(f"expected a causal language model with decoder layers, found {type(model).__name__}")
    found = (int(model.config.hidden_size), len(layers))
    if found != (reading.hidden_size, reading.num_hidden_layers):
        raise ConfigError(
            f"expected a decoder of width {reading.hidden_size} with {reading.num_hidden_layers} layers, "
            f"found {found[0]} and {found[1]}"
        )
    if not any(_has_experts(module) for module in model.modules()):
        raise UnsupportedError(
            f"expected a mixture of experts, found none in {type(model).__name__}",
            remedy="make one of the dense checkpoint first: tomoscribe.fusion.upcycling.upcycled",
        )
    kind: Any = type(model)
    model.__class__ = fused_class(kind)
    model.fusion = reading
    model._start_reading()
    return model


def _has_experts(module: nn.Module) -> bool:
    return isinstance(getattr(module, "experts", None), nn.Module)


@cache
def fused_class(base: Any) -> Any:
    """The class of a model with what ``Fused`` adds; made once for each class of the library."""
    return type(f"Fused{base.__name__}", (Fused, base), {"_can_set_experts_implementation_cached_value": True})
