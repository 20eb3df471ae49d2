"""The technical vocabulary: the words of a description that may stay (Clean Descriptors)."""

from __future__ import annotations

import functools
import re
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


def technical_words(text: str) -> str:
    """The text without the words that are not in the vocabulary and without numbers of more than three digits."""
    kept = []
    for token in re.findall(r"[\w.]+|[^\w\s]", text, re.UNICODE):
        kept += [token] if _may_stay(token) else []
    words = " ".join(kept)
    return re.sub(r"\s+", " ", words).strip(" -_/,:") if any(c.isalnum() for c in words) else ""


def _may_stay(token: str) -> bool:
    """A word of the vocabulary, or words and short numbers run together, such as ``t1w``, ``2.5mm`` or ``t2_tse``."""
    pieces = _TOKEN.findall(token)
    return (
        all(p.lower() in vocabulary() or p in _MARKS or _SHORT_NUMBER.fullmatch(p) is not None for p in pieces)
        and len(re.sub(r"\D", "", token)) <= 6
    )
