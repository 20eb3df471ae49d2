"""``tomoscribe deidentify STUDY --out DIR --key FILE|env``."""

from __future__ import annotations

import contextlib
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tomoscribe.cli.options import StudyPath
from tomoscribe.cli.site_options import SiteFile


class Choice(StrEnum):
    """Options of the profile; the same words as ``encoders.dicom.deidentify.Option``."""

    CLEAN_PIXEL_DATA = "clean-pixel-data"
    CLEAN_DESCRIPTORS = "clean-descriptors"
    MODIFIED_DATES = "modified-dates"
    PATIENT_CHARACTERISTICS = "patient-characteristics"
    DEVICE_IDENTITY = "device-identity"
    SAFE_PRIVATE = "safe-private"


def deidentify(
    study: StudyPath,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="A new folder, not inside the input.")],
    key: Annotated[
        str,
        typer.Option(
            "--key",
            metavar="FILE|env",
            help="File with the secret key, or env for the variable TOMOSCRIBE_DEIDENTIFICATION_KEY.",
        ),
    ],
    option: Annotated[
        list[Choice] | None, typer.Option("--option", help="An option of the profile; may be given several times.")
    ] = None,
    site_file: SiteFile = None,
) -> None:
    """Write a copy without identifiers (DICOM PS3.15 Basic Profile); all files of a study or none."""
    from tomoscribe.cli.progress import progress_bar
    from tomoscribe.encoders.dicom.deidentify import Option, load_key
    from tomoscribe.encoders.dicom.deidentify import deidentify as run
    from tomoscribe.reports.acts import Act, Desk, subjects_in

    secret = load_key(key)
    desk = Desk.here("tomoscribe deidentify", site_file)
    with progress_bar() as progress, contextlib.ExitStack() as acts:
        for subject in subjects_in(study):
            acts.enter_context(desk.doing(Act.DEIDENTIFY, subject))
        report = run(study, out, key=secret, options=[Option(o.value) for o in option or ()], progress=progress)
    for line in report.lines():
        typer.echo(line)
    typer.echo(str(out))
