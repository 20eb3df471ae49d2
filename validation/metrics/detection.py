"""FROC and CPM as LUNA16 defines them.

Source: Setio et al. 2017, Validation, comparison, and combination of algorithms for automatic detection of pulmonary
nodules, and the challenge's evaluation rules: a candidate hits a nodule when it lies within the nodule's radius;
further hits of the same nodule, and hits of irrelevant findings, count neither for nor against; sensitivity is read
off the curve, linear between its points, at 1/8, 1/4, 1/2, 1, 2, 4 and 8 false positives per scan; CPM is its mean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tomoscribe.core import Point
from tomoscribe.core.errors import InvalidValueError
from tomoscribe.validation.metrics.intervals import ROUNDS, Estimate, Rows, estimate

RATES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""False positives per scan at which sensitivity is read."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A reference finding: center in LPS mm, diameter in mm.

    Args:
        relevant: False for findings that count neither for nor against.
    """

    center_mm: Point
    diameter_mm: float
    relevant: bool = True


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A detection: place in LPS mm, score (higher is surer)."""

    center_mm: Point
    score: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Scan:
    """Marks of one scan after matching.

    Args:
        patient: whom it belongs to.
        hits: best score of each relevant target, -inf where it was missed.
        false: scores of the false positives.
    """

    patient: str
    hits: NDArray[np.float64]
    false: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Froc:
    """Sensitivity over false positives per scan, from the strictest threshold on; both start at 0."""

    false_per_scan: NDArray[np.float64]
    sensitivity: NDArray[np.float64]

    def at(self, rate: float) -> float:
        """Sensitivity at ``rate`` false positives per scan; that of the last point where there are fewer."""
        return float(np.interp(rate, self.false_per_scan, self.sensitivity))

    @property
    def cpm(self) -> float:
        """Mean sensitivity at RATES (competition performance metric)."""
        return float(np.mean([self.at(rate) for rate in RATES]))


def match(targets: Sequence[Target], marks: Sequence[Mark], *, patient: str) -> Scan:
    """One scan's marks against its targets.

    Raises:
        InvalidValueError: a diameter that is not above 0, or a score that is no number.
    """
    if any(not t.diameter_mm > 0 for t in targets) or any(not np.isfinite(m.score) for m in marks):
        raise InvalidValueError("expected diameters above 0 and finite scores")
    free = np.ones(len(marks), bool)
    scores = np.array([m.score for m in marks], float)
    hits = []
    for target in sorted(targets, key=lambda t: not t.relevant):
        hit = inside(target, marks)
        if target.relevant:
            hits.append(scores[hit].max() if hit.any() else -np.inf)
        free &= ~hit
    return Scan(patient=patient, hits=np.array(hits, float), false=scores[free])


def inside(target: Target, marks: Sequence[Mark]) -> NDArray[np.bool_]:
    """Which marks hit a target: those nearer to its center than its radius."""
    if not marks:
        return np.zeros(0, bool)
    places = np.array([m.center_mm for m in marks])
    distance = np.linalg.norm(places - np.array(target.center_mm), axis=1)
    return np.asarray(distance < target.diameter_mm / 2)


def froc(scans: Sequence[Scan]) -> Froc:
    """The curve over all scans; equal scores share one point.

    Raises:
        InvalidValueError: no scan, or no relevant target in any of them.
    """
    num_targets = sum(len(s.hits) for s in scans)
    if not scans or not num_targets:
        raise InvalidValueError("expected scans with at least one relevant target between them")
    hits = np.concatenate([s.hits for s in scans])
    hits = hits[np.isfinite(hits)]
    false = np.concatenate([s.false for s in scans])
    thresholds = np.unique(np.concatenate([hits, false]))[::-1]
    detected = np.array([(hits >= t).sum() for t in thresholds]) / num_targets
    wrong = np.array([(false >= t).sum() for t in thresholds]) / len(scans)
    return Froc(
        false_per_scan=np.concatenate([[0.0], wrong]).astype(float),
        sensitivity=np.concatenate([[0.0], detected]).astype(float),
    )


def cpm_interval(scans: Sequence[Scan], *, rounds: int = ROUNDS, seed: int = 0) -> Estimate:
    """CPM with its interval over resampled patients."""
    return _interval(scans, lambda curve: curve.cpm, rounds, seed)


def sensitivity_interval(scans: Sequence[Scan], rate: float, *, rounds: int = ROUNDS, seed: int = 0) -> Estimate:
    """Sensitivity at ``rate`` false positives per scan with its interval over resampled patients."""
    return _interval(scans, lambda curve: curve.at(rate), rounds, seed)


def _interval(scans: Sequence[Scan], figure: Callable[[Froc], float], rounds: int, seed: int) -> Estimate:
    def over(rows: Rows) -> float:
        chosen = [scans[n] for n in rows]
        return figure(froc(chosen)) if any(len(s.hits) for s in chosen) else float("nan")

    return estimate(over, [s.patient for s in scans], rounds=rounds, seed=seed)
