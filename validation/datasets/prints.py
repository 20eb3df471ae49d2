"""Prints of images: the same voxels under another name, and nearly the same ones after they were saved again.

Voxels are brought to one order (k to the head, j to the back, i to the left) first. The exact print is a SHA-256 of the
voxels rounded to whole numbers, so that another orientation, compression, file format or data type does not hide a
copy. The coarse print is the body averaged on 16 x 16 x 16 cells of its bounding box, as ranks: a copy that was
resampled, clipped to a window, rescaled, made noisy or cropped of its air stays next to itself, another patient does
not. A copy that was cropped inside the body is not recognized.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from tomoscribe.core import Volume
from tomoscribe.core.errors import InvalidValueError
from tomoscribe.validation.records import ImagePrint

CELLS = 16
NEAR = 0.95
"""Correlation of coarse prints from which on two images are taken for one. docs/log.md has what copies and strangers
reach."""
_STEPS = 3
"""Samples of a cell along each axis."""


def print_of(volume: Volume) -> ImagePrint:
    """The prints of an image."""
    upright = _upright(volume)
    values = upright.array.astype(np.float32)
    whole = np.rint(values).astype("<i4")
    digest = hashlib.sha256(repr(whole.shape).encode() + np.ascontiguousarray(whole).tobytes()).hexdigest()
    return ImagePrint(sha256=digest, coarse=tuple(round(float(v), 4) for v in _coarse(values)))


def likeness(first: ImagePrint, second: ImagePrint) -> float:
    """Correlation of two coarse prints, -1 to 1; 1 for equal voxels."""
    if first.sha256 == second.sha256:
        return 1.0
    a, b = np.array(first.coarse), np.array(second.coarse)
    if a.shape != b.shape or not a.size:
        raise InvalidValueError(f"expected two prints of one size, found {a.size} and {b.size}")
    below = float(a.std() * b.std())
    return float(((a - a.mean()) * (b - b.mean())).mean() / below) if below else 0.0


def _upright(volume: Volume) -> Volume:
    """The same voxels with k to the head, j to the back and i to the left, as far as axes can be swapped."""
    nearest = np.abs(volume.geometry.direction).argmax(axis=0)
    if sorted(nearest) != [0, 1, 2]:
        return volume
    turned = volume.permute([int(np.flatnonzero(nearest == axis)[0]) for axis in (2, 1, 0)])
    for axis in range(3):
        world = 2 - axis
        if turned.geometry.direction[world, axis] < 0:
            turned = turned.flip(axis)
    return turned


def _coarse(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Ranks, 0 to 1, of the cells' means over the bounding box of what is brighter than its surroundings."""
    low, high = np.percentile(values[::2, ::4, ::4], (2, 98))
    inside = values > low + 0.25 * (high - low)
    box = tuple(_extent(inside.any(axis=tuple(a for a in range(3) if a != axis))) for axis in range(3))
    picks = [np.linspace(start, stop - 1, CELLS * _STEPS).round().astype(int) for start, stop in box]
    cut = np.clip(values[np.ix_(*picks)], low, high).astype(np.float64)
    cells = cut.reshape(CELLS, _STEPS, CELLS, _STEPS, CELLS, _STEPS).mean(axis=(1, 3, 5)).ravel()
    order = np.unique(cells, return_inverse=True)[1]
    return np.asarray(order / max(1, order.max()))


def _extent(seen: NDArray[np.bool_]) -> tuple[int, int]:
    """First and behind the last True; everything where there is none."""
    found = np.flatnonzero(seen)
    return (int(found[0]), int(found[-1]) + 1) if found.size else (0, seen.size)
