"""What a clinician says of the patient on the command line; each is unknown unless it is said."""

from __future__ import annotations

from typing import Annotated

import typer

Screening = Annotated[
    bool | None,
    typer.Option(
        "--screening/--no-screening", help="Low-dose CT for lung cancer screening, or not; guideline classes need it."
    ),
]
KnownCancer = Annotated[
    bool | None, typer.Option("--known-cancer/--no-known-cancer", help="History of cancer, or none.")
]
Immunosuppression = Annotated[
    bool | None,
    typer.Option("--immunosuppression/--no-immunosuppression", help="Immunosuppressed patient, or not."),
]
HighRisk = Annotated[bool | None, typer.Option("--high-risk/--low-risk", help="Risk of lung cancer.")]
