"""Test patients hidden in training: found by patient key, by UID, by voxels, by nearly equal voxels, by report."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from tomoscribe.validation.datasets.prints import NEAR
from tomoscribe.validation.records import Case

MIN_REPORT_WORDS = 12
"""Shorter reports are alike by chance."""


class LeakKind(StrEnum):
    """By what a test case was recognized among the training cases."""

    PATIENT = "same patient"
    UID = "same UID"
    VOXELS = "same voxels"
    NEAR_VOXELS = "nearly the same voxels"
    REPORT = "same report with the same numbers"


@dataclass(frozen=True, kw_only=True)
class Leak:
    """One test case that training has seen.

    Args:
        likeness: correlation of the images, 1 for what is equal.
    """

    kind: LeakKind
    test_case: str
    train_case: str
    likeness: float = 1.0


def find_leaks(train: Sequence[Case], test: Sequence[Case], *, near: float = NEAR) -> tuple[Leak, ...]:
    """All pairs, the surest kind first; images are compared where ``verify`` has made their prints.

    Args:
        near: correlation from which on two images count as one.
    """
    found: dict[tuple[str, str], Leak] = {}
    for leak in (*_equal(train, test), *_near(train, test, near)):
        found.setdefault((leak.test_case, leak.train_case), leak)
    order = list(LeakKind)
    return tuple(sorted(found.values(), key=lambda e: (order.index(e.kind), e.test_case, e.train_case)))


def _equal(train: Sequence[Case], test: Sequence[Case]) -> Iterable[Leak]:
    keys: tuple[tuple[LeakKind, Callable[[Case], Iterable[Hashable]]], ...] = (
        (LeakKind.PATIENT, lambda c: (c.patient_key,)),
        (LeakKind.UID, lambda c: c.uids),
        (LeakKind.VOXELS, lambda c: (c.image_print.sha256,) if c.image_print else ()),
        (LeakKind.REPORT, _report_keys),
    )
    for kind, keys_of in keys:
        seen: dict[Hashable, list[str]] = defaultdict(list)
        for case in train:
            for key in keys_of(case):
                seen[key].append(case.case_id)
        for case in test:
            for key in keys_of(case):
                for train_case in seen.get(key, ()):
                    yield Leak(kind=kind, test_case=case.case_id, train_case=train_case)


def _report_keys(case: Case) -> tuple[str, ...]:
    """The report's words where it is long and holds a measurement: only such a report belongs to one patient."""
    words = re.findall(r"\w+", (case.report or "").lower())
    measured = re.search(r"\d\s*(?:mm|cm|毫米|厘米|ml)\b", case.report or "", re.IGNORECASE)
    return (" ".join(words),) if measured and len(words) >= MIN_REPORT_WORDS else ()


def _near(train: Sequence[Case], test: Sequence[Case], near: float) -> Iterable[Leak]:
    with_print = [c for c in train if c.image_print]
    if not with_print:
        return
    known = _rows(with_print)
    for case in test:
        if case.image_print is None:
            continue
        alike = known @ _rows([case])[0] / known.shape[1]
        for n in np.flatnonzero(alike >= near):
            yield Leak(
                kind=LeakKind.NEAR_VOXELS,
                test_case=case.case_id,
                train_case=with_print[n].case_id,
                likeness=float(round(alike[n], 4)),
            )


def _rows(cases: Sequence[Case]) -> np.ndarray:
    """Coarse prints with mean 0 and deviation 1, a row each."""
    rows = np.array([c.image_print.coarse for c in cases if c.image_print])
    spread = rows.std(axis=1, keepdims=True)
    standard: np.ndarray = (rows - rows.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, 1.0)
    return standard
