"""The life of a report: who may take which step, when it is refused, and that each step comes back from the SR."""

from __future__ import annotations

import os
import pwd
from dataclasses import replace

import pydicom
import pytest

from tomoscribe.core import (
    Communication,
    Presence,
    Reading,
    ReportStatus,
    Review,
    ReviewState,
    SectionName,
    Source,
    terms,
)
from tomoscribe.core.errors import InputError, InvalidValueError, LockError, UnsignedError
from tomoscribe.reports import signing
from tomoscribe.reports.export.seg import build_seg
from tomoscribe.reports.export.source_grid import source_grid
from tomoscribe.reports.export.sr_read import read_report, read_study
from tomoscribe.reports.export.sr_write import Evidence, build_sr
from tomoscribe.reports.lock import EvidenceLock
from tomoscribe.reports.signing import Signer

SIGNER = Signer(login="reader1", full_name="Dr. Ada Reader")
AT = "2031-05-05T10:00:00+08:00"
LATER = "2031-05-06T08:30:00+08:00"
ACCEPTED = Review(state=ReviewState.ACCEPTED, reviewer=SIGNER.name, at=AT)


def reviewed(reading: Reading) -> Reading:
    return signing.review(reading, [f.tracking_uid for f in signing.unreviewed(reading.report)], ACCEPTED)


def signed(reading: Reading) -> Reading:
    return signing.release(reviewed(reading), ReportStatus.FINAL, SIGNER, AT)


def nodule(reading: Reading):
    return next(f for f in reading.report.findings if f.type == terms.NODULE and f.presence is Presence.PRESENT)


def document(case, reading: Reading, predecessor: pydicom.Dataset | None = None) -> pydicom.Dataset:
    seg = build_seg(reading.label_map("findings"), source_grid(case.headers), {}, "0.1.0")
    headers = {str(h.SOPInstanceUID): h for h in case.headers}
    return build_sr(
        reading,
        Evidence(
            seg=seg,
            seg_map="findings",
            headers=headers,
            version="0.1.0",
            predecessors=() if predecessor is None else (predecessor,),
        ),
    )


@pytest.mark.parametrize("status", [ReportStatus.PRELIMINARY, ReportStatus.FINAL])
def test_signing_is_refused_while_a_finding_is_unreviewed(case, status: ReportStatus) -> None:
    waiting = signing.unreviewed(case.reading.report)
    assert len(waiting) > 1
    with pytest.raises(UnsignedError, match=f"{len(waiting)} finding"):
        signing.release(case.reading, status, SIGNER, AT)
    all_but_one = signing.review(case.reading, [f.tracking_uid for f in waiting[:-1]], ACCEPTED)
    with pytest.raises(UnsignedError, match="1 finding"):
        signing.release(all_but_one, status, SIGNER, AT)
    assert signing.release(reviewed(case.reading), status, SIGNER, AT).report.status is status


def test_signing_is_refused_while_the_lock_objects(case) -> None:
    reading = reviewed(case.reading)
    sections = tuple(
        replace(s, statements=tuple(replace(t, text=t.text.replace("16 x 15 mm", "61 x 15 mm")) for t in s.statements))
        for s in reading.report.sections
    )
    with pytest.raises(LockError):
        signing.release(
            replace(reading, report=replace(reading.report, sections=sections)), ReportStatus.FINAL, SIGNER, AT
        )


def test_each_step_is_written_down_by_name(case) -> None:
    preliminary = signing.release(reviewed(case.reading), ReportStatus.PRELIMINARY, SIGNER, AT)
    assert preliminary.report.verified_by is None
    assert signing.signature(preliminary.report) is None
    final = signing.release(preliminary, ReportStatus.FINAL, SIGNER, LATER)
    assert final.report.verified_by == "Dr. Ada Reader (reader1)"
    assert [(c.status, c.at) for c in final.report.history] == [
        (ReportStatus.PRELIMINARY, AT),
        (ReportStatus.FINAL, LATER),
    ]
    assert signing.signature(final.report) == final.report.history[-1]


@pytest.mark.parametrize("status", [ReportStatus.PRELIMINARY, ReportStatus.FINAL])
def test_a_signed_report_is_not_signed_again(case, status: ReportStatus) -> None:
    with pytest.raises(UnsignedError, match="cannot become"):
        signing.release(signed(case.reading), status, SIGNER, LATER)


def test_an_addendum_leaves_the_signed_text_as_it_is(case) -> None:
    final = signed(case.reading)
    added = signing.append(final, "Discussed at the tumour board.", SIGNER, LATER, "tumour board")
    assert added.report.status is ReportStatus.APPENDED
    assert added.report.sections[:-1] == final.report.sections
    addendum = added.report.section(SectionName.ADDENDUM)
    assert [(s.text, s.source) for s in addendum.statements] == [("Discussed at the tumour board.", Source.CLINICIAN)]
    with pytest.raises(LockError):
        signing.append(final, "There is no nodule in the left lung.", SIGNER, LATER, "looked again")
    with pytest.raises(UnsignedError, match="cannot become appended"):
        signing.append(reviewed(case.reading), "Words.", SIGNER, LATER, "too early")


def test_a_correction_needs_a_change_a_reason_and_a_lock_without_objection(case) -> None:
    final = signed(case.reading)
    with pytest.raises(UnsignedError, match="the same report"):
        signing.correct(final, final.report, SIGNER, LATER, "nothing")
    findings = final.report.section(SectionName.FINDINGS)
    extra = replace(findings.statements[-1], text="Old granuloma known from elsewhere.", source=Source.CLINICIAN)
    more = replace(findings, statements=(*findings.statements, extra))
    sections = tuple(more if s.name is SectionName.FINDINGS else s for s in final.report.sections)
    with pytest.raises(InvalidValueError, match="reason"):
        signing.correct(final, replace(final.report, sections=sections), SIGNER, LATER, "")
    amended = signing.correct(final, replace(final.report, sections=sections), SIGNER, LATER, "outside films came")
    assert amended.report.status is ReportStatus.AMENDED
    assert amended.report.history[:-1] == final.report.history
    assert signing.signature(amended.report).reason == "outside films came"


def test_a_rejected_finding_loses_its_sentences_and_nothing_else(case) -> None:
    uid = nodule(case.reading).tracking_uid
    with pytest.raises(InputError, match="reason"):
        signing.review(case.reading, [uid], Review(state=ReviewState.REJECTED, reviewer="x", at=AT))
    rejected = signing.review(
        case.reading, [uid], Review(state=ReviewState.REJECTED, reviewer="x", at=AT, reason="a vessel")
    )
    assert EvidenceLock.of(rejected) == ()
    assert not [s for s in rejected.report.statements if uid in s.finding_uids]
    others = [s for s in case.reading.report.section(SectionName.FINDINGS).statements if uid not in s.finding_uids]
    assert set(others) <= set(rejected.report.section(SectionName.FINDINGS).statements)
    assert rejected.report.finding(uid).review.reason == "a vessel"
    with pytest.raises(InputError, match="not signed"):
        signing.review(signed(case.reading), [uid], ACCEPTED)
    with pytest.raises(InputError, match="no finding"):
        signing.review(case.reading, ["1.2.3"], ACCEPTED)


def test_a_withdrawn_report_stands_for_nothing(case) -> None:
    gone = signing.withdraw(signed(case.reading), SIGNER, LATER, "wrong patient")
    assert gone.report.status is ReportStatus.ENTERED_IN_ERROR
    assert not gone.report.is_signed
    with pytest.raises(UnsignedError, match="cannot become"):
        signing.withdraw(gone, SIGNER, LATER, "again")


def test_who_signs_is_the_account_and_not_the_environment(monkeypatch) -> None:
    for name in ("USER", "LOGNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    assert signing.process_identity().login == pwd.getpwuid(os.getuid()).pw_name
    assert Signer(login="wang", full_name=None).name == "wang"


def test_a_signed_sr_is_verified_and_names_its_predecessor(case) -> None:
    draft = document(case, case.reading)
    final = signed(case.reading)
    told = Communication(
        finding_uid=nodule(final).tracking_uid, told="Dr. B", by=SIGNER.name, at=LATER, how="telephone"
    )
    final = signing.tell(final, told)
    sr = document(case, final, draft)
    assert (sr.VerificationFlag, sr.CompletionFlag, sr.PreliminaryFlag) == ("VERIFIED", "COMPLETE", "FINAL")
    observer = sr.VerifyingObserverSequence[0]
    assert str(observer.VerifyingObserverName) == "Dr. Ada Reader (reader1)^"
    assert str(observer.VerificationDateTime) == "20310505100000+0800"
    assert sr.SOPInstanceUID != draft.SOPInstanceUID
    before = sr.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0]
    assert before.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == draft.SOPInstanceUID
    back = read_report(sr)
    assert (back.history, back.communications) == (final.report.history, (told,))
    assert (back.status, back.verified_by) == (ReportStatus.FINAL, final.report.verified_by)


def test_a_reopened_report_can_be_locked_again(case) -> None:
    """Technique and comparison rest on series and priors: the SR brings them back."""
    prior = replace(case.reading.study, study_uid="1.2.3.9", date="2030-01-02", series=())
    study = replace(case.reading.study, patient_key="key", priors=(prior,))
    facts = replace(case.reading, study=study)
    back = read_study(document(case, facts))
    assert back.patient_key == ""
    assert [p.date for p in back.priors] == ["2030-01-02"]
    assert [s.acquisition for s in back.series] == [s.acquisition for s in study.series]
    sr = document(case, case.reading)
    assert EvidenceLock(read_study(sr)).check(read_report(sr)) == ()
