"""Whether two readers put the same values at the same places in the patient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tomoscribe.core import Geometry
from tomoscribe.validation.peers import Grid

PLACE_TOLERANCE_MM = 0.05
"""Readers round spacing and positions differently; a slip of half a voxel is ten times as much."""
VALUE_TOLERANCE = 1e-3
_PADDING_HU = -1024


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Another reader's voxels beside ours.

    Args:
        place_mm: largest distance between corresponding corners; infinite when the shapes differ.
        num_different: voxels whose values differ.
        num_padding: those of them that our reader set to air because the header declares them padding.
    """

    place_mm: float
    num_different: int
    num_padding: int

    @property
    def is_same(self) -> bool:
        """Same places, and the same values but for padding."""
        return self.place_mm <= PLACE_TOLERANCE_MM and self.num_different == self.num_padding

    @property
    def words(self) -> str:
        """For the table."""
        if not np.isfinite(self.place_mm):
            return "WRONG SHAPE"
        wrong = []
        if self.place_mm > PLACE_TOLERANCE_MM:
            wrong.append(f"MISPLACED by {self.place_mm:.2f} mm")
        if self.num_different > self.num_padding:
            wrong.append(f"{self.num_different - self.num_padding} WRONG VALUES")
        if wrong:
            return ", ".join(wrong)
        return f"same, {self.num_padding} padding voxels left as stored" if self.num_padding else "same"


def compare(ours: Grid, theirs: Grid) -> Agreement:
    """Both turned so that their axes run to head, back and left, then compared slice by slice."""
    first, second = _turned(ours), _turned(theirs)
    if first.array.shape != second.array.shape:
        return Agreement(place_mm=np.inf, num_different=0, num_padding=0)
    places = [Geometry(affine=g.affine, shape=_shape(g.array)).corners_mm for g in (first, second)]
    different = padding = 0
    for a, b in zip(first.array, second.array, strict=True):
        apart = np.abs(a.astype(np.float64) - b.astype(np.float64)) > VALUE_TOLERANCE
        different += int(apart.sum())
        padding += int((apart & (a == _PADDING_HU) & (b < _PADDING_HU)).sum())
    distance = float(np.linalg.norm(places[0] - places[1], axis=1).max())
    return Agreement(place_mm=distance, num_different=different, num_padding=padding)


def _turned(grid: Grid) -> Grid:
    """The same voxels at the same places, axes (k, j, i) running as nearly as can be along +z, +y, +x."""
    columns = grid.affine[:3, :3] / np.linalg.norm(grid.affine[:3, :3], axis=0)
    order = [int(np.argmax(np.abs(columns[axis]))) for axis in (2, 1, 0)]
    if sorted(order) != [0, 1, 2]:
        return grid
    geometry = Geometry(affine=grid.affine, shape=_shape(grid.array)).permute(order)
    array = np.transpose(grid.array, order)
    for axis, world in enumerate((2, 1, 0)):
        if geometry.affine[world, axis] < 0:
            geometry, array = geometry.flip(axis), np.flip(array, axis)
    return Grid(array=array, affine=geometry.affine)


def _shape(array: NDArray[np.generic]) -> tuple[int, int, int]:
    depth, height, width = array.shape
    return depth, height, width
