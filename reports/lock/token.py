"""A phrase of a sentence with its meaning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tomoscribe.reports.lock.lexicon import Kind, Tag


@dataclass(frozen=True, kw_only=True)
class Token:
    """A phrase with its meaning.

    Args:
        kind: what it means; None for a word that no table holds.
        value: what the table gives for it; for a number its Decimal.
        text: the words as read, a date as ``<date>``.
        dates: the dates in it, ``YYYY-MM-DD``.
        tags: what it is besides its kind.
    """

    kind: Kind | None
    value: Any
    text: str
    dates: tuple[str, ...] = ()
    tags: frozenset[Tag] = frozenset()
