"""``tomoscribe audit verify | seal | show``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tomoscribe.reports.audit import Head

app = typer.Typer(
    help="The audit store: who read, edited, signed and exported which study.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Folder = Annotated[
    Path | None, typer.Option("--folder", metavar="DIR", help="The store; by default the one in use here.")
]


@app.command("verify")
def verify(
    folder: Folder = None,
    seal: Annotated[
        str | None, typer.Option("--seal", metavar="COUNT:HASH", help="As 'audit seal' gave it earlier.")
    ] = None,
) -> None:
    """Check every entry, their order and number; names each one that was changed, removed, reordered or cut off."""
    from tomoscribe.core.errors import AuditError
    from tomoscribe.reports.audit import read_head
    from tomoscribe.reports.audit_verify import verify as problems_of

    place = _store(folder)
    problems = problems_of(place, None if seal is None else _parse(seal))
    for problem in problems:
        typer.echo(problem)
    if problems:
        raise AuditError(
            f"the audit store is not what was written: {len(problems)} point(s)",
            where=str(place),
            remedy="keep a copy of it as it is and tell whoever is responsible for data protection",
        )
    head = read_head(place)
    typer.echo(f"{0 if head is None else head.count} entries, none changed, removed, reordered or cut off.")


@app.command("seal")
def seal(folder: Folder = None) -> None:
    """Print number and hash of the last entry, to be kept elsewhere and given to 'audit verify --seal'."""
    from tomoscribe.core.errors import InputError
    from tomoscribe.reports.audit import read_head

    head = read_head(_store(folder))
    if head is None:
        raise InputError("the audit store has no entry yet", where=str(_store(folder)))
    typer.echo(f"{head.count}:{head.hash}")


@app.command("show")
def show(
    folder: Folder = None,
    study_uid: Annotated[str | None, typer.Option("--study", metavar="UID", help="Of this study only.")] = None,
    patient_id: Annotated[str | None, typer.Option("--patient", metavar="ID", help="Of this patient only.")] = None,
) -> None:
    """List the entries, one line each; looking is itself an entry."""
    from tomoscribe.reports.audit import AuditLog, Event, entries, snapshot

    place = _store(folder)
    AuditLog(place, "tomoscribe audit show").record(Event.AUDIT_USED, study_uid=study_uid)
    for entry in entries(snapshot(place)):
        if entry is None or (study_uid or entry["study_uid"]) != entry["study_uid"]:
            continue
        if (patient_id or entry["patient_id"]) == entry["patient_id"]:
            words = (entry["number"], entry["at"], entry["user"], entry["lifecycle"], entry["meaning"])
            rest = (entry["outcome"], entry["patient_id"] or "-", entry["study_uid"] or "-", entry["detail"] or "")
            typer.echo("\t".join(str(w) for w in (*words, *rest)))


def _store(folder: Path | None) -> Path:
    from tomoscribe.core.errors import ConfigError
    from tomoscribe.reports.audit import FOLDER_VARIABLE, AuditLog

    place = folder or AuditLog.from_environment("tomoscribe audit").folder
    if place is None:
        raise ConfigError(f"the audit store is switched off ({FOLDER_VARIABLE}=off)", remedy="name one with --folder")
    return place


def _parse(text: str) -> Head:
    from tomoscribe.core.errors import ConfigError
    from tomoscribe.reports.audit import Head

    count, _, digest = text.partition(":")
    if not count.isdigit() or len(digest) != 64:
        raise ConfigError(f"expected --seal COUNT:HASH as 'tomoscribe audit seal' prints it, found '{text}'")
    return Head(count=int(count), hash=digest)
