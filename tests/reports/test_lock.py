"""The evidence lock on whole reports: what is left out, what contradicts, who may say what, and replacing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tomoscribe.core import SectionName, Source, Statement, StatementKind, terms
from tomoscribe.reports.lock import EvidenceLock, Fault, lock_report
from tomoscribe.reports.writer import write_report
from tomoscribe.validation.lock_trial.patients import PROVENANCE, random_case

CASE = random_case(2)
REPORT = write_report(CASE.study, CASE.findings, provenance=PROVENANCE)
LOCK = EvidenceLock(CASE.study)
LEFT, RIGHT = (
    next(f for f in CASE.findings if f.type == terms.NODULE and f.laterality == side) for side in ("left", "right")
)


def _edited(report, name, edit):
    """The report with one section's statements passed through ``edit``."""
    sections = tuple(
        replace(s, statements=tuple(edit(list(s.statements)))) if s.name is name else s for s in report.sections
    )
    return replace(report, sections=sections)


def _faults(report):
    return {(o.section, o.fault) for o in LOCK.check(report)}


def _about(finding, statements, kind=StatementKind.FINDING):
    return next(n for n, s in enumerate(statements) if s.finding_uids == (finding.tracking_uid,) and s.kind is kind)


def test_the_case_is_the_one_the_other_tests_speak_of():
    assert LOCK.check(REPORT) == ()
    assert LEFT.actionable
    assert RIGHT.change is not None
    assert CASE.study.age_years is None


@pytest.mark.parametrize("name", [SectionName.FINDINGS, SectionName.IMPRESSION])
def test_a_finding_left_out_is_an_objection_that_names_it(name):
    def edit(statements):
        del statements[_about(LEFT, statements)]
        return statements

    (objection,) = LOCK.check(_edited(REPORT, name, edit))
    assert (objection.section, objection.fault, objection.index) == (name, Fault.OMITTED, None)
    assert objection.finding_uids == (LEFT.tracking_uid,)
    assert "reject the finding" in objection.remedy


def test_a_change_left_out_is_an_objection():
    def edit(statements):
        del statements[_about(RIGHT, statements, StatementKind.COMPARISON)]
        return statements

    assert _faults(_edited(REPORT, SectionName.FINDINGS, edit)) == {(SectionName.FINDINGS, Fault.OMITTED)}


def test_numbers_swapped_between_two_findings_are_refused_in_both_sentences():
    def edit(statements):
        a, b = _about(LEFT, statements), _about(RIGHT, statements)
        texts = statements[a].text.replace("left", "right"), statements[b].text.replace("right", "left")
        statements[a], statements[b] = replace(statements[a], text=texts[1]), replace(statements[b], text=texts[0])
        return statements

    objections = LOCK.check(_edited(REPORT, SectionName.FINDINGS, edit))
    assert {o.finding_uids for o in objections if o.fault is Fault.WRONG_NUMBER} == {
        (LEFT.tracking_uid,),
        (RIGHT.tracking_uid,),
    }


def test_one_finding_told_twice_does_not_stand_for_another():
    def edit(statements):
        a, b = _about(LEFT, statements), _about(RIGHT, statements)
        statements[b] = statements[a]
        return statements

    assert (SectionName.FINDINGS, Fault.OMITTED) in _faults(_edited(REPORT, SectionName.FINDINGS, edit))


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        (SectionName.EXAMINATION, "chest", "abdomen"),
        (SectionName.TECHNIQUE, "120 kVp", "100 kVp"),
        (SectionName.TECHNIQUE, "not stated in the header", "given"),
        (SectionName.COMPARISON, "2018-09-17", "2019-09-17"),
        (SectionName.RECOMMENDATION, "No guideline class is assigned", "Fleischner: CT at 3 months"),
        (SectionName.NOT_ASSESSED, "pneumothorax, ", ""),
        (SectionName.NOT_ASSESSED, "age of the patient is not known", "age of the patient is 60 years"),
        (SectionName.NOT_ASSESSED, "Not assessed: pulmonary", "Normal: pulmonary"),
    ],
)
def test_header_facts_and_scope_cannot_be_altered(name, old, new):
    assert any(old in s.text for s in REPORT.section(name).statements)
    changed = _edited(REPORT, name, lambda ss: [replace(s, text=s.text.replace(old, new)) for s in ss])
    assert {o.section for o in LOCK.check(changed)} == {name}


def test_a_section_that_is_missing_is_an_objection():
    for name in (SectionName.TECHNIQUE, SectionName.NOT_ASSESSED, SectionName.REVIEW_LIST):
        without = replace(REPORT, sections=tuple(s for s in REPORT.sections if s.name is not name))
        assert {o.section for o in LOCK.check(without)} == {name}


def test_a_normal_organ_is_refused_wherever_it_stands():
    for kind, uids in ((StatementKind.NEGATIVE, (LEFT.tracking_uid,)), (StatementKind.NOT_ASSESSED, ())):
        added = Statement(text="The liver is normal.", kind=kind, source=Source.DECODER, finding_uids=uids)
        changed = _edited(REPORT, SectionName.IMPRESSION, lambda ss, added=added: [*ss, added])
        assert (SectionName.IMPRESSION, Fault.UNLICENSED_NEGATIVE) in _faults(changed)


def test_a_review_sentence_has_no_place_among_the_findings():
    waiting = REPORT.section(SectionName.REVIEW_LIST).statements[0]
    changed = _edited(REPORT, SectionName.FINDINGS, lambda ss: [*ss, waiting])
    assert _faults(changed) == {(SectionName.FINDINGS, Fault.MISPLACED)}


def test_a_clinician_is_contradicted_only_by_measurements():
    def said(text, uids=()):
        sentence = Statement(text=text, kind=StatementKind.FINDING, source=Source.CLINICIAN, finding_uids=uids)
        return LOCK.check(_edited(REPORT, SectionName.IMPRESSION, lambda ss: [*ss, sentence]))

    assert said("Spiculated margin, suspicious for bronchial carcinoma.") == ()
    assert said("No consolidation.") == ()
    (objection,) = said("No nodule in the left lung.", (LEFT.tracking_uid,))
    assert objection.fault is Fault.UNLICENSED_NEGATIVE


def test_a_clinicians_sentence_stands_for_the_finding_it_is_linked_to():
    def edit(statements):
        n = _about(LEFT, statements)
        statements[n] = replace(statements[n], text="Lobulated lesion, see PET.", source=Source.CLINICIAN)
        return statements

    assert LOCK.check(_edited(REPORT, SectionName.IMPRESSION, edit)) == ()


def test_refused_decoder_sentences_give_way_and_keep_their_trace():
    def edit(statements):
        statements = [replace(s, source=Source.DECODER) for s in statements]
        n = _about(LEFT, statements)
        statements[n] = replace(statements[n], text="Solid nodule in the left lung: 99 x 22 mm.")
        del statements[_about(RIGHT, statements)]
        return statements

    draft = _edited(REPORT, SectionName.IMPRESSION, edit)
    locked = lock_report(draft, REPORT, CASE.study)
    assert LOCK.check(locked) == ()
    statements = locked.section(SectionName.IMPRESSION).statements
    left = statements[_about(LEFT, statements)]
    assert left.source is Source.WRITER
    assert left.replaces == "Solid nodule in the left lung: 99 x 22 mm."
    assert left.objection == ("wrong_number: 99 mm, measured 28 mm: 'Solid nodule in the left lung: 99 x 22 mm.'")
    assert statements[_about(RIGHT, statements)].replaces is None


def test_a_true_decoder_sentence_stays():
    def edit(statements):
        n = _about(LEFT, statements)
        statements[n] = replace(statements[n], text="Left lung: solid nodule, 28 by 22 mm.", source=Source.DECODER)
        return statements

    draft = _edited(REPORT, SectionName.IMPRESSION, edit)
    assert lock_report(draft, REPORT, CASE.study) == draft


def test_findings_of_a_child_are_refused_even_when_the_text_fits():
    child = replace(CASE.study, age_years=9.0)
    faults = {o.fault for o in EvidenceLock(child).check(REPORT)}
    assert Fault.WRONG_PRESENCE in faults
