"""``tomoscribe config check``: asks each peer and looks at each folder of a site file."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tomoscribe.core.errors import ConfigError, TomoscribeError
from tomoscribe.reports.pacs.credentials import server_context
from tomoscribe.reports.pacs.peers import open_peer
from tomoscribe.reports.site import Dimse, Listen, Peer, Site


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that was tried.

    Args:
        is_good: False is a fault; None a note.
    """

    subject: str
    is_good: bool | None
    detail: str

    def line(self) -> str:
        """For a terminal."""
        word = {True: "ok", False: "FAULT", None: "note"}[self.is_good]
        return f"{word:5} {self.subject}: {self.detail}"


def check_site(site: Site) -> Iterator[Check]:
    """Checks one after the other, as they are done; none changes anything that lasts."""
    for peer in site.peers:
        yield from _peer(site, peer)
    if site.listen is not None:
        yield from _listen(site, site.listen)
    if not site.destinations and site.listen is not None:
        yield Check(subject="destinations", is_good=None, detail="none: results stay in the listener's folder")
    if not site.roles.sign:
        yield Check(subject="roles", is_good=None, detail="nobody may sign: name users under roles: sign")


def _peer(site: Site, peer: Peer) -> Iterator[Check]:
    subject = f"peer {peer.name}"
    start = time.monotonic()
    try:
        client = open_peer(site, peer)
        answer = client.echo()
        yield Check(subject=subject, is_good=True, detail=f"{answer} in {1000 * (time.monotonic() - start):.0f} ms")
        if peer.dimse is not None:
            yield from _services(site, peer)
    except TomoscribeError as error:
        yield Check(subject=subject, is_good=False, detail=error.line())
    tls = (peer.dimse or peer.dicomweb or Dimse(ae_title="X", host="", port=1)).tls
    if tls is not None and not tls.verify:
        yield Check(subject=subject, is_good=None, detail="its certificate is not verified (tls: verify: false)")
    if peer.dicomweb is not None and peer.dicomweb.secret is not None and peer.dicomweb.url.startswith("http:"):
        yield Check(subject=subject, is_good=None, detail="the secret travels unencrypted (http)")


def _services(site: Site, peer: Peer) -> Iterator[Check]:
    from tomoscribe.reports.pacs.dimse import LABEL_MAPS, RESULT_CLASSES, DimsePeer

    for name, is_there in DimsePeer(site, peer).offers().items():
        needed = name not in (*RESULT_CLASSES, LABEL_MAPS) or peer.name in site.destinations
        if needed or is_there:
            detail = "offered" if is_there else "not offered to us: ask its administrator"
            yield Check(subject=f"peer {peer.name}, {name}", is_good=is_there, detail=detail)


def _listen(site: Site, listen: Listen) -> Iterator[Check]:
    yield _folder(Path(listen.folder))
    yield from _disk(site, Path(listen.folder))
    yield _port(listen)
    if listen.tls is not None:
        try:
            server_context(listen.tls)
            yield Check(subject="listen, tls", is_good=True, detail="certificate and key can be used")
        except ConfigError as error:
            yield Check(subject="listen, tls", is_good=False, detail=error.line())
    if listen.any_caller:
        yield Check(subject="listen", is_good=None, detail="any_caller: everybody who reaches the port may send")


def _folder(folder: Path) -> Check:
    place = next(p for p in (folder.absolute(), *folder.absolute().parents) if p.exists())
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        return Check(subject=f"folder {folder}", is_good=False, detail=f"cannot be written: {error.strerror}")
    return Check(subject=f"folder {folder}", is_good=True, detail="can be written")


def _disk(site: Site, folder: Path) -> Iterator[Check]:
    place = next(p for p in (folder.absolute(), *folder.absolute().parents) if p.exists())
    usage = shutil.disk_usage(place)
    free = f"{usage.free / 1e9:.1f} GB free of {usage.total / 1e9:.1f} GB"
    enough = usage.free >= site.keep.min_free_gb * 1e9
    yield Check(subject="disk", is_good=enough, detail=f"{free}; keep: min_free_gb is {site.keep.min_free_gb:g}")
    if site.keep.max_gb * 1e9 > usage.total:
        yield Check(
            subject="disk", is_good=None, detail=f"keep: max_gb is {site.keep.max_gb:g}, more than the disk holds"
        )


def _port(listen: Listen) -> Check:
    subject = f"port {listen.port} on {listen.address}"
    family = socket.AF_INET6 if ":" in listen.address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((listen.address, listen.port))
            return Check(subject=subject, is_good=True, detail="free for the listener")
        except OSError as error:
            why = error.strerror or os.strerror(error.errno or 0)
    if (Path(listen.folder) / "state.sqlite").exists() and _is_locked(Path(listen.folder)):
        return Check(subject=subject, is_good=True, detail="the listener runs")
    return Check(subject=subject, is_good=False, detail=f"cannot be used: {why}")


def _is_locked(folder: Path) -> bool:
    from tomoscribe.core.errors import OutputError
    from tomoscribe.reports.pacs.folders import only_run

    try:
        with only_run(folder, "listener"):
            return False
    except OutputError:
        return True
