"""De-identified results still belong to their de-identified images: references follow, masks and numbers stay."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from tests.encoders.identified import found_in, uids_of
from tests.reports.conftest import identity
from tomoscribe.encoders.dicom import read_headers, scan, write_series
from tomoscribe.encoders.dicom.deidentify import DeidentificationReport, SecretKey, deidentify
from tomoscribe.reports.export import write_results
from tomoscribe.reports.export.seg import read_seg
from tomoscribe.reports.export.sr_read import read_report

KEY = SecretKey(secret=b"a key that is only for tests")
NAMES = {"PHANTOM-7", "PHANTOM HOSPITAL", "幻影", "ACC-1", "20310504", "19700102"}


@pytest.fixture(scope="module")
def cleaned(case, tmp_path_factory) -> tuple[Path, Path, DeidentificationReport]:
    """Images with their results, the cleaned copy, and the report."""
    place = tmp_path_factory.mktemp("results")
    write_series(case.volume, place / "in" / "ct", identity=identity(), transfer_syntax="1.2.840.10008.1.2.1")
    (study,) = scan(place / "in" / "ct")
    headers = {case.volume.series.series_uid: read_headers(study.series[0])}
    write_results(*case.inputs[:2], headers, place / "in" / "results")
    return place / "in", place / "out", deidentify(place / "in", place / "out", key=KEY)


def of_modality(folder: Path, modality: str, label: str | None = None) -> Dataset:
    found = [pydicom.dcmread(f) for f in sorted(folder.rglob("*.dcm"))]
    wanted = [d for d in found if d.Modality == modality and label in (None, d.get("ContentLabel"))]
    assert wanted, modality
    return wanted[0]


def test_masks_and_grid_of_the_seg_stay(cleaned):
    source, out, _ = cleaned
    before, after = read_seg(of_modality(source, "SEG", "FINDINGS")), read_seg(of_modality(out, "SEG", "FINDINGS"))
    assert np.array_equal(before.array, after.array)
    assert np.array_equal(before.geometry.affine, after.geometry.affine)
    assert [s.type for s in before.segments] == [s.type for s in after.segments]


def test_references_lead_to_the_cleaned_images(cleaned):
    source, out, _ = cleaned
    seg, sr = of_modality(out, "SEG", "FINDINGS"), of_modality(out, "SR")
    images = {str(pydicom.dcmread(f).SOPInstanceUID) for f in out.rglob("*.dcm")}
    listed = seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence
    assert {str(i.ReferencedSOPInstanceUID) for i in listed} <= images
    dropped = {KEY.uid(str(pydicom.dcmread(f).SOPInstanceUID)) for f in source.rglob("*.dcm")} - images
    assert {str(u) for u in _references(sr)} <= images | dropped
    assert str(seg.SOPInstanceUID) in {str(u) for u in _references(sr)}
    assert seg.FrameOfReferenceUID == of_modality(out, "CT").FrameOfReferenceUID
    assert seg.StudyInstanceUID == sr.StudyInstanceUID == of_modality(out, "CT").StudyInstanceUID


def _references(ds: Dataset) -> set[str]:
    found = set()
    for element in ds:
        if element.VR == "SQ":
            for item in element.value:
                found |= _references(item)
        elif element.keyword == "ReferencedSOPInstanceUID":
            found.add(element.value)
    return found


def test_measurements_of_the_sr_stay_and_its_sentences_go(cleaned):
    source, out, _ = cleaned
    before, after = read_report(of_modality(source, "SR")), read_report(of_modality(out, "SR"))
    pairs = zip(before.findings, after.findings, strict=True)
    for old, new in pairs:
        assert new.tracking_uid == KEY.uid(old.tracking_uid)
        assert (new.type, new.site, new.laterality, new.presence) == (old.type, old.site, old.laterality, old.presence)
        assert [(m.name, m.value, m.unit) for m in new.measurements] == [
            (m.name, m.value, m.unit) for m in old.measurements
        ]
    codes = [i.CodeValue for i in of_modality(out, "SR").DeidentificationMethodCodeSequence]
    assert codes == ["113100", "113104"]
    assert {s.text for section in after.sections for s in section.statements} == {"REMOVED"}
    before_, after_ = ([f.region.segment for f in r.findings if f.region] for r in (before, after))
    assert after_ == before_


def test_key_images_stay_behind_and_no_name_is_left(cleaned):
    source, out, report = cleaned
    captures = [f for f in source.rglob("*.dcm") if pydicom.dcmread(f).SOPClassUID.name.startswith("Secondary")]
    assert [r.kind for r in report.dropped] == ["Secondary Capture Image Storage"] * len(captures)
    words = NAMES | uids_of(source)
    for file in out.rglob("*.dcm"):
        assert found_in(file.read_bytes(), words) == set()
