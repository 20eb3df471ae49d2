"""Locking a decoder's report: sentences that fail give way to the writer's, marked as such."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tomoscribe.core import Report, Section, SectionName, Source, Statement, Study
from tomoscribe.reports.lock.compare import differences
from tomoscribe.reports.lock.lock import EvidenceLock
from tomoscribe.reports.lock.objection import Fault, Objection
from tomoscribe.reports.writer.translation import renewed


def lock_report(report: Report, fallback: Report, study: Study) -> Report:
    """The report with each refused decoder sentence replaced by the writer's and what is missing added.

    Args:
        report: the decoder's draft.
        fallback: the writer's report on the same findings, to which the lock has no objection.
        study: for the header facts.

    Returns:
        A report to which the lock has no objection unless a clinician's sentence causes one. A replacement holds the
        refused sentence in ``replaces`` and the reason in ``objection``. A translation is made again from the result;
        a decoder's sentence that says less or more than the writer's translation of it is replaced as well.
    """
    locked = _locked(replace(report, translation=None), fallback, study)
    return renewed(_agreeing(renewed(replace(locked, translation=report.translation), study), fallback), study)


def _agreeing(report: Report, fallback: Report) -> Report:
    """The report with the writer's sentence for each of the decoder's that differs from the translation."""
    second = report.in_translation()
    if second is None:
        return report
    apart = {(d.section, d.first): d.what for d in differences(report, second)}

    def in_step(section: Section, statement: Statement) -> Statement:
        what = apart.get((section.name.value, statement.text))
        if what is None or statement.source is not Source.DECODER:
            return statement
        standard = next((s for s in _statements(section.name, fallback) if _same_subject(s, statement)), statement)
        reason = f"{Fault.TRANSLATION_DIFFERS.value}: the translation says more or less ({what})"
        return standard if standard is statement else _marked(standard, (statement, reason))

    sections = tuple(replace(s, statements=tuple(in_step(s, t) for t in s.statements)) for s in report.sections)
    return replace(report, sections=sections)


def _locked(report: Report, fallback: Report, study: Study) -> Report:
    objections = EvidenceLock(study).check(report)
    if not objections:
        return report
    sections = tuple(
        _section(name, report, fallback, objections) for name in SectionName if _has(name, report, fallback)
    )
    locked = replace(report, sections=sections)
    still = {o.section for o in EvidenceLock(study).check(locked)}
    if not still:
        return locked
    rest = tuple(_writers(s.name, locked, fallback, objections) if s.name in still else s for s in sections)
    return replace(locked, sections=rest)


def _has(name: SectionName, report: Report, fallback: Report) -> bool:
    return report.section(name) is not None or fallback.section(name) is not None


def _statements(name: SectionName, report: Report) -> tuple[Statement, ...]:
    section = report.section(name)
    return section.statements if section is not None else ()


def _refused(name: SectionName, objections: Sequence[Objection]) -> dict[int, str]:
    """Index of each refused statement of a section to the first reason."""
    refused: dict[int, str] = {}
    for objection in objections:
        if objection.section is name and objection.index is not None:
            refused.setdefault(objection.index, f"{objection.fault.value}: {objection.words}")
    return refused


def _section(name: SectionName, report: Report, fallback: Report, objections: Sequence[Objection]) -> Section:
    mine = _statements(name, report)
    refused = _refused(name, objections)
    good = [s for n, s in enumerate(mine) if n not in refused or s.source is Source.CLINICIAN]
    bad = [(s, refused[n]) for n, s in enumerate(mine) if n in refused and s.source is not Source.CLINICIAN]
    merged: list[Statement] = []
    for standard in _statements(name, fallback):
        kept = next((s for s in good if _same_subject(s, standard)), None)
        if kept is not None:
            good.remove(kept)
            merged.append(kept)
            continue
        failed = next((b for b in bad if _same_subject(b[0], standard)), None)
        if failed is not None:
            bad.remove(failed)
        merged.append(_marked(standard, failed))
    return Section(name=name, statements=tuple(merged + good))


def _writers(name: SectionName, report: Report, fallback: Report, objections: Sequence[Objection]) -> Section:
    """The writer's whole section; clinicians' sentences stay."""
    clinicians = [s for s in _statements(name, report) if s.source is Source.CLINICIAN]
    marked = {s.text: s for s in _statements(name, report) if s.replaces is not None}
    own = [marked.get(s.text, s) for s in _statements(name, fallback)]
    return Section(name=name, statements=tuple(own + clinicians))


def _same_subject(a: Statement, b: Statement) -> bool:
    return (
        a.kind is b.kind and set(a.finding_uids) == set(b.finding_uids) and (bool(a.finding_uids) or a.text == b.text)
    )


def _marked(standard: Statement, failed: tuple[Statement, str] | None) -> Statement:
    if failed is None:
        return standard
    return replace(standard, replaces=failed[0].text, objection=failed[1])
