"""One orientation and one working resolution for the chest algorithms, so that storage order never changes a result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tomoscribe.core import Geometry, LabelMap, Volume

OnGrid = TypeVar("OnGrid", Volume, LabelMap)
_WORLD_OF_AXIS = (2, 1, 0)
"""World axis (x, y, z) that the canonical axes k, j, i follow: head, back, left."""


@dataclass(frozen=True, kw_only=True)
class Turn:
    """How a grid was turned into the canonical orientation: axes permuted first, then flipped."""

    order: tuple[int, int, int]
    flipped: tuple[int, ...]
    native: Geometry

    def back(self, label_map: LabelMap) -> LabelMap:
        """The label map on the native grid it came from."""
        for axis in self.flipped:
            label_map = label_map.flip(axis)
        inverse = tuple(int(n) for n in np.argsort(self.order))
        label_map = label_map.permute(inverse)
        return replace(label_map, array=np.ascontiguousarray(label_map.array), geometry=self.native)


def canonical(on_grid: OnGrid) -> tuple[OnGrid, Turn]:
    """The same voxels with k nearest to the head, j to the back and i to the left, and the way back."""
    geometry = on_grid.geometry
    direction = geometry.direction
    order = max(permutations(range(3)), key=lambda p: float(np.abs(direction[_WORLD_OF_AXIS, p]).sum()))
    turned = on_grid.permute(order)
    flipped = tuple(a for a in range(3) if turned.geometry.direction[_WORLD_OF_AXIS[a], a] < 0)
    for axis in flipped:
        turned = turned.flip(axis)
    return turned, Turn(order=(order[0], order[1], order[2]), flipped=flipped, native=geometry)


def block_factors(geometry: Geometry, spacing_mm: float) -> tuple[int, int, int]:
    """How many voxels (k, j, i) go into one block so that the blocks are at most about ``spacing_mm`` wide."""
    k, j, i = (max(1, int(spacing_mm / s + 0.25)) for s in geometry.spacing_mm)
    return k, j, i


def block_geometry(geometry: Geometry, factors: Sequence[int]) -> Geometry:
    """The grid of whole blocks of ``factors`` voxels; what is left over at the high end is dropped."""
    f = np.asarray(factors)
    affine = geometry.affine.copy()
    affine[:3, 3] = geometry.to_world((f - 1) / 2.0)
    affine[:3, :3] *= f
    depth, height, width = (int(n) for n in np.asarray(geometry.shape) // f)
    return Geometry(affine=affine, shape=(depth, height, width), frame_of_reference_uid=geometry.frame_of_reference_uid)


def block_mean(array: NDArray[Any], factors: Sequence[int]) -> NDArray[np.float32]:
    """Mean of each block, slice block by slice block so that no float copy of the whole volume is made."""
    fk, fj, fi = factors
    depth, height, width = (n // f for n, f in zip(array.shape, factors, strict=True))
    out = np.empty((depth, height, width), np.float32)
    for k in range(depth):
        part = array[k * fk : (k + 1) * fk, : height * fj, : width * fi].astype(np.float32).mean(axis=0)
        out[k] = part.reshape(height, fj, width, fi).mean(axis=(1, 3))
    return out


def expand(array: NDArray[Any], factors: Sequence[int], shape: Sequence[int]) -> NDArray[Any]:
    """Blocks back to voxels (nearest); the voxels that were left over take the last block's value."""
    out = array
    for axis, (factor, size) in enumerate(zip(factors, shape, strict=True)):
        index = np.minimum(np.arange(size) // factor, array.shape[axis] - 1)
        out = np.take(out, index, axis=axis)
    return out


def bounding_box(mask: NDArray[np.bool_], margin: Sequence[int]) -> tuple[slice, slice, slice]:
    """Slices (k, j, i) of the smallest box that holds the mask, widened by ``margin`` voxels inside the grid."""
    spans = []
    for axis in range(3):
        hit = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        low, high = (int(hit[0]), int(hit[-1]) + 1) if hit.size else (0, mask.shape[axis])
        spans.append(slice(max(0, low - int(margin[axis])), min(mask.shape[axis], high + int(margin[axis]))))
    return spans[0], spans[1], spans[2]
