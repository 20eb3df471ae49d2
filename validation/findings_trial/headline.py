"""Missed and invented actionable findings per 100 reports, and what the review list holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tomoscribe.core import Finding
from tomoscribe.validation.findings_trial.match import listed_without_truth, matched
from tomoscribe.validation.findings_trial.reading import CaseResult
from tomoscribe.validation.findings_trial.truth import ACTIONABLE, Truth
from tomoscribe.validation.records import Better
from tomoscribe.validation.report.figures import Figure, ratio
from tomoscribe.validation.report.model import Part, Row, Table, by_figure

HEADLINE_NOTE = (
    "Actionable: a nodule of at least 6 mm mean diameter, pleural effusion or consolidation of at least 5 ml, an "
    "intracranial mass, enlarged ventricles, a dissected aorta. Missed: it is there and no sentence of the report "
    "states it as present; an entry of the review list does not count. Invented: stated and not there (a nodule: no "
    "true lesion within its radius). Chance: each patient is given the report of another one of the same set. A study "
    "that cannot be read misses everything that is there."
)
REVIEW_NOTE = "Entries that are no part of the report's findings, for a radiologist to accept or reject."


def headline_table(groups: Mapping[str, Sequence[CaseResult]]) -> Table:
    """The rows that stand before all others, one pair for each set."""
    rows: list[Row | None] = []
    for group, results in groups.items():
        known = [r for r in results if _has_actionable_truth(r.truth)]
        for which, figure in enumerate(_HEADLINE):
            normal = float(np.mean([100.0 * _normal(r.truth)[which] for r in known])) if known else None
            own = {r.name: (100.0 * _errors(r.findings, r.truth)[which], 1.0) for r in known}
            rows.append(
                ratio(
                    figure,
                    own,
                    f"set={group}",
                    chance=_by_chance(known, which),
                    always_normal=normal,
                )
            )
    return Table(
        title="Missed and invented actionable findings per 100 reports",
        rows=by_figure(rows),
        note=HEADLINE_NOTE,
        is_headline=True,
    )


_HEADLINE = (
    Figure(
        name="actionable/missed per 100 reports",
        better=Better.LOWER,
        unit="per 100 reports",
        source="actionable findings that are there and not stated, over reports, times 100",
    ),
    Figure(
        name="actionable/invented per 100 reports",
        better=Better.LOWER,
        unit="per 100 reports",
        source="actionable findings that are stated and not there, over reports, times 100",
    ),
)


def _has_actionable_truth(truth: Truth) -> bool:
    return truth.lesions is not None or any(key in truth.labels for key in ACTIONABLE)


def _errors(findings: Sequence[Finding], truth: Truth) -> tuple[int, int]:
    found = matched(findings, truth)
    return len(found.missed_actionable), len(found.invented_actionable)


def _normal(truth: Truth) -> tuple[int, int]:
    return _errors((), truth)


def _by_chance(results: Sequence[CaseResult], which: int) -> float | None:
    """Mean over all ways of handing the reports round; None for a single report."""
    count = len(results)
    if count < 2:
        return None
    drawn = [
        _errors(results[(n + shift) % count].findings, results[n].truth)[which]
        for shift in range(1, count)
        for n in range(count)
    ]
    return 100.0 * float(np.mean(drawn))


def review_table(groups: Mapping[str, Sequence[CaseResult]]) -> Table:
    """How much of the review list a reader looks at for nothing."""
    rows = [ratio(_LISTED, _listed([r for r in some if r.failed is None]), f"set={g}") for g, some in groups.items()]
    return Table(title="Review list", rows=by_figure(rows), note=REVIEW_NOTE)


_LISTED = Figure(
    name="review list/entries without truth per report",
    better=Better.LOWER,
    unit="per report",
    source="entries of the review list that nothing true stands behind",
)


def _listed(results: Sequence[CaseResult]) -> dict[str, Part]:
    known = [r for r in results if r.truth.lesions is not None or r.truth.labels]
    return {r.name: (float(listed_without_truth(r.findings, r.truth)), 1.0) for r in known}
