"""The site file and the user's role: what the commands that talk to a PACS share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tomoscribe.reports.acts import Act
    from tomoscribe.reports.site import Site

SiteFile = Annotated[
    Path | None,
    typer.Option("--site", metavar="FILE", help="The site file; without it, the one that TOMOSCRIBE_SITE names."),
]
PeerName = Annotated[str, typer.Argument(metavar="PEER", help="A peer's name in the site file.")]


def operator_site(path: Path | None, act: Act) -> Site:
    """The site file's content, for a user who may do that at this station; a refusal is written down."""
    from tomoscribe.reports.acts import Desk
    from tomoscribe.reports.site import load_site

    site = load_site(path)
    Desk.here(f"tomoscribe {act.name.lower()}", path).allow(act)
    return site
