"""A report's text in a second language: the writer's sentences on the same findings, marked as a translation.

The translation follows the signed text statement by statement, whoever worded it; only a clinician's own sentence
cannot be put into another language here: the translation says that it stands in the signed text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tomoscribe.core import Report, Section, Source, Statement, Study, Translation
from tomoscribe.reports.writer.language import Language, language_of
from tomoscribe.reports.writer.report import write_report


def translated(report: Report, study: Study, language: str, warnings: Sequence[str] = ()) -> Report:
    """The report with its translation into another language, made by the writer from the same findings.

    Args:
        study: for the header facts.
        language: ISO 639-1 code, another one than the report's.
        warnings: the report's warnings in English, as they were given to ``write_report``.

    Raises:
        ConfigError: no report is written in this language.
        InvalidValueError: the report is in this language already.
    """
    words = language_of(language)
    sections = _sections(report, study, words)
    told = tuple(words.note(w) for w in warnings)
    return replace(report, translation=Translation(language=words.code, sections=sections, warnings=told))


def renewed(report: Report, study: Study) -> Report:
    """The report with its translation made again from the present text; as it is without one."""
    old = report.translation
    if old is None:
        return report
    sections = _sections(report, study, language_of(old.language))
    return replace(report, translation=replace(old, sections=sections))


def _sections(report: Report, study: Study, language: Language) -> tuple[Section, ...]:
    written = write_report(study, report.findings, provenance=report.provenance, language=language.code)
    return tuple(_section(section, written, language) for section in report.sections)


def _section(section: Section, written: Report, language: Language) -> Section:
    own = written.section(section.name)
    waiting = list(own.statements) if own is not None else []
    statements: list[Statement] = []
    for statement in section.statements:
        if statement.source is Source.CLINICIAN:
            statements.append(replace(statement, text=language.text("clinician_untranslated")))
        else:
            statements += _taken(statement, waiting)
    return Section(name=section.name, statements=tuple(statements))


def _taken(statement: Statement, waiting: list[Statement]) -> list[Statement]:
    """The writer's statements on the same findings, taken from those that wait: one, or one for each of a list."""
    same = [s for s in waiting if s.kind is statement.kind and set(s.finding_uids) == set(statement.finding_uids)][:1]
    if not same:
        same = [s for s in waiting if s.finding_uids and set(s.finding_uids) <= set(statement.finding_uids)]
    for taken in same:
        waiting.remove(taken)
    return same
