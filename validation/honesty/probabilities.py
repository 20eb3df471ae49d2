"""Scores of probabilities by class: AUROC, AUPRC, Brier, calibration; with intervals over resampled patients."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from tomoscribe.validation.honesty.pairs import truth_of
from tomoscribe.validation.honesty.settings import Settings
from tomoscribe.validation.metrics.classification import auprc, auroc, brier, calibration
from tomoscribe.validation.metrics.intervals import Rows, estimate
from tomoscribe.validation.records import Better, Case, Prediction, Score

_ROUNDS = 200


def probability_scores(
    predictions: Sequence[Prediction], cases: Sequence[Case], settings: Settings
) -> tuple[Score, ...]:
    """Of every class of which probabilities and truth of both kinds are known."""
    by_case = {p.case_id: p for p in predictions}
    both = [(c, by_case[c.case_id], truth_of(c)) for c in cases if c.case_id in by_case]
    classes = sorted({k for _, p, truth in both for k in p.probabilities if k in truth})
    scores: list[Score] = []
    for key in classes:
        rows = [(p.probabilities[key], truth[key], c.patient_key) for c, p, truth in both if _knows(p, truth, key)]
        p, truth, patients = (list(column) for column in zip(*rows, strict=True))
        if any(truth) and not all(truth):
            scores += _of_class(key, np.array(p, float), np.array(truth, bool), patients, settings)
    return tuple(scores)


def _knows(prediction: Prediction, truth: dict[str, bool], key: str) -> bool:
    return key in prediction.probabilities and key in truth


def _of_class(key: str, p: np.ndarray, truth: np.ndarray, patients: list[str], settings: Settings) -> list[Score]:
    share = float(truth.mean())
    wanted: tuple[tuple[str, Callable[[ArrayLike, ArrayLike], float], Better, float, str], ...] = (
        ("auroc", auroc, Better.HIGHER, 0.5, "Hanley and McNeil 1982"),
        ("auprc", auprc, Better.HIGHER, share, "average precision"),
        ("brier", brier, Better.LOWER, share * (1 - share), "Brier 1950; chance says the prevalence"),
        ("calibration_error", _ece, Better.LOWER, 0.0, "expected calibration error, ten bins (Naeini et al. 2015)"),
    )
    found = []
    for name, metric, better, chance, source in wanted:

        def over(rows: Rows, metric: Callable[[ArrayLike, ArrayLike], float] = metric) -> float:
            return metric(p[rows], truth[rows])

        value = estimate(over, patients, rounds=min(settings.rounds, _ROUNDS), seed=settings.seed)
        found.append(
            Score(
                name=f"probability/{name}/{key}",
                value=value.value,
                low=value.low,
                high=value.high,
                n=value.num_cases,
                better=better,
                source=source,
                chance=None if name == "calibration_error" else chance,
                num_patients=value.num_patients,
            )
        )
    return found


def _ece(p: ArrayLike, truth: ArrayLike) -> float:
    return calibration(p, truth).error
