"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

StudyPath = Annotated[
    Path, typer.Argument(metavar="STUDY", help="A folder, zip or file with the DICOM images of one patient.")
]
Device = Annotated[str, typer.Option("--device", metavar="auto|cpu|cuda:N", help="Where the networks run.")]
StudyUid = Annotated[
    str | None, typer.Option("--study", metavar="UID", help="Which study, when the folder holds several patients.")
]
