"""Planes cut out of a volume: which slice, how thick, and where its pixels lie in mm. Pure numpy.

Everything here is in napari's world, (z, y, x) in LPS mm, and on grids whose axes run along it
(``plugin.layers.display_grid``). Rows of a cut follow the plane's vertical axis and columns its horizontal one, both
in the order of the voxels: which way up they are drawn is decided by ``frame.Frame`` alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomoscribe.core.errors import InvalidValueError
from tomoscribe.plugin.planes import VIEWS, Plane

Vector = tuple[float, float, float]


class Projection(StrEnum):
    """What is shown of the slices of a slab."""

    MIP = "MIP"
    MINIP = "MinIP"
    MEAN = "Mean"


@dataclass(frozen=True, kw_only=True)
class Slab:
    """A thick slice.

    Args:
        thickness_mm: from face to face; at least one slice is shown.
    """

    projection: Projection
    thickness_mm: float

    def __post_init__(self) -> None:
        if not self.thickness_mm > 0:
            raise InvalidValueError(f"expected a slab thicker than 0 mm, found {self.thickness_mm}")


@dataclass(frozen=True, kw_only=True)
class Grid:
    """An upright grid.

    Args:
        origin_mm: center of voxel (0, 0, 0), (z, y, x).
        step_mm: voxel size along (z, y, x), positive.
        shape: voxels along (z, y, x).
    """

    origin_mm: Vector
    step_mm: Vector
    shape: tuple[int, int, int]

    @classmethod
    def of_affine(cls, affine_zyx: NDArray[np.float64], shape: Sequence[int]) -> Grid:
        """From the 4 x 4 of a layer of this plugin (``display_affine``); what is off its diagonal is none of ours."""
        z, y, x = (float(v) for v in affine_zyx[:3, 3])
        dz, dy, dx = (float(v) for v in np.diag(affine_zyx)[:3])
        depth, height, width = (int(n) for n in shape[-3:])
        return cls(origin_mm=(z, y, x), step_mm=(dz, dy, dx), shape=(depth, height, width))

    def index(self, axis: int, position_mm: float) -> int:
        """The voxel nearest to a position along an axis; may lie outside the grid."""
        return int(np.floor((position_mm - self.origin_mm[axis]) / self.step_mm[axis] + 0.5))

    def position_mm(self, axis: int, index: float) -> float:
        """Center of a voxel along an axis."""
        return self.origin_mm[axis] + index * self.step_mm[axis]

    def faces_mm(self, axis: int) -> tuple[float, float]:
        """The outer faces of the first and of the last voxel along an axis."""
        return self.position_mm(axis, -0.5), self.position_mm(axis, self.shape[axis] - 0.5)

    @property
    def center_mm(self) -> Vector:
        """The middle of the grid."""
        z, y, x = (sum(self.faces_mm(axis)) / 2 for axis in range(3))
        return z, y, x

    def clamped(self, point_mm: Sequence[float]) -> Vector:
        """The point, moved to the nearest voxel center where it lies outside."""
        z, y, x = (
            float(np.clip(point_mm[axis], self.origin_mm[axis], self.position_mm(axis, self.shape[axis] - 1)))
            for axis in range(3)
        )
        return z, y, x


@dataclass(frozen=True, kw_only=True, eq=False)
class Cut:
    """Pixels of a plane.

    Args:
        pixels: (rows, columns), or with a last axis of colors.
        origin_mm: center of pixel (0, 0) along the vertical and the horizontal axis.
        step_mm: pixel size along the same.
        index: slice number along the axis across, from 0.
    """

    pixels: NDArray[Any]
    origin_mm: tuple[float, float]
    step_mm: tuple[float, float]
    index: int


def cut(data: Any, grid: Grid, plane: Plane, position_mm: float, slab: Slab | None = None) -> Cut | None:
    """The slice or slab of a volume at a position across a plane; None outside of it.

    Args:
        data: (z, y, x) array, or anything that gives one slice by slice.
    """
    across, vertical, horizontal = VIEWS[plane].order
    index = grid.index(across, position_mm)
    if not 0 <= index < grid.shape[across]:
        return None
    pixels = _slice(data, across, index) if slab is None else _project(data, grid, across, index, slab)
    return Cut(
        pixels=pixels,
        origin_mm=(grid.origin_mm[vertical], grid.origin_mm[horizontal]),
        step_mm=(grid.step_mm[vertical], grid.step_mm[horizontal]),
        index=index,
    )


def slab_range(grid: Grid, axis: int, index: int, thickness_mm: float) -> tuple[int, int]:
    """First slice and the one after the last of a slab around a slice, cut off at the ends of the volume."""
    count = max(1, round(thickness_mm / grid.step_mm[axis]))
    first = index - (count - 1) // 2
    return max(0, first), min(grid.shape[axis], first + count)


def _slice(data: Any, axis: int, index: int) -> NDArray[Any]:
    place = [slice(None)] * 3
    place[axis] = index  # type: ignore[call-overload]
    return np.asarray(data[tuple(place)])


def _project(data: Any, grid: Grid, axis: int, index: int, slab: Slab) -> NDArray[Any]:
    first, stop = slab_range(grid, axis, index, slab.thickness_mm)
    picked = _slice(data, axis, first)
    if slab.projection is Projection.MEAN:
        total = picked.astype(np.float32)
        for n in range(first + 1, stop):
            total += _slice(data, axis, n)
        return total / (stop - first)
    keep = np.maximum if slab.projection is Projection.MIP else np.minimum
    for n in range(first + 1, stop):
        picked = keep(picked, _slice(data, axis, n))
    return picked


def gray(pixels: NDArray[Any], limits: tuple[float, float]) -> NDArray[np.uint8]:
    """Pixels through a window: black at its lower end and below, white at its upper end and above."""
    low, high = limits
    scaled = pixels.astype(np.float32)
    scaled -= np.float32(low)
    scaled *= np.float32(255.0 / max(high - low, 1e-6))
    np.clip(scaled, 0.0, 255.0, out=scaled)
    return np.ascontiguousarray(scaled.astype(np.uint8))


def outlines(labels: NDArray[Any]) -> dict[int, NDArray[np.float64]]:
    """The lines between pixels of different labels, by the label they surround.

    Args:
        labels: (rows, columns), 0 is background. Between two labels the line belongs to the higher one.

    Returns:
        (N, 4) of (column, row, column, row), in pixels; pixel (0, 0) reaches from -0.5 to 0.5. Straight runs are one
        line each.
    """
    if not labels.any():
        return {}
    rows, columns = np.nonzero(labels)
    top, left = int(rows.min()), int(columns.min())
    part = np.pad(labels[top : rows.max() + 1, left : columns.max() + 1], 1).astype(np.int64)
    across = _runs(_borders(part[:-1], part[1:]))
    down = _runs(_borders(part[:, :-1], part[:, 1:]).T)
    found: dict[int, list[NDArray[np.float64]]] = {}
    for (number, line, start, stop), lies in ((across, True), (down, False)):
        at, first, last = line - 0.5, start - 1.5, stop - 1.5
        ends = (first, at, last, at) if lies else (at, first, at, last)
        lines = np.stack(ends, axis=1) + np.array((left, top, left, top))
        for one in np.unique(number):
            found.setdefault(int(one), []).append(lines[number == one])
    return {number: np.concatenate(parts) for number, parts in found.items()}


def _borders(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
    """The higher label where two neighbors differ, else 0."""
    return np.where(one != other, np.maximum(one, other), 0)


def _runs(borders: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    """Straight runs of equal numbers along the last axis: number, row, first column, column after the last."""
    padded = np.pad(borders, ((0, 0), (1, 1)))
    changes = padded[:, 1:] != padded[:, :-1]
    starts = changes & (padded[:, 1:] != 0)
    stops = changes & (padded[:, :-1] != 0)
    rows, first = np.nonzero(starts)
    _, stop = np.nonzero(stops)
    return borders[rows, first], rows, first, stop
