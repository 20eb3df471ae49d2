"""Geometry to plan by: shells at a margin around a structure, and the shortest way between two surfaces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tomoscribe.core import Geometry, LabelMap, Point
from tomoscribe.core.errors import InvalidValueError
from tomoscribe.findings.surfaces import Mesh, surface

MARGINS_MM = (1.0, 50.0)
_GRID_POINTS = 1_500_000
_FINEST_MM = 0.7


@dataclass(frozen=True, kw_only=True)
class Gap:
    """The shortest way between two surfaces, from vertex to vertex.

    Args:
        length_mm: its length; 0 where the surfaces touch.
        ends_mm: its ends, LPS mm.
    """

    length_mm: float
    ends_mm: tuple[Point, Point]


def margin_shell(label_map: LabelMap, name: str, margin_mm: float) -> Mesh:
    """The closed surface of all points within ``margin_mm`` of a segment; distances are to the segment's own surface.

    Raises:
        InvalidValueError: a margin out of ``MARGINS_MM``, or an unknown or empty segment.
    """
    low, high = MARGINS_MM
    if not low <= margin_mm <= high:
        raise InvalidValueError(f"expected a margin of {low:g} to {high:g} mm, found {margin_mm:g}")
    body = surface(label_map, name)
    grid = _grid_around(body, margin_mm)
    points = grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1).reshape(-1, 3))
    distance = _distance_mm(points, body)
    inside = _inside(points, label_map, label_map.segment(name).number)
    distance[inside] = 0.0
    return _level(distance.reshape(grid.shape), grid, margin_mm)


def nearest_gap(one: Mesh, other: Mesh) -> Gap:
    """The shortest way between the vertices of two surfaces."""
    from scipy.spatial import KDTree

    lengths, which = KDTree(other.vertices_mm).query(one.vertices_mm)
    first = int(np.argmin(lengths))
    start, stop = one.vertices_mm[first], other.vertices_mm[int(which[first])]
    return Gap(length_mm=float(lengths[first]), ends_mm=(_point(start), _point(stop)))


def _grid_around(body: Mesh, margin_mm: float) -> Geometry:
    low = body.vertices_mm.min(axis=0).astype(float) - margin_mm
    high = body.vertices_mm.max(axis=0).astype(float) + margin_mm
    side = max(_FINEST_MM, float(np.prod(high - low) / _GRID_POINTS) ** (1 / 3), margin_mm / 12)
    low -= 2 * side
    shape = np.ceil((high + 2 * side - low) / side).astype(int)[[2, 1, 0]] + 1
    return Geometry.from_parts(spacing_mm=(side, side, side), origin_mm=low.tolist(), shape=shape.tolist())


def _distance_mm(points: NDArray[np.float64], body: Mesh) -> NDArray[np.float64]:
    from scipy.spatial import KDTree

    distance: NDArray[np.float64] = KDTree(body.vertices_mm).query(points)[0]
    return distance


def _inside(points: NDArray[np.float64], label_map: LabelMap, number: int) -> NDArray[np.bool_]:
    kji = np.round(label_map.geometry.to_index(points)).astype(int)
    within = ((kji >= 0) & (kji < np.array(label_map.geometry.shape))).all(axis=1)
    inside = np.zeros(len(points), bool)
    k, j, i = kji[within].T
    inside[within] = label_map.array[k, j, i] == number
    return inside


def _level(distance: NDArray[np.float64], grid: Geometry, level_mm: float) -> Mesh:
    from skimage.measure import marching_cubes

    vertices, faces, _, _ = marching_cubes(distance, level_mm)
    mesh = Mesh(vertices_mm=grid.to_world(vertices).astype(np.float32), faces=faces.astype(np.int32))
    if mesh.volume_mm3 >= 0:
        return mesh
    return Mesh(vertices_mm=mesh.vertices_mm, faces=np.ascontiguousarray(mesh.faces[:, [0, 2, 1]]))


def _point(xyz: NDArray[np.float32]) -> Point:
    x, y, z = (float(v) for v in xyz)
    return x, y, z
