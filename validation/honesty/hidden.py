"""Test patients that training has seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tomoscribe.validation.datasets.leaks import find_leaks
from tomoscribe.validation.honesty.pairs import Pairs
from tomoscribe.validation.records import Case, Flag, Severity

FLAG = "training_leak"


def leak_test(pairs: Pairs, training: Sequence[Case]) -> tuple[tuple[Flag, ...], str | None]:
    """A flag for the first leak; what could not be compared where images were not read."""
    if not training:
        return (), "whether test patients stand in training: no training cases were given"
    leaks = find_leaks(training, pairs.cases)
    blind = sum(c.image_print is None for c in (*training, *pairs.cases))
    note = f"leaks by image: {blind} case(s) without an image print (datasets.verify makes them)" if blind else None
    if not leaks:
        return (), note
    kinds = Counter(leak.kind.value for leak in leaks)
    told = ", ".join(f"{count} by {kind}" for kind, count in kinds.most_common())
    cases = tuple(dict.fromkeys(leak.test_case for leak in leaks))
    evidence = f"{len(cases)} of {len(pairs.cases)} test cases stand in training ({told})"
    return (Flag(name=FLAG, severity=Severity.CRITICAL, evidence=evidence, cases=cases[:10]),), note
