"""Which rows a question is about."""

from __future__ import annotations

import random

import pytest

from tomoscribe.core import Laterality, terms
from tomoscribe.findings.sheet import FactSheet
from tomoscribe.fusion.questions import rows_for
from tomoscribe.training import report_cases as cases
from tomoscribe.training.report_questions import NOT_ASSESSED


@pytest.fixture(scope="module")
def sheet() -> FactSheet:
    draw = random.Random(0)
    nodules = [cases.lesion(random.Random(n), f"n{n}") for n in range(12)]
    left = next(f for f in nodules if f.laterality is Laterality.LEFT)
    right = next(f for f in nodules if f.laterality is Laterality.RIGHT)
    findings = [
        cases.organ(draw, "1", terms.LUNG, Laterality.RIGHT, 3000.0),
        cases.organ(draw, "2", terms.LUNG, Laterality.LEFT, 3000.0),
        left,
        right,
        cases.emphysema(draw, "5"),
        cases.suspicion(draw, "6", terms.PLEURAL_EFFUSION, Laterality.LEFT),
        cases.lesions(draw, "7"),
        cases.organ(draw, "8", terms.VENTRICLES, None, 100.0),
        cases.suspicion(draw, "9", terms.VENTRICULAR_ENLARGEMENT, None),
    ]
    return FactSheet.from_findings(findings)


@pytest.mark.parametrize(
    ("question", "tags"),
    [
        ("How large is the nodule?", ["f3", "f4"]),
        ("Is there a nodule in the left lung?", ["f3"]),
        ("any mass on the RIGHT", ["f4"]),
        ("What is the volume of the right lung?", ["f1"]),
        ("how big are the lungs", ["f1", "f2"]),
        ("Is there emphysema on the left?", ["f5"]),
        ("pleural effusion?", ["f6"]),
        ("Is there a pleural effusion on the right?", []),
        ("How many white matter lesions are there?", ["f7"]),
        ("What is the size of the ventricles?", ["f8"]),
        ("Are the ventricles enlarged?", ["f9"]),
        ("hydrocephalus?", ["f9"]),
        ("Is there a brain tumor?", []),
        ("Is there a thyroid nodule?", []),
        ("Is the lung normal?", []),
    ],
)
def test_a_question_is_about_the_rows_that_it_names(sheet: FactSheet, question: str, tags: list[str]) -> None:
    assert [row.tag for row in rows_for(question, sheet)] == tags


@pytest.mark.parametrize("topic", NOT_ASSESSED)
def test_what_is_never_assessed_names_no_row(sheet: FactSheet, topic: str) -> None:
    assert rows_for(f"Is there any {topic}?", sheet) == ()
