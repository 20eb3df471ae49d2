"""Answers that stand on findings: the decoder words them, the evidence lock checks them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tomoscribe.core import Code, Finding, Presence, Reading, SectionName, Source, Statement, StatementKind, terms
from tomoscribe.core.errors import ConfigError
from tomoscribe.findings.sheet import FactSheet, decoder_findings
from tomoscribe.reports.lock.sentences import check_linked
from tomoscribe.reports.writer import (
    DECODER_LANGUAGE,
    Phrasebook,
    finding_statements,
    language_of,
    review_statement,
    unassessed_statement,
    with_supplement,
)

if TYPE_CHECKING:
    from tomoscribe.fusion.report_model import ReportModel
    from tomoscribe.fusion.types import StudyTokens


_WRITERS_ORGANS: tuple[tuple[re.Pattern[str], Code], ...] = (
    (re.compile(r"vertebra|trabecular|bone density"), terms.THORACIC_VERTEBRAE),
)
_PLACES = {
    Presence.PRESENT: (StatementKind.FINDING, SectionName.FINDINGS),
    Presence.UNCERTAIN: (StatementKind.REVIEW, SectionName.REVIEW_LIST),
    Presence.ABSENT: (StatementKind.NOT_ASSESSED, SectionName.NOT_ASSESSED),
    Presence.NOT_ASSESSED: (StatementKind.NOT_ASSESSED, SectionName.NOT_ASSESSED),
}
"""Where a sentence on a finding of that presence would stand in a report; the lock checks it as if it stood there."""


@dataclass(frozen=True, kw_only=True)
class GroundedAnswer:
    """An answer and what it stands on.

    Args:
        text: one or more sentences.
        finding_uids: tracking UIDs of the findings it cites; empty when not assessed.
    """

    text: str
    finding_uids: tuple[str, ...]


def answer_question(question: str, reading: Reading, model: ReportModel, tokens: StudyTokens | None) -> GroundedAnswer:
    """The decoder's answer; a sentence that the lock refuses is replaced by the writer's on the same finding.

    Questions are understood in English; on a report in another language the writer words the whole answer in that one.

    Raises:
        ConfigError: the question is empty.
    """
    if not question.strip():
        raise ConfigError("expected a question, found nothing", remedy='ask, for example: "How large is the nodule?"')
    language = reading.report.language
    own = [f for f in reading.report.findings if f.site in _sites_asked(question)]
    if own:
        text = " ".join(_writers(f, language) for f in own)
        return GroundedAnswer(text=text, finding_uids=tuple(f.tracking_uid for f in own))
    sheet = FactSheet.from_findings(decoder_findings(reading.report.findings))
    answer = model.answer(question, sheet, tokens)
    cited = [_cited(sheet.row(s.tag).finding.tracking_uid, s.text, reading) for s in answer.sentences]
    if not cited:
        text = answer.text if language == DECODER_LANGUAGE else language_of(language).text("no_answer")
        return GroundedAnswer(text=text, finding_uids=())
    holds = [language == DECODER_LANGUAGE and _holds(text, finding, reading) for finding, text in cited]
    texts = [t if is_true else _writers(f, language) for is_true, (f, t) in zip(holds, cited, strict=True)]
    return GroundedAnswer(text=" ".join(texts), finding_uids=tuple(f.tracking_uid for f, _ in cited))


def _sites_asked(question: str) -> frozenset[Code]:
    """Organs that the decoder does not know and the question is about; the writer answers on them."""
    return frozenset(site for pattern, site in _WRITERS_ORGANS if pattern.search(question.lower()))


def _cited(tracking_uid: str, text: str, reading: Reading) -> tuple[Finding, str]:
    """The whole finding, and the decoder's sentence with the writer's on what the decoder does not know of it."""
    finding = reading.report.finding(tracking_uid)
    if finding.presence is not Presence.PRESENT:
        return finding, text
    return finding, with_supplement(text, finding, Phrasebook(None, reading.report.language))


def _holds(text: str, finding: Finding, reading: Reading) -> bool:
    kind, section = _PLACES[finding.presence]
    statement = Statement(text=text, kind=kind, source=Source.DECODER, finding_uids=(finding.tracking_uid,))
    return not check_linked(statement, section, (finding,), reading.report.findings).problems


def _writers(finding: Finding, language: str) -> str:
    book = Phrasebook(None, language)
    if finding.presence is Presence.UNCERTAIN:
        return review_statement(finding, book).text
    if finding.presence is Presence.PRESENT:
        return " ".join(s.text for s in finding_statements(finding, book))
    return unassessed_statement(finding, book).text
