"""Sentences that a clinician replaced, as preference pairs for training: on request only, and without identifiers.

A pair is kept only where the evidence lock understands every word of both sentences, so that no name or free remark can
be in it, and where nothing contradicts a measurement. Its prompt is the row of the fact sheet; dates are left out.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tomoscribe.core import Finding, Reading, Report, Source, Statement
from tomoscribe.core.errors import OutputError
from tomoscribe.findings.sheet import FactSheet
from tomoscribe.reports.lock.grammar import parse
from tomoscribe.reports.lock.sentences import check_clinician, verbatim

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}|\d{4}年")


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One preference.

    Args:
        prompt: rows of the fact sheet that both sentences stand on.
        chosen, rejected: the clinician's sentence and the one it replaced.
    """

    section: str
    language: str
    prompt: str
    chosen: str
    rejected: str


def pairs_of(reading: Reading) -> tuple[Pair, ...]:
    """The pairs in a report, in reading order."""
    report = reading.report
    found = []
    for section in report.sections:
        for statement in section.statements:
            pair = _pair(statement, section.name.value, report)
            found += [pair] if pair is not None else []
    return tuple(found)


def save_pairs(pairs: Sequence[Pair], path: Path) -> None:
    """Appends the pairs to a file of JSON lines, made for this account alone.

    Raises:
        OutputError: it cannot be written.
    """
    lines = "".join(json.dumps(asdict(p), ensure_ascii=False, sort_keys=True) + "\n" for p in pairs)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(lines)
    except OSError as error:
        raise OutputError(
            f"the pairs cannot be written: {error.strerror or error}", where=str(path), remedy="choose another file"
        ) from error


def _pair(statement: Statement, section: str, report: Report) -> Pair | None:
    findings = [report.finding(u) for u in statement.finding_uids]
    if statement.source is not Source.CLINICIAN or not statement.replaces or not findings or statement.override:
        return None
    texts = (statement.text, statement.replaces)
    if not all(_is_understood(t, findings, report.language) for t in texts):
        return None
    if check_clinician(statement, findings, report.findings, report.language).problems:
        return None
    return Pair(
        section=section,
        language=report.language,
        prompt=FactSheet.from_findings([_undated(f) for f in findings]).to_text(),
        chosen=statement.text,
        rejected=statement.replaces,
    )


def _is_understood(text: str, findings: Sequence[Finding], language: str) -> bool:
    parts = parse(text, verbatim(findings, language), language)
    return not _DATE.search(text) and not any(c.unknown or c.unbound for c in parts)


def _undated(finding: Finding) -> Finding:
    change = finding.change
    return finding if change is None else replace(finding, change=replace(change, prior_date=None))
