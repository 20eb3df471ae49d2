"""Two models on the same cases: paired differences, never two intervals side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tomoscribe.core.errors import InvalidValueError
from tomoscribe.validation.honesty.pairs import Pairs, pair
from tomoscribe.validation.honesty.scoring import INVENTED, MACRO_F1, MISSED
from tomoscribe.validation.honesty.settings import Settings
from tomoscribe.validation.honesty.tallies import Tallies
from tomoscribe.validation.metrics.intervals import interval, paired_permutation, weights
from tomoscribe.validation.metrics.text import rouge_l_each
from tomoscribe.validation.records import Better, Case, Prediction, Score


def compare(
    first: Sequence[Prediction], second: Sequence[Prediction], cases: Sequence[Case], settings: Settings | None = None
) -> tuple[Score, ...]:
    """First model minus second: missed and invented actionable findings, macro F1, ROUGE-L.

    Intervals are those of the difference over the same resampled patients. The p values stand in ``source``: of the
    first three twice the smaller tail of the resamplings, of ROUGE-L a permutation of signs by patient.

    Raises:
        InvalidValueError: the two models did not read the same cases.
    """
    chosen = settings or Settings()
    a, b = pair(first, cases), pair(second, cases)
    if [c.case_id for c in a.cases] != [c.case_id for c in b.cases]:
        raise InvalidValueError(
            f"expected both models on the same cases, found {len(a.cases)} and {len(b.cases)}",
            remedy="give both models the cases that both have read",
        )
    drawn = weights(a.patients, rounds=chosen.rounds, seed=chosen.seed)
    scores = []
    for wanted in (MISSED, INVENTED, MACRO_F1):
        columns = a.columns(chosen.actionable) if wanted.actionable else list(range(len(a.classes)))
        whole = [wanted.figure(Tallies.of(p.found, p.truth, p.known).only(columns))[0] for p in (a, b)]
        each = [wanted.figure(Tallies.of(p.found, p.truth, p.known, drawn).only(columns)) for p in (a, b)]
        gaps = each[0] - each[1]
        low, high = interval(gaps)
        p = _tail(gaps)
        scores.append(_score(wanted.name, whole[0] - whole[1], (low, high), a, p, (wanted.better, wanted.unit)))
    return (*scores, *_rouge(a, b, chosen))


def _rouge(a: Pairs, b: Pairs, settings: Settings) -> tuple[Score, ...]:
    rows = [n for n, c in enumerate(a.cases) if c.report and a.texts[n] and b.texts[n]]
    if not rows:
        return ()
    references = [a.cases[n].report or "" for n in rows]
    each = [rouge_l_each([p.texts[n] for n in rows], references) for p in (a, b)]
    patients = [a.patients[n] for n in rows]
    drawn = weights(patients, rounds=settings.rounds, seed=settings.seed)
    gaps = each[0] - each[1]
    p = paired_permutation(each[0], each[1], patients, rounds=settings.rounds, seed=settings.seed)
    limits = interval((drawn @ gaps) / drawn.sum(axis=1))
    return (_score("text/rouge_l", float(gaps.mean()), limits, a, p, (Better.HIGHER, "1")),)


def _tail(gaps: np.ndarray) -> float:
    finite = gaps[np.isfinite(gaps)]
    tail = min(int((finite <= 0).sum()), int((finite >= 0).sum())) + 1
    return min(1.0, 2.0 * tail / (len(finite) + 1)) if len(finite) else float("nan")


def _score(
    name: str, value: float, limits: tuple[float, float], pairs: Pairs, p: float, kind: tuple[Better, str]
) -> Score:
    """A difference; ``kind`` is which way it improves, and its unit."""
    return Score(
        name=f"difference/{name}",
        value=float(value),
        low=limits[0],
        high=limits[1],
        n=len(pairs.cases),
        unit=kind[1],
        better=kind[0],
        source=f"first model minus second on the same resampled patients, p = {p:.4f}",
        num_patients=pairs.num_patients,
    )
