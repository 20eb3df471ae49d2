"""Real series: good ones are accepted with SimpleITK's numbers, odd ones are refused with a reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from tomoscribe.core import Series, Study, Verdict
from tomoscribe.encoders.conversions import array_from_sitk, geometry_from_sitk
from tomoscribe.encoders.dicom import load_volume, read_headers, scan

pytestmark = pytest.mark.real


def series_of(folder: Path) -> list[tuple[Study, Series]]:
    return [(study, series) for study in scan(folder) for series in study.series]


GOOD = {
    "lidc/LIDC-IDRI-0001": ((133, 512, 512), (2.5, 0.703125, 0.703125)),
    "lidc/LIDC-IDRI-0003": ((140, 512, 512), (2.5, 0.820312, 0.820312)),
    "chest_more/popi_00": ((141, 512, 512), (2.0, 0.976562, 0.976562)),
    "chest_more/lungdx_A0001": ((64, 512, 512), (5.0, 0.841797, 0.841797)),
}


@pytest.mark.parametrize("name", list(GOOD))
def test_chest_ct_agrees_with_simpleitk_voxel_for_voxel(shared_data, name):
    ((study, series),) = series_of(shared_data / name)
    shape, spacing = GOOD[name]
    assert (series.verdict, series.shape) == (Verdict.ACCEPTED, shape)
    volume = load_volume(study, series)
    np.testing.assert_allclose(volume.geometry.spacing_mm, spacing, atol=1e-5)
    image = sitk.ReadImage([str(f) for f in series.files])
    np.testing.assert_array_equal(volume.array, array_from_sitk(image))
    theirs = geometry_from_sitk(image, frame_of_reference_uid=volume.geometry.frame_of_reference_uid)
    assert volume.geometry.close_to(theirs, tolerance_mm=1e-4)
    assert volume.array.dtype == np.int16
    assert len(read_headers(series)) == shape[0]


def test_lidc_0001_in_the_patient(shared_data):
    ((study, series),) = series_of(shared_data / "lidc/LIDC-IDRI-0001")
    assert (study.age_years, study.sex) == (None, None)
    found = series.acquisition
    assert (found.contrast, found.kernel, found.manufacturer) == (True, "STANDARD", "GE MEDICAL SYSTEMS")
    volume = load_volume(study, series)
    assert volume.geometry.orientation == "HPL"
    # the truth's nodule lies at LPS (56.4, 86.3, -116.0) mm and is soft tissue
    k, j, i = np.rint(volume.geometry.to_index((56.4, 86.3, -116.0))).astype(int)
    assert 0 < volume.array[k, j - 2 : j + 3, i - 2 : i + 3].mean() < 120


@pytest.mark.parametrize(("folder", "part", "reason"), [
    ("dicom_odd/dcm_qa_ct/Philips/S21570/S1000", "CT", "this is a localizer"),
    ("dicom_odd/dcm_qa_ct/Philips/S21570/S4010", "CT", "Secondary Capture Image Storage"),
    ("dicom_odd/dcm_qa_decubitus/HFS/4_ep2d_diff_mddw_20_p2", "MR", "mosaics of several slices"),
    ("dicom_odd/dcmqi/data/sr-example", "SR", "a structured report"),
    ("dicom_odd/dcmqi/data/sr-example", "SEG", "a segmentation"),
    ("dicom_odd/wg04/data/WG04/J2KR", "CT", "only one slice"),
    ("dicom_odd/wg04/data/WG04/J2KI", "US", "ultrasound (modality US) is not read"),
    ("dicom_odd/wg04/data/WG04/JPLY", "XA", "angiography (modality XA) is not read"),
    ("dicom_odd/wg04/data/WG04/RLE", "NM", "nuclear medicine (modality NM) is not read"),
])  # fmt: skip
def test_odd_series_are_refused(shared_data, folder, part, reason):
    found = [series for _, series in series_of(shared_data / folder) if series.modality == part]
    assert found
    for series in found:
        assert series.verdict is Verdict.REFUSED
        assert reason in (series.reason or "")
        assert series.remedy


def test_head_in_two_positions_is_accepted_as_t1(shared_data):
    found = [s for _, s in series_of(shared_data / "dicom_odd/dcm_qa_decubitus") if s.description == "t1_fl2d_sag"]
    assert [s.acquisition.sequence for s in found] == ["T1", "T1"]
    assert [s.shape for s in found] == [(35, 256, 256)] * 2
