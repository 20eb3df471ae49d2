"""``tomoscribe bundle --out DIR``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def bundle(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="A new folder for the bundle.")],
    extra: Annotated[
        list[str] | None, typer.Option("--extra", metavar="NAME", help="gui, pacs, ray, train, ...; may be repeated.")
    ] = None,
    platform: Annotated[
        str | None, typer.Option("--platform", metavar="TAG", help="Of another machine, e.g. win_amd64.")
    ] = None,
    python: Annotated[
        str | None, typer.Option("--python-version", metavar="3.N", help="Of another machine, e.g. 3.11.")
    ] = None,
    own_only: Annotated[
        bool,
        typer.Option("--without-dependencies", help="Only tomoscribe's own wheel, for a machine that has the rest."),
    ] = False,
) -> None:
    """Put wheels, weights, checksums and an install script into a folder that installs without a network."""
    from tomoscribe.cli.offline import Target, make_bundle

    typer.echo("Fetching the packages (torch is large: some minutes) ...", err=True)
    made = make_bundle(out, tuple(extra or ()), Target(platform=platform, python=python), own_wheel_only=own_only)
    typer.echo(f"{made.num_wheels} wheels, {made.num_bytes / 1e9:.2f} GB: {made.folder}")
    typer.echo(f"On the machine without a network: sh {made.folder.name}/install.sh TARGET")
