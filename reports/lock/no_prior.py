"""Sentences that are compared word for word: header facts, and what says that there is no prior study."""

from __future__ import annotations

import re
from functools import cache

from tomoscribe.reports.lock.lexicon import tables_of


def says_no_prior(text: str, language: str) -> bool:
    """Whether a sentence says that there is nothing to compare with, and nothing else."""
    return _chinese_says_no_prior(text) if language == "zh" else _english_says_no_prior(text)


def plain(text: str, language: str) -> str:
    """A text without what makes no difference: case, blanks, punctuation at the end of a word; in Chinese widths."""
    if language == "zh":
        from tomoscribe.reports.lock.lexer_zh import normalized

        return re.sub(r"\s", "", normalized(text)).rstrip("。.")
    return " ".join(w.rstrip(".:,;") for w in text.lower().split())


def _english_says_no_prior(text: str) -> bool:
    tables = tables_of("en")
    words = plain(text, "en")
    denials = sorted(tables.no_priors, key=len, reverse=True)
    denial = next((d for d in denials if f" {d} " in f" {words} "), None)
    if denial is None:
        return False
    rest = f" {words} ".replace(f" {denial} ", " ", 1).split()
    return set(rest) <= tables.no_prior_fillers | tables.neutral


def _chinese_says_no_prior(text: str) -> bool:
    return _no_prior_pattern().fullmatch(plain(text, "zh")) is not None


@cache
def _no_prior_pattern() -> re.Pattern[str]:
    """Fillers, a denial, fillers: nothing else may stand in the sentence."""
    tables = tables_of("zh")
    fillers = "|".join(re.escape(w) for w in sorted(tables.no_prior_fillers, key=len, reverse=True))
    denials = "|".join(re.escape(w) for w in sorted(tables.no_priors, key=len, reverse=True))
    return re.compile(f"(?:{fillers}|[,:])*(?:{denials})(?:{fillers}|[,:])*")
