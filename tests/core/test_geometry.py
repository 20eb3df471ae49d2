"""The geometry's algebra, for grids of any spacing, orientation and order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tomoscribe.core import Geometry
from tomoscribe.core.errors import GeometryError

LENGTHS = st.floats(0.05, 10.0)
PLACES = st.floats(-2000.0, 2000.0)
ANGLES = st.floats(-3.2, 3.2)
SIZES = st.integers(1, 40)


def rotation(angles) -> np.ndarray:
    matrix = np.eye(3)
    for axis, angle in enumerate(angles):
        a, b = (axis + 1) % 3, (axis + 2) % 3
        step = np.eye(3)
        step[a, a] = step[b, b] = np.cos(angle)
        step[a, b], step[b, a] = -np.sin(angle), np.sin(angle)
        matrix = step @ matrix
    return matrix


@st.composite
def geometries(draw) -> Geometry:
    """Any orthogonal grid, right- or left-handed."""
    axes = rotation(draw(st.tuples(ANGLES, ANGLES, ANGLES)))[:, draw(st.permutations([0, 1, 2]))]
    return Geometry.from_parts(
        spacing_mm=draw(st.tuples(LENGTHS, LENGTHS, LENGTHS)),
        origin_mm=draw(st.tuples(PLACES, PLACES, PLACES)),
        shape=draw(st.tuples(SIZES, SIZES, SIZES)),
        direction=axes,
        frame_of_reference_uid="1.2.3",
    )


def indices(geometry: Geometry) -> st.SearchStrategy[tuple[int, ...]]:
    return st.tuples(*[st.integers(0, n - 1) for n in geometry.shape])


@given(geometries(), st.tuples(PLACES, PLACES, PLACES))
def test_index_and_world_are_inverse(geometry, point):
    np.testing.assert_allclose(geometry.to_world(geometry.to_index(point)), point, atol=1e-6)
    np.testing.assert_allclose(geometry.to_index(geometry.to_world((3, 2, 1))), (3, 2, 1), atol=1e-6)


@given(geometries(), st.integers(0, 2), st.data())
def test_a_flipped_voxel_stays_where_it_was(geometry, axis, data):
    kji = list(data.draw(indices(geometry)))
    turned = list(kji)
    turned[axis] = geometry.shape[axis] - 1 - kji[axis]
    np.testing.assert_allclose(geometry.flip(axis).to_world(turned), geometry.to_world(kji), atol=1e-6)
    np.testing.assert_allclose(geometry.flip(axis).flip(axis).affine, geometry.affine, atol=1e-9)


@given(geometries(), st.permutations([0, 1, 2]), st.data())
def test_a_permuted_voxel_stays_where_it_was(geometry, order, data):
    kji = data.draw(indices(geometry))
    moved = geometry.permute(order)
    np.testing.assert_allclose(moved.to_world([kji[axis] for axis in order]), geometry.to_world(kji), atol=1e-9)
    back = [order.index(axis) for axis in range(3)]
    assert moved.permute(back) == geometry


@given(geometries(), st.data())
def test_a_cropped_voxel_stays_where_it_was(geometry, data):
    start = data.draw(indices(geometry))
    stop = tuple(data.draw(st.integers(a + 1, n)) for a, n in zip(start, geometry.shape, strict=True))
    part = geometry.crop(start, stop)
    np.testing.assert_allclose(part.to_world((0, 0, 0)), geometry.to_world(start), atol=1e-9)
    assert part.shape == tuple(b - a for a, b in zip(start, stop, strict=True))
    whole = part.crop([-a for a in start], [n - a for a, n in zip(start, geometry.shape, strict=True)])
    assert whole.close_to(geometry, tolerance_mm=1e-6)


@given(geometries(), st.tuples(LENGTHS, LENGTHS, LENGTHS))
def test_other_spacing_keeps_the_low_face_and_covers_the_box(geometry, spacing):
    other = geometry.with_spacing(spacing)
    np.testing.assert_allclose(other.spacing_mm, spacing, rtol=1e-6)
    np.testing.assert_allclose(other.to_world((-0.5,) * 3), geometry.to_world((-0.5,) * 3), atol=1e-6)
    missing = np.array(geometry.shape) * geometry.spacing_mm - np.array(other.shape) * other.spacing_mm
    assert (missing <= 1e-5 * other.spacing_mm).all()
    assert (-missing < other.spacing_mm * 1.001).all()


@given(geometries())
def test_what_is_derived_is_consistent(geometry):
    assert geometry.is_orthogonal
    np.testing.assert_allclose(geometry.direction.T @ geometry.direction, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(geometry.voxel_volume_mm3, np.prod(geometry.spacing_mm), rtol=1e-9)
    np.testing.assert_allclose(geometry.corners_mm.mean(axis=0), geometry.center_mm, atol=1e-6)
    assert geometry.contains(geometry.center_mm)
    assert not geometry.contains(geometry.to_world(np.array(geometry.shape) + 0.0))
    assert not geometry.contains(geometry.to_world((-0.6, 0, 0)))


def test_axial_grid_by_hand():
    geometry = Geometry.from_parts(spacing_mm=(2.5, 0.5, 0.25), origin_mm=(-10, -20, 30), shape=(4, 3, 2))
    assert geometry.orientation == "HPL"
    np.testing.assert_allclose(geometry.to_world((1, 2, 1)), (-9.75, -19.0, 32.5))
    assert geometry.flip(0).orientation == "FPL"
    assert geometry.permute((2, 1, 0)).orientation == "LPH"
    assert geometry.voxel_volume_mm3 == pytest.approx(0.3125, rel=1e-12)


def test_close_to_compares_frames_shapes_and_corners():
    geometry = Geometry.from_parts(spacing_mm=(1, 1, 1), origin_mm=(0, 0, 0), shape=(2, 2, 2))
    near = Geometry.from_parts(spacing_mm=(1, 1, 1), origin_mm=(0.0005, 0, 0), shape=(2, 2, 2))
    far = Geometry.from_parts(spacing_mm=(1, 1, 1), origin_mm=(0.002, 0, 0), shape=(2, 2, 2))
    framed = Geometry(affine=geometry.affine, shape=geometry.shape, frame_of_reference_uid="1.2")
    assert geometry.close_to(near)
    assert not geometry.close_to(far)
    assert geometry.close_to(far, tolerance_mm=0.01)
    assert not geometry.close_to(framed)
    assert geometry != framed
    assert hash(geometry) == hash(Geometry(affine=geometry.affine, shape=(2, 2, 2)))


def test_sheared_grid_is_a_grid_but_not_orthogonal():
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    affine[1, 0] = 0.3
    assert not Geometry(affine=affine, shape=(2, 2, 2)).is_orthogonal


def test_affine_cannot_be_changed_from_outside():
    affine = np.eye(4)
    geometry = Geometry(affine=affine, shape=(1, 1, 1))
    affine[0, 3] = 5
    assert geometry.affine[0, 3] == 0
    with pytest.raises(ValueError, match="read-only"):
        geometry.affine[0, 3] = 5


@pytest.mark.parametrize(("affine", "shape", "message"), [
    (np.eye(3), (1, 1, 1), r"finite 4 x 4 affine, found shape \(3, 3\)"),
    (np.full((4, 4), np.nan), (1, 1, 1), "finite 4 x 4 affine"),
    (np.diag([1.0, 1, 1, 2]), (1, 1, 1), r"last row of the affine, found \[0.0, 0.0, 0.0, 2.0\]"),
    (np.diag([1.0, 0, 1, 1]), (1, 1, 1), "do not span three dimensions"),
    (np.array([[1.0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1]]), (1, 1, 1), "do not span"),
    (np.eye(4), (0, 1, 1), r"shape \(D, H, W\) of positive numbers, found \(0, 1, 1\)"),
    (np.eye(4), (1, 1), "positive numbers"),
])  # fmt: skip
def test_bad_grids(affine, shape, message):
    with pytest.raises(GeometryError, match=message):
        Geometry(affine=affine, shape=shape)


def test_bad_order_of_axes():
    with pytest.raises(GeometryError, match=r"order of the axes 0, 1, 2, found \(0, 0, 1\)"):
        Geometry(affine=np.eye(4), shape=(1, 1, 1)).permute((0, 0, 1))
