"""Clinical exports carry the patient's attributes as the source has them: byte for byte, label included."""

from __future__ import annotations

import functools
import subprocess
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from tests.encoders.identified import CHINESE_NAME, LABELS, Label, label_study
from tests.reports.conftest import identity
from tomoscribe.encoders.dicom import read_headers, scan, write_series
from tomoscribe.encoders.dicom.verbatim import record_of
from tomoscribe.reports.export import write_results
from tomoscribe.reports.export.identity import copy_identity

PLAIN = (
    "PatientID", "IssuerOfPatientID", "StudyDescription", "AccessionNumber", "PatientBirthDate", "StudyDate",
    "StudyTime", "StudyID", "PatientSex", "PatientAge",
)  # fmt: skip
ROOT = Path(__file__).resolve().parents[2]


def fill(ds: Dataset, label: Label) -> Dataset:
    ds.SpecificCharacterSet = label.written
    words = label.name.split("=")[0 if "=" not in label.name else 1].replace("^", "")
    ds.PatientName = ds.ReferringPhysicianName = label.name
    ds.PatientID, ds.IssuerOfPatientID = f"{words}77", f"{words} HOSPITAL"
    ds.StudyDescription, ds.AccessionNumber = f"{words} CT", "ACC 5"
    item = Dataset()
    item.PatientID, item.TypeOfPatientID = f"{words}-2", "TEXT"
    ds.OtherPatientIDsSequence = Sequence([item])
    return ds


def raw(path: Path) -> dict[str, bytes]:
    """Bytes of the identifying text of a file, without padding."""
    ds = pydicom.dcmread(path, stop_before_pixels=True)
    found = {name: _bytes(ds, name) for name in (*PLAIN, "PatientName", "ReferringPhysicianName")}
    found["items"] = _bytes(ds.OtherPatientIDsSequence[0], "PatientID")
    terms = ds.get("SpecificCharacterSet", "absent")
    found["set"] = repr(terms if isinstance(terms, str) else list(terms)).encode()
    return found


def _bytes(ds: Dataset, name: str) -> bytes:
    element = ds.get_item(name)
    return b"absent" if element is None else bytes(element.value or b"").rstrip(b" \0")


@pytest.fixture(scope="module")
def labelled(case, tmp_path_factory):
    """A function: the case's series on disk under a label; its headers as exports get them, and a source file."""

    @functools.cache
    def folder(name: str) -> Path:
        place = tmp_path_factory.mktemp(name)
        write_series(case.volume, place, identity=identity(), transfer_syntax="1.2.840.10008.1.2.1")
        label_study(place, LABELS[name], fill)
        return place

    def make(name: str) -> tuple[list[Dataset], Path]:
        (study,) = scan(folder(name))
        return read_headers(study.series[0]), sorted(folder(name).iterdir())[0]

    return make


@pytest.mark.parametrize("name", LABELS)
def test_bytes_and_label_of_the_source_stand_in_seg_and_sr(case, labelled, tmp_path, name):
    headers, source = labelled(name)
    write_results(*case.inputs[:2], {case.volume.series.series_uid: headers}, tmp_path / "out")
    for file in ("seg.dcm", "sr.dcm"):
        assert raw(tmp_path / "out" / file) == raw(source)


@pytest.mark.parametrize("name", LABELS)
def test_the_banner_reads_the_name_whatever_the_label_says(labelled, name):
    headers, _ = labelled(name)
    expected = (*LABELS[name].name.split("="), "", "")[:3]
    assert record_of(headers[0]).name_groups() == expected
    assert "77" in (record_of(headers[0]).text("PatientID") or "")


@pytest.mark.parametrize("name", ["latin", "ir-58", "gbk-labelled-latin", "gb18030-unlabelled"])
def test_text_of_our_own_that_does_not_fit_makes_the_copy_utf_8_with_the_same_characters(
    case, labelled, name, tmp_path
):
    headers, _ = labelled(name)
    target = Dataset()
    target.ContentDescription = "未经审核"
    copy_identity(target, headers[0])
    target.save_as(tmp_path / "copy", implicit_vr=False, little_endian=True)
    back = pydicom.dcmread(tmp_path / "copy", force=True)
    assert back.SpecificCharacterSet == "ISO_IR 192"
    assert str(back.PatientName) == LABELS[name].name
    assert back.ContentDescription == "未经审核"
    assert back.OtherPatientIDsSequence[0].PatientID == back.PatientID.replace("77", "-2")


def test_chinese_text_of_our_own_is_written_in_the_source_s_own_chinese_set(labelled, tmp_path):
    headers, source = labelled("gb18030")
    target = Dataset()
    target.ContentDescription = "未经审核"
    copy_identity(target, headers[0])
    target.save_as(tmp_path / "copy", implicit_vr=False, little_endian=True)
    back = pydicom.dcmread(tmp_path / "copy", force=True)
    assert (back.SpecificCharacterSet, back.ContentDescription) == ("GB18030", "未经审核")
    assert (
        bytes(pydicom.dcmread(tmp_path / "copy", force=True).get_item("PatientName").value).rstrip()
        == (raw(source)["PatientName"])
    )


def test_a_record_does_not_show_its_contents(labelled):
    headers, _ = labelled("utf-8")
    assert CHINESE_NAME.split("^")[0] not in repr(record_of(headers[0]))


def test_a_study_holds_no_identifier(labelled):
    _, source = labelled("utf-8")
    (study,) = scan(source.parent)
    shown = repr(replace(study, description=None, series=(replace(study.series[0], files=()),)))
    assert not [w for w in ("Qzwangly", "王槐", "王槐晓淼77", "HOSPITAL", "ACC 5") if w in shown]


def test_only_exports_and_the_banner_ask_for_headers_with_names():
    """``read_headers`` gives whole headers; who calls it writes clinical results and nothing else."""
    done = subprocess.run(
        ["git", "grep", "-l", "-E", r"read_headers|dicom\.verbatim", "--", "*.py", ":!tests"],
        check=True, capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    allowed = (
        "encoders/dicom/",
        "reports/export/",
        "reports/pacs/",
        "reports/batch/",
        "reports/audit.py",
        "cli/read.py",
        "plugin/banner.py",
        "plugin/reporting/steps.py",
    )
    assert [f for f in done.stdout.split() if not f.startswith((*allowed, "validation/"))] == []
