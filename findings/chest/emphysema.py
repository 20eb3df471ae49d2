"""Emphysema: share of lung below -950 HU and the 15th percentile, with what forbids to trust them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomoscribe.core import Acquisition, Point, Volume
from tomoscribe.findings import measuring
from tomoscribe.findings.chest import grid
from tomoscribe.findings.chest.kernels import Kernel, kernel_character
from tomoscribe.findings.chest.lungs import LEFT, RIGHT, Lungs

LAA_HU = -950
PRESENT_PERCENT = 5.0
THIN_MM = 1.5
_LOWEST_HU = -1100


@dataclass(frozen=True, kw_only=True)
class Emphysema:
    """Densitometry of both lungs.

    Args:
        laa950_percent: share of lung voxels below -950 HU.
        perc15_hu: 15th percentile of the lung's attenuation.
        densest_mm: where the share is highest (cubes of about 20 mm), LPS mm; None when no voxel is below -950 HU.
        box_mm: low and high LPS corner of both lungs.
    """

    laa950_percent: float
    perc15_hu: float
    densest_mm: Point | None
    box_mm: tuple[Point, Point]


def measure_emphysema(turned: Volume, lungs: Lungs) -> Emphysema:
    """Densitometry over right and left lung without the airways, on the native grid.

    Args:
        turned: CT in HU in the canonical orientation.
        lungs: of the same volume.
    """
    lung = (lungs.labels == RIGHT) | (lungs.labels == LEFT)
    values = turned.array[lung]
    low = lung & (turned.array < LAA_HU)
    everything = measuring.region(lung, turned.geometry, label_map=None, segment=None)
    return Emphysema(
        laa950_percent=100.0 * float(np.count_nonzero(values < LAA_HU)) / values.size,
        perc15_hu=_percentile(values, 0.15),
        densest_mm=_densest(low, turned) if low.any() else None,
        box_mm=(everything.box_min_mm, everything.box_max_mm),
    )


def _percentile(values: NDArray[Any], share: float) -> float:
    """Percentile of HU from a histogram of whole HU, linear within the HU."""
    counts = np.bincount(np.clip(np.rint(values), _LOWEST_HU, 3000).astype(np.int64) - _LOWEST_HU)
    total = np.cumsum(counts)
    n = int(np.searchsorted(total, share * values.size))
    before = float(total[n - 1]) if n else 0.0
    return float(_LOWEST_HU + n - 0.5 + (share * values.size - before) / counts[n])


def _densest(low: NDArray[np.bool_], turned: Volume) -> Point:
    factors = grid.block_factors(turned.geometry, 20.0)
    factors = (min(factors[0], low.shape[0]), min(factors[1], low.shape[1]), min(factors[2], low.shape[2]))
    share = grid.block_mean(low, factors)
    best = np.unravel_index(int(np.argmax(share)), share.shape)
    return measuring.point(grid.block_geometry(turned.geometry, factors).to_world(best))


def thickness_mm(volume: Volume) -> float:
    """The larger of slice distance (from positions) and nominal slice thickness."""
    spacing = float(volume.geometry.spacing_mm[measuring.axial_axis(volume.geometry)])
    return max(spacing, volume.acquisition.slice_thickness_mm or 0.0)


def objections(acquisition: Acquisition, thickness: float) -> tuple[str, ...]:
    """What forbids densitometry in this scan (CLINICAL 11), in words; empty when nothing does."""
    found = []
    if acquisition.contrast:
        found.append("intravenous contrast")
    if thickness > THIN_MM:
        found.append("thick slices")
    if kernel_character(acquisition.manufacturer, acquisition.kernel) is Kernel.SHARP:
        found.append("a sharp reconstruction kernel")
    return tuple(found)


def doubts(acquisition: Acquisition) -> tuple[str, ...]:
    """What the header does not settle and the reader has to know, in words."""
    found = []
    if acquisition.contrast is None:
        found.append("intravenous contrast")
    if kernel_character(acquisition.manufacturer, acquisition.kernel) is Kernel.UNKNOWN:
        found.append("reconstruction kernel")
    return (*found, "depth of inspiration")
