"""Voxels move with their geometry, and types refuse what they cannot hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tomoscribe.core import Acquisition, Algorithm, Geometry, LabelMap, Segment, SeriesRef, Volume, terms
from tomoscribe.core.errors import GeometryError, InvalidValueError

SHAPE = (3, 4, 5)


def volume(**changes) -> Volume:
    values = {
        "array": np.arange(60, dtype=np.int16).reshape(SHAPE),
        "geometry": Geometry.from_parts(spacing_mm=(2, 0.5, 0.75), origin_mm=(7, 8, 9), shape=SHAPE),
        "modality": "CT",
        "value_unit": "hu",
        "series": SeriesRef(
            study_uid="1.1",
            series_uid="1.2",
            series_number=1,
            description=None,
            instance_uids=("1.3", "1.4", "1.5"),
            instance_numbers=(1, 2, 3),
        ),
        "acquisition": Acquisition(),
    }
    return Volume(**{**values, **changes})


def segment(number: int, name: str) -> Segment:
    return Segment(number=number, name=name, category=terms.ANATOMICAL_STRUCTURE, type=terms.ANATOMICAL_STRUCTURE)


def label_map(**changes) -> LabelMap:
    array = np.zeros(SHAPE, np.uint8)
    array[1, 2, 3], array[2, 3, 4] = 1, 2
    values = {
        "name": "anatomy",
        "array": array,
        "geometry": volume().geometry,
        "segments": (segment(1, "a"), segment(2, "b")),
        "algorithm": Algorithm(name="test", version="1"),
        "series_uid": "1.2",
    }
    return LabelMap(**{**values, **changes})


def value_at(grid, xyz_mm) -> int:
    k, j, i = np.rint(grid.geometry.to_index(xyz_mm)).astype(int)
    return int(grid.array[k, j, i])


@given(st.lists(st.one_of(st.tuples(st.just("flip"), st.integers(0, 2)),
                          st.tuples(st.just("permute"), st.permutations([0, 1, 2]))), max_size=6),
       st.integers(0, 2), st.integers(0, 3), st.integers(0, 4))  # fmt: skip
def test_a_voxel_keeps_its_place_and_value(moves, k, j, i):
    start = volume()
    world = start.geometry.to_world((k, j, i))
    moved = start
    for name, argument in moves:
        moved = getattr(moved, name)(argument)
    assert value_at(moved, world) == 20 * k + 5 * j + i
    slice_now = int(np.rint(moved.geometry.to_index(world)[0]))
    if moved.series.instance_uids:
        assert moved.series.instance_uids[slice_now] == start.series.instance_uids[k]


def test_a_crop_keeps_places_and_values():
    part = volume().crop((1, 1, 2), (3, 4, 5))
    assert part.array[0, 0, 0] == 20 + 5 + 2
    np.testing.assert_allclose(part.geometry.origin_mm, (7 + 2 * 0.75, 8 + 0.5, 9 + 2))
    assert value_at(part, volume().geometry.to_world((2, 3, 4))) == 59


def test_a_label_map_moves_with_its_masks():
    moved = label_map().flip(1).permute((2, 0, 1))
    np.testing.assert_allclose(
        moved.geometry.to_world(np.argwhere(moved.mask("b"))[0]), volume().geometry.to_world((2, 3, 4))
    )
    assert moved.segment("a").number == 1
    assert int(moved.mask("a").sum()) == 1
    with pytest.raises(KeyError):
        moved.segment("c")


@pytest.mark.parametrize(("start", "stop"), [((0, 0, 0), (4, 4, 5)), ((-1, 0, 0), (1, 1, 1)), ((1, 1, 1), (1, 2, 2))])
def test_a_crop_stays_inside(start, stop):
    with pytest.raises(GeometryError, match=r"expected a box inside \(3, 4, 5\)"):
        volume().crop(start, stop)


def test_array_and_grid_must_agree():
    with pytest.raises(GeometryError, match=r"expected an array of shape \(3, 4, 5\), found \(5, 4, 3\)"):
        volume(array=np.zeros((5, 4, 3), np.int16))
    with pytest.raises(GeometryError, match="expected an array of shape"):
        volume().with_array(np.zeros((3, 4), np.int16))


def test_bad_values_are_refused():
    with pytest.raises(InvalidValueError, match=r"expected a value unit of .* found 'furlong'"):
        volume(value_unit="furlong")
    with pytest.raises(InvalidValueError, match="unsigned integers in a label map, found int16"):
        label_map(array=np.zeros(SHAPE, np.int16))
    with pytest.raises(InvalidValueError, match="value 9 of label map 'anatomy' has no segment"):
        label_map(array=np.full(SHAPE, 9, np.uint8))
    with pytest.raises(InvalidValueError, match="must be unique"):
        label_map(segments=(segment(1, "a"), segment(2, "a")))
    with pytest.raises(InvalidValueError, match="must be unique"):
        label_map(segments=(segment(2, "a"), segment(2, "b")))
    with pytest.raises(InvalidValueError, match="segment number of at least 1, found 0"):
        segment(0, "a")


def test_repr_says_what_it_is():
    assert repr(volume()) == (
        "Volume(CT, hu, int16, 0 MB, Geometry(3 x 4 x 5 voxels (k, j, i) of 2.000 x 0.500 x 0.750 mm, HPL))"
    )
    assert volume().memory_bytes == 120


def test_instances_follow_their_slices() -> None:
    original = volume()
    assert original.flip(0).series.instance_uids == ("1.5", "1.4", "1.3")
    assert original.flip(1).series.instance_uids == ("1.3", "1.4", "1.5")
    assert original.flip(0).flip(0).series == original.series
    assert original.crop((1, 0, 0), (3, 4, 5)).series.instance_numbers == (2, 3)
    assert original.permute((0, 2, 1)).series == original.series
    assert original.permute((2, 0, 1)).series.instance_uids == ()
