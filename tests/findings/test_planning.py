"""Margins, shortest ways and mesh files, checked on balls."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from tomoscribe.core import Algorithm, Geometry, LabelMap, Segment, terms
from tomoscribe.core.errors import InvalidValueError
from tomoscribe.findings.mesh_files import write_meshes
from tomoscribe.findings.planning import margin_shell, nearest_gap
from tomoscribe.findings.surfaces import Mesh, surface


@pytest.fixture(scope="module")
def balls() -> LabelMap:
    """A ball of 8 mm and one of 5 mm, 30 mm from middle to middle along x, on a grid of unequal steps."""
    geometry = Geometry.from_parts(spacing_mm=(2.0, 1.0, 0.8), origin_mm=(-30.0, -25.0, -30.0), shape=(30, 50, 90))
    points = geometry.to_world(np.stack(np.indices(geometry.shape), axis=-1))
    array = np.zeros(geometry.shape, np.uint8)
    array[np.linalg.norm(points - (-10.0, 0.0, 0.0), axis=-1) <= 8.0] = 1
    array[np.linalg.norm(points - (20.0, 0.0, 0.0), axis=-1) <= 5.0] = 2
    segments = tuple(
        Segment(number=n, name=name, category=terms.ABNORMAL_STRUCTURE, type=terms.NODULE)
        for n, name in ((1, "large"), (2, "small"))
    )
    algorithm = Algorithm(name="drawn", version="1")
    return LabelMap(
        name="findings", array=array, geometry=geometry, segments=segments, algorithm=algorithm, series_uid="1.2.3"
    )


@pytest.mark.parametrize("margin_mm", [2.0, 5.0, 12.0])
def test_a_margin_is_a_ball_that_much_larger(balls: LabelMap, margin_mm: float) -> None:
    shell = margin_shell(balls, "large", margin_mm)
    radius = np.linalg.norm(shell.vertices_mm - np.array((-10.0, 0.0, 0.0)), axis=1)
    assert radius.mean() == pytest.approx(8.0 + margin_mm, abs=0.15)
    assert radius.min() > 8.0 + margin_mm - 0.8
    assert radius.max() < 8.0 + margin_mm + 0.8
    assert shell.volume_mm3 == pytest.approx(4 / 3 * np.pi * (8.0 + margin_mm) ** 3, rel=0.05)


def test_a_margin_out_of_bounds_is_refused(balls: LabelMap) -> None:
    with pytest.raises(InvalidValueError, match="1 to 50 mm"):
        margin_shell(balls, "large", 0.0)


def test_the_shortest_way_between_two_balls(balls: LabelMap) -> None:
    gap = nearest_gap(surface(balls, "large"), surface(balls, "small"))
    assert gap.length_mm == pytest.approx(17.0, abs=0.5)
    assert gap.ends_mm[0][0] == pytest.approx(-2.0, abs=0.5)
    assert gap.ends_mm[1][0] == pytest.approx(15.0, abs=0.5)


@pytest.fixture
def meshes(balls: LabelMap) -> dict[str, Mesh]:
    return {name: surface(balls, name) for name in ("large", "small")}


def test_stl_holds_every_triangle_in_lps_mm(meshes: dict[str, Mesh], tmp_path: Path) -> None:
    content = write_meshes(meshes, tmp_path / "a.stl").read_bytes()
    assert content.startswith(b"SPACE=LPS")
    (count,) = struct.unpack_from("<I", content, 80)
    assert count == sum(len(m.faces) for m in meshes.values())
    assert len(content) == 84 + 50 * count
    normal_and_corners = np.frombuffer(content, "<f4", 12, 84)
    first = meshes["large"]
    np.testing.assert_array_equal(normal_and_corners[3:].reshape(3, 3), first.vertices_mm[first.faces[0]])
    outward = normal_and_corners[3:6] - np.array((-10.0, 0.0, 0.0))
    assert np.dot(normal_and_corners[:3], outward) > 0


def test_obj_names_its_parts_and_counts_from_one(meshes: dict[str, Mesh], tmp_path: Path) -> None:
    lines = write_meshes(meshes, tmp_path / "a.obj").read_text().splitlines()
    assert [line for line in lines if line.startswith("o ")] == ["o large", "o small"]
    faces = np.array([line.split()[1:] for line in lines if line.startswith("f ")], int)
    assert faces.min() == 1
    assert faces.max() == sum(len(m.vertices_mm) for m in meshes.values())
    vertices = np.array([line.split()[1:] for line in lines if line.startswith("v ")], float)
    split = len(meshes["large"].vertices_mm)
    np.testing.assert_allclose(vertices[split:], meshes["small"].vertices_mm, atol=1e-4)


def test_gltf_describes_what_its_buffer_holds(meshes: dict[str, Mesh], tmp_path: Path) -> None:
    colors = {"large": (1.0, 0.5, 0.0, 1.0), "small": (0.0, 0.5, 1.0, 0.3)}
    content = write_meshes(meshes, tmp_path / "a.glb", colors).read_bytes()
    magic, version, length = struct.unpack_from("<4sII", content)
    assert (magic, version, length) == (b"glTF", 2, len(content))
    size, kind = struct.unpack_from("<I4s", content, 12)
    assert kind == b"JSON"
    described = json.loads(content[20 : 20 + size])
    buffer = content[28 + size :]
    assert described["buffers"][0]["byteLength"] == len(buffer)
    for name, mesh in zip(("large", "small"), described["meshes"], strict=True):
        primitive = mesh["primitives"][0]
        accessor = described["accessors"][primitive["attributes"]["POSITION"]]
        view = described["bufferViews"][accessor["bufferView"]]
        found = np.frombuffer(buffer, "<f4", 3 * accessor["count"], view["byteOffset"]).reshape(-1, 3)
        np.testing.assert_array_equal(found, meshes[name].vertices_mm)
        material = described["materials"][primitive["material"]]
        assert material["pbrMetallicRoughness"]["baseColorFactor"] == list(colors[name])
    # To the head is up, the front is towards the viewer, in metres.
    matrix = np.array(described["nodes"][-1]["matrix"]).reshape(4, 4).T
    np.testing.assert_allclose(matrix @ (0.0, 0.0, 1000.0, 1.0), (0.0, 1.0, 0.0, 1.0))
    np.testing.assert_allclose(matrix @ (0.0, -1000.0, 0.0, 1.0), (0.0, 0.0, 1.0, 1.0))
    assert np.linalg.det(matrix[:3, :3]) > 0


def test_other_endings_are_refused(meshes: dict[str, Mesh], tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match="stl"):
        write_meshes(meshes, tmp_path / "a.ply")
