"""The report as one HTML page without any reference outside itself, for screen (light and dark) and paper."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tomoscribe.validation.report import plots, words
from tomoscribe.validation.report.model import NOTICE, Row, Table, ValidationReport

if TYPE_CHECKING:
    from tomoscribe.validation.report.against import Comparison

TEMPLATES = Path(__file__).resolve().parent / "templates"
TEMPLATE = "validation.html.j2"


def html(report: ValidationReport, comparison: Comparison | None = None) -> str:
    """The whole page."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(TEMPLATE).render(
        report=report,
        notice=NOTICE,
        comparison=comparison,
        headline_plots=_headline_plots(report),
        plots=[(plot, plots.svg(plot)) for plot in report.plots],
        groups=list(dict.fromkeys(line.group for line in report.cases)),
        with_chance=_with_chance,
        words=words,
    )


def _headline_plots(report: ValidationReport) -> list[str]:
    """One picture for each figure of the headline, all sets beside each other."""
    rows: dict[str, list[Row]] = {}
    for table in report.tables:
        if table.is_headline:
            for row in table.rows:
                rows.setdefault(row.score.name, []).append(row)
    return [plots.intervals(some, name.partition("/")[2]) for name, some in rows.items()]


def _with_chance(table: Table) -> bool:
    """Whether any row stands beside chance or a writer of normal reports."""
    return any(r.score.chance is not None or r.score.always_normal is not None for r in table.rows)
