"""A residual 3D U-Net with one trunk and three uses: masks, tokens, finding logits on the tokens.

Shape letters: B batch, C channels, D H W voxels (k, j, i), d h w token cells, M masks with background first, F heads.
Down and up by 2 x 2 x 2 convolutions, so that a cell of stride S is exactly a block of S x S x S voxels.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import nn

from tomoscribe.core.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class UNetConfig:
    """Shape of a ResidualUNet.

    Args:
        in_channels: of the images.
        channels: of each level; level l has stride 2**l voxels.
        masks: names of the mask classes; the background is class 0 and is not named.
        heads: names of the finding heads.
        sided_heads: those of ``heads`` that are pooled right and left apart.
        token_levels: levels whose features leave as tokens, fine to coarse.
        head_level: level on whose tokens the heads are computed, one of ``token_levels``.
    """

    in_channels: int
    channels: tuple[int, ...]
    masks: tuple[str, ...]
    heads: tuple[str, ...]
    sided_heads: tuple[str, ...] = ()
    token_levels: tuple[int, ...] = (3, 4)
    head_level: int = 3

    def __post_init__(self) -> None:
        deepest = len(self.channels) - 1
        if deepest < 1 or min(self.channels) < 1 or self.in_channels < 1:
            raise ConfigError(f"expected at least two levels of at least one channel, found {self.channels}")
        if not self.masks or len(set(self.masks)) != len(self.masks) or len(set(self.heads)) != len(self.heads):
            raise ConfigError("expected at least one mask and unique names of masks and heads")
        if not set(self.sided_heads) <= set(self.heads):
            raise ConfigError(f"sided heads {self.sided_heads} are not among the heads {self.heads}")
        if self.head_level not in self.token_levels or not all(0 <= n <= deepest for n in self.token_levels):
            raise ConfigError(f"expected token levels of 0 to {deepest} with the head's among them")

    @property
    def stride(self) -> int:
        """Voxels per cell of the deepest level; images must have a multiple of it along each axis."""
        return int(2 ** (len(self.channels) - 1))

    def to_json(self) -> dict[str, Any]:
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> UNetConfig:
        """Inverse of ``to_json``; ConfigError for unknown keys."""
        unknown = set(data) - {f.name for f in fields(cls)}
        if unknown:
            raise ConfigError(f"unknown keys of a network configuration: {', '.join(sorted(unknown))}")
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        return cls(**values)


class UNetOutput(NamedTuple):
    """Masks at full resolution, dense tokens by level, and the logits of each head on each cell of its level."""

    masks_BMDHW: Tensor
    tokens_BCdhw: dict[int, Tensor]
    cells_BFdhw: Tensor


class ResidualBlock(nn.Module):
    """Two 3 x 3 x 3 convolutions with instance normalization and a skip connection."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(in_channels, out_channels, 3, padding=1, bias=False)
        self.norm1 = nn.InstanceNorm3d(out_channels, affine=True)
        self.conv2 = nn.Conv3d(out_channels, out_channels, 3, padding=1, bias=False)
        self.norm2 = nn.InstanceNorm3d(out_channels, affine=True)
        same = in_channels == out_channels
        self.skip: nn.Module = nn.Identity() if same else nn.Conv3d(in_channels, out_channels, 1, bias=False)
        self.act = nn.LeakyReLU(0.01)

    def forward(self, x_BCDHW: Tensor) -> Tensor:
        y_BCDHW = self.act(self.norm1(self.conv1(x_BCDHW)))
        y_BCDHW = self.norm2(self.conv2(y_BCDHW))
        return self.act(y_BCDHW + self.skip(x_BCDHW))


class ResidualUNet(nn.Module):
    """Encoder, decoder, mask head at full resolution, finding heads on the decoder's tokens."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.channels
        pairs = list(pairwise(widths))
        self.stem = nn.Sequential(
            nn.Conv3d(config.in_channels, widths[0], 3, padding=1),
            nn.InstanceNorm3d(widths[0], affine=True),
            nn.LeakyReLU(0.01),
        )
        self.encoder = nn.ModuleList(ResidualBlock(w, w) for w in widths[1:])
        self.down = nn.ModuleList(nn.Conv3d(a, b, 2, stride=2) for a, b in pairs)
        self.up = nn.ModuleList(nn.ConvTranspose3d(b, a, 2, stride=2) for a, b in pairs)
        self.decoder = nn.ModuleList(ResidualBlock(2 * a, a) for a, _ in pairs)
        self.mask_head = nn.Conv3d(widths[0], len(config.masks) + 1, 1)
        self.finding_head = nn.Conv3d(widths[config.head_level], len(config.heads), 1)
        nn.init.zeros_(self.finding_head.weight)
        nn.init.constant_(self.finding_head.bias, -7.0)

    def forward(self, x_BCDHW: Tensor) -> UNetOutput:
        """Images whose sizes are multiples of ``config.stride``; ConfigError otherwise."""
        if any(n % self.config.stride for n in x_BCDHW.shape[2:]):
            raise ConfigError(f"expected sizes in multiples of {self.config.stride}, found {tuple(x_BCDHW.shape[2:])}")
        y = self.stem(x_BCDHW)
        skips = [y]
        for down, block in zip(self.down, self.encoder, strict=True):
            y = block(down(y))
            skips.append(y)
        levels = {len(skips) - 1: y}
        for level in reversed(range(len(self.up))):
            y = self.decoder[level](torch.cat((self.up[level](y), skips[level]), dim=1))
            levels[level] = y
        return UNetOutput(
            masks_BMDHW=self.mask_head(y),
            tokens_BCdhw={n: levels[n] for n in self.config.token_levels},
            cells_BFdhw=self.finding_head(levels[self.config.head_level]),
        )


def pool_cells(logits_FN: Tensor, members_N: Tensor) -> Tensor:
    """Log-sum-exp of the cells' logits over the cells marked in ``members_N`` (bool); (F,).

    With no member at all the finding cannot be there: -30.
    """
    if not bool(members_N.any()):
        return logits_FN.new_full((logits_FN.shape[0],), -30.0)
    return torch.logsumexp(logits_FN[:, members_N].float(), dim=1)
