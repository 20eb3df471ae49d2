"""The gate over random orientations, spacings, orders, tilts and losses."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from tests.factories import body, edit_files, phantom, write
from tomoscribe.core import Verdict, Volume
from tomoscribe.encoders.dicom import load_volume, scan

AXIAL = np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0]], float)
turns = st.tuples(*[st.floats(-1, 1) for _ in range(4)]).filter(lambda q: np.linalg.norm(q) > 0.1)
spacings = st.tuples(st.floats(0.5, 8), st.floats(0.3, 2), st.floats(0.3, 2))
HU = body(7, 16, 14)
ROW, COLUMN = 60.0, 120.0
"""Values a row and a column of the tilted stack."""


def direction(quaternion: tuple[float, ...]) -> NDArray[np.float64]:
    """A random turn of the axial axes k, j, i (columns)."""
    return Rotation.from_quat(quaternion).as_matrix() @ AXIAL


class Folder:
    """A temporary folder of its own for each example."""

    def __enter__(self) -> Path:
        self.path = Path(tempfile.mkdtemp())
        return self.path

    def __exit__(self, *error: object) -> None:
        shutil.rmtree(self.path)


def loaded(folder: Path) -> tuple[Verdict, Volume | None, str]:
    (study,) = scan(folder)
    series = study.series[0]
    volume = None if series.verdict is Verdict.REFUSED else load_volume(study, series)
    return series.verdict, volume, series.reason or ""


@settings(max_examples=25)
@given(turn=turns, spacing_mm=spacings, order=st.permutations(range(7)))
def test_any_orientation_spacing_and_order_is_accepted_as_it_was(turn, spacing_mm, order):
    written = phantom(HU, direction=direction(turn), spacing_mm=spacing_mm)
    with Folder() as folder:
        files = write(folder, written)
        edit_files(files, lambda k, ds: setattr(ds, "InstanceNumber", order[k] + 1))
        for k, path in enumerate(files):
            path.rename(folder / f"{order[k]}.x")
        verdict, volume, _ = loaded(folder)
    assert verdict is Verdict.ACCEPTED
    assert volume is not None
    np.testing.assert_array_equal(volume.array, written.array)
    assert np.abs(volume.geometry.corners_mm - written.geometry.corners_mm).max() < 2e-3


@settings(max_examples=20)
@given(turn=turns, spacing_mm=spacings, lost=st.sets(st.integers(1, 5), min_size=1, max_size=3))
def test_a_slice_lost_within_is_never_accepted(turn, spacing_mm, lost):
    with Folder() as folder:
        files = write(folder, phantom(HU, direction=direction(turn), spacing_mm=spacing_mm))
        for number in lost:
            files[number].unlink()
        verdict, volume, reason = loaded(folder)
    is_even = len(set(np.diff(sorted(set(range(7)) - lost)))) == 1
    if not is_even:  # every second slice lost leaves an even stack of thicker steps: the note on unseen tissue says it
        assert verdict is Verdict.REFUSED
        assert "gaps" in reason
    else:
        assert volume is not None
        assert any("was not imaged" in note for note in volume.notes)


@settings(max_examples=20)
@given(degrees=st.floats(3, 30), sign=st.sampled_from((-1, 1)), turn=turns, spacing_mm=spacings)
def test_a_tilted_stack_keeps_every_point_in_its_place(degrees, sign, turn, spacing_mm):
    axes = direction(turn)
    written = phantom(ramp(spacing_mm, degrees * sign), direction=axes, spacing_mm=spacing_mm)
    slope = np.tan(np.radians(degrees)) * sign
    with Folder() as folder:
        files = write(folder, written)

        def shear(k: int, ds: pydicom.Dataset) -> None:
            away = axes[:, 1] * slope * spacing_mm[0] * k
            ds.ImagePositionPatient = [
                round(float(p) + a, 7) for p, a in zip(ds.ImagePositionPatient, away, strict=True)
            ]

        edit_files(files, shear)
        verdict, volume, reason = loaded(folder)
    assert verdict is Verdict.RESAMPLED
    assert f"gantry tilt of {degrees:.1f} degrees" in reason
    assert volume is not None
    assert volume.geometry.is_orthogonal
    inside = volume.array > -1000
    at = np.argwhere(inside)
    world = volume.geometry.to_world(at) - written.geometry.origin_mm
    expected = 8000 + ROW * (world @ axes[:, 1]) / spacing_mm[1] + COLUMN * (world @ axes[:, 2]) / spacing_mm[2]
    found = volume.array[inside]
    rim = np.abs(found - expected) > 1.5  # a row at the edge blends with the air beside it
    assert rim.sum() <= 2 * volume.array.shape[0] * volume.array.shape[2]
    assert inside.sum() - rim.sum() >= 0.8 * written.array.size


def ramp(spacing_mm: tuple[float, float, float], degrees: float) -> NDArray[np.int16]:
    """8000 + ROW a row + COLUMN a column, in patient space, as a tilted stack samples it; too steep for tissue."""
    k, j, i = np.indices((7, 16, 14))
    down = j + k * spacing_mm[0] * np.tan(np.radians(degrees)) / spacing_mm[1]
    return np.rint(8000 + ROW * down + COLUMN * i).astype(np.int16)


@pytest.mark.parametrize("share", [0.02, 0.05, 0.09])
def test_jitter_is_resampled_to_where_it_was(tmp_path, share):
    heights = 2.5 * np.arange(10) + 2.5 * share * np.random.default_rng(4).uniform(-0.5, 0.5, 10)
    array = np.repeat(np.rint(20 * heights)[:, None, None], 8, 1).repeat(8, 2).astype(np.int16)
    files = write(tmp_path, phantom(array))
    edit_files(files, lambda k, ds: setattr(ds, "ImagePositionPatient", [0, 0, round(float(heights[k]), 4)]))
    verdict, volume, _ = loaded(tmp_path)
    assert volume is not None
    world = volume.geometry.to_world([(k, 0, 0) for k in range(volume.array.shape[0])])[:, 2]
    if verdict is Verdict.RESAMPLED:
        np.testing.assert_allclose(volume.array[:, 3, 3], 20 * world, atol=1.01)
    else:
        assert np.abs(world - heights).max() < 2 * max(0.05, 0.01 * 2.5)
