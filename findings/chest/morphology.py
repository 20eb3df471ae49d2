"""Balls in millimetres by distance transforms, and the connected parts of a mask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]
Spacing = Sequence[float] | NDArray[np.float64]


def distance_mm(mask: Mask, spacing_mm: Spacing) -> NDArray[np.float32]:
    """Distance of each voxel of the mask to the nearest voxel outside it, mm; beyond the grid counts as mask."""
    return np.asarray(ndimage.distance_transform_edt(mask, sampling=tuple(spacing_mm)), dtype=np.float32)


def dilate(mask: Mask, radius_mm: float, spacing_mm: Spacing) -> Mask:
    """All voxels within ``radius_mm`` of the mask."""
    if not mask.any():
        return mask.copy()
    return np.asarray(distance_mm(~mask, spacing_mm) <= radius_mm)


def erode(mask: Mask, radius_mm: float, spacing_mm: Spacing) -> Mask:
    """The voxels further than ``radius_mm`` from the outside of the mask."""
    return np.asarray(distance_mm(mask, spacing_mm) > radius_mm)


def close(mask: Mask, radius_mm: float, spacing_mm: Spacing) -> Mask:
    """Dilation and erosion with a ball of ``radius_mm``; the grid is padded so that its border does not stop either."""
    pad = [int(np.ceil(radius_mm / s)) + 1 for s in spacing_mm]
    padded = np.pad(mask, [(p, p) for p in pad])
    closed = erode(dilate(padded, radius_mm, spacing_mm), radius_mm, spacing_mm)
    return np.asarray(closed[tuple(slice(p, -p) for p in pad)] | mask)


def parts(mask: Mask, *, min_voxels: int = 1) -> tuple[NDArray[Any], list[int], NDArray[Any]]:
    """Face-connected parts: label array, labels of at least ``min_voxels`` from large to small, voxels per label."""
    labels, _ = ndimage.label(mask)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    order = [int(n) for n in np.argsort(-sizes, kind="stable") if sizes[n] >= min_voxels]
    return labels, order, sizes


def largest(mask: Mask) -> Mask:
    """The largest face-connected part, or an empty mask."""
    labels, order, _ = parts(mask)
    return np.asarray(labels == order[0]) if order else np.zeros_like(mask)


def fill_slices(mask: Mask) -> Mask:
    """Holes of each slice k filled."""
    return np.stack([ndimage.binary_fill_holes(s) for s in mask])
