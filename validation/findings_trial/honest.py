"""The trial's reports under the honesty checks: text against labels beside chance and always normal; cheats found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tomoscribe.validation.findings_trial.reading import CaseResult
from tomoscribe.validation.findings_trial.truth import Lesion
from tomoscribe.validation.honesty import UNASSESSED, Settings, examine
from tomoscribe.validation.labeler.classes import KEYS
from tomoscribe.validation.records import Case, Flag, HonestyReport, Prediction, Score, TrueNodule
from tomoscribe.validation.report.model import Row, Table, by_figure

LEAST_STUDIES = 4
"""A set with fewer studies is not examined: every check would be untested."""
NOTE = (
    "What the labeler reads from each report against what is true of its study, by classes that are known. Chance: a "
    "writer of the same prevalence that does not look at the patient. Always normal: a writer that calls everything "
    "normal. Here a class counts once a report, whatever the number and place of its lesions."
)
_LEFT_OUT = ("findings/mcc/", "findings/kappa/", "findings/f1/")
"""Figures of single classes that say the same as precision and recall."""


@dataclass(frozen=True, kw_only=True)
class Honesty:
    """Of all sets together."""

    table: Table
    flags: tuple[Flag, ...]
    not_tested: tuple[str, ...]


def honesty(groups: Mapping[str, Sequence[CaseResult]]) -> Honesty:
    """The honesty checks on each set that is large enough."""
    found = {group: _examined(some) for group, some in groups.items() if len(some) >= LEAST_STUDIES}
    rows = by_figure(Row(score=score) for group, report in found.items() for score in _scores(group, report))
    return Honesty(
        table=Table(title="Report texts against what is true", rows=rows, note=NOTE),
        flags=tuple(replace(f, evidence=f"{group}: {f.evidence}") for group, r in found.items() for f in r.flags),
        not_tested=tuple(f"{group}: {words}" for group, report in found.items() for words in report.not_tested),
    )


def _examined(results: Sequence[CaseResult]) -> HonestyReport:
    return examine([_prediction(r) for r in results], [_case(r) for r in results], (), Settings(unassessed=UNASSESSED))


def _prediction(result: CaseResult) -> Prediction:
    if result.failed is not None:
        return Prediction(case_id=result.name, failed=result.failed)
    return Prediction(case_id=result.name, text=result.text, findings=result.findings)


def _case(result: CaseResult) -> Case:
    lesions = result.truth.lesions
    return Case(
        dataset="findings trial",
        case_id=result.name,
        patient_key=result.name,
        labels={key: value for key, value in result.truth.labels.items() if key in KEYS},
        nodules=None if lesions is None else tuple(map(_nodule, lesions)),
    )


def _nodule(lesion: Lesion) -> TrueNodule:
    return TrueNodule(
        center_mm=lesion.center_mm,
        diameter_mm=lesion.diameter_mm,
        source="the trial's truth",
        relevant=lesion.relevant,
        long_axis_mm=lesion.long_mm,
        short_axis_mm=lesion.short_mm,
        volume_mm3=lesion.volume_mm3,
        name=lesion.name,
    )


def _scores(group: str, report: HonestyReport) -> Iterator[Score]:
    """Scores over all cases of a set; the trial's own subgroup tables know more of its cases."""
    for score in report.scores:
        if score.subgroup == "all" and not score.name.startswith(_LEFT_OUT):
            yield replace(score, name=f"text/{score.name}", subgroup=f"set={group}")
