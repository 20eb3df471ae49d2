"""``tomoscribe check PATH``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tomoscribe.cli.options import StudyPath

if TYPE_CHECKING:
    from tomoscribe.encoders.dicom.verdicts import SeriesVerdict


def check(
    path: StudyPath,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON list on standard output instead of a table.")] = False,
) -> None:
    """Say of every series whether it can be read: accept, resample or refuse, why, and what was measured.

    Headers and pixels are read; nothing is written. Files that are left out are named on standard error. The exit code
    is 0 whatever the verdicts are.
    """
    import json

    from tomoscribe.cli.progress import progress_bar
    from tomoscribe.core.serial import to_json
    from tomoscribe.encoders.dicom.verdicts import verdicts

    left_out: list[str] = []
    with progress_bar() as progress:
        rows = verdicts(path, progress, problem=lambda file, why: left_out.append(f"left out: {file.name}: {why}"))
    for line in left_out:
        typer.echo(line, err=True)
    if as_json:
        typer.echo(json.dumps([to_json(row) for row in rows], indent=2, ensure_ascii=False))
        return
    _print_table(rows)


def _print_table(rows: tuple[SeriesVerdict, ...]) -> None:
    """One line a series; below it why, what to do, and what to know."""
    counts = {word: sum(r.verdict == word for r in rows) for word in ("accept", "resample", "refuse")}
    for row in rows:
        typer.echo(_line(row))
        for label, words in (("why", row.reason), ("do", row.remedy), *(("note", note) for note in row.notes)):
            if words:
                typer.echo(f"          {label}: {words}")
        if row.measured.hounsfield:
            typer.echo(f"          values: {row.measured.hounsfield}")
    typer.echo(", ".join(f"{count} {word}" for word, count in counts.items()))


def _line(row: SeriesVerdict) -> str:
    found = row.measured
    grid = f"{found.slices} x {found.size[0]} x {found.size[1]}" if found.size else f"{found.slices} images"
    spacing = " x ".join(f"{v:g}" for v in found.spacing_mm) + " mm" if found.spacing_mm else ""
    files = f"{row.files} file{'s' * (row.files != 1)}"
    name = " ".join(w for w in (row.description or "", f"[{row.part}]" if row.part else "") if w)
    tilt = f"tilt {found.tilt_degrees:g} deg" if found.tilt_degrees else ""
    gaps = f"{found.gaps} uneven steps" if found.gaps else ""
    number = "-" if row.number is None else str(row.number)
    facts = "  ".join(w for w in (files, grid, spacing, found.plane or "", tilt, gaps, found.value_unit or "") if w)
    return f"{row.verdict:<9} {row.modality:<3} {number:>5}  {name}  ({facts})\n          {row.series_uid}"
