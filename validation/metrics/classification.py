"""Figures of merit of probabilities and of decisions, equal to scikit-learn's in a test; NaN where not defined."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tomoscribe.core.errors import InvalidValueError
from tomoscribe.training import scores as primitives


def auroc(scores: ArrayLike, labels: ArrayLike) -> float:
    """Area under the receiver operating characteristic: chance that a positive scores above a negative, ties half."""
    return primitives.auroc(*_pair(scores, labels))


def auprc(scores: ArrayLike, labels: ArrayLike) -> float:
    """Average precision: sum over thresholds of the gain in recall times the precision, without interpolation."""
    values, truth = _pair(scores, labels)
    if not truth.any():
        return float("nan")
    order = np.argsort(-values, kind="stable")
    last = np.r_[np.flatnonzero(np.diff(values[order])), len(values) - 1]
    hits = np.cumsum(truth[order])[last]
    recall = hits / hits[-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * hits / (last + 1)))


def brier(probabilities: ArrayLike, labels: ArrayLike) -> float:
    """Mean squared distance of probability and outcome (Brier 1950); 0 is perfect."""
    p, truth = _probabilities(probabilities, labels)
    return float(np.mean((p - truth) ** 2)) if p.size else float("nan")


@dataclass(frozen=True, kw_only=True, eq=False)
class Calibration:
    """Reliability over equal bins of probability; empty bins are left out.

    Args:
        predicted, observed: mean probability and share of positives of each bin.
        count: cases of each bin.
        error: expected calibration error, bins weighted with their size (Naeini et al. 2015).
    """

    predicted: NDArray[np.float64]
    observed: NDArray[np.float64]
    count: NDArray[np.int64]
    error: float


def calibration(probabilities: ArrayLike, labels: ArrayLike, *, bins: int = 10) -> Calibration:
    """The reliability curve and its expected calibration error."""
    p, truth = _probabilities(probabilities, labels)
    if not p.size:
        raise InvalidValueError("expected at least one case")
    index = np.minimum((p * bins).astype(int), bins - 1)
    used = np.unique(index)
    predicted = np.array([p[index == b].mean() for b in used])
    observed = np.array([truth[index == b].mean() for b in used])
    count = np.array([(index == b).sum() for b in used])
    error = primitives.expected_calibration_error(p, truth, bins=bins)
    return Calibration(predicted=predicted, observed=observed, count=count, error=error)


@dataclass(frozen=True, kw_only=True)
class Counts:
    """A confusion matrix of one class."""

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int

    @classmethod
    def of(cls, found: ArrayLike, truth: ArrayLike) -> Counts:
        """From decisions and truth of the same cases."""
        a, b = _pair(found, truth)
        decided = a > 0.5
        return cls(
            true_positive=int((decided & b).sum()),
            false_positive=int((decided & ~b).sum()),
            false_negative=int((~decided & b).sum()),
            true_negative=int((~decided & ~b).sum()),
        )

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            true_positive=self.true_positive + other.true_positive,
            false_positive=self.false_positive + other.false_positive,
            false_negative=self.false_negative + other.false_negative,
            true_negative=self.true_negative + other.true_negative,
        )

    @property
    def precision(self) -> float:
        """Of what was called, how much is true; NaN when nothing was called."""
        return _ratio(self.true_positive, self.true_positive + self.false_positive)

    @property
    def recall(self) -> float:
        """Of what is true, how much was called; NaN when nothing is true."""
        return _ratio(self.true_positive, self.true_positive + self.false_negative)

    @property
    def specificity(self) -> float:
        """Of what is not there, how much was not called; NaN when everything is true."""
        return _ratio(self.true_negative, self.true_negative + self.false_positive)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, 2 TP / (2 TP + FP + FN); NaN when all three are 0."""
        return _ratio(2 * self.true_positive, 2 * self.true_positive + self.false_positive + self.false_negative)

    @property
    def mcc(self) -> float:
        """Matthews correlation (Matthews 1975), -1 to 1; 0 when a row or column of the matrix is empty."""
        tp, fp, fn, tn = self.true_positive, self.false_positive, self.false_negative, self.true_negative
        below = math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
        return (tp * tn - fp * fn) / below if below else 0.0

    @property
    def kappa(self) -> float:
        """Cohen's kappa (Cohen 1960): agreement beyond chance; NaN when chance alone agrees fully."""
        tp, fp, fn, tn = self.true_positive, self.false_positive, self.false_negative, self.true_negative
        total = tp + fp + fn + tn
        if not total:
            return float("nan")
        seen = (tp + tn) / total
        chance = ((tp + fp) * (tp + fn) + (fn + tn) * (fp + tn)) / total**2
        return (seen - chance) / (1 - chance) if chance < 1 else float("nan")


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


def _pair(values: ArrayLike, labels: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    a, b = np.asarray(values, float), np.asarray(labels)
    if a.shape != b.shape or a.ndim != 1 or not np.isin(b, (0, 1)).all() or np.isnan(a).any():
        raise InvalidValueError(
            f"expected numbers and labels of 0 or 1, as many of each, found {a.shape} and {b.shape}"
        )
    return a, b.astype(bool)


def _probabilities(values: ArrayLike, labels: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    p, truth = _pair(values, labels)
    if p.size and (p.min() < 0 or p.max() > 1):
        raise InvalidValueError(f"expected probabilities of 0 to 1, found {p.min():g} to {p.max():g}")
    return p, truth
