"""Sizes of the report model. Field names of the decoder are those of transformers' DeepSeek-V3 configuration."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from tomoscribe.core.errors import ConfigError

if TYPE_CHECKING:
    from transformers import DeepseekV3Config


@dataclass(frozen=True, kw_only=True)
class TokenSource:
    """One kind of image token that the resampler takes.

    Args:
        name: that of the tower, e.g. ``unet-ct``.
        scale: index of the scale, 0 = the finest.
        channels: features per token.
    """

    name: str
    scale: int
    channels: int

    @property
    def key(self) -> str:
        """Name of the input projection; no dot, as module names forbid it."""
        return f"{self.name}-{self.scale}"


@dataclass(frozen=True, kw_only=True)
class ReadingConfig:
    """Sizes of what lets a decoder read images: resampler and gated cross-attention.

    Args:
        hidden_size, num_hidden_layers: of the decoder.
        sources: kinds of image tokens; may be empty for a model of text only.
        num_latents: latents per scale that the resampler hands to the decoder.
        resampler_layers, resampler_width: perceiver layers, shared by the scales, and the width of the latents.
        read_layers: (decoder layer, scale) pairs: which layer reads which scale.
        read_heads, read_head_dim: heads of the gated cross-attention and of the resampler.
    """

    hidden_size: int = 192
    num_hidden_layers: int = 4
    sources: tuple[TokenSource, ...] = ()
    num_latents: int = 32
    resampler_layers: int = 1
    resampler_width: int = 96
    read_layers: tuple[tuple[int, int], ...] = ((1, 1), (2, 0), (3, 1))
    read_heads: int = 4
    read_head_dim: int = 32

    def __post_init__(self) -> None:
        if any(not 0 <= layer < self.num_hidden_layers for layer, _ in self.read_layers):
            raise ConfigError(f"read_layers names a layer outside 0..{self.num_hidden_layers - 1}: {self.read_layers}")
        if len({layer for layer, _ in self.read_layers}) != len(self.read_layers):
            raise ConfigError(f"read_layers names a layer twice: {self.read_layers}")
        missing = {s for _, s in self.read_layers} - {s.scale for s in self.sources}
        if self.sources and missing:
            raise ConfigError(f"read_layers reads scale {min(missing)}, which no token source gives")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Back from plain values.

        Raises:
            ConfigError: an unknown key.
        """
        unknown = sorted(set(data) - {f.name for f in dataclasses.fields(cls)})
        if unknown:
            raise ConfigError(f"unknown key '{unknown[0]}' in the report model's configuration")
        values = dict(data)
        values["sources"] = tuple(TokenSource(**s) for s in data.get("sources", ()))
        if "read_layers" in data:
            values["read_layers"] = tuple((int(layer), int(scale)) for layer, scale in data["read_layers"])
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class FusionConfig(ReadingConfig):
    """Sizes of our own decoder (DeepSeek-V3 layout) with its resampler and cross-attention."""

    vocab_size: int
    num_attention_heads: int = 4
    qk_nope_head_dim: int = 32
    qk_rope_head_dim: int = 16
    v_head_dim: int = 32
    kv_lora_rank: int = 64
    intermediate_size: int = 384
    first_k_dense_replace: int = 1
    moe_intermediate_size: int = 48
    n_routed_experts: int = 24
    num_experts_per_tok: int = 2
    n_shared_experts: int = 1
    max_position_embeddings: int = 1024
    pad_token_id: int = 0
    eos_token_id: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_experts_per_tok > self.n_routed_experts:
            raise ConfigError(f"{self.num_experts_per_tok} experts per token of only {self.n_routed_experts}")

    def decoder_config(self) -> DeepseekV3Config:
        """The library's configuration of the decoder."""
        from transformers import DeepseekV3Config

        return DeepseekV3Config(
            vocab_size=self.vocab_size,
            hidden_size=self.hidden_size,
            intermediate_size=self.intermediate_size,
            moe_intermediate_size=self.moe_intermediate_size,
            num_hidden_layers=self.num_hidden_layers,
            num_attention_heads=self.num_attention_heads,
            num_key_value_heads=self.num_attention_heads,
            n_shared_experts=self.n_shared_experts,
            n_routed_experts=self.n_routed_experts,
            num_experts_per_tok=self.num_experts_per_tok,
            first_k_dense_replace=self.first_k_dense_replace,
            n_group=1,
            topk_group=1,
            routed_scaling_factor=1.0,
            q_lora_rank=None,
            kv_lora_rank=self.kv_lora_rank,
            qk_nope_head_dim=self.qk_nope_head_dim,
            qk_rope_head_dim=self.qk_rope_head_dim,
            v_head_dim=self.v_head_dim,
            max_position_embeddings=self.max_position_embeddings,
            tie_word_embeddings=True,
            pad_token_id=self.pad_token_id,
            bos_token_id=None,
            eos_token_id=self.eos_token_id,
            num_mtp_layers=0,
        )
