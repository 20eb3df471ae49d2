"""``tomoscribe pull PEER --study UID --out DIR``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tomoscribe.cli.site_options import PeerName, SiteFile, operator_site


def pull(
    peer: PeerName,
    study_uid: Annotated[str | None, typer.Option("--study", metavar="UID", help="Which study to fetch.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder for its files; made if it is not there.")
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the peer's studies instead.")] = False,
    date: Annotated[
        str | None, typer.Option("--date", metavar="YYYYMMDD[-YYYYMMDD]", help="With --list: of these days.")
    ] = None,
    modality: Annotated[str | None, typer.Option("--modality", help="With --list: with such series, e.g. CT.")] = None,
    site_file: SiteFile = None,
) -> None:
    """Fetch a study from a PACS of the site file; run again, it goes on where it stopped."""
    from tomoscribe.cli.progress import progress_bar
    from tomoscribe.core.errors import ConfigError
    from tomoscribe.reports.acts import Act
    from tomoscribe.reports.pacs.peers import open_peer
    from tomoscribe.reports.pacs.pull import pull_study
    from tomoscribe.reports.pacs.retry import retrying

    site = operator_site(site_file, Act.PULL)
    chosen = site.peer(peer)
    if list_:
        client = open_peer(site, chosen)
        for row in sorted(
            retrying(chosen, lambda: client.studies(date, modality)), key=lambda r: (r.date, r.study_uid)
        ):
            typer.echo(f"{row.study_uid}\t{row.date}\t{row.modalities}\t{row.description}")
        return
    if study_uid is None or out is None:
        raise ConfigError("expected --study UID and --out DIR, or --list", remedy="see tomoscribe pull --help")
    with progress_bar() as progress:
        pulled = pull_study(site, chosen, study_uid, out, progress)
    typer.echo(f"{pulled.num_fetched} objects fetched, {pulled.num_present} were there already: {pulled.folder}")
