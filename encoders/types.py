"""Tensors and results that leave the vision towers: tokens with their places in mm, masks, finding heads.

Shape letters: B batch, C channels, D H W voxels (k, j, i), d h w token cells, N tokens, M masks, F heads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tomoscribe.core import Geometry, Point
from tomoscribe.core.errors import InvalidValueError

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    Images = Float[Tensor, "batch channels depth height width"]
    DenseTokens = Float[Tensor, "batch channels d h w"]
    Tokens = Float[Tensor, "tokens channels"]
    PositionsMm = Float[Tensor, "tokens 3"]
    Pooled = Float[Tensor, " channels"]
    CellLogits = Float[Tensor, "batch heads d h w"]


@dataclass(frozen=True, kw_only=True, eq=False)
class TokenScale:
    """The tokens of one scale; token n stands for the cube of ``cell_mm`` around ``positions_mm[n]``.

    Args:
        stride_voxels: edge of a cell in voxels of the tower's grid.
        cell_mm: edge of a cell in mm.
        tokens: (N, C) float32.
        positions_mm: (N, 3) float32, (x, y, z) LPS mm of the cells' centers.
    """

    stride_voxels: int
    cell_mm: float
    tokens: Tokens
    positions_mm: PositionsMm


@dataclass(frozen=True, kw_only=True, eq=False)
class SoftMasks:
    """Mask probabilities on the tower's own grid (isotropic, axes along x, y, z).

    Args:
        names: one for each mask, background left out.
        probabilities: (M, D, H, W) float32; what is missing to 1 is background.
        geometry: of the D x H x W grid.
    """

    names: tuple[str, ...]
    probabilities: NDArray[np.float32]
    geometry: Geometry

    def __post_init__(self) -> None:
        if self.probabilities.shape != (len(self.names), *self.geometry.shape):
            raise InvalidValueError(
                f"expected mask probabilities of shape {(len(self.names), *self.geometry.shape)}, "
                f"found {self.probabilities.shape}"
            )

    def probability(self, name: str) -> NDArray[np.float32]:
        """(D, H, W) of the named mask; InvalidValueError if there is none."""
        if name not in self.names:
            raise InvalidValueError(f"expected a mask of {', '.join(self.names)}, found '{name}'")
        return self.probabilities[self.names.index(name)]


@dataclass(frozen=True, kw_only=True)
class HeadOutput:
    """What one finding head says about one side.

    Args:
        name: of the head, e.g. ``PLEURAL_EFFUSION``.
        laterality: ``right``, ``left`` or None for heads that know no side.
        logit: pooled over the tokens of the side, before calibration.
        probability: calibrated, 0 to 1.
        center_mm: mean place of the tokens, weighted with their share of the probability; LPS mm.
        box_min_mm, box_max_mm: box around the cells that carry the most of it; LPS mm.
        source: the volume it was seen in, e.g. ``FLAIR``.
    """

    name: str
    laterality: str | None
    logit: float
    probability: float
    center_mm: Point
    box_min_mm: Point
    box_max_mm: Point
    source: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class TowerOutput:
    """What a tower sees in the volumes of one study part.

    Args:
        tower: its registered name.
        scales: from fine to coarse; tokens of several volumes follow each other.
        pooled: (C,) mean of the coarsest tokens, float32.
        masks: by name of the volume (the key given to ``encode``).
        heads: one for each head, side and volume.
        weights_sha256: of the weights file; None for an untrained tower.
    """

    tower: str
    scales: tuple[TokenScale, ...]
    pooled: Pooled
    masks: dict[str, SoftMasks]
    heads: tuple[HeadOutput, ...]
    weights_sha256: str | None
