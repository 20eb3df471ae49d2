"""The figures of the trial on whether the image matters."""

from __future__ import annotations

import numpy as np
import pytest

from tomoscribe.core import Laterality, terms
from tomoscribe.training.report_images import ASKED
from tomoscribe.validation.fusion_trial import bootstrap, f1_by_chance, f1_score, withheld_sheet
from tomoscribe.validation.metrics.classification import auroc


def test_f1_by_hand() -> None:
    said = np.array([1.0, 1.0, 0.0, 0.0, 1.0])
    truth = np.array([True, False, True, False, True])
    assert f1_score(said, truth) == pytest.approx(2 * 2 / (2 * 2 + 1 + 1))
    assert f1_score(np.zeros(5), truth) == 0.0


def test_chance_is_what_saying_it_as_often_to_other_patients_gives() -> None:
    truth = np.array([True, False, False, False])
    assert f1_by_chance(np.array([1.0, 1.0, 0.0, 0.0]), truth) == pytest.approx(2 * 0.25 * 0.5 / 0.75)
    assert f1_by_chance(np.zeros(4), np.zeros(4, bool)) == 0.0


def test_the_interval_holds_the_value_and_unknown_truths_are_left_out() -> None:
    values = np.array([[0.9], [0.8], [0.1], [0.2], [0.5]], np.float32)
    truth = np.array([[1], [1], [0], [0], [np.nan]], np.float32)
    value, low, high = bootstrap([values], [truth], auroc)
    assert value == 1.0
    assert low <= value <= high


def test_a_withheld_sheet_asks_type_and_side_alone() -> None:
    sheet = withheld_sheet(ASKED["unet-ct"])
    assert sheet.rows[0].text == "<f1> emphysema right ?"
    assert len(sheet.rows) == 8
    assert (terms.PLEURAL_EFFUSION, Laterality.LEFT) in ASKED["unet-ct"]
    assert [r.text for r in withheld_sheet(ASKED["unet-mr"]).rows] == [
        "<f1> lesions ?",
        "<f2> enlargement ?",
        "<f3> brainmass ?",
    ]
