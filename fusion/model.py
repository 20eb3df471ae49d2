"""The report model: transformers' DeepSeek-V3 mixture of experts whose layers also read the images.

The library's parameter names stay as they are: layers are subclassed, not wrapped, and the gated reader adds names of
its own (``model.layers.N.reader.*``). What was seen is passed with every call as ``visual_states`` and never kept.
Letters in shapes: see ``types.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import DeepseekV3Config, DeepseekV3ForCausalLM
from transformers.modeling_outputs import MoeCausalLMOutputWithPast
from transformers.models.deepseek_v3.modeling_deepseek_v3 import DeepseekV3DecoderLayer, DeepseekV3MoE

from tomoscribe.fusion.config import FusionConfig
from tomoscribe.fusion.resampler import Resampler
from tomoscribe.fusion.types import StudyTokens


class GatedReader(nn.Module):
    """Gated cross-attention: the text reads the latents of one scale. The gate starts at zero: nothing changes."""

    def __init__(self, config: FusionConfig) -> None:
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


class FusionLayer(DeepseekV3DecoderLayer):
    """A decoder layer of the library that first reads the image, if it is one of the reading layers."""

    def __init__(self, config: DeepseekV3Config, layer_idx: int, fusion: FusionConfig) -> None:
        super().__init__(config, layer_idx)
        readers = [layer for layer, _ in fusion.read_layers] if fusion.sources else []
        self.reads = readers.index(layer_idx) if layer_idx in readers else None
        if self.reads is not None:
            self.reader = GatedReader(fusion)

    def forward(self, hidden_states: Tensor, *args: Any, visual_states: Tensor | None = None, **kwargs: Any) -> Tensor:
        if visual_states is not None and self.reads is not None:
            hidden_states = self.reader(hidden_states, visual_states[:, self.reads])
        return super().forward(hidden_states, *args, **kwargs)


class FusionModel(DeepseekV3ForCausalLM):
    """Resampler, readers and decoder in one module; ``generate`` and the caches are the library's."""

    # The library looks for the decorator of the experts in the source of this file; the experts are its own.
    _can_set_experts_implementation_cached_value = True

    def __init__(self, fusion: FusionConfig) -> None:
        super().__init__(fusion.decoder_config())
        self.fusion = fusion
        for index in range(fusion.num_hidden_layers):
            self.model.layers[index] = FusionLayer(self.config, index, fusion)
        if fusion.sources:
            self.resampler = Resampler(fusion)
        self.apply(self._init_weights)
        self._start_readers()
        self.tie_weights()

    def _start_readers(self) -> None:
        """Gates at zero, latents apart from each other, projections at the usual spread of their width."""
        for name, module in self.named_modules():
            if name.startswith("resampler") or ".reader" in name:
                if isinstance(module, nn.Linear):
                    nn.init.normal_(module.weight, std=module.in_features**-0.5)
                    if module.bias is not None:
                        nn.init.zeros_(module.bias)
                if isinstance(module, GatedReader):
                    nn.init.zeros_(module.gate)

    def see(self, studies: Sequence[StudyTokens]) -> Tensor:
        """Visual states (B, R, 2, H, L, K) of a batch of studies, to be passed to ``forward`` or ``generate``."""
        return self.visual_states(self.resampler(studies))

    def visual_states(self, latents_BSLD: Tensor) -> Tensor:
        """Keys and values that each reading layer makes of the latents of its scale."""
        scales = self.resampler.scales
        readers = [self.model.layers[layer].reader for layer, _ in self.fusion.read_layers]
        wanted = [scales.index(scale) for _, scale in self.fusion.read_layers]
        return torch.stack([r.states(latents_BSLD[:, s]) for r, s in zip(readers, wanted, strict=True)], dim=1)

    def forward(self, *args: Any, visual_states: Tensor | None = None, **kwargs: Any) -> MoeCausalLMOutputWithPast:
        """As the library's, with ``visual_states`` from ``see``; None = the text alone."""
        return super().forward(*args, visual_states=visual_states, **kwargs)

    def moe_layers(self) -> list[DeepseekV3MoE]:
        """The mixture-of-experts blocks in the order of the layers."""
        return [layer.mlp for layer in self.model.layers if isinstance(layer.mlp, DeepseekV3MoE)]
