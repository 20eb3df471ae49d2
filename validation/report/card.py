"""Numbers of the model cards, written from the JSON of a validation run and never typed.

A card holds blocks between two comments: ``<!-- numbers from validation.json: nodules/ size/ -->`` and
``<!-- end of numbers -->``. The first names the result, as a file beside the card, and the beginnings of the names of
the rows that it wants; everything between the two is made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tomoscribe.core.errors import InputError, OutputError
from tomoscribe.validation.report import model
from tomoscribe.validation.report.markdown import table_lines
from tomoscribe.validation.report.model import Table, ValidationReport

_REMEDY = "put <!-- numbers from validation.json: nodules/ --> and <!-- end of numbers --> into it"
_BLOCK = re.compile(
    r"(?P<begin><!-- numbers from (?P<file>[\w.-]+): (?P<names>[^>]+?) -->\n).*?(?P<end><!-- end of numbers -->)",
    re.DOTALL,
)


def written(card: Path) -> str:
    """The card's text with every block made anew.

    Raises:
        InputError: the card cannot be read or has no block, a result is not there, or a block's names match no row.
    """
    try:
        text = card.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError("the card cannot be read", where=card.name) from error
    if not _BLOCK.search(text):
        raise InputError("expected a block of numbers in the card, found none", where=card.name, remedy=_REMEDY)
    return _BLOCK.sub(lambda found: _made(found, card), text)


def rewrite(card: Path) -> bool:
    """Writes the card anew; whether it changed.

    Raises:
        InputError, OutputError: see ``written``; the card cannot be written.
    """
    text = written(card)
    if text == card.read_text(encoding="utf-8"):
        return False
    try:
        card.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError("the card cannot be written", where=card.name) from error
    return True


def block(report: ValidationReport, names: tuple[str, ...]) -> str:
    """The tables of a block: the rows whose names begin with one of ``names``.

    Raises:
        InputError: a beginning that matches no row, so that a card cannot silently lose a figure.
    """
    for name in names:
        if not any(row.score.name.startswith(name) for row in report.rows):
            raise InputError(f"the result has no row that begins with '{name}'", remedy="mend the block's first line")
    return "\n".join(_lines(report, names)) + "\n"


def _made(found: re.Match[str], card: Path) -> str:
    report = model.load(card.parent / found["file"])
    return found["begin"] + block(report, tuple(found["names"].split())) + found["end"]


def _lines(report: ValidationReport, names: tuple[str, ...]) -> Iterator[str]:
    facts = report.facts
    used = ", ".join(f"{name} {row['sha256'][:12]}" for name, row in facts.weights.items())
    yield ""
    yield f"Made by `{facts.command}`, tomoscribe {facts.version}, {facts.date}; weights: {used}."
    for table in report.ordered:
        rows = tuple(row for row in table.rows if row.score.name.startswith(names))
        if rows:
            yield from ("", f"**{table.title}**", "")
            yield from table_lines(Table(title=table.title, rows=rows))
    yield ""
