"""What a person changes: findings and sentences, and that the writer and the lock follow."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tomoscribe.core import Override, Presence, Reading, Review, ReviewState, SectionName, Source, terms
from tomoscribe.core.errors import InputError, InvalidValueError
from tomoscribe.findings import drawn
from tomoscribe.reports import editing
from tomoscribe.reports.export.seg import build_seg
from tomoscribe.reports.export.source_grid import source_grid
from tomoscribe.reports.export.sr_read import read_report
from tomoscribe.reports.export.sr_write import Evidence, build_sr
from tomoscribe.reports.lock import EvidenceLock, Fault
from tomoscribe.reports.signing import Signer

SIGNER = Signer(login="reader1", full_name="Dr. Ada Reader")
AT = "2031-05-05T10:00:00+08:00"
OVERRIDE = Override(by=SIGNER.name, at=AT, reason="seen on the coronal reformation")


def nodule(reading: Reading):
    return next(f for f in reading.report.findings if f.type == terms.NODULE and f.presence is Presence.PRESENT)


def sentences(reading: Reading) -> list[str]:
    return [s.text for s in reading.report.statements]


def number_of_sentence(reading: Reading, uid: str) -> int:
    return next(n for n, s in enumerate(reading.report.statements) if s.finding_uids == (uid,))


def longer(reading: Reading, mm: float):
    finding = nodule(reading)
    x, y, z = finding.region.center_mm
    return drawn.remeasured(finding, drawn.ruler((x, y - mm / 2, z), (x, y + mm / 2, z)).measurements)


def test_a_changed_number_is_written_anew_and_nothing_else_is(case) -> None:
    before = sentences(case.reading)
    edited = editing.replace_finding(case.reading, longer(case.reading, 27.0), SIGNER, AT)
    new = [t for t in sentences(edited) if t not in before]
    assert new
    assert all("27" in t for t in new)
    assert EvidenceLock.of(edited) == ()
    finding = nodule(edited)
    assert (finding.review.state, finding.review.reviewer) == (ReviewState.EDITED, SIGNER.name)
    kept = [s for s in case.reading.report.statements if finding.tracking_uid not in s.finding_uids]
    assert all(s in edited.report.statements for s in kept)


def test_the_same_finding_again_is_no_edit(case) -> None:
    assert editing.replace_finding(case.reading, nodule(case.reading), SIGNER, AT) is case.reading


def test_a_rejected_finding_that_is_accepted_again_has_its_sentences_back(case) -> None:
    uid = nodule(case.reading).tracking_uid
    no = Review(state=ReviewState.REJECTED, reviewer=SIGNER.name, at=AT, reason="a vessel")
    rejected = editing.review(case.reading, [uid], no)
    assert not any(uid in s.finding_uids for s in rejected.report.statements)
    assert EvidenceLock.of(rejected) == ()
    again = editing.review(rejected, [uid], Review(state=ReviewState.ACCEPTED, reviewer=SIGNER.name, at=AT))
    assert any(uid in s.finding_uids for s in again.report.statements)
    assert EvidenceLock.of(again) == ()


def test_a_drawn_finding_stands_in_the_report_and_is_counted(case) -> None:
    volume = case.volume
    center = nodule(case.reading).region.center_mm
    far = drawn.ruler((center[0], center[1] + 30, center[2]), (center[0], center[1] + 38, center[2]))
    finding = drawn.drawn_finding(volume, far, terms.NODULE, nodule(case.reading).laterality)
    added = editing.add_finding(case.reading, finding, None, SIGNER, AT)
    assert any(s.finding_uids == (finding.tracking_uid,) and "8 mm" in s.text for s in added.report.statements)
    assert EvidenceLock.of(added) == ()
    assert added.report.finding(finding.tracking_uid).review.reviewer == SIGNER.name
    with pytest.raises(InputError, match="already"):
        editing.add_finding(added, finding, None, SIGNER, AT)


def test_one_of_several_nodules_can_be_rejected(case) -> None:
    volume, uid = case.volume, nodule(case.reading).tracking_uid
    reading = case.reading
    for shift in (30.0, 50.0):
        x, y, z = nodule(case.reading).region.center_mm
        ruler = drawn.ruler((x, y + shift, z), (x, y + shift + 8, z))
        finding = drawn.drawn_finding(volume, ruler, terms.NODULE, nodule(case.reading).laterality)
        reading = editing.add_finding(reading, finding, None, SIGNER, AT)
    no = Review(state=ReviewState.REJECTED, reviewer=SIGNER.name, at=AT, reason="a vessel")
    assert EvidenceLock.of(editing.review(reading, [uid], no)) == ()


def test_what_was_rejected_can_be_outlined_anew(case) -> None:
    old = nodule(case.reading)
    label_map = case.reading.label_map("findings")
    mask = replace(
        label_map,
        array=(label_map.array == label_map.segment(old.region.segment).number).astype("uint8"),
        segments=(replace(label_map.segment(old.region.segment), number=1, name="added_1", tracking_uid="2.25.7"),),
    )
    new = replace(old, tracking_uid="2.25.7", region=replace(old.region, segment="added_1"))
    with pytest.raises(InputError, match="already"):
        editing.add_finding(case.reading, new, mask, SIGNER, AT)
    no = Review(state=ReviewState.REJECTED, reviewer=SIGNER.name, at=AT, reason="outlined wrongly")
    rejected = editing.review(case.reading, [old.tracking_uid], no)
    added = editing.add_finding(rejected, new, mask, SIGNER, AT)
    drawn_map = added.label_map("findings")
    assert drawn_map.mask("added_1").sum() == mask.array.sum()
    assert old.region.segment not in {s.name for s in drawn_map.segments}
    assert added.report.finding(old.tracking_uid).region.segment is None
    assert EvidenceLock.of(added) == ()


def test_a_clinicians_sentence_replaces_the_writers_and_can_be_taken_back(case) -> None:
    number = number_of_sentence(case.reading, nodule(case.reading).tracking_uid)
    old = case.reading.report.statements[number]
    said = editing.say(case.reading, number, "  Scar-like  opacity, unchanged by hearsay. ")
    new = said.report.statements[number]
    assert (new.text, new.source) == ("Scar-like opacity, unchanged by hearsay.", Source.CLINICIAN)
    assert (new.replaces, new.finding_uids) == (old.text, old.finding_uids)
    assert EvidenceLock.of(said) == ()
    kept = editing.replace_finding(said, longer(said, 27.0), SIGNER, AT)
    assert new.text in sentences(kept)
    assert sentences(editing.say(said, number, "")) == sentences(case.reading)


def test_a_contradiction_is_objected_to_until_a_named_person_overrides_it(case) -> None:
    number = number_of_sentence(case.reading, nodule(case.reading).tracking_uid)
    wrong = "Nodule of 40 mm in the right lung."
    said = editing.say(case.reading, number, wrong)
    assert {o.fault for o in EvidenceLock.of(said)} & {Fault.WRONG_NUMBER, Fault.WRONG_SIDE}
    assert any("40 mm" in words for words in editing.contradictions(said, number))
    overridden = editing.say(case.reading, number, wrong, OVERRIDE)
    assert EvidenceLock.of(overridden) == ()
    assert overridden.report.statements[number].override == OVERRIDE


def test_an_override_ends_when_the_finding_is_measured_again(case) -> None:
    number = number_of_sentence(case.reading, nodule(case.reading).tracking_uid)
    overridden = editing.say(case.reading, number, "Nodule of 40 mm in the right lung.", OVERRIDE)
    changed = editing.replace_finding(overridden, longer(overridden, 27.0), SIGNER, AT)
    assert EvidenceLock.of(changed) != ()


def test_only_a_named_clinician_overrides(case) -> None:
    statement = case.reading.report.statements[0]
    with pytest.raises(InvalidValueError, match="clinician"):
        replace(statement, override=OVERRIDE)
    with pytest.raises(InvalidValueError, match="why"):
        Override(by="reader1", at=AT, reason="")


def test_a_sentence_is_added_where_a_clinician_may_write(case) -> None:
    added = editing.add_sentence(case.reading, SectionName.IMPRESSION, "Clinical correlation is advised.")
    last = added.report.section(SectionName.IMPRESSION).statements[-1]
    assert last.source is Source.CLINICIAN
    assert EvidenceLock.of(added) == ()
    assert editing.place_of(added.report, editing.number_of(added.report, SectionName.IMPRESSION, 0))[1] == 0
    with pytest.raises(InputError):
        editing.add_sentence(case.reading, SectionName.TECHNIQUE, "Four slices.")


def test_a_clinical_question_takes_the_place_of_not_provided(case) -> None:
    report = case.reading.report
    number = editing.number_of(report, SectionName.CLINICAL_INFORMATION, 0)
    said = editing.say(case.reading, number, "Cough for three weeks.")
    assert EvidenceLock.of(said) == ()
    assert [s.text for s in said.report.section(SectionName.CLINICAL_INFORMATION).statements] == [
        "Cough for three weeks."
    ]
    assert editing.rewritten(said, said.report.findings).report == said.report


def test_an_override_comes_back_from_the_sr(case) -> None:
    number = number_of_sentence(case.reading, nodule(case.reading).tracking_uid)
    overridden = editing.say(case.reading, number, "Nodule of 40 mm in the right lung.", OVERRIDE)
    seg = build_seg(overridden.label_map("findings"), source_grid(case.headers), {}, "test")
    headers = {str(h.SOPInstanceUID): h for h in case.headers}
    sr = build_sr(overridden, Evidence(seg=seg, seg_map="findings", headers=headers, version="test"))
    assert read_report(sr).statements[number] == overridden.report.statements[number]
