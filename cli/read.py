"""``tomoscribe read STUDY --out DIR``."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tomoscribe.cli.clinical_options import HighRisk, Immunosuppression, KnownCancer, Screening
from tomoscribe.cli.options import Device, StudyPath, StudyUid


class Text(StrEnum):
    """Who words the report; both stand under the evidence lock."""

    DECODER = "decoder"
    WRITER = "writer"


class Language(StrEnum):
    """Of the report."""

    ENGLISH = "en"
    CHINESE = "zh"


class Masks(StrEnum):
    """How ``seg_anatomy.dcm`` is stored; the same words as ``SegKind``, in small letters."""

    BINARY = "binary"
    LABELMAP = "labelmap"


def read(
    study: StudyPath,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the results; made if it is not there.")],
    device: Device = "auto",
    study_uid: StudyUid = None,
    text: Annotated[
        Text, typer.Option("--text", help="Who words the sentences: the trained decoder or the plain writer.")
    ] = Text.DECODER,
    language: Annotated[
        Language,
        typer.Option("--language", help="Language of the report; in Chinese the plain writer words everything."),
    ] = Language.ENGLISH,
    translation: Annotated[
        Language | None, typer.Option("--translation", help="Add a translation into this language, marked as one.")
    ] = None,
    organs: Annotated[
        Masks,
        typer.Option("--organs", help="The organs' SEG: binary, or labelmap for a receiver that takes it (2024)."),
    ] = Masks.BINARY,
    prior: Annotated[
        Path | None,
        typer.Option("--prior", metavar="DIR", help="Earlier studies of the same patient, to compare with."),
    ] = None,
    screening: Screening = None,
    known_cancer: KnownCancer = None,
    immunosuppression: Immunosuppression = None,
    high_risk: HighRisk = None,
) -> None:
    """Read a study: measure, draft the report, write report.json, report.html, seg.dcm and sr.dcm (all or none)."""
    from tomoscribe.cli.choose import choose_study
    from tomoscribe.cli.progress import progress_bar
    from tomoscribe.core import ClinicalContext
    from tomoscribe.encoders.dicom import read_headers, scan, scan_with_priors
    from tomoscribe.reports.audit import AuditLog, Event, patient_of
    from tomoscribe.reports.export import SegKind, check_writable, write_results
    from tomoscribe.reports.reader import StudyReader
    from tomoscribe.reports.summary import summary_lines

    audit = AuditLog.from_environment("tomoscribe read")
    check_writable(out)
    with progress_bar() as progress:
        found = scan(study, progress=progress) if prior is None else scan_with_priors(study, prior, progress=progress)
        chosen = choose_study(found, study_uid)
        said = {"screening": screening, "known_cancer": known_cancer}
        said |= {"immunosuppression": immunosuppression, "high_risk": high_risk}
        chosen = replace(chosen, clinical=ClinicalContext(**said))
        second = None if translation is None else translation.value
        reader = StudyReader(device=device, text=text.value, language=language.value, translation=second)
        for line in reader.plan(chosen).lines():
            typer.echo(line, err=True)
        patient = patient_of(chosen.series)
        audit.record(Event.READ, study_uid=chosen.study_uid, patient=patient)
        reading = reader.read(chosen, progress=progress)
        progress("writing results", 0.95)
        volumes = reader.volumes(chosen)
        refs = [v.series for v in volumes.values()]
        headers = {s.series_uid: read_headers(s) for s in chosen.series if any(s.is_source_of(r) for r in refs)}
        audit.record(Event.EXPORTED, study_uid=chosen.study_uid, patient=patient, detail="to a folder")
        files = write_results(reading, volumes, headers, out, anatomy=SegKind(organs.value.upper()))
    typer.echo("\n".join([*summary_lines(reading), *map(str, files)]))
