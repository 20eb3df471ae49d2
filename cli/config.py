"""``tomoscribe config check``."""

from __future__ import annotations

import typer

from tomoscribe.cli.site_options import SiteFile

app = typer.Typer(help="The site file.", no_args_is_help=True)


@app.callback()
def config() -> None:
    """The site file."""


@app.command()
def check(site_file: SiteFile = None) -> None:
    """Check the site file: ask each peer (C-ECHO, QIDO-RS), look at folders, disk space, port and certificates."""
    from tomoscribe.core.errors import PeerError
    from tomoscribe.reports.pacs.check import check_site
    from tomoscribe.reports.site import load_site

    faults = total = 0
    for result in check_site(load_site(site_file)):
        typer.echo(result.line())
        total += result.is_good is not None
        faults += result.is_good is False
    if faults:
        raise PeerError(f"{faults} of {total} checks found a fault", remedy="see the lines marked FAULT")
    typer.echo(f"All {total} checks passed.")
