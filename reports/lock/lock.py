"""The evidence lock: a report against its findings and header facts, both ways.

Nothing is written that was not measured, nothing that was found is left out (CLINICAL 1-3). Header facts are not
parsed: the writer renders them again from the study, and the sections that rest on them have to read the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tomoscribe.core import (
    Finding,
    Presence,
    Reading,
    Report,
    ReviewState,
    SectionName,
    Source,
    Statement,
    StatementKind,
    Study,
    reportable,
)
from tomoscribe.reports.lock.compare import differences
from tomoscribe.reports.lock.no_prior import plain, says_no_prior
from tomoscribe.reports.lock.objection import Fault, Objection, Problem
from tomoscribe.reports.lock.sentences import PLACES, Checked, check_clinician, check_linked, check_scope
from tomoscribe.reports.writer import header
from tomoscribe.reports.writer.language import language_of
from tomoscribe.reports.writer.report import (
    fact_statements,
    nothing_actionable_statement,
    recommendation_statements,
    uncertain,
)


@dataclass(frozen=True, kw_only=True)
class _Place:
    section: SectionName
    index: int
    checked: Checked


class EvidenceLock:
    """Checks reports on one study.

    Args:
        study: where the header facts come from: date, age, series, priors.
    """

    def __init__(self, study: Study) -> None:
        self._study = study

    @classmethod
    def of(cls, reading: Reading) -> tuple[Objection, ...]:
        """The objections to the report of a reading."""
        return cls(reading.study).check(reading.report)

    def check(self, report: Report) -> tuple[Objection, ...]:
        """All objections, in reading order, then what is missing; empty when the report may leave.

        A translation is checked as a report of its own, and has to say what the report says.
        """
        found = _Check(self._study, report).objections()
        second = report.in_translation()
        return found if second is None else found + _of_translation(_Check(self._study, second), report, second)


class _Check:
    """One report, with what the header facts and the writer expect of it rendered once."""

    def __init__(self, study: Study, report: Report) -> None:
        self._study = study
        self._report = report
        self._language = language_of(report.language)
        self._facts = fact_statements(study, report.findings, self._language)
        self._age_texts = header.age_texts(study, self._language)
        self._recommendations = recommendation_statements(study, report.findings, self._language)
        self._topics = [t for topics in header.topics(study, report.findings) for t in topics]

    def objections(self) -> tuple[Objection, ...]:
        report = self._report
        places = [
            _Place(section=section.name, index=index, checked=self._checked(statement, section.name))
            for section in report.sections
            for index, statement in enumerate(section.statements)
        ]
        objections = [
            Objection(
                section=p.section,
                index=p.index,
                fault=problem.fault,
                words=f"{problem.words}: '{p.checked.statement.text}'",
                finding_uids=p.checked.statement.finding_uids,
            )
            for p in places
            for problem in p.checked.problems
        ]
        return tuple(objections) + tuple(self._missing(places))

    def _checked(self, statement: Statement, section: SectionName) -> Checked:
        report, language = self._report, self._language
        findings = tuple(report.finding(u) for u in statement.finding_uids)
        if statement.source is Source.CLINICIAN:
            return check_clinician(statement, findings, report.findings, language.code)
        if section in self._facts:
            return self._checked_fact(statement, section)
        if section not in PLACES.get(statement.kind, ()):
            words = f"a {statement.kind.value.replace('_', ' ')} sentence in {section.value.replace('_', ' ')}"
            return Checked(statement=statement, problems=(Problem(fault=Fault.MISPLACED, words=words),))
        if statement.kind is StatementKind.GUIDELINE:
            return self._exact(statement, self._recommendations)
        if findings:
            return check_linked(statement, section, findings, report.findings, language.code)
        return self._checked_scope(statement)

    def _checked_fact(self, statement: Statement, section: SectionName) -> Checked:
        if section is SectionName.COMPARISON and not self._study.priors and self._says_no_prior(statement):
            return Checked(statement=statement, problems=())
        return self._exact(statement, self._facts[section])

    def _says_no_prior(self, statement: Statement) -> bool:
        return says_no_prior(statement.text, self._language.code)

    def _plain(self, text: str) -> str:
        return plain(text, self._language.code)

    def _exact(self, statement: Statement, expected: Sequence[Statement]) -> Checked:
        if self._plain(statement.text) in {self._plain(e.text) for e in expected}:
            return Checked(statement=statement, problems=())
        words = f"expected '{expected[0].text}'" if expected else "expected nothing"
        return Checked(statement=statement, problems=(Problem(fault=Fault.FACT_DIFFERS, words=words),))

    def _checked_scope(self, statement: Statement) -> Checked:
        findings = self._report.findings
        language = self._language
        nothing = nothing_actionable_statement(self._study, findings, language).text
        known = [nothing, language.text("nothing_assessed"), *self._age_texts]
        if self._plain(statement.text) in {self._plain(t) for t in known}:
            return Checked(statement=statement, problems=())
        rated = (Presence.NOT_ASSESSED, Presence.ABSENT, Presence.UNCERTAIN)
        named = frozenset(_key(t) for t in self._topics) | {f.type.meaning for f in findings if f.presence in rated}
        return check_scope(statement, named | {"disease"}, reportable(findings), language.code)

    def _missing(self, places: Sequence[_Place]) -> Iterator[Objection]:
        yield from self._missing_facts(places)
        yield from _missing_findings(self._report, places)
        yield from self._missing_scope(places)
        yield from self._missing_recommendations(places)
        findings = self._report.findings
        if header.is_child(self._study) and any(f.presence is not Presence.NOT_ASSESSED for f in findings):
            yield Objection(
                section=SectionName.NOT_ASSESSED,
                index=None,
                fault=Fault.WRONG_PRESENCE,
                words=f"findings of a child: {header.CHILD_NOTE}",
            )

    def _missing_facts(self, places: Sequence[_Place]) -> Iterator[Objection]:
        for section, expected in self._facts.items():
            here = [p.checked.statement for p in places if p.section is section]
            texts = {self._plain(s.text) for s in here}
            replaced = any(s.source is Source.CLINICIAN for s in here)
            no_prior = section is SectionName.COMPARISON and any(self._says_no_prior(s) for s in here)
            for statement in expected:
                if self._plain(statement.text) not in texts and not replaced and not no_prior:
                    words = f"missing: '{statement.text}'"
                    yield Objection(section=section, index=None, fault=Fault.FACT_DIFFERS, words=words)

    def _missing_recommendations(self, places: Sequence[_Place]) -> Iterator[Objection]:
        """Each guideline that assigns a class, or cannot, is told; a clinician's recommendation stands for all."""
        here = [p.checked.statement for p in places if p.section is SectionName.RECOMMENDATION]
        if any(s.source is Source.CLINICIAN for s in here):
            return
        texts = {self._plain(s.text) for s in here}
        for statement in self._recommendations:
            if self._plain(statement.text) not in texts:
                yield Objection(
                    section=SectionName.RECOMMENDATION,
                    index=None,
                    fault=Fault.OMITTED,
                    words=f"missing: '{statement.text}'",
                    finding_uids=statement.finding_uids,
                )

    def _missing_scope(self, places: Sequence[_Place]) -> Iterator[Objection]:
        section = SectionName.NOT_ASSESSED
        here = [p.checked for p in places if p.section is section]
        named = frozenset(k for c in here for k in c.covers)
        for topic in self._topics:
            if not {topic.key, _key(topic)} & named:
                words = f"the list of what was not assessed leaves out {self._language.topics[topic.key]}"
                yield Objection(section=section, index=None, fault=Fault.OMITTED, words=words)
        texts = {self._plain(c.statement.text) for c in here}
        for text in self._age_texts:
            if self._plain(text) not in texts:
                yield Objection(section=section, index=None, fault=Fault.OMITTED, words=f"missing: '{text}'")


def _of_translation(check: _Check, report: Report, second: Report) -> tuple[Objection, ...]:
    own = (replace(o, index=None, words=f"in the translation: {o.words}") for o in check.objections())
    apart = (
        Objection(
            section=SectionName(d.section),
            index=None,
            fault=Fault.TRANSLATION_DIFFERS,
            words=f"the translation differs in {d.what}: '{d.first}' and '{d.second}'",
        )
        for d in differences(report, second)
    )
    return (*own, *apart)


def _key(topic: header.Topic) -> str:
    """How the parser names a topic: by its key, or by the finding type its noun means."""
    return topic.finding_type.meaning if topic.finding_type else topic.key


def _missing_findings(report: Report, places: Sequence[_Place]) -> Iterator[Objection]:
    accepted = {f.tracking_uid: f for f in report.findings if f.review.state is not ReviewState.REJECTED}
    rated = (Presence.NOT_ASSESSED, Presence.ABSENT)
    owed = {
        SectionName.FINDINGS: reportable(report.findings),
        SectionName.IMPRESSION: tuple(f for f in reportable(report.findings) if f.actionable),
        SectionName.REVIEW_LIST: uncertain(report.findings),
        SectionName.NOT_ASSESSED: tuple(f for f in accepted.values() if f.presence in rated),
    }
    for section, findings in owed.items():
        told = {u for p in places if p.section is section for u in p.checked.covers}
        for finding in findings:
            if finding.tracking_uid not in told:
                yield _omitted(finding, section, "is not stated")
    changed = {u for p in places if p.section is SectionName.FINDINGS for u in p.checked.changes}
    for finding in reportable(report.findings):
        if finding.change is not None and finding.tracking_uid not in changed:
            yield _omitted(finding, SectionName.FINDINGS, "changed, and its change is not stated")


def _omitted(finding: Finding, section: SectionName, words: str) -> Objection:
    side = f"{finding.laterality.value} " if finding.laterality else ""
    return Objection(
        section=section,
        index=None,
        fault=Fault.OMITTED,
        words=f"{side}{finding.type.meaning.lower()} {words}",
        finding_uids=(finding.tracking_uid,),
    )
