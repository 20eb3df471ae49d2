"""What the decoder is given and what it has to write: the rows of a sheet, the order of the tags, the sentences.

A long sheet is cut into pieces of a few rows, each a sequence of its own in the batch: a sentence stands on one row,
so pieces lose nothing, and sequences stay as short as those of the training. Within a piece the tags count from f1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tomoscribe.core import Direction, Presence, ReviewState, SectionName, terms
from tomoscribe.findings.sheet import FactRow, FactSheet
from tomoscribe.fusion.tokenizer import ANSWER, ASK, EOS, FINDINGS, IMPRESSION, REASON, ROLE_TOKENS, SHEET

ROWS_PER_PIECE = 3
CHARACTERS_PER_PIECE = 160
QUESTION_ROWS = 3
_MOVING = (Direction.INCREASED, Direction.DECREASED, Direction.NEW)
_TAG = re.compile(r"<(f\d+)>")
_ROLE = re.compile("|".join(ROLE_TOKENS))


@dataclass(frozen=True, kw_only=True)
class TaggedSentence:
    """One sentence of the decoder with the row it stands on.

    Args:
        tag: of the row on the sheet, e.g. ``f3``.
        section: ``FINDINGS`` or ``IMPRESSION``.
        comparison: whether it is the row's sentence on its change against a prior.
    """

    text: str
    tag: str
    section: SectionName
    comparison: bool = False


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A sentence that has to be written: the row, the section, and whether it is on the change."""

    row: FactRow
    section: SectionName
    comparison: bool = False


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A few rows with tags from f1, the sentences due on them, and the tags they have on the whole sheet."""

    sheet: FactSheet
    slots: tuple[Slot, ...]
    tags: tuple[str, ...]

    @property
    def prompt(self) -> str:
        return f"{SHEET} {sheet_text(self.sheet)} {FINDINGS}"

    @property
    def order(self) -> tuple[str, ...]:
        """Special tokens in the order in which they have to come."""
        out: list[str] = []
        for slot in self.slots:
            if slot.section is SectionName.IMPRESSION and IMPRESSION not in out:
                out.append(IMPRESSION)
            out.append(f"<{slot.row.tag}>")
        return (*out, EOS)


def sheet_text(sheet: FactSheet) -> str:
    """The rows on one line; tags part them."""
    return " ".join(row.text for row in sheet.rows)


def speaks(row: FactRow) -> bool:
    """Whether a report has a sentence of the decoder on this row: present and not rejected, or withheld."""
    finding = row.finding
    present = finding.presence is Presence.PRESENT and finding.review.state is not ReviewState.REJECTED
    return row.withheld or present


def slots_for(rows: Sequence[FactRow]) -> tuple[Slot, ...]:
    """The sentences due on these rows: findings in the order of the rows, then the impression without the organs."""
    slots = []
    for row in rows:
        slots.append(Slot(row=row, section=SectionName.FINDINGS))
        if not row.withheld and row.finding.change is not None:
            slots.append(Slot(row=row, section=SectionName.FINDINGS, comparison=True))
    for row in rows:
        if row.withheld or row.finding.type == terms.ORGAN_MEASUREMENT:
            continue
        slots.append(Slot(row=row, section=SectionName.IMPRESSION))
        if row.finding.change is not None and row.finding.change.direction in _MOVING:
            slots.append(Slot(row=row, section=SectionName.IMPRESSION, comparison=True))
    return tuple(slots)


def report_pieces(sheet: FactSheet) -> tuple[Piece, ...]:
    """The rows that a report speaks of, cut into pieces."""
    return tuple(_piece(rows, slots=True) for rows in _cut([r for r in sheet.rows if speaks(r)], ROWS_PER_PIECE))


def question_pieces(sheet: FactSheet) -> tuple[Piece, ...]:
    """All rows that a question may be about, cut into pieces; no sentence is due on any of them."""
    rows = [r for r in sheet.rows if r.withheld or r.finding.review.state is not ReviewState.REJECTED]
    return tuple(_piece(piece, slots=False) for piece in _cut(rows, QUESTION_ROWS))


def question_prompt(piece: Piece, question: str) -> str:
    """Rows, then the question in lower case."""
    return f"{SHEET} {sheet_text(piece.sheet)} {ASK} {plain_question(question)} {ANSWER}"


def answer_pieces(rows: Sequence[FactRow]) -> tuple[Piece, ...]:
    """The rows that a question is about, cut into pieces, with one sentence due on each."""
    pieces = (_piece(part, slots=False) for part in _cut(rows, QUESTION_ROWS))
    section = SectionName.FINDINGS
    return tuple(replace(p, slots=tuple(Slot(row=r, section=section) for r in p.sheet.rows)) for p in pieces)


def answer_order(piece: Piece) -> tuple[str, ...]:
    """Special tokens of an answer in the order in which they have to come."""
    return (*(f"<{row.tag}>" for row in piece.sheet.rows), EOS)


def plain_question(question: str) -> str:
    """Lower case, no angle brackets, one blank between words, at most 200 characters."""
    return " ".join(re.sub(r"[<>]", " ", question.lower()).split())[:200]


def parse_report(piece: Piece, text: str) -> tuple[TaggedSentence, ...]:
    """The sentences of a piece, with the tags of the whole sheet; ``text`` is what followed the prompt."""
    sentences = [s.strip() for s in _TAG.split(plain_text(text).replace(IMPRESSION, " "))[2::2]]
    return tuple(
        TaggedSentence(
            text=completed(sentence, slot),
            tag=piece.tags[piece.sheet.rows.index(slot.row)],
            section=slot.section,
            comparison=slot.comparison,
        )
        for slot, sentence in zip(piece.slots, sentences, strict=False)
    )


def parse_answer(piece: Piece, text: str) -> tuple[TaggedSentence, ...]:
    """The cited rows and their sentences; empty for ``<none>``."""
    parts = _TAG.split(plain_text(text))
    sentences = []
    for tag, sentence in zip(parts[1::2], parts[2::2], strict=True):
        row = piece.sheet.row(tag)
        slot = Slot(row=row, section=SectionName.FINDINGS)
        whole = piece.tags[piece.sheet.rows.index(row)]
        sentences.append(TaggedSentence(text=completed(sentence.strip(), slot), tag=whole, section=slot.section))
    return tuple(sentences)


def plain_text(text: str) -> str:
    """What was generated up to its end, without the tokens of the roles and the blanks that they leave behind."""
    return re.sub(r"([(\[]) ", r"\1", _ROLE.sub("", text.split(EOS)[0]))


def completed(sentence: str, slot: Slot) -> str:
    """The sentence with what the decoder only asks for: the words of a reason, and the finding's note at its end."""
    finding = slot.row.finding
    if slot.row.withheld:
        return sentence
    if slot.comparison:
        reason = finding.change.reason if finding.change is not None else None
        return _with_reason(sentence, reason or "")
    if finding.presence is Presence.NOT_ASSESSED:
        return _with_reason(sentence, finding.note or "")
    short = slot.section is SectionName.IMPRESSION and finding.type in (terms.NODULE, terms.MASS)
    if finding.note and not short and sentence.endswith("."):
        return f"{sentence[:-1]}; {finding.note.rstrip('.')}."
    return sentence


def _with_reason(sentence: str, reason: str) -> str:
    """The words put where the token stands; the blank before it is kept unless a bracket opens there."""
    before, token, after = sentence.partition(REASON)
    if not token:
        return sentence
    before = before.rstrip()
    blank = "" if before.endswith("(") else " "
    return f"{before}{blank}{reason.rstrip('.')}{after.lstrip()}"


def _cut(rows: Sequence[FactRow], most: int) -> list[list[FactRow]]:
    pieces: list[list[FactRow]] = []
    length = 0
    for row in rows:
        if not pieces or len(pieces[-1]) >= most or length + len(row.text) > CHARACTERS_PER_PIECE:
            pieces.append([])
            length = 0
        pieces[-1].append(row)
        length += len(row.text)
    return pieces


def _piece(rows: Sequence[FactRow], *, slots: bool) -> Piece:
    local = tuple(
        FactRow(tag=f"f{n}", finding=row.finding, withheld=row.withheld) for n, row in enumerate(rows, start=1)
    )
    return Piece(sheet=FactSheet(rows=local), slots=slots_for(local) if slots else (), tags=tuple(r.tag for r in rows))
