"""``tomoscribe ask STUDY "question"``."""

from __future__ import annotations

from typing import Annotated

import typer

from tomoscribe.cli.options import Device, StudyPath, StudyUid


def ask(
    study: StudyPath,
    question: Annotated[
        str, typer.Argument(metavar="QUESTION", help='For example "Is there a nodule in the left lung?"')
    ],
    device: Device = "auto",
    study_uid: StudyUid = None,
) -> None:
    """Ask a question about a study; the answer stands on measured findings and names them, or says "not assessed"."""
    from tomoscribe.cli.choose import choose_study
    from tomoscribe.cli.progress import progress_bar
    from tomoscribe.encoders.dicom import scan
    from tomoscribe.reports.audit import AuditLog, Event, patient_of
    from tomoscribe.reports.reader import StudyReader

    with progress_bar() as progress:
        chosen = choose_study(scan(study, progress=progress), study_uid)
        audit = AuditLog.from_environment("tomoscribe ask")
        audit.record(Event.READ, study_uid=chosen.study_uid, patient=patient_of(chosen.series))
        reader = StudyReader(device=device)
        reading = reader.read(chosen, progress=progress)
        answer = reader.ask(reading, question)
    typer.echo(answer.text)
    for uid in answer.finding_uids:
        finding = reading.report.finding(uid)
        where = (
            "" if finding.region is None else " at LPS ({:.1f}, {:.1f}, {:.1f}) mm".format(*finding.region.center_mm)
        )
        side = f", {finding.laterality.value}" if finding.laterality else ""
        typer.echo(f"  evidence: {finding.type.meaning}{side}{where} [{uid}]")
    typer.echo("Not a medical device.", err=True)
