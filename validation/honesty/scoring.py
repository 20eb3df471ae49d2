"""Scores of findings: what was missed and invented first, then agreement, each beside chance and always normal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tomoscribe.validation.honesty import tallies
from tomoscribe.validation.honesty.chance import chance_labels
from tomoscribe.validation.honesty.pairs import Pairs
from tomoscribe.validation.honesty.settings import Settings
from tomoscribe.validation.honesty.tallies import Figure, Floats, Tallies
from tomoscribe.validation.metrics.intervals import interval, weights
from tomoscribe.validation.records import Better, Case, Score

HIGHER, LOWER = Better.HIGHER, Better.LOWER
_LABELER = "labels read from text by validation.labeler, against the case's labels or its reference report's"


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    name: str
    figure: Figure
    better: Better
    source: str
    unit: str = "1"
    actionable: bool = False


MISSED = _Wanted(
    name="actionable/missed_per_100",
    figure=tallies.missed_per_100,
    better=LOWER,
    source=f"actionable findings left out per 100 reports; {_LABELER}",
    unit="per 100 reports",
    actionable=True,
)
INVENTED = _Wanted(
    name="actionable/invented_per_100",
    figure=tallies.invented_per_100,
    better=LOWER,
    source=f"actionable findings that are not there per 100 reports; {_LABELER}",
    unit="per 100 reports",
    actionable=True,
)
MACRO_F1 = _Wanted(name="findings/macro_f1", figure=tallies.macro_f1, better=HIGHER, source=f"mean of F1; {_LABELER}")
_REST = (
    MACRO_F1,
    _Wanted(name="findings/micro_f1", figure=tallies.micro_f1, better=HIGHER, source=_LABELER),
    _Wanted(name="findings/macro_precision", figure=tallies.macro_precision, better=HIGHER, source=_LABELER),
    _Wanted(name="findings/macro_recall", figure=tallies.macro_recall, better=HIGHER, source=_LABELER),
    _Wanted(name="findings/crg", figure=tallies.crg, better=HIGHER, source="Hamamci et al. 2025"),
    _Wanted(name="findings/mcc", figure=tallies.mcc, better=HIGHER, source="Matthews 1975, all classes together"),
    _Wanted(name="findings/kappa", figure=tallies.kappa, better=HIGHER, source="Cohen 1960, all classes together"),
)
_BY_CLASS = (
    ("f1", tallies.macro_f1),
    ("precision", tallies.macro_precision),
    ("recall", tallies.macro_recall),
    ("mcc", tallies.mcc),
    ("kappa", tallies.kappa),
)


def finding_scores(pairs: Pairs, training: Sequence[Case], settings: Settings) -> tuple[Score, ...]:
    """All figures of findings over all cases, the two that matter most first; none where no label is known."""
    if not pairs.classes:
        return ()
    scorer = _Scorer(pairs, training, settings)
    columns = pairs.columns(settings.actionable)
    first = [scorer.score(w, columns) for w in (MISSED, INVENTED)] if columns else []
    everything = list(range(len(pairs.classes)))
    rest = [scorer.score(w, everything) for w in _REST]
    each = [
        scorer.score(_of_class(name, figure, key), [n])
        for n, key in enumerate(pairs.classes)
        for name, figure in _BY_CLASS
    ]
    return (*first, *rest, *each)


def subgroup_scores(pairs: Pairs, settings: Settings) -> tuple[Score, ...]:
    """Missed actionable findings and macro F1 of each subgroup with enough cases, the worst group of each first."""
    if not pairs.classes:
        return ()
    groups: dict[str, list[int]] = {}
    for row, case in enumerate(pairs.cases):
        for stratum, group in case.strata.groups().items():
            groups.setdefault(f"{stratum}={group}", []).append(row)
    strata = [name.partition("=")[0] for name in groups]
    told = {
        n: rows
        for n, rows in groups.items()
        if len(rows) >= settings.min_group and strata.count(n.partition("=")[0]) > 1
    }
    found = []
    for wanted in (MISSED, MACRO_F1):
        columns = pairs.columns(settings.actionable) if wanted.actionable else list(range(len(pairs.classes)))
        scores = [_group_score(pairs, wanted, columns, name, rows, settings) for name, rows in told.items() if columns]
        sign = -1 if wanted.better is LOWER else 1
        found += sorted((s for s in scores if np.isfinite(s.value)), key=lambda s: (sign * s.value, s.subgroup))
    return tuple(found)


class _Scorer:
    """One table of pairs with its resamplings and the two blind writers' tallies, made once."""

    def __init__(self, pairs: Pairs, training: Sequence[Case], settings: Settings) -> None:
        self._pairs = pairs
        drawn = weights(pairs.patients, rounds=settings.rounds, seed=settings.seed)
        self._whole = Tallies.of(pairs.found, pairs.truth, pairs.known)
        self._drawn = Tallies.of(pairs.found, pairs.truth, pairs.known, drawn)
        blind = [Tallies.of(t, pairs.truth, pairs.known) for t in chance_labels(pairs, training, settings.seed)]
        self._chance = _stacked(blind)
        self._normal = Tallies.of(np.zeros_like(pairs.found), pairs.truth, pairs.known)

    def score(self, wanted: _Wanted, columns: list[int]) -> Score:
        low, high = interval(wanted.figure(self._drawn.only(columns)))
        return Score(
            name=wanted.name,
            value=float(wanted.figure(self._whole.only(columns))[0]),
            low=low,
            high=high,
            n=len(self._pairs.cases),
            unit=wanted.unit,
            better=wanted.better,
            source=wanted.source,
            chance=_finite_mean(wanted.figure(self._chance.only(columns))),
            always_normal=_zero(wanted, float(wanted.figure(self._normal.only(columns))[0])),
            num_patients=self._pairs.num_patients,
        )


def _of_class(name: str, figure: Figure, key: str) -> _Wanted:
    return _Wanted(name=f"findings/{name}/{key}", figure=figure, better=HIGHER, source=_LABELER)


def _group_score(
    pairs: Pairs, wanted: _Wanted, columns: list[int], name: str, rows: list[int], settings: Settings
) -> Score:
    patients = [pairs.patients[r] for r in rows]
    found, truth, known = pairs.found[rows], pairs.truth[rows], pairs.known[rows]
    drawn = Tallies.of(found, truth, known, weights(patients, rounds=min(settings.rounds, 300), seed=settings.seed))
    low, high = interval(wanted.figure(drawn.only(columns)))
    return Score(
        name=wanted.name,
        value=float(wanted.figure(Tallies.of(found, truth, known).only(columns))[0]),
        low=low,
        high=high,
        n=len(rows),
        unit=wanted.unit,
        subgroup=name,
        better=wanted.better,
        source=wanted.source,
        num_patients=len(set(patients)),
    )


def _stacked(many: Sequence[Tallies]) -> Tallies:
    return Tallies(
        tp=np.concatenate([t.tp for t in many]),
        fp=np.concatenate([t.fp for t in many]),
        fn=np.concatenate([t.fn for t in many]),
        tn=np.concatenate([t.tn for t in many]),
        num_reports=np.concatenate([t.num_reports for t in many]),
    )


def _finite_mean(values: Floats) -> float | None:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else None


def _zero(wanted: _Wanted, value: float) -> float | None:
    """A figure that is not defined for a writer who calls nothing counts as none."""
    return value if np.isfinite(value) else None
