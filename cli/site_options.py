"""The site file and the user's role: what the commands that talk to a PACS share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tomoscribe.reports.site import Site

SiteFile = Annotated[
    Path | None,
    typer.Option("--site", metavar="FILE", help="The site file; without it, the one that TOMOSCRIBE_SITE names."),
]
PeerName = Annotated[str, typer.Argument(metavar="PEER", help="A peer's name in the site file.")]


def operator_site(path: Path | None) -> Site:
    """The site file's content, for a user who may operate this station."""
    from tomoscribe.reports.signing import process_identity
    from tomoscribe.reports.site import Role, load_site

    site = load_site(path)
    site.require(process_identity().login, Role.OPERATE)
    return site
