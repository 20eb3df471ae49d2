"""Training texts of the report model: sheets with the writer's sentences, questions, withheld rows."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tomoscribe.core import Code, Finding, Laterality, Presence, terms
from tomoscribe.findings.sheet import FactRow, FactSheet
from tomoscribe.fusion import prompts
from tomoscribe.fusion.tokenizer import EOS, NONE, REASON, ROLES
from tomoscribe.reports.writer.sentences import (
    Phrasebook,
    change_text,
    finding_text,
    impression_text,
    review_statement,
    unassessed_statement,
)
from tomoscribe.training import report_cases, report_questions

IMAGE_WORDS: dict[Code, str] = {
    terms.EMPHYSEMA: "emphysema of the {side} lung",
    terms.NODULE: "nodule in the {side} lung",
    terms.PLEURAL_EFFUSION: "{side} pleural effusion",
    terms.CONSOLIDATION: "consolidation of the {side} lung",
    terms.WHITE_MATTER_LESIONS: "white matter lesions",
    terms.VENTRICULAR_ENLARGEMENT: "enlargement of the ventricles",
    terms.BRAIN_MASS: "space-occupying lesion of the brain",
}


@dataclass(frozen=True, kw_only=True)
class Example:
    """One training text.

    Args:
        prompt: given.
        target: to be written, from the first tag to ``<eos>``.
        image: whether the target can only be known from the image.
    """

    prompt: str
    target: str
    image: bool = False


class MarkedPhrasebook(Phrasebook):
    """The writer's phrases with the token of its role before each numeral."""

    def phrase(self, key: str, **slots: str) -> str:
        return super().phrase(key, **{name: _marked(name, value) for name, value in slots.items()})


def _marked(slot: str, value: str) -> str:
    if slot == "percent":
        return value.replace("(", "(<percent> ")
    return f"<{slot}> {value}" if slot in ROLES and any(c.isdigit() for c in value) else value


def report_example(findings: Sequence[Finding], seed: int) -> Example:
    """A piece of a sheet with the writer's sentences in one of their phrasings; at most one piece of rows."""
    piece = prompts.report_pieces(FactSheet.from_findings(findings))[0]
    book = MarkedPhrasebook(seed)
    return Example(prompt=piece.prompt, target=_target(piece, [slot_text(s, book) for s in piece.slots]))


def question_example(findings: Sequence[Finding], seed: int) -> Example:
    """A question on a piece of a sheet, answered with the sentences of the rows that it is about."""
    draw = random.Random(seed)
    piece = prompts.question_pieces(FactSheet.from_findings(findings))[0]
    question = report_questions.random_question(draw, [row.finding for row in piece.sheet.rows])
    book = MarkedPhrasebook(seed)
    cited = [row for row in piece.sheet.rows if question.matches(row.finding)]
    parts = [f"<{row.tag}> {_row_text(row.finding, book)}" for row in cited] or [NONE]
    return Example(prompt=prompts.question_prompt(piece, question.text), target=" ".join([*parts, EOS]))


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A finding that only the image can tell: the type, its side, and whether it is there."""

    kind: Code
    side: Laterality | None
    seen: bool


def image_example(asked: Sequence[Asked]) -> Example:
    """Withheld rows: only the image can say whether the findings are there."""
    draw = random.Random(0)
    rows = tuple(
        FactRow(tag=f"f{n}", finding=report_cases.suspicion(draw, f"{n}", a.kind, a.side), withheld=True)
        for n, a in enumerate(asked, start=1)
    )
    piece = prompts.report_pieces(FactSheet(rows=rows))[0]
    return Example(prompt=piece.prompt, target=_target(piece, [image_sentence(a) for a in asked]), image=True)


def image_sentence(asked: Asked) -> str:
    """What is said on a withheld row; the word that decides comes after type and side."""
    words = IMAGE_WORDS[asked.kind].format(side=asked.side.value if asked.side else "")
    whole = f"{words[:1].upper()}{words[1:]}"
    return f"{whole} suspected on the image." if asked.seen else f"{whole} not suspected on the image, not excluded."


def language_sample(count: int, seed: int = 0) -> list[Example]:
    """Texts of all kinds, for the tokenizer and for the list of spoken tokens."""
    draw = random.Random(seed)
    examples = []
    for n in range(count):
        findings = report_cases.random_findings(draw, 3)
        examples.append(question_example(findings, n))
        if any(f.presence is Presence.PRESENT for f in findings):
            examples.append(report_example(findings, n))
    for kind in (*report_cases.HEADS_CT, *report_cases.HEADS_MR):
        for side in report_cases.SIDES if kind in report_cases.HEADS_CT else (None,):
            examples += [image_example([Asked(kind=kind, side=side, seen=seen)]) for seen in (True, False)]
    return examples


def _target(piece: prompts.Piece, sentences: Sequence[str]) -> str:
    parts, left = [], list(sentences)
    for token in piece.order:
        parts.append(token)
        if token.startswith("<f"):
            parts.append(left.pop(0))
    return " ".join(parts)


def slot_text(slot: prompts.Slot, book: Phrasebook) -> str:
    finding = replace(slot.row.finding, note=None)
    if slot.comparison:
        return _with_reason(finding, book)
    if slot.section.value == "impression":
        return impression_text(finding, book)
    return finding_text(finding, book)


def _with_reason(finding: Finding, book: Phrasebook) -> str:
    change = finding.change
    if change is not None and change.reason:
        finding = replace(finding, change=replace(change, reason=REASON))
    return change_text(finding, book)


def _row_text(finding: Finding, book: Phrasebook) -> str:
    """The sentence on a row in an answer, whatever its presence."""
    if finding.presence is Presence.NOT_ASSESSED:
        return unassessed_statement(replace(finding, note=REASON), book).text
    finding = replace(finding, note=None)
    if finding.presence is Presence.UNCERTAIN:
        return review_statement(finding, book).text
    if finding.presence is Presence.ABSENT:
        return unassessed_statement(finding, book).text
    return finding_text(finding, book)
