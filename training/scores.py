"""Figures of merit and calibration of binary classifiers, numpy only.

Training may not import validation, so the few figures that both need are written here, and ``validation.metrics`` puts
its checks and names around them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tomoscribe.core.errors import InvalidValueError


@dataclass(frozen=True, kw_only=True)
class Interval:
    """An estimate with its 95 % bootstrap interval over cases."""

    value: float
    low: float
    high: float
    num_positive: int
    num_negative: int


def auroc(scores: ArrayLike, labels: ArrayLike) -> float:
    """Chance that a positive scores above a negative, ties count half; NaN when one class is empty."""
    values, truth = np.asarray(scores, float), np.asarray(labels, bool)
    positives = int(truth.sum())
    negatives = len(truth) - positives
    if not positives or not negatives:
        return float("nan")
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2)[place]
    return float((ranks[truth].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def percentile_interval(values: ArrayLike) -> tuple[float, float]:
    """95 % interval of a figure's resamplings; those in which it is not defined are left out."""
    finite = np.asarray(values, float)
    finite = finite[np.isfinite(finite)]
    if not finite.size:
        return float("nan"), float("nan")
    low, high = np.percentile(finite, (2.5, 97.5))
    return float(low), float(high)


def auroc_interval(scores: ArrayLike, labels: ArrayLike, *, rounds: int = 1000, seed: int = 0) -> Interval:
    """AUROC with the percentile interval over ``rounds`` resamplings of the cases."""
    values, truth = np.asarray(scores, float), np.asarray(labels, bool)
    rng = np.random.default_rng(seed)
    picks = rng.integers(0, len(values), size=(rounds, len(values)))
    low, high = percentile_interval([auroc(values[p], truth[p]) for p in picks])
    return Interval(
        value=auroc(values, truth),
        low=low,
        high=high,
        num_positive=int(truth.sum()),
        num_negative=int((~truth).sum()),
    )


def fit_platt(logits: ArrayLike, labels: ArrayLike, *, steps: int = 100) -> tuple[float, float]:
    """Slope and offset of the logistic that fits the labels best, with Platt's smoothed targets (Newton's method).

    Source: Platt 1999, Probabilistic outputs for support vector machines; targets (n+ + 1) / (n+ + 2) and 1 / (n- + 2).
    The slope is kept positive: a head that ranks the wrong way round is made uninformative instead of being turned.
    """
    x, truth = np.asarray(logits, float), np.asarray(labels, bool)
    positives, negatives = int(truth.sum()), int((~truth).sum())
    if not positives or not negatives:
        raise InvalidValueError("calibration needs positive and negative cases, found only one kind")
    target = np.where(truth, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    shift, scale = float(x.mean()), float(x.std() + 1e-6)
    design = np.stack([(x - shift) / scale, np.ones_like(x)], axis=1)
    weights = np.array([0.0, np.log((positives + 1) / (negatives + 1))])
    for _ in range(steps):
        p = 1 / (1 + np.exp(-design @ weights))
        gradient = design.T @ (p - target)
        hessian = design.T @ (design * (p * (1 - p))[:, None]) + 1e-6 * np.eye(2)
        weights = weights - np.linalg.solve(hessian, gradient).clip(-2, 2)
    if weights[0] <= 0:
        return 0.0, float(np.log((positives + 1) / (negatives + 1)))
    return float(weights[0] / scale), float(weights[1] - weights[0] * shift / scale)


def youden_threshold(probabilities: ArrayLike, labels: ArrayLike) -> float:
    """The probability that best separates the classes (largest sensitivity + specificity), at least 0.2."""
    p, truth = np.asarray(probabilities, float), np.asarray(labels, bool)
    cuts = np.unique(p)
    merits = [float((p[truth] >= c).mean() + (p[~truth] < c).mean()) for c in cuts]
    return max(0.2, float(cuts[int(np.argmax(merits))]))


def dice(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Overlap of two masks; NaN when both are empty."""
    total = int(first.sum()) + int(second.sum())
    return float(2 * (first & second).sum() / total) if total else float("nan")


def expected_calibration_error(probabilities: ArrayLike, labels: ArrayLike, *, bins: int = 10) -> float:
    """Mean distance of confidence and frequency over equal bins of probability, weighted with their size."""
    p, truth = np.asarray(probabilities, float), np.asarray(labels, float)
    index = np.minimum((p * bins).astype(int), bins - 1)
    gaps = [abs(p[index == b].mean() - truth[index == b].mean()) * (index == b).mean() for b in np.unique(index)]
    return float(np.sum(gaps))
