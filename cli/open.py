"""``tomoscribe open RESULT``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tomoscribe.core import Report

ResultPath = Annotated[Path, typer.Argument(metavar="RESULT", help="A folder that tomoscribe read has written.")]


def open_result(
    result: ResultPath,
    as_json: Annotated[bool, typer.Option("--json", help="The reading as JSON, as in report.json.")] = False,
) -> None:
    """Open results again: the findings and the report, from SEG and SR alone."""
    from tomoscribe.reports.acts import Act, Desk, Subject
    from tomoscribe.reports.export import open_folder
    from tomoscribe.reports.export.json_file import reading_to_text
    from tomoscribe.reports.export.text import plain_text
    from tomoscribe.reports.labels import labels_of

    opened = open_folder(result)
    report = opened.reading.report
    Desk.here("tomoscribe open").note(Act.OPEN, Subject.of(opened))
    if as_json:
        typer.echo(reading_to_text(opened.reading), nl=False)
        return
    typer.echo(plain_text(report, labels_of(report.language)))
    for line in finding_lines(report):
        typer.echo(line)


def finding_lines(report: Report) -> list[str]:
    """The findings that a person reviews, with the numbers that ``tomoscribe sign`` takes."""
    from tomoscribe.core import ReviewState
    from tomoscribe.reports.export.concepts import identifier_of

    lines = []
    for number, finding in enumerate(report.findings, start=1):
        review = finding.review
        by = "" if review.state is ReviewState.UNREVIEWED else f" by {review.reviewer}"
        presence = finding.presence.value.replace("_", " ")
        lines.append(f"{number:3}. {identifier_of(finding)}: {presence}, {review.state.value}{by}")
    return lines
