"""What a nodule is besides its size: calcification and its pattern, fat, contact with pleura and airways, axes in 3D.

Only what was seen is an attribute: that none was seen is never said (CLINICAL 2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tomoscribe.core import Code, Point, Volume, terms
from tomoscribe.findings.chest import morphology
from tomoscribe.findings.chest.lungs import AIRWAYS, Lungs
from tomoscribe.findings.chest.outline import Outline
from tomoscribe.findings.measuring import farthest, point

Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class AttributeConfig:
    """When something counts as seen.

    Args:
        calcified_hu: least attenuation of calcium without contrast agent; ``enhanced_calcified_hu`` where one was
            given or may have been.
        min_calcified_mm3: less is noise.
        complete_share: share of the nodule's inside from which on it is calcified completely.
        core_share: a central calcification ends within this share of the nodule's radius.
        offset_share: its center of mass lies within this share of the radius; eccentric beyond.
        ring_directions: share of all directions in which a ring is met, and none of its center.
        fat_hu: attenuation of fat. min_fat_mm3: least connected volume; rim_mm: partial volumes reach that far.
        touch_mm: surfaces closer than this touch; the wall of an airway lies between.
    """

    calcified_hu: float = 200.0
    enhanced_calcified_hu: float = 350.0
    min_calcified_mm3: float = 8.0
    complete_share: float = 0.75
    core_share: float = 0.75
    offset_share: float = 0.3
    ring_directions: float = 0.8
    fat_hu: tuple[float, float] = (-120.0, -40.0)
    min_fat_mm3: float = 30.0
    rim_mm: float = 2.5
    touch_mm: float = 2.0


@dataclass(frozen=True, kw_only=True)
class Axes3D:
    """Longest distance between two points of the surface, and the widest extent perpendicular to it, mm."""

    long_mm: float
    short_mm: float
    long_ends_mm: tuple[Point, Point]


def calcification(hu: NDArray[np.floating], cut: Outline, *, enhanced: bool, config: AttributeConfig) -> Code | None:
    """One of ``terms.CALCIFICATIONS``, None where no calcium is seen.

    Args:
        hu: of the outline's box, (k, j, i).
        enhanced: whether contrast agent was given or may have been.
    """
    geometry = cut.geometry
    calcium = cut.mask & (hu >= (config.enhanced_calcified_hu if enhanced else config.calcified_hu))
    if float(calcium.sum()) * geometry.voxel_volume_mm3 < config.min_calcified_mm3:
        return None
    depth = morphology.distance_mm(np.pad(cut.mask, 1), geometry.spacing_mm)[1:-1, 1:-1, 1:-1]
    inside = depth > float(geometry.spacing_mm.max())
    if inside.any() and float(calcium[inside].mean()) >= config.complete_share:
        return terms.CALCIFIED_COMPLETELY
    center = geometry.to_world(np.argwhere(cut.mask).mean(axis=0))
    places = geometry.to_world(np.argwhere(calcium)) - center
    away = np.linalg.norm(places, axis=1)
    radius = float(np.cbrt(3.0 * cut.mask.sum() * geometry.voxel_volume_mm3 / (4.0 * np.pi)))
    offset = float(np.linalg.norm(places.mean(axis=0)))
    is_core = float(away.min()) <= 0.3 * radius
    if (
        is_core
        and offset <= config.offset_share * radius
        and float(np.quantile(away, 0.95)) <= config.core_share * radius
    ):
        return terms.CALCIFIED_CENTRALLY
    if not is_core and _directions(places / away[:, None]) >= config.ring_directions:
        return terms.CALCIFIED_RING
    return terms.CALCIFIED_ECCENTRICALLY if offset > config.offset_share * radius else terms.CALCIFIED_OTHERWISE


def _directions(units: NDArray[np.float64]) -> float:
    """Share of 26 directions within 30 degrees of which something lies."""
    steps = np.array(np.meshgrid(*[[-1, 0, 1]] * 3)).reshape(3, -1).T
    steps = steps[np.any(steps != 0, axis=1)]
    aims = steps / np.linalg.norm(steps, axis=1)[:, None]
    return float(((aims @ units.T).max(axis=1) > np.cos(np.radians(30.0))).mean())


def contains_fat(hu: NDArray[np.floating], cut: Outline, config: AttributeConfig) -> bool:
    """Whether a solid nodule holds fat: a connected piece beyond the reach of partial volumes of lung or cavity."""
    geometry = cut.geometry
    air = (hu < -200.0) | ~cut.mask
    far = morphology.distance_mm(np.pad(~air, 1), geometry.spacing_mm)[1:-1, 1:-1, 1:-1] > config.rim_mm
    low, high = config.fat_hu
    smooth = ndimage.uniform_filter(np.asarray(hu, np.float32), 3)
    _, order, sizes = morphology.parts(far & (smooth >= low) & (smooth <= high))
    return bool(order) and float(sizes[order[0]]) * geometry.voxel_volume_mm3 >= config.min_fat_mm3


def touches_airway(cut: Outline, lungs: Lungs, config: AttributeConfig) -> bool:
    """Whether the airway lumen with its wall comes within touching distance."""
    return _touches(cut, lungs.labels == AIRWAYS, config.touch_mm, lungs.labels.shape)


def touches_pleura(cut: Outline, lungs: Lungs, config: AttributeConfig) -> bool:
    """Whether the nodule meets the surface of the lung closed over it (chest wall, mediastinum, diaphragm)."""
    surface = cut.mask & (morphology.distance_mm(np.pad(cut.mask, 1), cut.geometry.spacing_mm)[1:-1, 1:-1, 1:-1] <= 1.0)
    if not surface.any():
        surface = cut.mask
    world = cut.geometry.to_world(np.argwhere(surface))
    center = cut.geometry.to_world(np.argwhere(cut.mask).mean(axis=0))
    outward = world - center
    outward /= np.maximum(np.linalg.norm(outward, axis=1), 1e-6)[:, None]
    step = config.touch_mm + float(lungs.search_geometry.spacing_mm.max()) / 2.0
    index = np.rint(lungs.search_geometry.to_index(world + step * outward)).astype(int)
    index = np.clip(index, 0, np.array(lungs.search.shape) - 1)
    return bool((lungs.search[tuple(index.T)] == 0).mean() >= 0.04)


def _touches(cut: Outline, other: Mask, reach_mm: float, shape: tuple[int, ...]) -> bool:
    pad = np.ceil(reach_mm / cut.geometry.spacing_mm).astype(int) + 1
    low = np.maximum(np.array(cut.start) - pad, 0)
    high = np.minimum(np.array(cut.start) + cut.mask.shape + pad, shape)
    part = other[tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))]
    if not part.any():
        return False
    inset = [(int(s - a), int(b - s - n)) for s, a, b, n in zip(cut.start, low, high, cut.mask.shape, strict=True)]
    away = morphology.distance_mm(~np.pad(cut.mask, inset), cut.geometry.spacing_mm)
    return bool((away[part] <= reach_mm).any())


def axes_3d(cut: Outline) -> Axes3D | None:
    """Axes of the surface where ``occupied`` crosses its level, between voxels; None for a shape too flat for one."""
    from skimage.measure import marching_cubes

    share = np.pad(np.where(ndimage.binary_dilation(cut.mask), cut.occupied, 0.0), 1)
    if not share.min() < cut.level < share.max():
        return None
    vertices = marching_cubes(share, cut.level)[0] - 1.0
    points = _hull(cut.geometry.to_world(vertices))
    first, second = farthest(points)
    along = (second - first) / np.linalg.norm(second - first)
    flat = points - np.outer(points @ along, along)
    low, high = farthest(flat)
    return Axes3D(
        long_mm=float(np.linalg.norm(second - first)),
        short_mm=float(np.linalg.norm(high - low)),
        long_ends_mm=(point(first), point(second)),
    )


def _hull(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The corners of the convex hull: the farthest points are among them."""
    from scipy.spatial import ConvexHull, QhullError

    try:
        return np.asarray(points[ConvexHull(points).vertices])
    except QhullError:
        return points


def hu_of(turned: Volume, cut: Outline) -> NDArray[np.float32]:
    """HU of the outline's box."""
    box = tuple(slice(s, s + n) for s, n in zip(cut.start, cut.mask.shape, strict=True))
    return turned.array[box].astype(np.float32)
