"""95 % intervals by patient-clustered bootstrap, and paired tests between two models.

Findings of one patient resemble each other, so whole patients are drawn again, never single findings.
Source: Field and Welsh 2007, Bootstrapping clustered data; Efron and Tibshirani 1993, chapter 13 (percentile interval).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tomoscribe.core.errors import InvalidValueError
from tomoscribe.training.scores import percentile_interval as interval

Rows = NDArray[np.int64]
Statistic = Callable[[Rows], float]
"""A figure over the rows whose numbers are given; a row that was drawn twice is named twice."""
ROUNDS = 1000

__all__ = [
    "ROUNDS",
    "Difference",
    "Estimate",
    "Rows",
    "Statistic",
    "difference",
    "estimate",
    "interval",
    "paired_permutation",
    "resampled",
    "weights",
]


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A figure with its 95 % interval; NaN where it is not defined (one class is missing, no case)."""

    value: float
    low: float
    high: float
    num_cases: int
    num_patients: int

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """First model minus second over the same cases.

    Args:
        p_value: two-sided, of no difference.
    """

    value: float
    low: float
    high: float
    p_value: float

    @property
    def beyond_noise(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0


def estimate(statistic: Statistic, patients: Sequence[str], *, rounds: int = ROUNDS, seed: int = 0) -> Estimate:
    """The statistic over all rows, with the percentile interval over resampled patients.

    Args:
        patients: of each row.
        rounds: resamplings; those in which the statistic is not defined are left out.
    """
    rows = np.arange(len(patients))
    drawn = [statistic(r) for r in resampled(patients, rounds=rounds, seed=seed)]
    low, high = interval(drawn)
    return Estimate(
        value=float(statistic(rows)), low=low, high=high, num_cases=len(rows), num_patients=len(set(patients))
    )


def difference(
    first: Statistic, second: Statistic, patients: Sequence[str], *, rounds: int = ROUNDS, seed: int = 0
) -> Difference:
    """Paired bootstrap: both statistics on the same resampled patients.

    The p value is twice the smaller share of resamplings on one side of zero, at least 1 / (rounds + 1).
    """
    rows = np.arange(len(patients))
    drawn = np.array([first(r) - second(r) for r in resampled(patients, rounds=rounds, seed=seed)])
    drawn = drawn[np.isfinite(drawn)]
    low, high = interval(drawn)
    tail = min(int((drawn <= 0).sum()), int((drawn >= 0).sum())) + 1
    return Difference(
        value=float(first(rows) - second(rows)),
        low=low,
        high=high,
        p_value=min(1.0, 2.0 * tail / (len(drawn) + 1)) if len(drawn) else float("nan"),
    )


def paired_permutation(
    first: ArrayLike, second: ArrayLike, patients: Sequence[str], *, rounds: int = 10_000, seed: int = 0
) -> float:
    """Two-sided p value of equal means of two models' scores per case; the signs of whole patients are turned.

    Source: Good 2005, Permutation, parametric and bootstrap tests of hypotheses, section 3.
    """
    gap = np.asarray(first, float) - np.asarray(second, float)
    if gap.shape != (len(patients),):
        raise InvalidValueError(f"expected one score of each model for {len(patients)} cases, found {gap.shape}")
    names, owner = np.unique(np.asarray(patients), return_inverse=True)
    sums = np.bincount(owner, weights=gap, minlength=len(names))
    signs = np.random.default_rng(seed).choice((-1.0, 1.0), size=(rounds, len(names)))
    seen = abs(sums.sum())
    return float((np.sum(np.abs(signs @ sums) >= seen - 1e-12) + 1) / (rounds + 1))


def resampled(patients: Sequence[str], *, rounds: int, seed: int) -> Iterator[Rows]:
    """Row numbers of ``rounds`` draws of whole patients with replacement."""
    if not len(patients):
        raise InvalidValueError("expected at least one case to draw from, found none")
    names, owner = np.unique(np.asarray(patients), return_inverse=True)
    members = [np.flatnonzero(owner == n) for n in range(len(names))]
    rng = np.random.default_rng(seed)
    for _ in range(rounds):
        yield np.concatenate([members[n] for n in rng.integers(0, len(names), len(names))])


def weights(patients: Sequence[str], *, rounds: int = ROUNDS, seed: int = 0) -> NDArray[np.float64]:
    """(rounds, rows): how often each row is drawn; ``weights @ counts`` are the counts of every resampling at once."""
    drawn = np.zeros((rounds, len(patients)))
    for n, rows in enumerate(resampled(patients, rounds=rounds, seed=seed)):
        drawn[n] = np.bincount(rows, minlength=len(patients))
    return drawn
