"""Reports that stand in training word for word: what is written of a patient was written of another one before."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import lru_cache

from tomoscribe.validation.honesty.pairs import Pairs
from tomoscribe.validation.honesty.settings import Settings
from tomoscribe.validation.labeler import Status, label_sentence, narrow
from tomoscribe.validation.records import Case, Flag, Severity

FLAG = "copied_from_training"
USUAL_SHARE = 0.05
"""Reports that may repeat a training report by chance where the references do not say how many do."""
_SENTENCE = re.compile(r"(?<=[.!?])\s+|[。!?\n]+")


def copying_test(pairs: Pairs, training: Sequence[Case], settings: Settings) -> tuple[tuple[Flag, ...], str | None]:
    """A flag when more reports repeat one training report than the patients' own references do.

    Only what is particular counts: sentences that state a present finding or a number. A report repeats another one
    when all of its particular sentences stand in it.
    """
    known = [_particular(c.report or "", c.language) for c in training]
    places: dict[str, set[int]] = {}
    for n, sentences in enumerate(known):
        for sentence in sentences:
            places.setdefault(sentence, set()).add(n)
    said = [
        (_particular(t, p.language), n) for n, (t, p) in enumerate(zip(pairs.texts, pairs.predictions, strict=True))
    ]
    said = [(sentences, n) for sentences, n in said if sentences]
    if not places or len(said) < settings.min_patients:
        return (), "whether reports are copied from training: no training reports, or too few that say something"
    copied = [n for sentences, n in said if _stands_in_one(sentences, places)]
    references = [r for c in pairs.cases if (r := _particular(c.report or "", c.language))]
    usual = sum(_stands_in_one(r, places) for r in references) / len(references) if references else 0.0
    if _tail(len(copied), len(said), max(usual, USUAL_SHARE)) > settings.alpha:
        return (), None
    evidence = (
        f"{len(copied)} of {len(said)} reports hold nothing particular that does not stand in one training report; "
        f"of the reference reports {100 * usual:.0f} % do"
    )
    cases = tuple(pairs.cases[n].case_id for n in copied[:5])
    return (Flag(name=FLAG, severity=Severity.CRITICAL, evidence=evidence, cases=cases),), None


@lru_cache(maxsize=4096)
def _particular(text: str, language: str) -> frozenset[str]:
    """Sentences that are about one patient, in plain letters."""
    found = set()
    for sentence in _SENTENCE.split(narrow(text)):
        plain = " ".join(re.findall(r"\w+", sentence.lower()))
        if plain and (re.search(r"\d", plain) or Status.PRESENT in label_sentence(sentence, language).values()):
            found.add(plain)
    return frozenset(found)


def _stands_in_one(sentences: frozenset[str], places: dict[str, set[int]]) -> bool:
    """Whether one training report holds all of them."""
    holders = sorted((places.get(s, set()) for s in sentences), key=len)
    return bool(holders) and bool(holders[0].intersection(*holders[1:]))


def _tail(hits: int, total: int, share: float) -> float:
    """Chance of at least ``hits`` of ``total`` at a share (binomial)."""
    if share >= 1.0:
        return 1.0
    logs = (
        math.lgamma(total + 1) - math.lgamma(n + 1) - math.lgamma(total - n + 1)
        + n * math.log(share) + (total - n) * math.log1p(-share)
        for n in range(hits, total + 1)
    )  # fmt: skip
    return min(1.0, sum(math.exp(x) for x in logs))
