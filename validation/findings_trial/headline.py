"""Missed and invented actionable findings per 100 reports, and the findings of whole studies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tomoscribe.core import Finding
from tomoscribe.validation.findings_trial.match import listed_without_truth, matched
from tomoscribe.validation.findings_trial.reading import CaseResult
from tomoscribe.validation.findings_trial.truth import ACTIONABLE, Truth
from tomoscribe.validation.labeler import Status, label_report
from tomoscribe.validation.metrics.intervals import Rows, estimate
from tomoscribe.validation.metrics.reports import FindingScores, crg, score_findings
from tomoscribe.validation.records import Better
from tomoscribe.validation.report.figures import Figure, ratio, row
from tomoscribe.validation.report.model import Part, Row, Table, by_figure

HEADLINE_NOTE = (
    "Actionable: a nodule of at least 6 mm mean diameter, pleural effusion or consolidation of at least 5 ml, an "
    "intracranial mass, enlarged ventricles, a dissected aorta. Missed: it is there and no sentence of the report "
    "states it as present; an entry of the review list does not count. Invented: stated and not there (a nodule: no "
    "true lesion within its radius). Chance: each patient is given the report of another one of the same set. A study "
    "that cannot be read misses everything that is there."
)
LABELED_NOTE = (
    "What the labeler reads from the text of the report, against what is true of the study; classes that are not known "
    "for a study are left out, and so are classes that are neither true nor said. Chance: the reports of the same set "
    "given to other patients. Always normal: a writer that finds nothing."
)
CLASSES = (
    "nodule", "emphysema", "pleural_effusion", "consolidation", "white_matter_lesions", "ventricular_enlargement",
    "brain_mass",
)  # fmt: skip


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


def findings_table(groups: Mapping[str, Sequence[CaseResult]]) -> Table:
    """F1 and CRG of the reports' text, recall and precision of each class, beside chance and always normal."""
    rows: list[Row | None] = []
    for group, results in groups.items():
        read = [r for r in results if r.failed is None]
        rows += _labeled_rows(read, f"set={group}")
        rows.append(ratio(_LISTED, _listed(read), f"set={group}"))
    return Table(
        title="Findings that the reports state, read from their text",
        rows=by_figure(rows),
        note=LABELED_NOTE,
    )


_LISTED = Figure(
    name="review list/entries without truth per report",
    better=Better.LOWER,
    unit="per report",
    source="entries of the review list that nothing true stands behind",
)


def _listed(results: Sequence[CaseResult]) -> dict[str, Part]:
    known = [r for r in results if r.truth.lesions is not None or r.truth.labels]
    return {r.name: (float(listed_without_truth(r.findings, r.truth)), 1.0) for r in known}


def _labeled_rows(results: Sequence[CaseResult], subgroup: str) -> list[Row]:
    """Over the classes that are known for every study of the set; F1 and CRG where some are true and some are not."""
    classes = [c for c in CLASSES if results and all(c in r.truth.labels for r in results)]
    if not classes or len(results) < 2:
        return []
    said = np.array([_said(r.text, classes) for r in results])
    truth = np.array([[r.truth.labels[c] for c in classes] for r in results])
    kept = np.flatnonzero((said | truth).any(axis=0))
    if not len(kept):
        return []
    said, truth, classes = said[:, kept], truth[:, kept], [classes[n] for n in kept]
    names = [r.name for r in results]
    is_mixed = truth.any() and not truth.all()
    whole = [_scored(name, better, pick, said, truth, names, subgroup) for name, better, pick in _WHOLE if is_mixed]
    return [*whole, *_by_class(said, truth, classes, names, subgroup)]


def _said(text: str, classes: Sequence[str]) -> list[bool]:
    """Classes that the text states as present."""
    found = label_report(text, "en")
    return [found.get(c) is Status.PRESENT for c in classes]


Pick = Callable[[NDArray[np.bool_], NDArray[np.bool_]], float]


def _macro_f1(said: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    return _scores(said, truth).macro_f1


def _micro_f1(said: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    return _scores(said, truth).micro.f1


def _scores(said: NDArray[np.bool_], truth: NDArray[np.bool_]) -> FindingScores:
    return score_findings(said, truth, [str(n) for n in range(said.shape[1])])


_WHOLE: tuple[tuple[str, Better, Pick], ...] = (
    ("text/macro F1", Better.HIGHER, _macro_f1),
    ("text/micro F1", Better.HIGHER, _micro_f1),
    ("text/CRG", Better.HIGHER, crg),
)


def _scored(
    name: str,
    better: Better,
    pick: Pick,
    said: NDArray[np.bool_],
    truth: NDArray[np.bool_],
    names: Sequence[str],
    subgroup: str,
) -> Row:
    def over(rows: Rows) -> float:
        both = truth[rows].any() and not truth[rows].all()
        return pick(said[rows], truth[rows]) if both else float("nan")

    figure = Figure(name=name, better=better, source="labeler on the text; metrics/reports.py")
    chance = float(np.nanmean([pick(np.roll(said, n, axis=0), truth) for n in range(1, len(names))]))
    normal = pick(np.zeros_like(said), truth)
    return row(figure, estimate(over, names), subgroup, {}, chance=chance, always_normal=normal)


def _by_class(
    said: NDArray[np.bool_], truth: NDArray[np.bool_], classes: Sequence[str], names: Sequence[str], subgroup: str
) -> list[Row]:
    """Recall and precision of each class that is true, or said, at least once."""
    rows: list[Row | None] = []
    for n, name in enumerate(classes):
        hit, true, told = said[:, n] & truth[:, n], truth[:, n], said[:, n]
        share = float(told.mean())
        parts = {c: (float(h), float(t)) for c, h, t in zip(names, hit, true, strict=True)}
        recall = Figure(name=f"text/recall/{name}", better=Better.HIGHER, source="stated of those that are there")
        rows.append(ratio(recall, parts, subgroup, chance=share, always_normal=0.0))
        parts = {c: (float(h), float(t)) for c, h, t in zip(names, hit, told, strict=True)}
        precision = Figure(name=f"text/precision/{name}", better=Better.HIGHER, source="there of those that are stated")
        rows.append(ratio(precision, parts, subgroup, chance=float(true.mean())))
    return [r for r in rows if r is not None]
