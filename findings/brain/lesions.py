"""White-matter lesions on FLAIR: brighter than the white matter around them, partial volumes at their border."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tomoscribe.core import Point
from tomoscribe.findings.brain.tissue import Array, NativeMasks, share_of

MIN_LESION_MM = 3.0
"""Lesions of a smaller equivalent diameter are not counted."""
_LEAST_MM3 = float(np.pi / 6 * MIN_LESION_MM**3)
_DEPTH_MM = 9.0
_NORMAL_PERCENT, _OVER_NORMAL, _GRAY_LIMIT = 95.0, 1.15, 1.4
"""Lesions are so much brighter than this percentile of the brain; less is cortex, deep gray or the coil's profile."""
MAX_ONE_ML = 6.0
"""A larger bright place is not counted as a white-matter lesion: it may be edema, a mass or deep gray matter."""
MAX_COUNT = 60
"""More separate bright places than this are noise or artifact, not lesions that can be counted."""


@dataclass(frozen=True, kw_only=True)
class Lesion:
    """One lesion: center of mass, box (LPS mm) and volume."""

    center_mm: Point
    box_min_mm: Point
    box_max_mm: Point
    volume_ml: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Lesions:
    """All lesions of at least MIN_LESION_MM, and the voxels that belong to them for at least a half."""

    lesions: tuple[Lesion, ...]
    mask: NDArray[np.bool_]

    @property
    def volume_ml(self) -> float:
        return sum(n.volume_ml for n in self.lesions)


def find_lesions(native: NativeMasks, *, white: float, gray: float) -> Lesions:
    """Places deep in the brain that are brighter than normal brain, with their partial volumes.

    Cortex and what lies within ``_DEPTH_MM`` of the surface are left out: juxtacortical lesions are not found.

    Args:
        native: flattened FLAIR.
        white, gray: levels of white matter and of the brighter class of the brain (gray matter if lesions are few).
    """
    image = native.image
    deep = _deep_brain(native)
    spread = _spread(native, white)
    normal = float(np.percentile(image[native.shares["brain"] > 0.9], _NORMAL_PERCENT))
    floor = max(white + 5.0 * spread, _OVER_NORMAL * normal)
    if gray < _GRAY_LIMIT * normal:
        floor = max(floor, _OVER_NORMAL * gray + 3.0 * spread)
    bright = deep & (image > floor)
    nothing = Lesions(lesions=(), mask=np.zeros(image.shape, bool))
    if bright.sum() * native.geometry.voxel_volume_mm3 < _LEAST_MM3:
        return nothing
    plateau = float(np.percentile(image[bright], 80))
    labels, count = ndimage.label(deep & (image > max(white + 0.5 * (plateau - white), floor)))
    excess = share_of((image - white) / (plateau - white))
    owner = _grown(labels, native)
    found, kept = [], np.zeros(image.shape, bool)
    for number in range(1, count + 1):
        core = labels == number
        if int(core.sum()) * native.geometry.voxel_volume_mm3 < 0.5 * _LEAST_MM3:
            continue
        lesion = _measured(owner == number, excess, native)
        if lesion is not None:
            found.append(lesion)
            kept |= core
    return Lesions(lesions=tuple(sorted(found, key=lambda n: -n.volume_ml)), mask=kept)


def _deep_brain(native: NativeMasks) -> NDArray[np.bool_]:
    """Brain at least ``_DEPTH_MM`` away from the skull; neither fluid nor a mass."""
    shares = native.shares
    inside = np.sum(list(shares.values()), axis=0) > 0.5
    spacing = tuple(native.geometry.spacing_mm)
    deep = ndimage.distance_transform_edt(np.pad(inside, 1), sampling=spacing)[1:-1, 1:-1, 1:-1] > _DEPTH_MM
    return np.asarray(deep & (shares["brain"] + shares["lesions"] > 0.5) & (shares["mass"] < 0.3), dtype=bool)


def _measured(region: NDArray[np.bool_], excess: Array, native: NativeMasks) -> Lesion | None:
    at = np.argwhere(region)
    weight = excess[region].astype(np.float64)
    volume_mm3 = float(weight.sum()) * native.geometry.voxel_volume_mm3
    if volume_mm3 < _LEAST_MM3:
        return None
    x, y, z = native.geometry.to_world((at * weight[:, None]).sum(axis=0) / weight.sum()).tolist()
    core = at[weight >= 0.5]
    points = native.geometry.to_world(np.concatenate([core - 0.5, core + 0.5]))
    (a, b, c), (d, e, f) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return Lesion(center_mm=(x, y, z), box_min_mm=(a, b, c), box_max_mm=(d, e, f), volume_ml=volume_mm3 / 1000.0)


def _grown(labels: NDArray[np.int32], native: NativeMasks) -> NDArray[np.int32]:
    """Each label with a rim of one and a half voxels (at least 1.5 mm), the nearest label winning."""
    spacing = native.geometry.spacing_mm
    steps = tuple(spacing / np.maximum(spacing, 1.0))
    distance, nearest = ndimage.distance_transform_edt(labels == 0, sampling=steps, return_indices=True)
    return np.where(distance <= 1.5, labels[tuple(nearest)], 0)


def _spread(native: NativeMasks, white: float) -> float:
    """Robust standard deviation of normal white matter."""
    brain = native.image[(native.shares["brain"] > 0.9)]
    below = brain[brain < white]
    return float(1.4826 * np.median(white - below)) if below.size > 100 else 0.05 * white
