"""``tomoscribe retract RESULT``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tomoscribe.cli.open import ResultPath
from tomoscribe.cli.site_options import SiteFile


class Why(StrEnum):
    """What a PACS is told."""

    QUALITY = "quality"
    PATIENT_SAFETY = "patient-safety"
    WRONG_WORKLIST = "wrong-worklist"
    WRONG_PATIENT = "wrong-patient"


def retract(
    result: ResultPath,
    why: Annotated[Why, typer.Option("--why", help="What the note tells the PACS.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="The reason, for people.")],
    also: Annotated[
        list[Path] | None,
        typer.Option("--also", metavar="FILE", help="A DICOM object that was exported from it, e.g. pdf.dcm; repeat."),
    ] = None,
    site_file: SiteFile = None,
) -> None:
    """Take results back: mark the report as entered in error and write the rejection note (rejection.dcm) to send."""
    from tomoscribe.reports.acts import Act, Desk, Subject
    from tomoscribe.reports.export import open_folder, replace_report
    from tomoscribe.reports.export.documents import write_rejection
    from tomoscribe.reports.export.key_objects import Rejection
    from tomoscribe.reports.export.results import open_objects
    from tomoscribe.reports.signing import now, withdraw

    desk, opened = Desk.here("tomoscribe retract", site_file), open_folder(result)
    signer = desk.allow(Act.RETRACT, Subject.of(opened))
    exported = open_objects(also or (), opened.reading.study.study_uid)
    withdrawn = withdraw(opened.reading, signer, now(), reason)
    with desk.doing(Act.RETRACT, Subject.of(opened), why.value):
        replace_report(opened, withdrawn, result)
        note = write_rejection(open_folder(result), exported, Rejection(why.value), result)
    typer.echo(f"The report is entered in error. Send {note} to every system that has its results.")
