"""Counts of found and true labels case by case, so that every figure and all its resamplings are sums of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tomoscribe.validation.honesty.pairs import Table

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Tallies:
    """Sums over cases: (N, classes) of N resamplings, and the cases in each.

    Args:
        num_reports: (N,)
    """

    tp: Floats
    fp: Floats
    fn: Floats
    tn: Floats
    num_reports: Floats

    @classmethod
    def of(cls, found: Table, truth: Table, known: Table, weights: Floats | None = None) -> Tallies:
        """Tallies of one table, or of each row of ``weights`` (N, cases)."""
        how_often = np.ones((1, len(truth))) if weights is None else weights
        kinds = (found & truth, found & ~truth, ~found & truth, ~found & ~truth)
        tp, fp, fn, tn = (how_often @ (k & known).astype(float) for k in kinds)
        return cls(tp=tp, fp=fp, fn=fn, tn=tn, num_reports=how_often.sum(axis=1))

    def only(self, columns: list[int]) -> Tallies:
        """Of some classes alone."""
        picked = (a[:, columns] for a in (self.tp, self.fp, self.fn, self.tn))
        tp, fp, fn, tn = picked
        return Tallies(tp=tp, fp=fp, fn=fn, tn=tn, num_reports=self.num_reports)


Figure = Callable[[Tallies], Floats]
"""Tallies to one number a resampling; NaN where it is not defined."""


def macro_f1(t: Tallies) -> Floats:
    """Mean of 2 TP / (2 TP + FP + FN) over the classes that are called or true."""
    return _mean(_ratio(2 * t.tp, 2 * t.tp + t.fp + t.fn))


def macro_precision(t: Tallies) -> Floats:
    """Mean of TP / (TP + FP) over the classes that are called."""
    return _mean(_ratio(t.tp, t.tp + t.fp))


def macro_recall(t: Tallies) -> Floats:
    """Mean of TP / (TP + FN) over the classes that are true."""
    return _mean(_ratio(t.tp, t.tp + t.fn))


def micro_f1(t: Tallies) -> Floats:
    """2 TP / (2 TP + FP + FN) of all classes together."""
    tp, fp, fn = t.tp.sum(1), t.fp.sum(1), t.fn.sum(1)
    return _ratio(2 * tp, 2 * tp + fp + fn)


def mcc(t: Tallies) -> Floats:
    """Matthews correlation of all classes together (Matthews 1975)."""
    tp, fp, fn, tn = t.tp.sum(1), t.fp.sum(1), t.fn.sum(1), t.tn.sum(1)
    below = np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return np.where(below > 0, (tp * tn - fp * fn) / np.where(below > 0, below, 1.0), 0.0)


def kappa(t: Tallies) -> Floats:
    """Cohen's kappa of all classes together (Cohen 1960)."""
    tp, fp, fn, tn = t.tp.sum(1), t.fp.sum(1), t.fn.sum(1), t.tn.sum(1)
    total = tp + fp + fn + tn
    seen = _ratio(tp + tn, total)
    chance = _ratio((tp + fp) * (tp + fn) + (fn + tn) * (fp + tn), total**2)
    return _ratio(seen - chance, 1 - chance)


def crg(t: Tallies) -> Floats:
    """CRG score (Hamamci et al. 2025), see ``metrics.reports.crg``."""
    hit, invented, missed = t.tp.sum(1), t.fp.sum(1), t.fn.sum(1)
    true, total = hit + missed, hit + missed + invented + t.tn.sum(1)
    weight = _ratio(total - true, 2 * true)
    best = true * weight
    return _ratio(best, 2 * best - (weight * hit - weight * missed - invented))


def missed_per_100(t: Tallies) -> Floats:
    """Findings left out, per 100 reports."""
    return _ratio(100 * t.fn.sum(1), t.num_reports)


def invented_per_100(t: Tallies) -> Floats:
    """Findings that are not there, per 100 reports."""
    return _ratio(100 * t.fp.sum(1), t.num_reports)


def _ratio(above: Floats, below: Floats) -> Floats:
    usable = below != 0
    return np.where(usable, above / np.where(usable, below, 1.0), np.nan)


def _mean(by_class: Floats) -> Floats:
    known = np.isfinite(by_class)
    return _ratio(np.where(known, by_class, 0.0).sum(axis=1), known.sum(axis=1).astype(float))
