"""Predictions and cases side by side: labels found and true, by case and class, and what has no partner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tomoscribe.core.errors import InvalidValueError
from tomoscribe.validation.honesty.statuses import called
from tomoscribe.validation.labeler import Status
from tomoscribe.validation.labeler.classes import KEYS
from tomoscribe.validation.records import Case, Prediction

Table = NDArray[np.bool_]
"""(cases, classes)"""


@dataclass(frozen=True, kw_only=True, eq=False)
class Pairs:
    """Cases that have a prediction, in the order of the cases.

    Args:
        classes: those of the labeler that are known of at least one case.
        found: what the predicted text says is present; a failed prediction says nothing.
        truth: what is present: the case's labels, and where it has none those of its reference report.
        known: where the truth is known.
        notes: what could not be paired, in words.
    """

    cases: tuple[Case, ...]
    predictions: tuple[Prediction, ...]
    classes: tuple[str, ...]
    found: Table
    truth: Table
    known: Table
    notes: tuple[str, ...]

    @cached_property
    def patients(self) -> tuple[str, ...]:
        return tuple(c.patient_key for c in self.cases)

    @property
    def num_patients(self) -> int:
        return len(set(self.patients))

    @property
    def texts(self) -> tuple[str, ...]:
        """Predicted reports, blank where there is none."""
        return tuple(p.text or "" for p in self.predictions)

    def columns(self, classes: Sequence[str]) -> list[int]:
        """Columns of the classes that are known here, in the order asked for."""
        return [self.classes.index(c) for c in classes if c in self.classes]


def pair(predictions: Sequence[Prediction], cases: Sequence[Case]) -> Pairs:
    """Each case with its prediction.

    Raises:
        InvalidValueError: two predictions of one case, or none at all that has a case.
    """
    by_case = {p.case_id: p for p in predictions}
    if len(by_case) != len(predictions):
        raise InvalidValueError(f"expected one prediction a case, found {len(predictions) - len(by_case)} too many")
    both = [(c, by_case[c.case_id]) for c in cases if c.case_id in by_case]
    if not both:
        raise InvalidValueError("expected predictions of these cases, found none")
    said = [called(p.text or "", p.language, Status.PRESENT) for _, p in both]
    true = [truth_of(c) for c, _ in both]
    classes = tuple(k for k in KEYS if any(k in t for t in true))
    return Pairs(
        cases=tuple(c for c, _ in both),
        predictions=tuple(p for _, p in both),
        classes=classes,
        found=_table([{k: k in s for k in classes} for s in said], classes),
        truth=_table(true, classes),
        known=_table([{k: k in t for k in classes} for t in true], classes),
        notes=_notes(both, predictions, cases),
    )


def truth_of(case: Case) -> dict[str, bool]:
    """Known labels of a case: its own; where it has none, what its reference report calls present.

    A report that does not speak of a class says that it is absent: radiologists leave out what is not there.
    """
    if case.labels or case.report is None:
        return dict(case.labels)
    present = called(case.report, case.language, Status.PRESENT)
    return {key: key in present for key in KEYS}


def _table(rows: Sequence[dict[str, bool]], classes: Sequence[str]) -> Table:
    return np.array([[row.get(k, False) for k in classes] for row in rows], bool).reshape(len(rows), len(classes))


def _notes(
    both: Sequence[tuple[Case, Prediction]], predictions: Sequence[Prediction], cases: Sequence[Case]
) -> tuple[str, ...]:
    counts = (
        (len(cases) - len(both), "case(s) without a prediction are in no figure"),
        (len(predictions) - len(both), "prediction(s) without a case are in no figure"),
        (sum(p.failed is not None for _, p in both), "failed prediction(s) count as reports that say nothing"),
        (sum(not truth_of(c) for c, _ in both), "case(s) have neither labels nor a report"),
    )
    return tuple(f"{count} {words}" for count, words in counts if count)
