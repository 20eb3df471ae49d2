"""``tomoscribe push PEER PATH``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tomoscribe.cli.site_options import PeerName, SiteFile, operator_site


def push(
    peer: PeerName,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A folder, zip or file with DICOM objects.")],
    site_file: SiteFile = None,
) -> None:
    """Send DICOM objects to a PACS of the site file; what it holds already is not sent again."""
    from tomoscribe.cli.progress import progress_bar
    from tomoscribe.reports.acts import Act
    from tomoscribe.reports.pacs.push import push_files

    site = operator_site(site_file, Act.PUSH)
    with progress_bar() as progress:
        pushed = push_files(site, site.peer(peer), path, progress)
    broken = f", {pushed.num_broken} damaged files left out" if pushed.num_broken else ""
    typer.echo(f"{pushed.num_sent} objects sent, {pushed.num_held} were there already{broken}.")
