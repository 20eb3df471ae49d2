"""What a guideline says of the nodules of a study: a class with its recommendation, what is missing, or why it is out.

A class needs every input that its table names; nothing is assumed (CLINICAL 9).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from tomoscribe.core import Code, Direction, Finding, Study, reportable, terms
from tomoscribe.findings import rounding
from tomoscribe.findings.guidelines.tables import Condition, Guideline, Row, guidelines

NODULES = (terms.NODULE, terms.MASS)
GROWTH_MM, GROWTH_DAYS = 1.5, 366
"""Lung-RADS v2022: growth is an increase of the mean diameter of more than 1.5 mm within 12 months."""
_DENSITIES: dict[Code, str] = {
    terms.SOLID: "solid",
    terms.PART_SOLID: "part_solid",
    terms.GROUND_GLASS: "ground_glass",
}


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """What one guideline says of one study.

    Args:
        row: the row that decides, None where no class is assigned.
        findings: the nodules it speaks of, the deciding one first.
        missing: keys of the inputs that are missing, in the order of the table.
        excluded: keys of the reasons why the guideline does not apply.
    """

    guideline: Guideline
    findings: tuple[Finding, ...]
    row: Row | None = None
    missing: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Nodule:
    """A nodule as the tables see it: what is not known is None."""

    finding: Finding
    mean_mm: Decimal | None
    solid_mm: Decimal | None
    density: str | None
    benign: bool
    status: str | None


def assess(study: Study, findings: Sequence[Finding]) -> tuple[Assessment, ...]:
    """One assessment for each guideline; none for a study without a reported nodule.

    A study without nodules gets no class: "no nodule" would be a negative that nothing licenses (CLINICAL 2).
    """
    nodules = tuple(f for f in reportable(findings) if f.type in NODULES)
    if not nodules:
        return ()
    return tuple(_assessed(g, study, nodules) for g in guidelines())


def _assessed(guideline: Guideline, study: Study, findings: tuple[Finding, ...]) -> Assessment:
    nodules = [_seen(f, study, guideline.step_mm) for f in findings]
    excluded = _excluded(guideline, study, nodules)
    if excluded:
        return Assessment(guideline=guideline, findings=findings, excluded=excluded)
    given = _given(study)
    missing = [n for n in guideline.needs if given[n] is None]
    risk = {True: "high", False: "low", None: None}[study.clinical.high_risk]
    number = "single" if len(nodules) == 1 else "multiple"
    fitting: list[tuple[Row, Finding]] = []
    for nodule in nodules:
        lacks = _lacking(guideline, nodule)
        row = next((r for r in guideline.rows if _fits(r.when, nodule, number, risk)), None)
        if not lacks and row is None and not missing:
            lacks = ["row"]
        missing += [m for m in lacks if m not in missing]
        if row is not None:
            fitting.append((row, nodule.finding))
    if missing or not fitting:
        return Assessment(guideline=guideline, findings=findings, missing=tuple(missing))
    row, decisive = max(fitting, key=lambda both: both[0].urgency)
    rest = tuple(f for f in findings if f is not decisive)
    return Assessment(guideline=guideline, findings=(decisive, *rest), row=row)


def _given(study: Study) -> dict[str, bool | float | None]:
    said = study.clinical
    return {
        "age": study.age_years,
        "screening": said.screening,
        "known_cancer": said.known_cancer,
        "immunosuppression": said.immunosuppression,
        "high_risk": said.high_risk,
    }


def _excluded(guideline: Guideline, study: Study, nodules: Sequence[_Nodule]) -> tuple[str, ...]:
    sizes = [float(n.mean_mm) for n in nodules if n.mean_mm is not None]
    given = _given(study) | {"mean_mm": max(sizes, default=None)}
    return tuple(e.reason for e in guideline.excludes if e.holds(given[e.input]))


def _lacking(guideline: Guideline, nodule: _Nodule) -> list[str]:
    """What the table asks of a nodule and nothing measured."""
    if nodule.benign and any(r.when.benign for r in guideline.rows):
        return []
    lacks = ["size"] if nodule.mean_mm is None else []
    if nodule.density is None:
        lacks.append("density")
    if nodule.status is None and any(r.when.status for r in guideline.rows):
        lacks.append("comparison")
    return lacks


def _fits(when: Condition, nodule: _Nodule, number: str, risk: str | None) -> bool:
    if when.benign is not None:
        return when.benign == nodule.benign
    return (
        (when.density is None or nodule.density in when.density)
        and (when.number is None or number == when.number)
        and (when.risk is None or risk == when.risk)
        and (when.status is None or nodule.status in when.status)
        and (when.mean_mm is None or (nodule.mean_mm is not None and when.mean_mm.holds(float(nodule.mean_mm))))
        and (when.solid_mm is None or (nodule.solid_mm is not None and when.solid_mm.holds(float(nodule.solid_mm))))
    )


def _seen(finding: Finding, study: Study, step_mm: Decimal) -> _Nodule:
    density = finding.attribute(terms.ATTENUATION_CLASS)
    pattern = finding.attribute(terms.CALCIFICATION)
    return _Nodule(
        finding=finding,
        mean_mm=_rounded(finding, terms.MEAN_DIAMETER, step_mm),
        solid_mm=_rounded(finding, terms.SOLID_DIAMETER, step_mm),
        density=_DENSITIES.get(density) if density else None,
        benign=pattern in terms.BENIGN_CALCIFICATIONS or finding.attribute(terms.FAT) == terms.CONTAINED,
        status=_status(finding, study),
    )


def _rounded(finding: Finding, name: Code, step_mm: Decimal) -> Decimal | None:
    measured = finding.measurement(name)
    return None if measured is None else rounding.round_half_up(rounding.exact(measured.value), step_mm)


def _status(finding: Finding, study: Study) -> str | None:
    """Against the newest comparable prior: None where there are priors and none of them settles it."""
    if not study.priors:
        return "baseline"
    if finding.change is not None and finding.change.direction is Direction.NEW:
        return "new"
    now = finding.measurement(terms.MEAN_DIAMETER)
    for earlier in finding.history:
        then = earlier.measurement(terms.MEAN_DIAMETER)
        if earlier.reason is not None or now is None or then is None:
            continue
        if now.value - then.value <= GROWTH_MM:
            return "stable"
        days = days_between(earlier.date, study.date)
        return "growing" if days is not None and days <= GROWTH_DAYS else None
    return None


def days_between(earlier: str | None, later: str | None) -> int | None:
    """Whole days between two dates ``YYYY-MM-DD``; None where one is unknown."""
    if earlier is None or later is None:
        return None
    return (date.fromisoformat(later) - date.fromisoformat(earlier)).days
