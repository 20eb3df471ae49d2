"""All result files or none, and what opens again."""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest

from tomoscribe.core import Presence
from tomoscribe.core.errors import InputError, LockError, OutputError
from tomoscribe.core.serial import reading_from_json
from tomoscribe.reports.export import (
    OPTIONAL_RESULTS,
    RESULT_FILES,
    atomic,
    check_writable,
    html,
    open_folder,
    open_results,
    replace_report,
    write_results,
)
from tomoscribe.reports.export.documents import Document, export_documents
from tomoscribe.reports.export.results import sr_references
from tomoscribe.reports.writer import write_report


def names(folder: Path) -> set[str]:
    return {p.name for p in folder.iterdir()}


def test_the_files_and_what_they_hold(case, tmp_path: Path) -> None:
    paths = write_results(*case.inputs, tmp_path / "new" / "out")
    assert [p.name for p in paths[:5]] == ["report.json", "report.html", "seg.dcm", "sr.dcm", "seg_anatomy.dcm"]
    assert names(tmp_path / "new" / "out") == {*RESULT_FILES, *OPTIONAL_RESULTS}
    assert all(p.is_file() for p in paths)
    assert names(tmp_path / "new" / "out" / "key_images") == {p.name for p in paths[5:]}
    assert names(tmp_path / "new") == {"out"}
    text = paths[0].read_text(encoding="utf-8")
    assert reading_from_json(text).report == case.reading.report
    assert json.loads(text)["report"]["findings"][2]["region"]["center_mm"] == [24.0, 6.0, -80.0]
    assert pydicom.dcmread(paths[3]).Modality == "SR"


def test_seg_and_sr_open_again_as_the_same_reading(case, tmp_path: Path) -> None:
    write_results(*case.inputs, tmp_path)
    back = open_results(tmp_path)
    assert back.report.findings == case.reading.report.findings
    assert back.report.sections == case.reading.report.sections
    findings = case.reading.label_map("findings")
    assert np.array_equal(back.label_map("findings").array, findings.array)
    assert back.label_map("findings").geometry.close_to(findings.geometry, tolerance_mm=1e-3)
    nodule = next(f for f in back.report.findings if f.presence is Presence.PRESENT and f.actionable)
    mask = back.label_map("findings").mask(nodule.region.segment)
    center = back.label_map("findings").geometry.to_world(np.argwhere(mask).mean(axis=0))
    assert np.abs(center - nodule.region.center_mm).max() < 0.5


@pytest.mark.parametrize("number", [1, 2])
def test_a_single_segment_opens_again(case, tmp_path: Path, number: int) -> None:
    """With one segment SEG moves what differs per frame to the shared part."""
    label_map = case.reading.label_map("findings")
    segment = label_map.segments[number - 1]
    array = np.where(label_map.array == number, label_map.array, np.uint8(0))
    alone = replace(label_map, array=array, segments=(segment,))
    reading = replace(case.reading, label_maps=(alone, case.reading.label_map("anatomy")))
    write_results(reading, *case.inputs[1:], tmp_path)
    back = open_results(tmp_path)
    assert np.array_equal(back.label_map("findings").array, array)
    assert back.label_map("findings").segments == (segment,)
    assert back.report.findings == case.reading.report.findings


def test_results_are_replaced_and_other_files_stay(case, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "report.json").write_text("old")
    write_results(*case.inputs, tmp_path)
    assert names(tmp_path) == {*RESULT_FILES, *OPTIONAL_RESULTS, "notes.txt"}
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert (tmp_path / "report.json").read_text(encoding="utf-8").startswith("{")


@pytest.mark.parametrize("error", [OutputError("the page cannot be made"), OSError(28, "No space left on device")])
def test_a_failure_on_the_way_leaves_nothing(case, tmp_path: Path, monkeypatch, error: Exception) -> None:
    def fail(*_: object) -> str:
        raise error

    monkeypatch.setattr(html, "render_html", fail)
    with pytest.raises(OutputError):
        write_results(*case.inputs, tmp_path / "a" / "b")
    assert names(tmp_path) == set()


def test_a_failure_while_moving_keeps_the_earlier_results(case, tmp_path: Path, monkeypatch) -> None:
    for name in RESULT_FILES:
        (tmp_path / name).write_text(f"old {name}")
    real = atomic.os.replace

    def fail_at_sr(source: Path, target: Path) -> None:
        if Path(target) == tmp_path / "sr.dcm" and Path(source).parent.name != "replaced":
            raise OSError(5, "Input/output error")
        real(source, target)

    monkeypatch.setattr(atomic.os, "replace", fail_at_sr)
    with pytest.raises(OutputError, match="Input/output error"):
        write_results(*case.inputs, tmp_path)
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {n: f"old {n}" for n in RESULT_FILES}


def test_a_report_that_the_lock_objects_to_is_not_written(case, tmp_path: Path) -> None:
    text = json.dumps([s.text for s in case.reading.report.statements])
    assert "16 x 15 mm" in text
    sections = tuple(
        replace(s, statements=tuple(replace(t, text=t.text.replace("16 x 15 mm", "99 x 15 mm")) for t in s.statements))
        for s in case.reading.report.sections
    )
    reading = replace(case.reading, report=replace(case.reading.report, sections=sections))
    with pytest.raises(LockError, match="evidence lock objects"):
        write_results(reading, *case.inputs[1:], tmp_path / "out")
    assert names(tmp_path) == set()


def test_anatomy_is_written_where_no_finding_has_a_mask(case, tmp_path: Path) -> None:
    anatomy = case.reading.label_map("anatomy")
    findings = replace(case.reading.label_map("findings"), array=np.zeros((40, 62, 80), np.uint8))
    write_results(replace(case.reading, label_maps=(findings, anatomy)), *case.inputs[1:], tmp_path)
    back = open_results(tmp_path)
    assert np.array_equal(back.label_map("anatomy").array, anatomy.array)
    assert back.report.findings == case.reading.report.findings


def test_a_reading_that_lacks_the_mask_of_a_finding_or_headers_is_refused(case, tmp_path: Path) -> None:
    reading, volumes, headers = case.inputs
    with pytest.raises(OutputError, match="expected a mask"):
        write_results(replace(reading, label_maps=()), volumes, headers, tmp_path / "out")
    with pytest.raises(OutputError, match="headers"):
        write_results(reading, volumes, {}, tmp_path / "out")
    assert names(tmp_path) == set()


@pytest.mark.parametrize("without_place", [False, True])
def test_a_reading_in_which_nothing_was_outlined_has_everything_but_a_seg(
    case, tmp_path: Path, dciodvfy_errors, without_place: bool
) -> None:
    findings = tuple(f for f in case.reading.report.findings if without_place and f.region is None)
    assert bool(findings) == without_place
    report = write_report(case.reading.study, findings, provenance=case.reading.report.provenance)
    bare = replace(case.reading, report=report, label_maps=())
    (tmp_path / "seg.dcm").write_bytes(b"of an earlier reading")
    paths = write_results(bare, *case.inputs[1:], tmp_path)
    assert [p.name for p in paths] == list(RESULT_FILES)
    assert names(tmp_path) == set(RESULT_FILES)
    assert dciodvfy_errors(tmp_path / "sr.dcm") == []
    opened = open_folder(tmp_path)
    assert opened.reading.report == replace(report, provenance=opened.reading.report.provenance)
    assert opened.seg is None
    replace_report(opened, opened.reading, tmp_path)
    assert open_results(tmp_path).report.sections == report.sections
    key = export_documents(open_folder(tmp_path), tmp_path / "more", [Document.KEY_OBJECTS, Document.TEXT])[0]
    assert dciodvfy_errors(key) == []
    shown = sr_references(pydicom.dcmread(key))
    assert [r.uid for r in shown] == [str(case.headers[len(case.headers) // 2].SOPInstanceUID)]


def test_a_seg_that_is_missing_or_of_no_sr_is_refused(case, tmp_path: Path) -> None:
    write_results(*case.inputs, tmp_path / "whole")
    empty = write_report(case.reading.study, (), provenance=case.reading.report.provenance)
    bare = replace(case.reading, report=empty, label_maps=())
    write_results(bare, *case.inputs[1:], tmp_path / "bare")
    (tmp_path / "whole" / "seg.dcm").rename(tmp_path / "bare" / "seg.dcm")
    with pytest.raises(InputError, match="found none"):
        open_results(tmp_path / "whole")
    with pytest.raises(InputError, match="refers to the SEG beside it"):
        open_results(tmp_path / "bare")


def test_a_place_that_cannot_be_written_is_named_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="found a file"):
        check_writable(tmp_path / "file")
    with pytest.raises(OutputError, match="cannot write"):
        check_writable(tmp_path / "file" / "below")
    check_writable(tmp_path / "not" / "there" / "yet")
    assert names(tmp_path) == {"file"}


def test_json_and_page_hold_no_identifier(case, tmp_path: Path) -> None:
    paths = write_results(*case.inputs, tmp_path)
    for path in paths[:2]:
        text = path.read_text(encoding="utf-8")
        assert "PHANTOM" not in text
        assert "ACC-1" not in text
        assert "幻影" not in text


def test_what_is_no_result_folder_is_refused(case, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found none"):
        open_results(tmp_path)
    write_results(*case.inputs, tmp_path)
    (tmp_path / "sr.dcm").write_bytes(b"not DICOM" * 50)
    with pytest.raises(InputError, match="DICOM"):
        open_results(tmp_path)
    (tmp_path / "sr.dcm").write_bytes((tmp_path / "seg.dcm").read_bytes())
    with pytest.raises(InputError, match="expected a SEG and an SR"):
        open_results(tmp_path)


@pytest.mark.parametrize(
    ("character_set", "name"),
    [
        ("GB18030", "Wang^XiaoDong=王^小东=wang^xiaodong"),
        ("GBK", "Wang^XiaoDong=王^小东"),
        ("ISO_IR 100", "Müller^Jörg"),
        (None, "PLAIN^NAME"),
    ],
)
def test_names_in_any_character_set_stay_the_same_words(
    case, tmp_path: Path, character_set: str | None, name: str
) -> None:
    """The objects carry the character set of their source: an English report fits into any."""
    headers = []
    for header in case.headers:
        buffer, copied = io.BytesIO(), copy.deepcopy(header)
        del copied.SpecificCharacterSet
        if character_set is not None:
            copied.SpecificCharacterSet = character_set
        copied.PatientName = name
        copied.save_as(buffer, enforce_file_format=True)
        buffer.seek(0)
        headers.append(pydicom.dcmread(buffer))
    write_results(*case.inputs[:2], {case.volume.series.series_uid: headers}, tmp_path)
    for file in ("seg.dcm", "sr.dcm"):
        written = pydicom.dcmread(tmp_path / file)
        assert written.get("SpecificCharacterSet") == character_set
        assert str(written.PatientName) == name


def test_findings_on_one_series_and_anatomy_on_another(make_case: Callable, tmp_path: Path) -> None:
    """As in brain MR: the SEG belongs to the series of the findings, the SR's evidence holds both."""
    case, other = make_case(None, "MR"), make_case()
    findings, anatomy = case.reading.label_map("findings"), other.reading.label_map("anatomy")
    reading = replace(case.reading, label_maps=(findings, anatomy))
    volumes = {**case.inputs[1], **other.inputs[1]}
    write_results(reading, volumes, {**other.inputs[2], **case.inputs[2]}, tmp_path)
    back = open_results(tmp_path)
    assert back.label_map("findings").series_uid == case.volume.series.series_uid
    assert np.array_equal(back.label_map("findings").array, findings.array)
    evidence = pydicom.dcmread(tmp_path / "sr.dcm").CurrentRequestedProcedureEvidenceSequence[0]
    uids = {s.SeriesInstanceUID for s in evidence.ReferencedSeriesSequence}
    assert uids >= {case.volume.series.series_uid, other.volume.series.series_uid}


@pytest.mark.real
def test_a_real_series_round_trip(shared_data: Path, tmp_path: Path) -> None:
    """LIDC-IDRI-0001: a box of 20 x 20 x 20 mm at the nodule's place comes back voxel for voxel."""
    from tomoscribe.core import Algorithm, LabelMap, Segment, terms
    from tomoscribe.encoders.dicom import load_volume, read_headers, scan
    from tomoscribe.reports.export.seg import build_seg, read_seg
    from tomoscribe.reports.export.source_grid import source_grid

    study = scan(shared_data / "lidc" / "LIDC-IDRI-0001")[0]
    series = next(s for s in study.readable if s.modality == "CT")
    volume = load_volume(study, series)
    headers = read_headers(series)
    low, high = (np.round(volume.geometry.to_index((56.4 + d, 86.3 + d, -116.0 + d))).astype(int) for d in (-10, 10))
    array = np.zeros(volume.geometry.shape, np.uint8)
    array[tuple(slice(min(a, b), max(a, b)) for a, b in zip(low, high, strict=True))] = 1
    segment = Segment(number=1, name="box", category=terms.ABNORMAL_STRUCTURE, type=terms.MASS, laterality="left")
    label_map = LabelMap(
        name="findings", array=array, geometry=volume.geometry, segments=(segment,),
        algorithm=Algorithm(name="test", version="1"), series_uid=series.series_uid,
    )  # fmt: skip
    seg = build_seg(label_map, source_grid(headers), {}, "0.1.0")
    seg.save_as(tmp_path / "seg.dcm", enforce_file_format=True)
    back = read_seg(pydicom.dcmread(tmp_path / "seg.dcm"))
    assert back.geometry.close_to(volume.geometry, tolerance_mm=1e-3)
    assert np.array_equal(back.array, array)
    assert back.geometry.to_world(np.argwhere(back.array).mean(axis=0)) == pytest.approx((56.4, 86.3, -116.0), abs=2.0)
