"""English text to tokens: numbers, dates and the longest phrases of the lexicon; what is left over is unknown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Any

from tomoscribe.reports.lock.lexicon import Kind
from tomoscribe.reports.lock.lexicon_en import TABLES_EN
from tomoscribe.reports.lock.token import Token

_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_MONTH_NAMES = "|".join(f"{m}|{m[:3]}" for m in _MONTHS)
_DAY_MONTH_YEAR = re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th)? (?:of )?({_MONTH_NAMES})\.?,? (\d{{4}})\b")
_MONTH_DAY_YEAR = re.compile(rf"\b({_MONTH_NAMES})\.? (\d{{1,2}})(?:st|nd|rd|th)?,? (\d{{4}})\b")
_REPLACED = (
    ("×", " x "), ("–", "-"), ("—", " , "), ("−", "-"), ("³", "3"), ("mm^3", "mm3"), ("cm^3", "cm3"), ("→", "->"),
    ("’", "'"), ("cannot", "can not"), ("n't", " not"), ("'s", ""), ("[", "("), ("]", ")"),
    ("~", " approximately "), ("=", " "),
    ("“", " "), ("”", " "), ('"', " "), ("\u00a0", " "), ("\u202f", " "), ("±", " ± "),
)  # fmt: skip
_BOTH_LUNGS = re.compile(r"\b(?:the )?two lungs\b|\b(?:either|each) lung\b")
_LUNGS_TOGETHER = re.compile(r"\bboth lungs (?=together|combined|taken together)")
_ABBREVIATIONS = re.compile(r"\b(approx|vol|diam|se|im|no|ca|max|avg)\.(?= )")
_TOKEN = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})"
    r"|(?P<ordinal>\d+(?:st|nd|rd|th)\b)"
    r"|(?P<number>(?<![\w.])[+-]?\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|(?<![\w.])[+-]?\d+(?:\.\d+)?)"
    r"|(?P<word>[a-z]+\d*)"
    r"|(?P<arrow>->)|(?P<stop>[.;](?=\s|$)|[!?])|(?P<comma>,)|(?P<colon>:)|(?P<open>\()|(?P<close>\))"
    r"|(?P<dash>-)|(?P<symbol>%|<)|(?P<space>\s+)|(?P<other>.)"
)
_PUNCTUATION = {
    "arrow": Kind.ARROW,
    "stop": Kind.STOP,
    "comma": Kind.COMMA,
    "colon": Kind.COLON,
    "open": Kind.OPEN,
    "close": Kind.CLOSE,
}


def english_tokens(text: str) -> tuple[Token, ...]:
    """The tokens of an English text, neutral words included; unknown words have kind None."""
    return tuple(_phrases(_atoms(text)))


def _normalized(text: str) -> str:
    text = text.lower()
    for old, new in _REPLACED:
        text = text.replace(old, new)
    text = _DAY_MONTH_YEAR.sub(lambda m: _iso(m[3], m[2], m[1]), text)
    text = _MONTH_DAY_YEAR.sub(lambda m: _iso(m[3], m[1], m[2]), text)
    text = _ABBREVIATIONS.sub(r"\1", text)
    text = _LUNGS_TOGETHER.sub("lungs ", _BOTH_LUNGS.sub("both lungs", text))
    text = re.sub(r"\br (?=\d)", "right ", re.sub(r"(?<!\d )\bl (?=\d)", "left ", text))
    text = re.sub(r"\bminus (?=\d)", "-", text)
    text = re.sub(r"(?<=[a-z0-9])-(?=[a-z])", " ", text)
    text = re.sub(r"(?<=laa)-(?=950)|(?<=perc)-(?=15)", " ", text)
    text = re.sub(r"\b(\d+(?:\.\d+)?)(?!(?:st|nd|rd|th)\b)([a-z])", r"\1 \2", text)
    return re.sub(r"(?<=\d)%", " %", text)


def _iso(year: str, month: str, day: str) -> str:
    number = next(n for n, name in enumerate(_MONTHS, start=1) if name.startswith(month))
    return f"{year}-{number:02d}-{int(day):02d}"


def _atoms(text: str) -> list[Token]:
    found = []
    for match in _TOKEN.finditer(_normalized(text)):
        group, word = str(match.lastgroup), match.group()
        if group == "space":
            continue
        if group == "number":
            found.append(Token(kind=Kind.NUMBER, value=Decimal(word.replace(",", "")), text=word))
        elif group == "date":
            found.append(Token(kind=Kind.DATE, value=word, text="<date>", dates=(word,)))
        elif group == "dash":
            found.append(Token(kind=Kind.DASH, value=None, text=word))
        elif group in _PUNCTUATION:
            found.append(Token(kind=_PUNCTUATION[group], value=None, text=word))
        else:
            found.append(Token(kind=None, value=None, text=word))
    return found


def _phrases(atoms: list[Token]) -> Iterator[Token]:
    table = _table()
    position = 0
    while position < len(atoms):
        atom = atoms[position]
        for words, kind, value in table.get(atom.text, ()):
            here = atoms[position : position + len(words)]
            if tuple(a.text for a in here) == words:
                dates = tuple(d for a in here for d in a.dates)
                text = " ".join(words)
                yield Token(kind=kind, value=value, text=text, dates=dates, tags=TABLES_EN.tags_of(text))
                position += len(words)
                break
        else:
            yield atom
            position += 1


@cache
def _table() -> dict[str, list[tuple[tuple[str, ...], Kind, Any]]]:
    """First word to (words, kind, value), longest phrases first; the first table that holds a phrase has it."""
    known: dict[tuple[str, ...], tuple[Kind, Any]] = {}
    for phrase, kind, value in TABLES_EN.rows:
        known.setdefault(tuple(phrase.split()), (kind, value))
    table: dict[str, list[tuple[tuple[str, ...], Kind, Any]]] = {}
    for words, (kind, value) in known.items():
        table.setdefault(words[0], []).append((words, kind, value))
    for rows in table.values():
        rows.sort(key=lambda row: -len(row[0]))
    return table
