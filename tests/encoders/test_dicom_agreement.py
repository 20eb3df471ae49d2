"""Voxel for voxel, in patient space, the same as highdicom and SimpleITK on every series that all of them accept."""

from __future__ import annotations

from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray

from tests.factories import edited, enhanced, phantom, pixels, sets, shuffled, write
from tomoscribe.core import Series, Volume
from tomoscribe.core.errors import TomoscribeError
from tomoscribe.encoders.conversions import array_from_sitk, geometry_from_sitk
from tomoscribe.encoders.dicom import load_volume, scan
from tomoscribe.encoders.dicom.finish import AIR_HU

PLACE_TOLERANCE_VOXEL = 0.01


def assert_same(volume: Volume, array: NDArray[np.floating], affine_kji: NDArray[np.float64]) -> None:
    """Their array lies on our voxels, in whatever axis order and direction, and holds our values.

    Args:
        array: theirs, any axis order.
        affine_kji: 4 x 4, their array's indices to LPS mm.
    """
    to_theirs = np.linalg.inv(affine_kji) @ volume.geometry.affine
    turn = np.rint(to_theirs[:3, :3])
    assert np.abs(to_theirs[:3, :3] - turn).max() * max(volume.geometry.shape) < PLACE_TOLERANCE_VOXEL
    order = [int(np.flatnonzero(turn[:, axis])[0]) for axis in range(3)]
    theirs = np.transpose(array, order)
    flips = [axis for axis in range(3) if turn[order[axis], axis] < 0]
    theirs = np.flip(theirs, flips)
    start = np.array([array.shape[order[a]] - 1 if a in flips else 0 for a in range(3)])
    assert np.abs(to_theirs[:3, 3][order] - start).max() < PLACE_TOLERANCE_VOXEL
    assert theirs.shape == volume.array.shape
    is_padding = (volume.array == AIR_HU) & (theirs < AIR_HU)
    np.testing.assert_allclose(np.where(is_padding, AIR_HU, theirs), volume.array, rtol=1e-5, atol=1e-3)


def by_highdicom(series: Series) -> tuple[NDArray[np.float32], NDArray[np.float64]] | None:
    """Their array and affine; None where highdicom does not take the series for one volume."""
    options = {"dtype": np.float32, "apply_presentation_lut": False, "apply_real_world_transform": False}
    try:
        if series.num_files == 1:
            image = highdicom.Image.from_dataset(pydicom.dcmread(series.files[0]))
            theirs = image.get_volume(**options)
        else:
            theirs = highdicom.get_volume_from_series([pydicom.dcmread(f) for f in series.files], **options)
    except (ValueError, TypeError, AttributeError, RuntimeError, KeyError):
        return None
    return None if theirs is None else (theirs.array, theirs.affine)


def by_simpleitk(series: Series) -> tuple[NDArray[np.float32], NDArray[np.float64]] | None:
    """Their array in (k, j, i) and its affine; None where SimpleITK's series reader fails or gives another shape."""
    folder = series.files[0].parent
    try:
        names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), series.series_uid)
        if len(names) != len(series.files) or series.num_files == 1:
            return None
        image = sitk.ReadImage(names)
    except RuntimeError:
        return None
    return array_from_sitk(image), geometry_from_sitk(image).affine


GENERATED = {
    "good": write,
    "shuffled": shuffled,
    "pixels not square": lambda f: write(f, phantom(spacing_mm=(2.5, 0.9, 0.4))),
    "coronal": lambda f: write(f, phantom(direction=np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]], float))),
    "oblique": lambda f: write(f, phantom(direction=turned(0.3, 0.2))),
    "MR": lambda f: write(f, phantom(modality="MR", direction=turned(-0.7, 0.4))),
    "slope per slice": edited(lambda k, ds: pixels(lambda v: v + 3 * k, RescaleIntercept=-1024 - 3 * k)(k, ds)),
    "slope of a tenth": edited(sets(RescaleSlope=0.1, RescaleIntercept=0), modality="MR"),
    "signed": edited(pixels(lambda v: v - 1024, PixelRepresentation=1, BitsStored=16, HighBit=15, RescaleIntercept=0)),
    "enhanced CT": enhanced("CT"),
    "enhanced MR": enhanced("MR"),
}


def turned(about_x: float, about_z: float) -> NDArray[np.float64]:
    """Axial axes (k, j, i) turned about two world axes, radians."""
    c, s, d, t = np.cos(about_x), np.sin(about_x), np.cos(about_z), np.sin(about_z)
    turn = np.array([[d, -t, 0], [t, d, 0], [0, 0, 1]]) @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    return turn @ np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0]], float).T


@pytest.mark.parametrize("name", list(GENERATED))
def test_generated_series(tmp_path, name):
    GENERATED[name](tmp_path)
    (study,) = scan(tmp_path)
    (series,) = study.readable
    volume = load_volume(study, series)
    theirs = by_highdicom(series)
    assert theirs is not None
    assert_same(volume, *theirs)
    if series.num_files > 1 and "slope per slice" not in name:
        others = by_simpleitk(series)
        assert others is not None
        assert_same(volume, *others)


def _series_below(folder: Path) -> list[tuple[Volume, Series]]:
    found = []
    for study in scan(folder):
        for series in study.readable:
            try:
                if series.part is None and series.verdict.value == "accepted":
                    found.append((load_volume(study, series), series))
            except TomoscribeError:
                continue
    return found


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("folder", [
    "lidc/LIDC-IDRI-0001", "lidc/LIDC-IDRI-0003", "chest_more/popi_00", "chest_more/lungdx_A0001", "dicom_odd",
])  # fmt: skip
def test_real_series(shared_data, folder):
    compared = 0
    for volume, series in _series_below(shared_data / folder):
        for theirs in (by_highdicom(series), by_simpleitk(series)):
            if theirs is not None:
                assert_same(volume, *theirs)
                compared += 1
        print(folder, series.number, volume.geometry.shape, compared)
    assert compared >= (10 if folder == "dicom_odd" else 2)
