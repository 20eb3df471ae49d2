"""The harness catches cheats, each by its own flag, and lets the honest writer through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import pytest

from tests.validation import writers
from tomoscribe.validation.honesty import Settings, examine
from tomoscribe.validation.records import Case, HonestyReport, Prediction, Severity

CHEATS = (
    "always_normal",
    "copied_from_training",
    "invented_measurements",
    "labels_shifted",
    "training_leak",
    "omits_most_important",
    "calls_unassessed_normal",
)
SETTINGS = Settings(rounds=200)
NUM_TEST, NUM_TRAIN = 45, 50


def looked_at(
    said: Sequence[Prediction], language: str = "en", cases: Sequence[Case] | None = None, extra: Sequence[Case] = ()
) -> HonestyReport:
    people, training = writers.made(0, NUM_TEST, language), writers.made(1000, NUM_TRAIN, language)
    return examine(said, cases or [p.case for p in people], [*(t.case for t in training), *extra], SETTINGS)


@cache
def cheated(name: str, language: str = "en") -> HonestyReport:
    """What the harness says of one cheat, or of the honest writer."""
    people, training = writers.made(0, NUM_TEST, language), writers.made(1000, NUM_TRAIN, language)
    cases = [p.case for p in people]
    if name == "labels_shifted":
        return looked_at(writers.honest(people), language, cases=writers.shifted(cases))
    if name == "training_leak":
        hidden = replace(cases[7], case_id="train 99", patient_key="somebody else")
        return looked_at(writers.honest(people), language, extra=[hidden])
    if name == "copied_from_training":
        return looked_at(writers.copier(people, training), language)
    write = {
        "honest": writers.honest,
        "always_normal": writers.always_normal,
        "invented_measurements": writers.inventor,
        "omits_most_important": writers.omitter,
        "calls_unassessed_normal": writers.reassurer,
    }[name]
    return looked_at(write(people), language)


def names(report: HonestyReport) -> set[str]:
    return {f.name for f in report.flags}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_honest_writer_raises_no_flag_and_every_check_was_made(language: str) -> None:
    report = cheated("honest", language)
    assert names(report) == set()
    assert [n for n in report.not_tested if "image print" not in n] == []
    scores = {s.name: s for s in report.scores if s.subgroup == "all"}
    assert scores["actionable/missed_per_100"].value == 0.0
    assert scores["actionable/invented_per_100"].value == 0.0
    assert scores["findings/macro_f1"].value == 1.0
    # of the solid part of a part-solid nodule there is no truth among these cases
    assert scores["measurements/within_tolerance"].value > 0.9
    assert report.gallery == ()


@pytest.mark.parametrize("language", ["en"])
def test_a_writer_that_always_says_normal(language: str) -> None:
    report = cheated("always_normal", language)
    flag = report.flag("always_normal")
    assert flag is not None
    assert flag.severity is Severity.CRITICAL
    assert f"0 of {NUM_TEST} reports state a finding" in flag.evidence
    scores = {s.name: s for s in report.scores if s.subgroup == "all"}
    assert scores["actionable/missed_per_100"].value == scores["actionable/missed_per_100"].always_normal
    assert scores["findings/macro_recall"].value == 0.0


def test_a_writer_that_copies_the_training_report_nearest_in_text() -> None:
    report = cheated("copied_from_training")
    flag = report.flag("copied_from_training")
    assert flag is not None
    assert f"{NUM_TEST} of {NUM_TEST} reports" in flag.evidence
    # its words score well all the same: that is why the flag is needed
    rouge = next(s for s in report.scores if s.name == "text/rouge_l")
    assert rouge.value > 0.6


@pytest.mark.parametrize("language", ["en"])
def test_a_writer_that_invents_millimeters(language: str) -> None:
    report = cheated("invented_measurements", language)
    flag = report.flag("invented_measurements")
    assert flag is not None
    assert "within 2 mm" in flag.evidence
    score = next(s for s in report.scores if s.name == "measurements/within_tolerance")
    assert score.chance is not None
    assert score.value < 0.5
    assert abs(score.value - score.chance) < 0.15
    # findings themselves are right
    assert next(s for s in report.scores if s.name == "findings/macro_f1").value == 1.0


def test_labels_that_slipped_by_one_patient() -> None:
    report = cheated("labels_shifted")
    flag = report.flag("labels_shifted")
    assert flag is not None
    assert "taken 1 patient(s) earlier" in flag.evidence


def test_a_test_patient_hidden_in_training() -> None:
    flag = cheated("training_leak").flag("training_leak")
    assert flag is not None
    assert flag.cases == ("case 7",)
    assert "1 by same UID" in flag.evidence


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_writer_that_omits_the_most_important_finding(language: str) -> None:
    report = cheated("omits_most_important", language)
    flag = report.flag("omits_most_important")
    assert flag is not None
    score = next(s for s in report.scores if s.name == "actionable/most_important_missed")
    assert score.value > 60
    assert report.gallery[0].reason.startswith("missed nodule")


def test_a_writer_that_forgets_at_random_is_no_chooser() -> None:
    import random

    people = writers.made(0, NUM_TEST)
    draw = random.Random(1)
    said = [
        p.said(writers.text_of(p.study, [f for f in p.findings if draw.random() > 0.15])) for p in people
    ]  # fmt: skip
    report = looked_at(said)
    assert "omits_most_important" not in names(report)
    assert next(s for s in report.scores if s.name == "actionable/missed_per_100").value > 0


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_writer_that_calls_unassessed_organs_normal(language: str) -> None:
    report = cheated("calls_unassessed_normal", language)
    assert names(report) == {"calls_unassessed_normal"}
    flag = report.flag("calls_unassessed_normal")
    assert flag is not None
    assert flag.evidence.endswith("adrenals, liver")


def test_every_cheat_has_a_flag_of_its_own() -> None:
    raised = {name: names(cheated(name)) for name in CHEATS}
    assert all(name in raised[name] for name in CHEATS)
    # a flag of one's own: none is raised by most of the other cheats
    for name in CHEATS:
        assert sum(name in others for cheat, others in raised.items() if cheat != name) <= 3
