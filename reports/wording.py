"""The decoder's sentences in the writer's report: same findings, same sections, other words."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tomoscribe.core import Report, Section, SectionName, Source, Statement, StatementKind
from tomoscribe.findings.sheet import FactSheet, decoder_findings
from tomoscribe.reports.writer import Phrasebook, with_supplement

if TYPE_CHECKING:
    from tomoscribe.fusion.prompts import TaggedSentence
    from tomoscribe.fusion.report_model import ReportModel
    from tomoscribe.fusion.types import StudyTokens

_WORDED = (SectionName.FINDINGS, SectionName.IMPRESSION)
_Key = tuple[SectionName, str, bool]


def reworded(
    report: Report, model: ReportModel, tokens: StudyTokens | None, *, temperature: float = 0.0, seed: int = 0
) -> Report:
    """The report with the decoder's sentence wherever it wrote one on the same finding in the same section.

    Args:
        report: the writer's; it also gives the order and what the decoder does not word.
        temperature: 0 takes the likeliest word each time.
    """
    sheet = FactSheet.from_findings(decoder_findings(report.findings))
    sentences = model.write(sheet, tokens, temperature=temperature, seed=seed)
    return with_sentences(report, sheet, sentences)


def with_sentences(report: Report, sheet: FactSheet, sentences: tuple[TaggedSentence, ...]) -> Report:
    """The report with tagged sentences in the place of the writer's."""
    texts: dict[_Key, str] = {
        (s.section, sheet.row(s.tag).finding.tracking_uid, s.comparison): s.text for s in sentences
    }
    book = Phrasebook(None, report.language)
    for finding in report.findings:
        key = (SectionName.FINDINGS, finding.tracking_uid, False)
        if key in texts:
            texts[key] = with_supplement(texts[key], finding, book)
    return replace(report, sections=tuple(_section(section, texts) for section in report.sections))


def _section(section: Section, texts: dict[_Key, str]) -> Section:
    if section.name not in _WORDED:
        return section
    return replace(section, statements=tuple(_statement(section.name, s, texts) for s in section.statements))


def _statement(section: SectionName, statement: Statement, texts: dict[_Key, str]) -> Statement:
    if len(statement.finding_uids) != 1:
        return statement
    comparison = statement.kind is StatementKind.COMPARISON
    text = texts.get((section, statement.finding_uids[0], comparison))
    return statement if text is None else replace(statement, text=text, source=Source.DECODER)
