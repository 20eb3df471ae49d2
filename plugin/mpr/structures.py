"""Structures of the 3D view: meshes of surface layers one by one, and where a ray meets them. Pure numpy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomoscribe.encoders.conversions import point_from_napari
from tomoscribe.findings.surfaces import Mesh
from tomoscribe.plugin.layers import KEY, is_hull

HULL_OPACITY = 0.35


@dataclass(frozen=True, kw_only=True, eq=False)
class Structure:
    """One structure as it is drawn.

    Args:
        key: label map and segment.
        colors: (N, 4) RGBA of each vertex, light and shade included.
    """

    key: tuple[str, str]
    mesh: Mesh
    colors: NDArray[np.float32]
    is_hull: bool

    @property
    def title(self) -> str:
        """What stands in the list."""
        words = self.key[1].replace("_", " ")
        return words[:1].upper() + words[1:]

    @property
    def swatch(self) -> tuple[int, int, int]:
        """The color without shade, 0 to 255."""
        r, g, b = (int(255 * v) for v in self.colors[int(self.colors[:, :3].sum(axis=1).argmax()), :3])
        return r, g, b


@dataclass(frozen=True, kw_only=True)
class Half:
    """The half of space that a cut leaves: where (point - ``point_mm``) . ``towards`` is not negative; LPS."""

    point_mm: tuple[float, float, float]
    towards: tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Hit:
    """Where a ray first meets a structure, LPS mm."""

    key: tuple[str, str]
    point_mm: tuple[float, float, float]
    distance_mm: float = field(compare=False)


def structures_of(layer: Any) -> list[Structure]:
    """The structures of a surface layer of this plugin."""
    meta = layer.metadata[KEY]
    matrix = layer.affine.affine_matrix[-4:, -4:]
    vertices, faces = layer.data[0], layer.data[1]
    world = point_from_napari(np.asarray(vertices, float) @ matrix[:3, :3].T + matrix[:3, 3]).astype(np.float32)
    colors = np.asarray(layer.vertex_colors, np.float32)
    found = []
    for segment, (v0, v1, f0, f1) in meta["parts"].items():
        mesh = Mesh(vertices_mm=world[v0:v1], faces=(faces[f0:f1] - v0).astype(np.int32))
        key = (meta["label_map"], segment)
        found.append(Structure(key=key, mesh=mesh, colors=colors[v0:v1], is_hull=is_hull(segment)))
    return found


def pick(
    structures: Iterable[Structure],
    start_mm: Sequence[float],
    direction: Sequence[float],
    halves: Sequence[Half] = (),
) -> Hit | None:
    """The first place where a ray meets a structure that no cut has taken away."""
    best: Hit | None = None
    origin, along = np.asarray(start_mm, np.float64), np.asarray(direction, np.float64)
    along = along / np.linalg.norm(along)
    for structure in structures:
        for distance in _crossings(structure.mesh, origin, along):
            if best is not None and distance >= best.distance_mm:
                break
            x, y, z = (float(v) for v in origin + distance * along)
            if all(np.dot(np.subtract((x, y, z), h.point_mm), h.towards) >= 0 for h in halves):
                best = Hit(key=structure.key, point_mm=(x, y, z), distance_mm=float(distance))
                break
    return best


def _crossings(mesh: Mesh, origin: NDArray[np.float64], along: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances along a ray at which it passes the faces, nearest first (Moeller and Trumbore 1997)."""
    a, b, c = (mesh.vertices_mm[mesh.faces[:, n]].astype(np.float64) for n in range(3))
    first, second = b - a, c - a
    across = np.cross(along, second)
    volume = np.einsum("ij,ij->i", first, across)
    usable = np.abs(volume) > 1e-12
    inverse = np.where(usable, 1.0 / np.where(usable, volume, 1.0), 0.0)
    from_a = origin - a
    u = np.einsum("ij,ij->i", from_a, across) * inverse
    turned = np.cross(from_a, first)
    v = turned @ along * inverse
    distance = np.einsum("ij,ij->i", second, turned) * inverse
    met = usable & (u >= 0) & (v >= 0) & (u + v <= 1) & (distance > 0)
    return np.sort(distance[met])
