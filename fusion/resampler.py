"""Perceiver resampler: image tokens of all series of a study -> a fixed number of latents per scale.

Letters in shapes: see ``types.py``.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tomoscribe.core.errors import ConfigError
from tomoscribe.fusion.config import ReadingConfig, TokenSource
from tomoscribe.fusion.types import StudyTokens

WAVELENGTHS_MM = (24.0, 48.0, 96.0, 192.0, 384.0)
LINEAR_SCALE_MM = 100.0
POSITION_FEATURES = 3 * (1 + 2 * len(WAVELENGTHS_MM))


def position_features(positions_mm: Tensor) -> Tensor:
    """Fourier features of places relative to the center of the box that holds them.

    Args:
        positions_mm: (N, 3) LPS mm.

    Returns:
        (N, 33): per axis the distance from the center in units of 100 mm, then sine and cosine per wavelength.
    """
    middle = (positions_mm.amax(0) + positions_mm.amin(0)) / 2
    offset = (positions_mm - middle).float()
    angle = 2 * torch.pi * offset[:, :, None] / torch.tensor(WAVELENGTHS_MM, device=offset.device)
    return torch.cat([offset / LINEAR_SCALE_MM, angle.sin().flatten(1), angle.cos().flatten(1)], dim=1)


class TokenInput(nn.Module):
    """Brings tokens of one source to the resampler's width; knows mean and spread of the features it was trained on."""

    def __init__(self, source: TokenSource, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(source.channels))
        self.register_buffer("spread", torch.ones(source.channels))
        self.project = nn.Linear(source.channels, width, bias=False)
        self.place = nn.Linear(POSITION_FEATURES, width, bias=False)
        self.kind = nn.Parameter(torch.zeros(width))

    def fit(self, tokens_NC: Tensor) -> None:
        """Sets mean and spread from a sample of tokens."""
        self.mean.copy_(tokens_NC.float().mean(0))
        self.spread.copy_(tokens_NC.float().std(0).clamp_min(1e-3))

    @torch.no_grad()
    def start_from(self, directions_FC: Tensor) -> None:
        """Lets the first features be these directions of the tokens (a tower's finding heads), at unit spread."""
        rows = directions_FC.float() * self.spread
        self.project.weight[: len(rows)] = rows / rows.norm(dim=1, keepdim=True).clamp_min(1e-6)

    def forward(self, tokens_NC: Tensor, features_NP: Tensor) -> Tensor:
        normal = ((tokens_NC.float() - self.mean) / self.spread).clamp(-8, 8)
        return self.project(normal) + self.place(features_NP) + self.kind


class PerceiverLayer(nn.Module):
    """Latents read the tokens, then think."""

    def __init__(self, config: ReadingConfig) -> None:
        super().__init__()
        width, inner = config.resampler_width, config.read_heads * config.read_head_dim
        self.heads = config.read_heads
        self.norm_latents = nn.RMSNorm(width)
        self.norm_tokens = nn.RMSNorm(width)
        self.q_proj = nn.Linear(width, inner, bias=False)
        self.kv_proj = nn.Linear(width, 2 * inner, bias=False)
        self.o_proj = nn.Linear(inner, width, bias=False)
        self.norm_mlp = nn.RMSNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.SiLU(), nn.Linear(2 * width, width))

    def forward(self, latents_BLD: Tensor, tokens_BND: Tensor, mask_BN: Tensor) -> Tensor:
        tokens = self.norm_tokens(tokens_BND)
        q = _split(self.q_proj(self.norm_latents(latents_BLD)), self.heads)
        k, v = (_split(t, self.heads) for t in self.kv_proj(tokens).chunk(2, dim=-1))
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask_BN[:, None, None, :])
        latents = latents_BLD + self.o_proj(out.transpose(1, 2).flatten(2))
        return latents + self.mlp(self.norm_mlp(latents))


class Resampler(nn.Module):
    """Tokens of any number of series -> latents (B, S, L, D), one set per scale."""

    def __init__(self, config: ReadingConfig) -> None:
        super().__init__()
        self.scales = sorted({s.scale for s in config.sources})
        self.inputs = nn.ModuleDict({s.key: TokenInput(s, config.resampler_width) for s in config.sources})
        self.latents = nn.Parameter(torch.randn(len(self.scales), config.num_latents, config.resampler_width))
        self.layers = nn.ModuleList([PerceiverLayer(config) for _ in range(config.resampler_layers)])
        self.norm = nn.RMSNorm(config.resampler_width)

    def forward(self, studies: Sequence[StudyTokens]) -> Tensor:
        """Latents (B, S, L, D) of a batch of studies; a scale without tokens gives latents of zero."""
        return torch.stack([self._scale(studies, n, scale) for n, scale in enumerate(self.scales)], dim=1)

    def _scale(self, studies: Sequence[StudyTokens], index: int, scale: int) -> Tensor:
        rows = [self._tokens(study, scale) for study in studies]
        longest = max(1, max(r.shape[0] for r in rows))
        tokens = torch.stack([F.pad(r, (0, 0, 0, longest - r.shape[0])) for r in rows])
        count = torch.tensor([r.shape[0] for r in rows], device=tokens.device)
        mask = torch.arange(longest, device=tokens.device)[None] < count[:, None].clamp_min(1)
        latents = self.latents[index].float().expand(len(rows), -1, -1)
        for layer in self.layers:
            latents = layer(latents, tokens, mask)
        return self.norm(latents) * (count > 0)[:, None, None]

    def _tokens(self, study: StudyTokens, scale: int) -> Tensor:
        rows = []
        for part in study.parts:
            if part.scale != scale:
                continue
            key = f"{part.source}-{part.scale}"
            if key not in self.inputs:
                raise ConfigError(f"no input for image tokens '{key}'; the model takes {sorted(self.inputs)}")
            device = self.latents.device
            features = position_features(part.positions_mm.to(device))
            rows.append(self.inputs[key](part.tokens_NC.to(device), features))
        return torch.cat(rows) if rows else self.latents.new_zeros(0, self.latents.shape[-1]).float()


def _split(x_BTE: Tensor, heads: int) -> Tensor:
    """(B, T, H * K) -> (B, H, T, K)."""
    return x_BTE.unflatten(-1, (heads, -1)).transpose(1, 2)
