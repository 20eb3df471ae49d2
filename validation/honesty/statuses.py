"""What a report's text says of each class, read once a text."""

from __future__ import annotations

from functools import lru_cache

from tomoscribe.validation.labeler import Status, label_report

_REMEMBERED = 4096


@lru_cache(maxsize=_REMEMBERED)
def called(text: str, language: str, status: Status) -> frozenset[str]:
    """Classes of which a text says this."""
    return frozenset(key for key, said in _statuses(text, language) if said is status)


@lru_cache(maxsize=_REMEMBERED)
def _statuses(text: str, language: str) -> tuple[tuple[str, Status], ...]:
    return tuple(label_report(text, language).items()) if text else ()
