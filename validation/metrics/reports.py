"""Findings of reports against a reference: F1 by class, CRG, what was missed and invented.

A report's findings are labels of 0 or 1 (reports x classes); how they are read from text is the labeler's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tomoscribe.core.errors import InvalidValueError
from tomoscribe.validation.metrics.classification import Counts

Labels = NDArray[np.bool_]
"""(reports, classes)"""


@dataclass(frozen=True, kw_only=True)
class FindingScores:
    """Agreement of findings over all reports.

    Args:
        by_class: confusion matrix of each class.
        macro_f1, macro_precision, macro_recall: means over the classes where they are defined.
        micro: all classes in one matrix.
        crg: see ``crg``.
        missed_per_100, invented_per_100: findings left out and findings that are not there, per 100 reports.
    """

    by_class: dict[str, Counts]
    macro_f1: float
    macro_precision: float
    macro_recall: float
    micro: Counts
    crg: float
    missed_per_100: float
    invented_per_100: float


def score_findings(found: Labels, truth: Labels, classes: Sequence[str]) -> FindingScores:
    """All figures at once; a class that is neither called nor true counts in no mean."""
    _check(found, truth)
    if truth.shape[1] != len(classes):
        raise InvalidValueError(f"expected {truth.shape[1]} names of classes, found {len(classes)}")
    by_class = {name: Counts.of(found[:, n], truth[:, n]) for n, name in enumerate(classes)}
    micro = sum(by_class.values(), start=Counts(true_positive=0, false_positive=0, false_negative=0, true_negative=0))
    reports = truth.shape[0]
    return FindingScores(
        by_class=by_class,
        macro_f1=_mean([c.f1 for c in by_class.values()]),
        macro_precision=_mean([c.precision for c in by_class.values()]),
        macro_recall=_mean([c.recall for c in by_class.values()]),
        micro=micro,
        crg=crg(found, truth),
        missed_per_100=100.0 * micro.false_negative / reports,
        invented_per_100=100.0 * micro.false_positive / reports,
    )


def crg(found: Labels, truth: Labels) -> float:
    """CRG score: true positives and omissions weighted with the rarity of findings, inventions with 1, 1/3 to 1.

    With T labels of which A are true: w = (T - A) / (2 A), s = w TP - w FN - FP, CRG = A w / (2 A w - s).
    True negatives count for nothing. Source: Hamamci et al. 2025, CRG Score, arXiv 2505.17167.

    Raises:
        InvalidValueError: nothing or everything is true, so that no weight is defined.
    """
    _check(found, truth)
    total, true = truth.size, int(truth.sum())
    if not 0 < true < total:
        raise InvalidValueError(f"expected some true and some untrue labels, found {true} of {total} true")
    weight = (total - true) / (2 * true)
    hit, missed, invented = int((found & truth).sum()), int((~found & truth).sum()), int((found & ~truth).sum())
    best = true * weight
    return float(best / (2 * best - (weight * hit - weight * missed - invented)))


def _check(found: Labels, truth: Labels) -> None:
    if found.shape != truth.shape or truth.ndim != 2 or not truth.size:
        raise InvalidValueError(
            f"expected two tables (reports, classes) of one shape, found {found.shape}, {truth.shape}"
        )
    if found.dtype != np.bool_ or truth.dtype != np.bool_:
        raise InvalidValueError(f"expected boolean labels, found {found.dtype} and {truth.dtype}")


def _mean(values: Sequence[float]) -> float:
    finite = [v for v in values if np.isfinite(v)]
    return float(np.mean(finite)) if finite else float("nan")
