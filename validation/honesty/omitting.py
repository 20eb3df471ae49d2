"""Is it the most important finding that is left out?

Findings of a case are ranked: actionable classes in the order of ``Settings.actionable``, lesions with a true size by
that size within theirs. A lesion counts as told when a stated length lies near one of its own; a class when the text
calls it present.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tomoscribe.validation.honesty.lengths import stated_mm
from tomoscribe.validation.honesty.pairs import Pairs
from tomoscribe.validation.honesty.settings import Settings
from tomoscribe.validation.metrics.intervals import interval, weights
from tomoscribe.validation.records import Better, Case, Flag, Score, Severity, TrueNodule

FLAG = "omits_most_important"
SCORE = "actionable/most_important_missed"
LESION_CLASS = "nodule"
MOST = 0.5
"""From this share on (lower end of the interval) the most important finding counts as left out, selected or not."""
FEW = 0.1
"""Below this share a choice among findings is no flag."""


@dataclass(frozen=True, kw_only=True)
class _Ranked:
    """Findings of a case, the most important first: whether each is told."""

    row: int
    told: tuple[bool, ...]

    @property
    def top_missed(self) -> bool:
        return not self.told[0]


def omission_test(pairs: Pairs, settings: Settings) -> tuple[tuple[Score, ...], tuple[Flag, ...], str | None]:
    """How often the most important finding is left out, and a flag when that is often, or more often than by chance."""
    ranked = [r for n in range(len(pairs.cases)) if (r := _ranked(pairs, n, settings)) is not None]
    patients = [pairs.patients[r.row] for r in ranked]
    if len(set(patients)) < settings.min_patients:
        why = (
            f"whether the most important finding is left out: {len(set(patients))} patient(s) with actionable findings"
        )
        return (), (), f"{why}, expected {settings.min_patients}"
    missed = np.array([r.top_missed for r in ranked], float)
    drawn = weights(patients, rounds=settings.rounds, seed=settings.seed)
    low, high = interval((drawn @ missed) / drawn.sum(axis=1))
    expected, p_value = _selection(ranked, settings)
    share = float(missed.mean())
    score = Score(
        name=SCORE,
        value=100 * share,
        low=100 * low,
        high=100 * high,
        n=len(ranked),
        unit="per 100 reports",
        better=Better.LOWER,
        source="reports with actionable findings whose most important one is left out; "
        f"{100 * expected:.1f} if what is left out were random, p = {p_value:.4f}",
        num_patients=len(set(patients)),
    )
    chosen = p_value <= settings.alpha and share >= FEW
    if not chosen and low <= MOST:
        return (score,), (), None
    evidence = (
        f"the most important finding is left out of {int(missed.sum())} of {len(ranked)} reports; if what is left out "
        f"were random it would be {expected * len(ranked):.1f} (p = {p_value:.4f})"
    )
    cases = tuple(pairs.cases[r.row].case_id for r in ranked if r.top_missed)[:5]
    return (score,), (Flag(name=FLAG, severity=Severity.CRITICAL, evidence=evidence, cases=cases),), None


def _ranked(pairs: Pairs, row: int, settings: Settings) -> _Ranked | None:
    """The ranked findings of one case, None where it has none."""
    case = pairs.cases[row]
    lengths = stated_mm(pairs.texts[row])
    told: list[bool] = []
    for key in settings.actionable:
        lesions = _lesions(case) if key == LESION_CLASS else ()
        if lesions:
            told += [_is_told(lesion, lengths, settings.tolerance_mm) for lesion in lesions]
        elif key in pairs.classes and pairs.truth[row, pairs.classes.index(key)]:
            told.append(bool(pairs.found[row, pairs.classes.index(key)]))
    return _Ranked(row=row, told=tuple(told)) if told else None


def _lesions(case: Case) -> tuple[TrueNodule, ...]:
    """Reference lesions, the largest first."""
    relevant = [n for n in case.nodules or () if n.relevant]
    return tuple(sorted(relevant, key=lambda n: -(n.long_axis_mm or n.diameter_mm)))


def _is_told(lesion: TrueNodule, lengths: tuple[float, ...], tolerance: float) -> bool:
    own = [v for v in (lesion.long_axis_mm, lesion.diameter_mm) if v is not None]
    return any(abs(stated - true) <= tolerance for stated in lengths for true in own)


def _selection(ranked: list[_Ranked], settings: Settings) -> tuple[float, float]:
    """Share of reports whose first finding would be missing if each left out as many at random; p of the share seen.

    The p value looks only at reports with a choice: several findings, some of them told.
    """
    chances = np.array([r.told.count(False) / len(r.told) for r in ranked])
    choice = [n for n, r in enumerate(ranked) if 0 < chances[n] < 1]
    if not choice:
        return float(chances.mean()), 1.0
    rng = np.random.default_rng(settings.seed)
    drawn = (rng.random((settings.rounds, len(choice))) < chances[choice]).sum(axis=1)
    seen = sum(ranked[n].top_missed for n in choice)
    return float(chances.mean()), float((1 + (drawn >= seen).sum()) / (1 + settings.rounds))
