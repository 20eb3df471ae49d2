"""Rows from what each case adds: ratios with patient-clustered intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from tomoscribe.validation.metrics.intervals import Estimate, Rows, estimate
from tomoscribe.validation.records import Better, Score
from tomoscribe.validation.report.model import Part, Row


@dataclass(frozen=True, kw_only=True)
class Figure:
    """What a figure is, apart from its value.

    Args:
        name: ``group/metric`` or ``group/metric/class``.
        source: its definition, in a few words.
    """

    name: str
    better: Better
    source: str
    unit: str = "1"


def ratio(figure: Figure, parts: Mapping[str, Part], subgroup: str, **beside: float | None) -> Row | None:
    """Sum of numerators over sum of denominators, with its interval over resampled patients; None without cases.

    Args:
        parts: by case; each case is a patient of its own.
        beside: ``chance`` and ``always_normal``.
    """
    if not parts or not sum(den for _, den in parts.values()):
        return None
    pairs = np.array(list(parts.values()), float)
    found = estimate(statistic(pairs), list(parts))
    return row(figure, found, subgroup, parts, **beside)


def statistic(pairs: np.ndarray) -> Callable[[Rows], float]:
    """The ratio over some of the cases, whose numerators and denominators are (cases, 2)."""

    def over(rows: Rows) -> float:
        num, den = pairs[rows].sum(axis=0)
        return float(num / den) if den else float("nan")

    return over


def row(figure: Figure, found: Estimate, subgroup: str, parts: Mapping[str, Part], **beside: float | None) -> Row:
    """A row from an estimate; one case has no interval."""
    is_alone = found.num_patients < 2
    return Row(
        score=Score(
            name=figure.name,
            value=found.value,
            n=found.num_cases,
            num_patients=found.num_patients,
            better=figure.better,
            source=figure.source,
            unit=figure.unit,
            low=float("nan") if is_alone else found.low,
            high=float("nan") if is_alone else found.high,
            subgroup=subgroup,
            chance=beside.get("chance"),
            always_normal=beside.get("always_normal"),
        ),
        parts=dict(parts),
    )


def means(values: Mapping[str, float]) -> dict[str, Part]:
    """Parts of a mean over cases."""
    return {case: (value, 1.0) for case, value in values.items()}
