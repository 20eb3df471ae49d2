"""Densitometry of lungs whose histogram is known, and what forbids it."""

from __future__ import annotations

import numpy as np
import pytest

from tomoscribe.core import Acquisition, Geometry, SeriesRef, Volume
from tomoscribe.findings.chest import emphysema
from tomoscribe.findings.chest.kernels import Kernel, kernel_character
from tomoscribe.findings.chest.lungs import AIRWAYS, LEFT, RIGHT, Lungs


@pytest.mark.parametrize(
    ("manufacturer", "kernel", "expected"),
    [
        ("SIEMENS", "B30f", Kernel.SOFT),
        ("Siemens Healthineers", "Br40d", Kernel.SOFT),
        ("SIEMENS", "B70f", Kernel.SHARP),
        ("SIEMENS", "Bl57d", Kernel.SHARP),
        ("SIEMENS", "I50f", Kernel.SHARP),
        ("GE MEDICAL SYSTEMS", "STANDARD", Kernel.SOFT),
        ("GE MEDICAL SYSTEMS", "LUNG", Kernel.SHARP),
        ("GE MEDICAL SYSTEMS", "BONEPLUS", Kernel.SHARP),
        ("Philips", "B", Kernel.SOFT),
        ("Philips", "L", Kernel.SHARP),
        ("Philips", "YC", Kernel.SHARP),
        ("TOSHIBA", "FC08", Kernel.SOFT),
        ("TOSHIBA", "FC51", Kernel.SHARP),
        ("Canon Medical Systems", "FC18-H", Kernel.SOFT),
        ("GE MEDICAL SYSTEMS", "CHST", Kernel.UNKNOWN),
        ("Nobody", "B30f", Kernel.UNKNOWN),
        ("SIEMENS", None, Kernel.UNKNOWN),
        (None, "B30f", Kernel.UNKNOWN),
    ],
)
def test_kernel_character(manufacturer: str | None, kernel: str | None, expected: Kernel) -> None:
    assert kernel_character(manufacturer, kernel) is expected


def lungs_of(labels: np.ndarray, geometry: Geometry) -> Lungs:
    return Lungs(labels=labels, geometry=geometry, search=labels, search_geometry=geometry)


def volume_of(array: np.ndarray, geometry: Geometry, thickness_mm: float | None = 1.0) -> Volume:
    series = SeriesRef(
        study_uid="1", series_uid="1.2", series_number=1, description=None, instance_uids=(), instance_numbers=()
    )
    return Volume(
        array=array,
        geometry=geometry,
        modality="CT",
        value_unit="hu",
        series=series,
        acquisition=Acquisition(slice_thickness_mm=thickness_mm),
    )


def test_share_and_percentile_of_known_values() -> None:
    geometry = Geometry.from_parts(spacing_mm=(1, 1, 1), origin_mm=(0, 0, 0), shape=(10, 40, 40))
    array = np.full(geometry.shape, 40, np.int16)
    labels = np.zeros(geometry.shape, np.uint8)
    labels[:, 5:25, 2:12], labels[:, 5:25, 20:30] = RIGHT, LEFT
    labels[:, 30:33, 15:18] = AIRWAYS
    array[labels > 0] = -1000
    # 4000 lung voxels: -900 + 0..99 HU, each value 40 times; then 300 of them -960, beginning with the densest.
    values = np.sort(np.tile(np.arange(-900, -800), 40))
    values[-300:] = -960
    array[(labels == RIGHT) | (labels == LEFT)] = values
    measured = emphysema.measure_emphysema(volume_of(array, geometry), lungs_of(labels, geometry))
    assert measured.laa950_percent == pytest.approx(7.5)
    # 600 voxels are the lowest 15 %: 300 of -960 HU, then 7.5 values of 40 voxels from -900 on.
    assert measured.perc15_hu == pytest.approx(-893.0, abs=0.51)
    assert measured.densest_mm is not None
    assert measured.densest_mm[2] > 4.0
    assert measured.box_mm[0] == pytest.approx((1.5, 4.5, -0.5))


def test_minus_950_itself_is_not_below() -> None:
    geometry = Geometry.from_parts(spacing_mm=(1, 1, 1), origin_mm=(0, 0, 0), shape=(4, 4, 4))
    labels = np.full(geometry.shape, LEFT, np.uint8)
    measured = emphysema.measure_emphysema(
        volume_of(np.full(geometry.shape, -950, np.int16), geometry), lungs_of(labels, geometry)
    )
    assert measured.laa950_percent == 0.0
    assert measured.densest_mm is None


def test_what_forbids_densitometry() -> None:
    good = Acquisition(manufacturer="GE MEDICAL SYSTEMS", kernel="STANDARD", contrast=False)
    assert emphysema.objections(good, 1.25) == ()
    assert emphysema.doubts(good) == ("depth of inspiration",)
    bad = Acquisition(manufacturer="GE MEDICAL SYSTEMS", kernel="LUNG", contrast=True)
    assert emphysema.objections(bad, 2.5) == (
        "intravenous contrast",
        "thick slices",
        "a sharp reconstruction kernel",
    )
    unknown = Acquisition()
    assert emphysema.objections(unknown, 1.5) == ()
    assert emphysema.doubts(unknown) == ("intravenous contrast", "reconstruction kernel", "depth of inspiration")


def test_thickness_is_the_larger_of_distance_and_nominal() -> None:
    geometry = Geometry.from_parts(spacing_mm=(1, 1, 1), origin_mm=(0, 0, 0), shape=(4, 4, 4))
    array = np.zeros(geometry.shape, np.int16)
    assert emphysema.thickness_mm(volume_of(array, geometry, 2.5)) == 2.5
    assert emphysema.thickness_mm(volume_of(array, geometry, 0.6)) == pytest.approx(1.0)
    assert emphysema.thickness_mm(volume_of(array, geometry, None)) == pytest.approx(1.0)
