"""The technical vocabulary: the words of a description that may stay (Clean Descriptors)."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection
from importlib.resources import files

_FILE = "vocabulary.txt"
_TOKEN = re.compile(r"[^\W\d_]+|\d+(?:\.\d+)?|[^\w\s]|_", re.UNICODE)
_SHORT_NUMBER = re.compile(r"\d{1,3}(?:\.\d{1,3})?")
_MARKS = frozenset("+-/*.,:()_%")


@functools.cache
def vocabulary() -> frozenset[str]:
    """Lower-case words."""
    lines = (files(__package__) / _FILE).read_text(encoding="utf-8").splitlines()
    return frozenset(w.lower() for line in lines if not line.startswith("#") for w in line.split())


def is_technical(text: str) -> bool:
    """Whether all its words are technical ones."""
    words = re.findall(r"[^\W\d_]+", text)
    return bool(words) and all(w.lower() in vocabulary() for w in words)


def technical_words(text: str, names: Collection[str] = ()) -> str:
    """The text without the words that are not in the vocabulary and without numbers of more than three digits.

    Args:
        names: parts of the names of people of the study, lower case; they go even where they are technical words.
    """
    words = " ".join(token for token in _tokens(text) if _may_stay(token) and token.lower() not in names)
    return re.sub(r"\s+", " ", words).strip(" -_/,:") if any(c.isalnum() for c in words) else ""


def is_all_technical(text: str, names: Collection[str] = ()) -> bool:
    """Whether cleaning would leave every word and number of the text."""
    return all(_may_stay(token) and token.lower() not in names for token in _tokens(text))


def _tokens(text: str) -> list[str]:
    return re.findall(r"[\w.]+|[^\w\s]", text, re.UNICODE)


def _may_stay(token: str) -> bool:
    """A word of the vocabulary, or words and short numbers run together, such as ``t1w``, ``2.5mm`` or ``t2_tse``."""
    pieces = _TOKEN.findall(token)
    return (
        all(p.lower() in vocabulary() or p in _MARKS or _SHORT_NUMBER.fullmatch(p) is not None for p in pieces)
        and len(re.sub(r"\D", "", token)) <= 6
    )
