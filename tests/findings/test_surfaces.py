"""Surfaces of spheres: volume, distance to the true sphere, and faces that turn outward."""

from __future__ import annotations

import numpy as np
import pytest

from tomoscribe.core import Algorithm, Geometry, LabelMap, Segment, terms
from tomoscribe.core.errors import InvalidValueError
from tomoscribe.findings.surfaces import surface

CENTER = np.array([4.0, -3.0, 50.0])


def sphere_map(radius_mm: float, geometry: Geometry) -> LabelMap:
    index = np.stack(np.meshgrid(*[np.arange(n) for n in geometry.shape], indexing="ij"), axis=-1)
    inside = np.linalg.norm(geometry.to_world(index) - CENTER, axis=-1) <= radius_mm
    segment = Segment(number=2, name="ball", category=terms.ANATOMICAL_STRUCTURE, type=terms.LUNG)
    empty = Segment(number=5, name="empty", category=terms.ANATOMICAL_STRUCTURE, type=terms.LUNG)
    return LabelMap(
        name="anatomy",
        array=np.where(inside, 2, 0).astype(np.uint8),
        geometry=geometry,
        segments=(segment, empty),
        algorithm=Algorithm(name="test", version="1"),
        series_uid="1.2",
    )


@pytest.mark.parametrize("turns", [(), (0,), (1, 2), (0, 1, 2)])
def test_sphere_keeps_its_volume_and_place_in_any_storage_order(turns: tuple[int, ...]) -> None:
    geometry = Geometry.from_parts(spacing_mm=(2.0, 1.0, 1.0), origin_mm=(-25, -32, 20), shape=(30, 60, 60))
    label_map = sphere_map(15.0, geometry).permute((2, 0, 1))
    for axis in turns:
        label_map = label_map.flip(axis)
    mesh = surface(label_map, "ball")
    voxels_mm3 = float((label_map.array == 2).sum()) * 2.0
    assert mesh.volume_mm3 == pytest.approx(voxels_mm3, rel=0.02)
    assert mesh.volume_mm3 == pytest.approx(4 / 3 * np.pi * 15.0**3, rel=0.03)
    distance = np.abs(np.linalg.norm(mesh.vertices_mm - CENTER, axis=1) - 15.0)
    assert distance.mean() < 0.35
    corners = mesh.vertices_mm[mesh.faces].astype(float)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    outward = ((corners.mean(axis=1) - CENTER) * normals).sum(axis=1)
    assert (outward > 0).mean() > 0.99


def test_large_segment_is_meshed_on_blocks_with_its_volume() -> None:
    geometry = Geometry.from_parts(spacing_mm=(0.5, 0.5, 0.5), origin_mm=(-31, -38, 15), shape=(140, 141, 139))
    mesh = surface(sphere_map(33.0, geometry), "ball")
    assert mesh.volume_mm3 == pytest.approx(4 / 3 * np.pi * 33.0**3, rel=0.02)
    assert len(mesh.faces) < 150_000


def test_segment_at_the_border_of_the_grid_is_closed() -> None:
    geometry = Geometry.from_parts(spacing_mm=(1, 1, 1), origin_mm=(0, -10, 50), shape=(20, 20, 20))
    label_map = sphere_map(8.0, geometry)
    mesh = surface(label_map, "ball")
    edges = np.sort(np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]]), axis=1)
    _, counts = np.unique(edges, axis=0, return_counts=True)
    assert (counts == 2).all()
    assert mesh.volume_mm3 == pytest.approx(float((label_map.array == 2).sum()), rel=0.02)


def test_empty_segment_is_refused() -> None:
    geometry = Geometry.from_parts(spacing_mm=(1, 1, 1), origin_mm=(0, -10, 50), shape=(20, 20, 20))
    with pytest.raises(InvalidValueError, match="is empty"):
        surface(sphere_map(8.0, geometry), "empty")
