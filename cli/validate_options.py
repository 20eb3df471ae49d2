"""Options and outputs that the trials of ``tomoscribe validate`` share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tomoscribe.validation.report.model import ValidationReport

Json = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write everything measured as JSON.")]
Quick = Annotated[bool, typer.Option("--quick", help="A small run that shows that it works; no figures to quote.")]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="Write the report there: HTML, Markdown with plots, JSON.")
]
Against = Annotated[
    Path | None,
    typer.Option(
        "--against", metavar="OLD.json", help="Show what moved beyond noise since that run; exit code 12 when worse."
    ),
]
Data = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="Folder of labelled real scans; docs/validation.md.")
]
Keep = Annotated[
    Path | None,
    typer.Option("--keep", metavar="DIR", help="Keep what was read of each study there, and go on from it next time."),
]


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """Where a run goes, and what it is compared with."""

    as_json: Path | None = None
    out: Path | None = None
    against: Path | None = None
    name: str = "validation"

    def hand_over(self, report: ValidationReport) -> None:
        """Writes what was asked for and prints the headline.

        Raises:
            RegressionError: worse than the earlier run, once everything is written.
        """
        from tomoscribe.core.errors import RegressionError
        from tomoscribe.validation.report import model, outputs
        from tomoscribe.validation.report.against import compare

        comparison = None if self.against is None else compare(report, model.load(self.against))
        if self.out is not None:
            outputs.write_all(report, self.out, comparison, name=self.name)
        if self.as_json is not None:
            outputs.write_json(report, self.as_json)
        typer.echo(outputs.summary(report, comparison))
        if comparison is not None and comparison.regressions:
            count = len(comparison.regressions)
            raise RegressionError(
                f"{count} figure{'s are' if count > 1 else ' is'} worse than before, beyond noise",
                where=self.against.name if self.against else None,
                remedy="look at them above",
            )

    def check(self) -> None:
        """Reads the earlier run before a long one starts, so that a wrong name costs no time."""
        from tomoscribe.validation.report import model

        if self.against is not None:
            model.load(self.against)


def tell(line: str) -> None:
    """Progress, on stderr."""
    typer.echo(line, err=True)


Tell = Callable[[str], None]
