"""``tomoscribe listen``."""

from __future__ import annotations

import logging
import signal
from typing import Annotated

import typer

from tomoscribe.cli.site_options import SiteFile, operator_site


def listen(
    site_file: SiteFile = None,
    status: Annotated[bool, typer.Option("--status", help="Say where studies and results stand, and end.")] = False,
) -> None:
    """Take studies from the callers of the site file, read each once it is quiet, send the unsigned results on."""
    from tomoscribe.core.errors import MissingExtraError
    from tomoscribe.reports.acts import Act

    site = operator_site(site_file, Act.LISTEN)
    if status:
        from tomoscribe.reports.pacs.status import status_lines

        for line in status_lines(site):
            typer.echo(line)
        return
    try:
        from tomoscribe.reports.pacs.listener import Listener
    except ImportError as error:
        raise MissingExtraError("listening for studies", "pacs") from error
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s: %(message)s", force=True)
    logging.getLogger("tomoscribe").setLevel(logging.INFO)
    listener = Listener(site)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: listener.stop())
    listener.run()
