"""``tomoscribe export RESULT --out DIR``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tomoscribe.cli.open import ResultPath
from tomoscribe.cli.site_options import SiteFile


class Form(StrEnum):
    """What to export."""

    PDF = "pdf"
    FHIR = "fhir"
    HL7 = "hl7"
    KEY_OBJECTS = "key-objects"
    TEXT = "text"


def export(
    result: ResultPath,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the documents; made if not there.")],
    forms: Annotated[
        list[Form] | None, typer.Option("--form", help="What to write; repeat for several, all of them without it.")
    ] = None,
    site_file: SiteFile = None,
) -> None:
    """Write the signed report as PDF (plain and for a PACS), FHIR, HL7, text, and the key object selection.

    A PDF leaves only when signed; FHIR and HL7 when a named person has released it, as partial (P) before signing.
    """
    from tomoscribe.reports.acts import Act, Desk, Subject
    from tomoscribe.reports.export import open_folder
    from tomoscribe.reports.export.documents import Document, export_documents, refuse_to_leave

    desk, opened = Desk.here("tomoscribe export", site_file), open_folder(result)
    documents = [Document(f.value) for f in (forms or list(Form))]
    for document in documents:
        refuse_to_leave(opened.reading.report, document)
    with desk.doing(Act.EXPORT, Subject.of(opened), ", ".join(documents)):
        files = export_documents(opened, out, documents)
    typer.echo("\n".join(str(f) for f in files))
