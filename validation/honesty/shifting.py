"""Labels that belong to a neighbor: reports that fit the truth of other rows better than that of their own."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tomoscribe.validation.honesty.pairs import Pairs
from tomoscribe.validation.honesty.settings import Settings
from tomoscribe.validation.records import Flag, Severity

FLAG = "labels_shifted"
MAX_SHIFT = 50
"""Rows to both sides that are tried."""


def shift_test(pairs: Pairs, settings: Settings) -> tuple[tuple[Flag, ...], str | None]:
    """A flag when the agreement of found and true labels is far better after a shift of whole patients than without.

    Patients stand in the order of the cases, each with its first case. Agreement is the sum over classes of the
    covariance of found and true; how far a shift may get by chance is told by random orders of the patients.
    """
    rows = sorted({p: n for n, p in reversed(list(enumerate(pairs.patients)))}.values())
    found, truth = (t[rows].astype(float) for t in (pairs.found, pairs.truth))
    known = pairs.known[rows].all(axis=1)
    found, truth = found[known], truth[known]
    if len(found) < max(settings.min_patients, 3) or not found.std() or not truth.std():
        return (), "whether labels belong to a neighbor: too few patients, or labels that are all alike"
    found, truth = found - found.mean(axis=0), truth - truth.mean(axis=0)
    shifts = [s for s in range(-MAX_SHIFT, MAX_SHIFT + 1) if abs(s) <= (len(found) - 1) // 2]
    agreement = {s: float((found * np.roll(truth, -s, axis=0)).sum()) for s in shifts}
    best = max((s for s in shifts if s), key=lambda s: agreement[s])
    p_value = _p_value(found, truth, agreement[best], len(shifts) - 1, settings)
    if p_value > settings.alpha or agreement[0] > agreement[best] / 2:
        return (), None
    evidence = (
        f"found and true labels agree best when the truth is taken {abs(best)} patient(s) "
        f"{'later' if best > 0 else 'earlier'} in the list: {agreement[best]:.1f} against {agreement[0]:.1f} without a "
        f"shift (p = {p_value:.4f} of {len(found)} patients)"
    )
    return (Flag(name=FLAG, severity=Severity.CRITICAL, evidence=evidence),), None


def _p_value(
    found: NDArray[np.float64], truth: NDArray[np.float64], seen: float, tries: int, settings: Settings
) -> float:
    """Chance that the best of as many random orders agrees as well: by a normal law, since it may be very small."""
    rng = np.random.default_rng(settings.seed)
    drawn = np.array([(found * truth[rng.permutation(len(truth))]).sum() for _ in range(settings.rounds)])
    spread = float(drawn.std())
    return min(1.0, tries * 0.5 * math.erfc(float((seen - drawn.mean()) / spread) / math.sqrt(2))) if spread else 1.0
