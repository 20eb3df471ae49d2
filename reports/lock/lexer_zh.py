"""Chinese text to tokens: numbers, dates and the longest phrases of the lexicon; what is left over is unknown.

Chinese has no blanks between words, so the longest phrase at each place wins, and a character that begins none is an
unknown word: the sentence fails. Full-width digits and punctuation, Chinese numerals before a measure word and the
usual ways to write units, dates and image numbers are brought into one form first.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Any

from tomoscribe.reports.lock.lexicon import Kind
from tomoscribe.reports.lock.lexicon_zh import CLASSIFIERS, TABLES_ZH
from tomoscribe.reports.lock.token import Token

_DIGITS = {c: n for n, c in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0}
_NUMERAL = "零〇一二两三四五六七八九十百"
_BEFORE = (("，", " , "), ("—", "-"), ("–", "-"), ("−", "-"), ("～", "~"), ("×", " x "), ("±", " ± "), ("→", "->"))
"""Replaced before compatibility forms are: a full-width comma never groups thousands."""
_AFTER = (
    ("*", " x "), ("mm^3", "mm3"), ("cm^3", "cm3"), ("[", "("), ("]", ")"), ("【", "("), ("】", ")"),
    ("“", " "), ("”", " "), ('"', " "), ("=", " "),
)  # fmt: skip
_DATE = re.compile(r"(?<!\d)(\d{4})(?:年|[-/.])(\d{1,2})(?:月|[-/.])(\d{1,2})(?:日|号)?(?!\d)")
_COUNTED = re.compile(rf"(?<![{_NUMERAL}第])([{_NUMERAL}]+)(?=\s*(?:{'|'.join(CLASSIFIERS)}))")
_NTH_IMAGE = re.compile(r"第\s*(\d+)\s*(?:层面|层|幅图像|幅图|幅|张图像|张)")
_NTH_SERIES = re.compile(r"第\s*(\d+)\s*(?:个)?序列")
_PERCENT_BEFORE = re.compile(r"百分之\s*(\d+(?:\.\d+)?)")
_MINUS_WORD = re.compile(r"负(?=\d)")
_TIMES = re.compile(r"(?<=[\dm])\s*x\s*(?=\d)")
_REWORDED: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"两(?=肺|侧)"), "双"),
    (re.compile(r"全肺"), "双肺"),
    (re.compile(r"双肺(?=共|合计|总|结节(?:总数|共|数))"), "肺"),
    (re.compile(r"部分实性"), " 部分实性"),
    (re.compile(r"(?:未能|无法|没有|不能|未)对([^,:;。()]+?)(?:进行|作出|作|做|予以)(?:评估|评价)"), r"\1未评估"),
    (re.compile(r"对([^,:;。()]+?)(?:不作|未作|不予|不做)(?:评估|评价)"), r"\1未评估"),
    (re.compile(r"以([^,:;。()]{1,8}?)者?为最大"), r"最大者\1"),
    (
        re.compile(r"左、右肺(体积|容积)?分别(?:为|约)?(\d[^,:;。()和、]*)(?:和|、)(\d[^,:;。()和、]*)"),
        r"左肺\1\2,右肺\1\3",
    ),
)
"""What is said in an order that the grammar does not know, in one that it does."""
_NUMBER = re.compile(r"(?<![a-z0-9.])[+-]?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?")
_LATIN = re.compile(r"[a-z]+\d*")
_PUNCTUATION = {
    "。": Kind.STOP, ";": Kind.STOP, "!": Kind.STOP, "?": Kind.STOP, ",": Kind.COMMA, ":": Kind.COLON, "(": Kind.OPEN,
    ")": Kind.CLOSE, "、": Kind.AND, "-": Kind.DASH, "~": Kind.DASH,
}  # fmt: skip


def chinese_tokens(text: str) -> tuple[Token, ...]:
    """The tokens of a Chinese text, neutral words included; unknown words have kind None."""
    return tuple(_merged(_tokens(normalized(text))))


def normalized(text: str) -> str:
    """One form of what can be written in several: widths, numerals, dates, image numbers; 肺部分实性 is no 肺部."""
    for old, new in _BEFORE:
        text = text.replace(old, new)
    text = unicodedata.normalize("NFKC", text).lower()
    for old, new in _AFTER:
        text = text.replace(old, new)
    text = _DATE.sub(lambda m: f"{m[1]}-{int(m[2]):02d}-{int(m[3]):02d}", text)
    text = _COUNTED.sub(lambda m: _in_digits(m[1]), text)
    text = _NTH_SERIES.sub(r"序列\1 ", _NTH_IMAGE.sub(r"图像\1 ", text))
    text = _PERCENT_BEFORE.sub(r"\1%", text)
    text = _TIMES.sub(" x ", _MINUS_WORD.sub("-", text))
    for pattern, other in _REWORDED:
        text = pattern.sub(other, text)
    return re.sub(r"\s+", " ", text).strip()


def _in_digits(numeral: str) -> str:
    """'十二' is 12, '两' 2; a numeral that is none is left as it is, so that it fails."""
    hundreds, _, rest = numeral.rpartition("百")
    tens, has_ten, ones = rest.rpartition("十")
    parts = (hundreds, tens, ones)
    if any(len(p) > 1 for p in parts if not p.startswith("零")) or "百" in hundreds or "十" in tens + hundreds:
        return numeral
    values = [_DIGITS.get(p.lstrip("零") or "零", 0) for p in parts]
    if has_ten and not tens:
        values[1] = 1
    return str(100 * values[0] + 10 * values[1] + values[2])


def _tokens(text: str) -> Iterator[Token]:
    position = 0
    while position < len(text):
        token, length = _at(text, position)
        if token is not None:
            yield token
        position += length


def _at(text: str, position: int) -> tuple[Token | None, int]:
    """The token at a place and how many characters it takes; None for a blank."""
    if text[position] == " ":
        return None, 1
    phrase = _phrase_at(text, position)
    if phrase is not None:
        return phrase
    date = _DATE.match(text, position)
    if date:
        return Token(kind=Kind.DATE, value=date.group(), text="<date>", dates=(date.group(),)), len(date.group())
    number = _NUMBER.match(text, position)
    if number and not (text[position] in "+-" and position and text[position - 1].isdigit()):
        words = number.group()
        return Token(kind=Kind.NUMBER, value=Decimal(words.replace(",", "")), text=words), len(words)
    if text.startswith("->", position):
        return Token(kind=Kind.ARROW, value=None, text="->"), 2
    mark = text[position]
    if mark in _PUNCTUATION or (mark == "." and text[position + 1 : position + 2] in ("", " ")):
        return Token(kind=_PUNCTUATION.get(mark, Kind.STOP), value=None, text=mark), 1
    latin = _LATIN.match(text, position)
    words = latin.group() if latin else mark
    return Token(kind=None, value=None, text=words), len(words)


def _phrase_at(text: str, position: int) -> tuple[Token, int] | None:
    """The longest phrase of the lexicon at a place; blanks within it and a date for ``<date>`` are allowed."""
    for pattern, phrase, kind, value in _table().get(text[position], ()):
        match = pattern.match(text, position)
        if match:
            dates = tuple(g for g in match.groups() if g)
            token = Token(kind=kind, value=value, text=phrase, dates=dates, tags=TABLES_ZH.tags_of(phrase))
            return token, match.end() - position
    return None


def _merged(found: Iterator[Token]) -> Iterator[Token]:
    """Unknown characters side by side are one unknown word."""
    waiting = ""
    for token in found:
        if token.kind is None:
            waiting += token.text
            continue
        if waiting:
            yield Token(kind=None, value=None, text=waiting)
            waiting = ""
        yield token
    if waiting:
        yield Token(kind=None, value=None, text=waiting)


@cache
def _table() -> dict[str, list[tuple[re.Pattern[str], str, Kind, Any]]]:
    """First character to (pattern, phrase, kind, value), longest phrases first; a date begins with any digit."""
    known: dict[str, tuple[str, Kind, Any]] = {}
    for phrase, kind, value in TABLES_ZH.rows:
        known.setdefault(_written(phrase), (phrase, kind, value))
    table: dict[str, list[tuple[re.Pattern[str], str, Kind, Any]]] = {}
    for written, (phrase, kind, value) in sorted(
        known.items(), key=lambda row: -len(row[0].replace("<date>", "d" * 10))
    ):
        firsts = "0123456789" if written.startswith("<date>") else written[0]
        for first in firsts:
            table.setdefault(first, []).append((_pattern(written), phrase, kind, value))
    return table


def _written(phrase: str) -> str:
    """A phrase in the form of the normalized text."""
    return "<date>".join(normalized(p) for p in phrase.split("<date>"))


def _pattern(written: str) -> re.Pattern[str]:
    """The phrase, blanks allowed where Chinese meets Latin or digits; such a word in it must end where it ends."""
    whole = r"\s*(\d{4}-\d{2}-\d{2})\s*".join(_spaced(part) for part in written.split("<date>"))
    begin = r"(?<![a-z])" if written[0].isascii() and written[0].isalpha() else ""
    end = r"(?![a-z0-9])" if written[-1].isascii() and written[-1].isalnum() else ""
    return re.compile(begin + whole + end)


def _spaced(part: str) -> str:
    pieces = []
    for n, character in enumerate(part):
        if n and part[n - 1].isascii() != character.isascii():
            pieces.append(r"\s*")
        pieces.append(r"\s*" if character == " " else re.escape(character))
    return "".join(pieces)
