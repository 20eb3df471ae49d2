"""The files of a run: JSON, Markdown with its pictures, one HTML page."""

from __future__ import annotations

from pathlib import Path

from tomoscribe.core.errors import OutputError
from tomoscribe.validation.report import model
from tomoscribe.validation.report.against import Comparison
from tomoscribe.validation.report.html import html
from tomoscribe.validation.report.markdown import markdown, table_lines, write_files
from tomoscribe.validation.report.model import ValidationReport

NAME = "validation"


def write_all(report: ValidationReport, folder: Path, comparison: Comparison | None = None, name: str = NAME) -> None:
    """``NAME.json``, ``NAME.md``, ``NAME.html`` and the folder ``NAME`` with the pictures of the Markdown page.

    Raises:
        OutputError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        model.save(report, folder / f"{name}.json")
        (folder / f"{name}.html").write_text(html(report, comparison), encoding="utf-8")
        (folder / f"{name}.md").write_text(markdown(report, comparison, images=name), encoding="utf-8")
        write_files(report, folder / name)
    except OSError as error:
        raise _not_written(error, folder) from error


def write_json(report: ValidationReport, path: Path) -> None:
    """The JSON alone.

    Raises:
        OutputError: the file cannot be written.
    """
    try:
        model.save(report, path)
    except OSError as error:
        raise _not_written(error, path) from error


def summary(report: ValidationReport, comparison: Comparison | None = None) -> str:
    """For a terminal: the headline, what makes it doubtful, what moved."""
    lines: list[str] = []
    for table in [t for t in report.ordered if t.is_headline] or report.ordered:
        lines += [table.title, "", *table_lines(table), ""]
    lines += [f"{flag.severity.value}: {flag.evidence}" for flag in report.flags]
    if comparison is not None:
        lines.append(f"Against the run of {comparison.old_date}: {comparison.summary}")
        lines += [f"  worse: {m.name}, {m.where}: {m.difference}" for m in comparison.regressions]
    return "\n".join(lines)


def _not_written(error: OSError, where: Path) -> OutputError:
    return OutputError(
        f"the result cannot be written: {error.strerror}", where=where.name, remedy="choose another place"
    )
