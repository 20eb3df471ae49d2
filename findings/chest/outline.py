"""The outline of one nodule on the native grid: half-maximum threshold, vessels and pleura cut off, partial volumes.

After Kuhnigk et al. 2006: opening of a strength that follows the nodule's thickness, and partial-volume volumetry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tomoscribe.core import Geometry, Volume
from tomoscribe.findings.chest import morphology
from tomoscribe.findings.chest.blobs import Candidate
from tomoscribe.findings.chest.lungs import Lungs

Mask = NDArray[np.bool_]
FloatImage = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class OutlineConfig:
    """How a nodule is cut out of its surroundings.

    Args:
        opening: radius of the opening ball over the nodule's own radius.
        lobe, min_lobe_mm: what the opening took away is given back where it ends within this share of the nodule's
            radius, or within these mm: lobes and spicules end, vessels go on.
        min_contrast_hu: least difference between nodule and lung.
        max_level_hu: contrast-filled or calcified matter counts as this, so that the threshold stays low.
        min_halo_growth, max_halo_growth: a ground-glass part makes the nodule this much larger than its core.
        band_mm: how far partial volumes reach on either side of the outline.
        reach: half width of the box that is looked at, in candidate radii, and ``margin_mm`` more.
        far_mm, max_half_mm: the box grows at most to three radii and ``far_mm``; what goes on is vessel or wall.
    """

    opening: float = 0.4
    lobe: float = 0.5
    min_lobe_mm: float = 1.5
    min_contrast_hu: float = 100.0
    max_level_hu: float = 60.0
    min_halo_growth: float = 1.4
    max_halo_growth: float = 40.0
    band_mm: float = 1.2
    reach: float = 2.2
    margin_mm: float = 8.0
    far_mm: float = 25.0
    max_half_mm: float = 65.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Outline:
    """One nodule cut out.

    Args:
        mask: (k, j, i) in the box ``start`` to ``start + mask.shape`` of the canonical grid.
        occupied: share of each voxel that the nodule fills, 0 to 1.
        level: of ``occupied`` at the outline, such that it encloses ``volume_mm3``: point spread moves the
            half-maximum of something small inward, but keeps the sum of the partial volumes.
        solid: voxels of the solid part.
        geometry: of the box.
        volume_mm3: with partial volumes.
        level_hu, lung_hu: attenuation of the nodule's inside and of the lung around it.
        mean_hu: over the mask.
    """

    mask: Mask
    occupied: FloatImage
    level: float
    solid: Mask
    geometry: Geometry
    start: tuple[int, int, int]
    volume_mm3: float
    level_hu: float
    lung_hu: float
    mean_hu: float


@dataclass(frozen=True, kw_only=True, eq=False)
class _Box:
    hu: FloatImage
    inside: Mask
    geometry: Geometry
    start: tuple[int, int, int]
    center: NDArray[np.float64]
    lung_hu: float


SOLID_HU = -300.0
CLOSED_SHARE = 0.6
"""Where the blocks of the search region end; above a half, so that no sliver of chest wall is taken for lung."""


def outline(turned: Volume, lungs: Lungs, candidate: Candidate, config: OutlineConfig | None = None) -> Outline | None:
    """The nodule at a candidate, or None where nothing of enough contrast can be cut out.

    Args:
        turned: CT in HU in the canonical orientation (``grid.canonical``).
        lungs: of the same volume.
    """
    config = config or OutlineConfig()
    half_mm = candidate.radius_mm * config.reach + config.margin_mm
    most_mm = min(config.max_half_mm, config.far_mm + 3.0 * candidate.radius_mm)
    while half_mm <= most_mm:
        box = _box(turned, lungs, candidate, half_mm)
        mask = _mask(box, candidate, config)
        if mask is None:
            return None
        if not _touches_border(mask, box, turned.geometry.shape):
            halo = _halo(box, mask, candidate, config)
            if halo is None or _touches_border(halo[0], box, turned.geometry.shape):
                return _finished(box, mask, None, config)
            return _finished(box, halo[0], halo[1], config)
        half_mm *= 1.7
    return None


def _box(turned: Volume, lungs: Lungs, candidate: Candidate, half_mm: float) -> _Box:
    geometry = turned.geometry
    center = geometry.to_index(candidate.center_mm)
    half = half_mm / geometry.spacing_mm
    start = np.clip(np.floor(center - half).astype(int), 0, np.array(geometry.shape) - 1)
    stop = np.clip(np.ceil(center + half).astype(int) + 1, start + 1, geometry.shape)
    part = tuple(slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))
    hu = turned.array[part].astype(np.float32)
    geometry_of_box = geometry.crop(start, stop)
    own = lungs.labels[part] == candidate.side
    inside = own | _search_side(lungs, geometry_of_box, candidate.side)
    lung = hu[own & (hu < -600)]
    return _Box(
        hu=hu,
        inside=inside,
        geometry=geometry_of_box,
        start=(int(start[0]), int(start[1]), int(start[2])),
        center=center - start,
        lung_hu=float(np.median(lung)) if lung.size > 50 else -850.0,
    )


def _search_side(lungs: Lungs, geometry: Geometry, side: int) -> Mask:
    """The search region of one side on another axis-parallel grid, its surface between the blocks interpolated."""
    low = np.floor(lungs.search_geometry.to_index(geometry.to_world((0, 0, 0)))).astype(int) - 1
    high = np.ceil(lungs.search_geometry.to_index(geometry.to_world(np.array(geometry.shape) - 1))).astype(int) + 2
    low, high = np.maximum(low, 0), np.minimum(high, lungs.search.shape)
    part = lungs.search[tuple(slice(a, b) for a, b in zip(low, np.maximum(high, low + 1), strict=True))] == side
    scale = geometry.spacing_mm / lungs.search_geometry.spacing_mm
    offset = lungs.search_geometry.to_index(geometry.to_world((0, 0, 0))) - low
    share = ndimage.affine_transform(
        part.astype(np.float32), scale, offset=offset, output_shape=geometry.shape, order=1, mode="nearest"
    )
    return np.asarray(share >= CLOSED_SHARE)


def _mask(box: _Box, candidate: Candidate, config: OutlineConfig) -> Mask | None:
    """Half-maximum mask around the candidate, opened; the nodule's level is taken from its own inside (two rounds)."""
    spacing = box.geometry.spacing_mm
    distance = _distance_from(box.center, box.hu.shape, spacing)
    core = box.inside & (distance <= max(0.5 * candidate.radius_mm, float(spacing.max()) * 0.75))
    mask: Mask | None = None
    for _ in range(2):
        if not core.any():
            return None
        level = min(float(np.mean(box.hu[core])), config.max_level_hu)
        if level - box.lung_hu < config.min_contrast_hu:
            return None
        mask = _opened(_above(box, (level + box.lung_hu) / 2.0, level), distance, candidate, box, config)
        if mask is None:
            return None
        depth = morphology.distance_mm(np.pad(mask, 1), spacing)[1:-1, 1:-1, 1:-1]
        core = depth > min(1.5, 0.6 * float(depth.max()))
    return mask


def _halo(box: _Box, mask: Mask, candidate: Candidate, config: OutlineConfig) -> tuple[Mask, float] | None:
    """The ground-glass part around a denser core: mask with the core, and attenuation; None where there is none.

    A thin shell outside the core is lung, but for the vessels, unless the core lies in ground glass; the second round
    takes the attenuation from between the core and the new outline.
    """
    spacing = box.geometry.spacing_mm
    away = morphology.distance_mm(~mask, spacing)
    near = float(np.maximum(1.2, spacing.max()))
    ring = box.inside & (away > near) & (away <= near + 1.3)
    distance = _distance_from(box.center, box.hu.shape, spacing)
    smooth = ndimage.gaussian_filter(box.hu, np.minimum(0.8 / spacing, 1.2))
    whole: Mask | None = None
    halo_hu = box.lung_hu
    for _ in range(2):
        if np.count_nonzero(ring) < 20:
            break
        halo_hu = float(np.median(box.hu[ring]))
        if halo_hu - box.lung_hu < config.min_contrast_hu:
            return None
        above = box.inside & ((smooth > (halo_hu + box.lung_hu) / 2.0) | mask)
        whole = _opened(above, distance, candidate, box, config)
        if whole is None or np.count_nonzero(whole & mask) < 0.5 * np.count_nonzero(mask):
            return None
        whole = whole | mask
        ring = whole & (away > near) & (morphology.distance_mm(whole, spacing) > near)
    if whole is None:
        return None
    growth = np.count_nonzero(whole) / np.count_nonzero(mask)
    return (whole, halo_hu) if config.min_halo_growth <= growth <= config.max_halo_growth else None


def _above(box: _Box, threshold_hu: float, level_hu: float) -> Mask:
    """Inside the search region and above the threshold; little contrast is smoothed first against noise."""
    hu = box.hu
    if level_hu - box.lung_hu < 450.0:
        hu = ndimage.gaussian_filter(hu, np.minimum(0.8 / box.geometry.spacing_mm, 1.2))
    return np.asarray((hu > threshold_hu) & box.inside)


def _distance_from(center: NDArray[np.float64], shape: tuple[int, ...], spacing: NDArray[np.float64]) -> FloatImage:
    k, j, i = np.ogrid[tuple(slice(0, n) for n in shape)]
    squared = sum(((g - c) * s) ** 2 for g, c, s in zip((k, j, i), center, spacing, strict=True))
    return np.sqrt(np.asarray(squared)).astype(np.float32)


def _opened(mask: Mask, distance: FloatImage, candidate: Candidate, box: _Box, config: OutlineConfig) -> Mask | None:
    """The thickest part near the candidate, freed of what is much thinner, its own surface restored."""
    spacing = box.geometry.spacing_mm
    depth = morphology.distance_mm(np.pad(mask, 1), spacing)[1:-1, 1:-1, 1:-1]
    near = np.where(distance <= max(0.8 * candidate.radius_mm, 2.0), depth, 0.0)
    if near.max() <= 0.0:
        return None
    seed = np.unravel_index(int(np.argmax(near)), near.shape)
    radius = config.opening * float(near[seed])
    labels, _ = ndimage.label(depth > radius)
    core = labels == labels[seed]
    slack = 0.5 * float(spacing.min())
    opened = mask & morphology.dilate(core, radius + slack, spacing)
    labels, _ = ndimage.label(opened)
    body = labels == labels[seed]
    body |= _short_lobes(mask & ~body, body, max(config.lobe * float(near[seed]), config.min_lobe_mm), spacing)
    return np.asarray(ndimage.binary_fill_holes(body))


def _short_lobes(rest: Mask, body: Mask, reach_mm: float, spacing: NDArray[np.float64]) -> Mask:
    """Parts of the rest that end within ``reach_mm`` of the body: lobes and spicules; vessels and pleura go on."""
    labels, count = ndimage.label(rest)
    if count == 0:
        return np.zeros_like(rest)
    away = morphology.distance_mm(~body, spacing)
    farthest = ndimage.maximum(away, labels, np.arange(1, count + 1))
    nearest = ndimage.minimum(away, labels, np.arange(1, count + 1))
    kept = (farthest <= reach_mm) & (nearest <= 1.01 * float(spacing.max()))
    return np.asarray(np.concatenate([[False], kept])[labels])


def _touches_border(mask: Mask, box: _Box, whole: tuple[int, int, int]) -> bool:
    """Whether the mask reaches a side of the box that is not the side of the scan."""
    for axis in range(3):
        planes = np.moveaxis(mask, axis, 0)
        if planes[0].any() and box.start[axis] > 0:
            return True
        if planes[-1].any() and box.start[axis] + mask.shape[axis] < whole[axis]:
            return True
    return False


def _finished(box: _Box, mask: Mask, halo_hu: float | None, config: OutlineConfig) -> Outline:
    """Partial volumes, the solid part and the mean of a mask whose rim has the halo's attenuation, if it has one."""
    spacing = box.geometry.spacing_mm
    reach = np.maximum(config.band_mm, spacing)
    outer = ~mask & (ndimage.distance_transform_edt(~mask, sampling=spacing / reach) <= 1.0)
    deep = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=spacing / reach)[1:-1, 1:-1, 1:-1] > 1.0
    level = _level(box, mask, deep, config) if halo_hu is None else halo_hu
    threshold = (level + box.lung_hu) / 2.0
    share = (box.hu - box.lung_hu) / (level - box.lung_hu)
    # Outside the mask what is brighter than the threshold was cut off on purpose: vessel, pleura, neighbor.
    foreign = ndimage.binary_dilation((box.hu > threshold) & ~mask) | ~box.inside
    counted = np.where(deep, 1.0, np.clip(share, -0.5, 1.5 if halo_hu is None else 1.0))
    counted = np.where(mask | (outer & ~foreign), counted, 0.0)
    num_voxels = max(float(counted.sum()), 1.0)
    occupied = np.clip(counted, 0.0, 1.0).astype(np.float32)
    level_share = _enclosing_level(occupied, num_voxels)
    whole = morphology.largest(ndimage.binary_fill_holes(occupied > level_share))
    return Outline(
        mask=whole,
        occupied=occupied,
        level=level_share,
        solid=whole & (box.hu > SOLID_HU),
        geometry=box.geometry,
        start=box.start,
        volume_mm3=num_voxels * box.geometry.voxel_volume_mm3,
        level_hu=level,
        lung_hu=box.lung_hu,
        mean_hu=float(box.hu[whole].mean()),
    )


def _enclosing_level(occupied: FloatImage, num_voxels: float) -> float:
    """The level above which ``num_voxels`` voxels lie, between 0.3 and 0.6."""
    values = -np.sort(-occupied[occupied > 0.0])
    if values.size < 2:
        return 0.5
    return float(np.clip(np.interp(num_voxels - 0.5, np.arange(values.size), values), 0.3, 0.6))


def _level(box: _Box, mask: Mask, deep: Mask, config: OutlineConfig) -> float:
    """Attenuation of the inside: the mean beyond the reach of partial volumes, or the brightest tenth of a tiny one."""
    values: NDArray[Any] = box.hu[deep]
    if values.size < 8:
        values = np.sort(box.hu[mask])[-max(1, int(mask.sum()) // 10) :]
    return max(min(float(values.mean()), config.max_level_hu), box.lung_hu + config.min_contrast_hu)
