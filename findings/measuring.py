"""Millimetres from masks, always through the grid's Geometry, so that storage order never changes a number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tomoscribe.core import Geometry, Point, Region

FloatArray = NDArray[np.float64]
_STEP_MM = 0.2


@dataclass(frozen=True, kw_only=True)
class Axes:
    """Long axis of a shape in one axial slice and the longest extent perpendicular to it, mm.

    Args:
        long_ends_mm, short_ends_mm: caliper points in LPS mm.
        area_mm2: of the outline in that slice.
        index: the slice along the array's axial axis.
    """

    long_mm: float
    short_mm: float
    long_ends_mm: tuple[Point, Point]
    short_ends_mm: tuple[Point, Point]
    area_mm2: float
    index: int

    @property
    def mean_mm(self) -> float:
        """Mean of long and short axis (Lung-RADS, Fleischner)."""
        return (self.long_mm + self.short_mm) / 2.0


def point(xyz_mm: FloatArray) -> Point:
    """LPS mm as a plain tuple."""
    x, y, z = (float(v) for v in xyz_mm)
    return x, y, z


def axial_axis(geometry: Geometry) -> int:
    """The array axis (0, 1 or 2) that runs nearest to head-feet."""
    return int(np.argmax(np.abs(geometry.direction[2])))


def axes(occupied: NDArray[np.floating] | NDArray[np.bool_], geometry: Geometry, *, level: float = 0.5) -> Axes | None:
    """Long and short axis on the axial slice that shows the shape largest, or None for an empty shape.

    The outline runs where ``occupied`` crosses ``level`` between voxel centers, so it is finer than the voxels.

    Args:
        occupied: share of each voxel that the shape fills, 0 to 1, or a mask; same shape as the geometry.
        geometry: its grid.
        level: share at the outline, between 0 and 1.
    """
    axis = axial_axis(geometry)
    slices = np.moveaxis(np.asarray(occupied, np.float32), axis, 0)
    shown = np.flatnonzero((slices > level).any(axis=(1, 2)))
    outlines = {int(n): _outline(slices[n], level) for n in shown}
    found = [_in_slice(line, n, axis, geometry) for n, line in outlines.items() if line is not None]
    if not found:
        return None
    largest_area = max(a.area_mm2 for a in found)
    return max((a for a in found if a.area_mm2 >= 0.7 * largest_area), key=lambda a: a.long_mm)


def _in_slice(outline: FloatArray, index: int, axis: int, geometry: Geometry) -> Axes:
    points = geometry.to_world(np.insert(outline, axis, float(index), axis=1))
    points = _dense(points)
    first, second = farthest(points)
    along = (second - first) / np.linalg.norm(second - first)
    in_plane = [geometry.direction[:, a] for a in range(3) if a != axis]
    across = np.cross(np.cross(in_plane[0], in_plane[1]), along)
    across /= np.linalg.norm(across)
    a, b = (points - first) @ along, (points - first) @ across
    low, high = _widest(a, b)
    return Axes(
        long_mm=float(np.linalg.norm(second - first)),
        short_mm=float(np.linalg.norm(points[high] - points[low])),
        long_ends_mm=(point(first), point(second)),
        short_ends_mm=(point(points[low]), point(points[high])),
        area_mm2=float(abs(np.sum(a * np.roll(b, -1) - b * np.roll(a, -1))) / 2.0),
        index=index,
    )


def _outline(image: NDArray[np.float32], level: float) -> FloatArray | None:
    """The longest closed line where the image crosses the level, in pixel indices (N, 2)."""
    from skimage.measure import find_contours

    lines = find_contours(np.pad(image, 1), level)
    return np.asarray(max(lines, key=len) - 1.0, dtype=np.float64) if lines else None


def _dense(points: FloatArray) -> FloatArray:
    """Points at most 0.2 mm apart along a closed line, its corners among them."""
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    at = np.union1d(length, np.linspace(0.0, length[-1], max(8, int(np.ceil(length[-1] / _STEP_MM)))))
    return np.stack([np.interp(at, length, points[:, n]) for n in range(3)], axis=1)


def farthest(points: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The two points farthest from each other; points (N, 3) in mm."""
    squared = ((points[:, None] - points[None]) ** 2).sum(axis=-1)
    first, second = np.unravel_index(int(np.argmax(squared)), squared.shape)
    return points[first], points[second]


def _widest(along_mm: FloatArray, across_mm: FloatArray) -> tuple[int, int]:
    """Indices of the two points that span the widest chord perpendicular to the long axis."""
    bins = np.floor(along_mm / (1.5 * _STEP_MM)).astype(int)
    best, width = (0, 0), -1.0
    for number in np.unique(bins):
        members = np.flatnonzero(bins == number)
        low, high = members[np.argmin(across_mm[members])], members[np.argmax(across_mm[members])]
        if across_mm[high] - across_mm[low] > width:
            best, width = (int(low), int(high)), float(across_mm[high] - across_mm[low])
    return best


def region(mask: NDArray[np.bool_], geometry: Geometry, *, label_map: str | None, segment: str | None) -> Region:
    """Center of mass and LPS box (outer voxel faces) of a mask that is not empty."""
    at = np.argwhere(mask)
    corners = np.array(np.meshgrid(*[(low - 0.5, high + 0.5) for low, high in zip(at.min(0), at.max(0), strict=True)]))
    world = geometry.to_world(corners.reshape(3, -1).T)
    return Region(
        center_mm=point(geometry.to_world(at.mean(axis=0))),
        box_min_mm=point(world.min(axis=0)),
        box_max_mm=point(world.max(axis=0)),
        frame_of_reference_uid=geometry.frame_of_reference_uid,
        label_map=label_map,
        segment=segment,
    )
