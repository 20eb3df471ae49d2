"""A linear field is reproduced exactly by linear interpolation, on any grid inside the source."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tomoscribe.core import Acquisition, Algorithm, Geometry, LabelMap, Segment, SeriesRef, Volume, terms
from tomoscribe.core.errors import GeometryError, InvalidValueError
from tomoscribe.encoders.resample import resample, resample_array

SLOPE = np.array([1.5, -2.0, 0.75])
SOURCE = Geometry.from_parts(spacing_mm=(2.0, 1.0, 1.5), origin_mm=(-10, -20, 30), shape=(12, 20, 16))


def field(geometry: Geometry) -> np.ndarray:
    """f(x, y, z) = 1.5 x - 2 y + 0.75 z + 7 at the voxel centres, (k, j, i)."""
    kji = np.stack(np.indices(geometry.shape), axis=-1)
    return geometry.to_world(kji) @ SLOPE + 7.0


def volume_on(geometry: Geometry, array: np.ndarray, *, unit: str = "hu") -> Volume:
    ref = SeriesRef(
        study_uid="1.2",
        series_uid="1.2.3",
        series_number=1,
        description=None,
        instance_uids=(),
        instance_numbers=(),
    )
    return Volume(array=array, geometry=geometry, modality="CT", value_unit=unit, series=ref, acquisition=Acquisition())


def rotated(angles: tuple[float, float, float], spacing: tuple[float, float, float], shape=(4, 5, 3)) -> Geometry:
    """A turned grid around the middle of the source."""
    rotation = np.eye(3)
    for axis, angle in enumerate(angles):
        a, b = (axis + 1) % 3, (axis + 2) % 3
        step = np.eye(3)
        step[a, a] = step[b, b] = np.cos(angle)
        step[a, b], step[b, a] = -np.sin(angle), np.sin(angle)
        rotation = step @ rotation
    direction = rotation @ np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0]], float)
    extent = direction @ (np.array(spacing) * (np.array(shape) - 1))
    return Geometry.from_parts(
        spacing_mm=spacing, origin_mm=SOURCE.center_mm - extent / 2, shape=shape, direction=direction
    )


@settings(max_examples=40, deadline=None)
@given(
    st.tuples(*[st.floats(-3.1, 3.1)] * 3),
    st.tuples(*[st.floats(0.3, 1.5)] * 3),
)
def test_linear_field_on_any_turned_grid(angles, spacing):
    target = rotated(angles, spacing)
    source = volume_on(SOURCE, field(SOURCE).astype(np.float32))
    result = resample(source, target)
    np.testing.assert_allclose(result.array, field(target), atol=2e-3)
    assert result.geometry == target
    assert result.series is source.series


def test_integers_are_rounded_to_the_nearest():
    array = np.zeros((2, 1, 2), np.int16)
    array[1] = 10
    array[:, :, 1] -= 20
    grid = Geometry.from_parts(spacing_mm=(1, 1, 1), origin_mm=(0, 0, 0), shape=(2, 1, 2))
    target = Geometry.from_parts(spacing_mm=(0.36, 1, 1), origin_mm=(0, 0, 0), shape=(3, 1, 2))
    result = resample(volume_on(grid, array), target)
    assert result.array[:, 0].tolist() == [[0, -20], [4, -16], [7, -13]]  # 0, 3.6, 7.2 above the first slice
    assert result.array.dtype == np.int16


def test_outside_is_air_in_ct_and_zero_elsewhere():
    target = SOURCE.crop((-2, 0, 0), (1, 2, 2))
    ones = np.ones(SOURCE.shape, np.int16)
    assert resample(volume_on(SOURCE, ones), target).array[:, 0, 0].tolist() == [-1024, -1024, 1]
    assert resample(volume_on(SOURCE, ones, unit="arbitrary"), target).array[:, 0, 0].tolist() == [0, 0, 1]
    assert resample(volume_on(SOURCE, ones), target, fill=5).array[:, 0, 0].tolist() == [5, 5, 1]


def label_map() -> LabelMap:
    array = np.zeros(SOURCE.shape, np.uint8)
    array[6:, :, :] = 3
    segment = Segment(number=3, name="upper", category=terms.ANATOMICAL_STRUCTURE, type=terms.ANATOMICAL_STRUCTURE)
    return LabelMap(
        name="anatomy",
        array=array,
        geometry=SOURCE,
        segments=(segment,),
        algorithm=Algorithm(name="test", version="1"),
        series_uid="1.2.3",
    )


def test_labels_keep_their_values():
    target = SOURCE.with_spacing((0.5, 1.0, 1.5))
    result = resample(label_map(), target)
    z = target.to_world(np.stack([np.arange(48), np.zeros(48), np.zeros(48)], axis=-1))[:, 2]
    # slices 6 and up hold label 3: nearest neighbors of z above 30 + 5.5 * 2 = 41 mm
    assert set(np.unique(result.array)) == {0, 3}
    np.testing.assert_array_equal(result.array[:, 3, 3] == 3, z > 41.0)
    with pytest.raises(InvalidValueError, match="interpolation 'nearest', found 'linear'"):
        resample(label_map(), target, interpolation="linear")


def test_mask_of_booleans_stays_boolean():
    array = label_map().array == 3
    result = resample_array(array, SOURCE, SOURCE.flip(0), interpolation="nearest", fill=0)
    assert result.dtype == bool
    np.testing.assert_array_equal(result, np.flip(array, 0))


def test_grids_that_cannot_be_resampled():
    source = volume_on(Geometry(affine=SOURCE.affine, shape=SOURCE.shape, frame_of_reference_uid="1.1"), field(SOURCE))
    other = Geometry(affine=SOURCE.affine, shape=SOURCE.shape, frame_of_reference_uid="1.2")
    with pytest.raises(GeometryError, match=r"one frame of reference, found two.*register"):
        resample(source, other)
    sheared = SOURCE.affine.copy()
    sheared[1, 0] = 1.0
    with pytest.raises(GeometryError, match="target grid with perpendicular axes"):
        resample(volume_on(SOURCE, field(SOURCE)), Geometry(affine=sheared, shape=SOURCE.shape))
    with pytest.raises(InvalidValueError, match="'linear' or 'nearest', found 'cubic'"):
        resample(volume_on(SOURCE, field(SOURCE)), SOURCE, interpolation="cubic")
