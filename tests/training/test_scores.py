"""Figures of merit against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tomoscribe.core.errors import InvalidValueError
from tomoscribe.training.scores import (
    auroc,
    auroc_interval,
    dice,
    expected_calibration_error,
    fit_platt,
    youden_threshold,
)


def test_auroc_counts_pairs_and_half_of_ties() -> None:
    # positives 3, 1; negatives 2, 1: pairs 3>2, 3>1, 1<2, 1=1 -> (1 + 1 + 0 + 0.5) / 4
    assert auroc([3, 1, 2, 1], [1, 1, 0, 0]) == pytest.approx(0.625)
    assert np.isnan(auroc([1, 2], [1, 1]))


def test_the_interval_holds_the_estimate_and_narrows_with_cases() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 2
    scores = labels + rng.normal(0, 1, 400)
    few, many = auroc_interval(scores[:40], labels[:40]), auroc_interval(scores, labels)
    assert few.low <= few.value <= few.high
    assert many.high - many.low < 0.5 * (few.high - few.low)
    assert (many.num_positive, many.num_negative) == (200, 200)


def test_platt_finds_the_line_that_made_the_labels() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 2, 20_000)
    labels = rng.random(20_000) < 1 / (1 + np.exp(-(0.5 * logits - 1.0)))
    slope, offset = fit_platt(logits, labels)
    assert slope == pytest.approx(0.5, abs=0.03)
    assert offset == pytest.approx(-1.0, abs=0.06)


def test_platt_never_turns_a_head_round() -> None:
    logits = np.linspace(-3, 3, 100)
    slope, offset = fit_platt(logits, logits < 0)
    assert slope == 0.0
    assert 1 / (1 + np.exp(-offset)) == pytest.approx(0.5, abs=0.01)


def test_platt_needs_both_classes() -> None:
    with pytest.raises(InvalidValueError, match="positive and negative"):
        fit_platt([1.0, 2.0], [True, True])


def test_youden_threshold_splits_what_can_be_split() -> None:
    assert youden_threshold([0.1, 0.3, 0.6, 0.9], [0, 0, 1, 1]) == pytest.approx(0.6)
    assert youden_threshold([0.01, 0.02, 0.05], [0, 0, 1]) == pytest.approx(0.2)


def test_dice_of_two_thirds() -> None:
    first, second = np.array([1, 1, 0], bool), np.array([1, 0, 0], bool)
    assert dice(first, second) == pytest.approx(2 / 3)
    assert np.isnan(dice(~first & first, second & ~second))


def test_calibration_error_of_overconfidence() -> None:
    # four cases said to be 0.95 likely, of which half are true: |0.95 - 0.5|
    assert expected_calibration_error([0.95] * 4, [1, 1, 0, 0]) == pytest.approx(0.45)
