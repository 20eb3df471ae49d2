"""Fetches a study from a peer into a folder: whole objects only, each once, and only what is not there yet."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from tomoscribe.core.errors import ConfigError, InputError, OutputError
from tomoscribe.findings.measured import Progress
from tomoscribe.reports.audit import Event
from tomoscribe.reports.pacs.auditing import record_transfer
from tomoscribe.reports.pacs.errors import garbage
from tomoscribe.reports.pacs.folders import incoming, only_run
from tomoscribe.reports.pacs.landing import move_into_place, read_header
from tomoscribe.reports.pacs.peers import Instance, PeerClient, open_peer
from tomoscribe.reports.pacs.retry import retrying
from tomoscribe.reports.pacs.uids import is_uid
from tomoscribe.reports.site import Peer, Site

_FREE_BYTES = 100 << 20
"""Left on the disk whatever a peer sends."""


@dataclass(frozen=True, kw_only=True)
class Pulled:
    """What a pull did."""

    num_fetched: int
    num_present: int
    folder: Path


def pull_study(site: Site, peer: Peer, study_uid: str, out: Path, progress: Progress) -> Pulled:
    """Fetches all objects of a study as ``OUT/SERIES_UID/SOP_UID.dcm``; run again, it goes on where it stopped.

    Raises:
        ConfigError: not a UID.
        InputError: the peer has no such study.
        OutputError: the folder cannot be written, is in use, or full.
        PeerError: the peer cannot be reached, refuses, or sends what was not asked for; what came is kept.
    """
    if not is_uid(study_uid):
        raise ConfigError("expected a Study Instance UID: digits and dots", remedy="see tomoscribe pull PEER --list")
    client = open_peer(site, peer)
    progress("asking for the study", 0.0)
    listed = retrying(peer, lambda: client.instances(study_uid))
    if not listed:
        raise InputError("the peer has no such study", where=study_uid, remedy="see tomoscribe pull PEER --list")
    with only_run(Path(out), "pull") as folder, incoming(folder) as staging:
        present = {i for i in listed if _is_there(folder, i)}
        run = _Run(client, listed, folder, staging, progress, peer.name)
        run.kept = {i.sop_uid for i in present}
        max_bytes = min(int(site.keep.max_object_mb * 1e6), max(0, shutil.disk_usage(folder).free - _FREE_BYTES))
        retrying(peer, lambda: run.fetch_missing(max_bytes), done=lambda: len(run.kept))
    progress("done", 1.0)
    return Pulled(num_fetched=len(run.kept) - len(present), num_present=len(present), folder=Path(out))


class _Run:
    """One pull: what was listed, what is kept."""

    def __init__(
        self,
        client: PeerClient,
        listed: list[Instance],
        folder: Path,
        staging: Path,
        progress: Progress,
        peer_name: str,
    ) -> None:
        self._client, self._listed, self._folder = client, listed, folder
        self._staging, self._progress, self._peer_name = staging, progress, peer_name
        self.kept: set[str] = set()
        self._is_recorded = False

    def fetch_missing(self, max_object_bytes: int) -> None:
        missing = [i for i in self._listed if i.sop_uid not in self.kept]
        if missing:
            self._client.fetch(missing, self._keep, self._staging, max_object_bytes)
        short = sum(i.sop_uid not in self.kept for i in self._listed)
        if short:
            raise garbage(self._peer_name, f"{short} of {len(self._listed)} objects less than it listed")

    def _keep(self, instance: Instance, path: Path) -> None:
        if shutil.disk_usage(self._folder).free < _FREE_BYTES:
            raise OutputError("the disk is full", where=str(self._folder), remedy="make room and pull again")
        if not self._is_recorded:
            self._record(instance.study_uid, path)
        move_into_place(path, _target(self._folder, instance))
        self.kept.add(instance.sop_uid)
        self._progress(f"fetching {len(self._listed)} objects", len(self.kept) / len(self._listed))

    def _record(self, study_uid: str, first: Path) -> None:
        """Before the first object is kept: it says whose the study is."""
        count = len(self._listed) - len(self.kept)
        record_transfer("tomoscribe pull", Event.IMPORTED, first, study_uid, self._peer_name, count)
        self._is_recorded = True


def _target(folder: Path, instance: Instance) -> Path:
    """Checked UIDs only: ``peers`` hands on no others."""
    return folder / instance.series_uid / f"{instance.sop_uid}.dcm"


def _is_there(folder: Path, instance: Instance) -> bool:
    path = _target(folder, instance)
    header = read_header(path) if path.is_file() else None
    return header is not None and (header.study_uid, header.sop_uid) == (instance.study_uid, instance.sop_uid)
