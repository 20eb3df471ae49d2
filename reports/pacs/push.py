"""Sends the DICOM objects of a folder to a peer: each once, whatever happens on the way."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tomoscribe.core.errors import InputError, PeerError
from tomoscribe.encoders.dicom.files import find_dicom
from tomoscribe.findings.measured import Progress
from tomoscribe.reports.audit import Event
from tomoscribe.reports.pacs.auditing import record_transfer
from tomoscribe.reports.pacs.errors import RefusedByPeerError, unreachable
from tomoscribe.reports.pacs.landing import Header, read_header
from tomoscribe.reports.pacs.peers import Outcome, PeerClient, Sent, open_peer
from tomoscribe.reports.pacs.retry import retrying
from tomoscribe.reports.site import Peer, Site

_BATCH = 200
"""Files of one association."""


@dataclass(frozen=True, kw_only=True)
class Pushed:
    """What a push did."""

    num_sent: int
    num_held: int
    num_broken: int


def push_files(site: Site, peer: Peer, path: Path, progress: Progress) -> Pushed:
    """Sends what lies below a folder, in a zip or in a file; what the peer holds already is not sent again.

    Raises:
        InputError: no DICOM object is there.
        PeerError: the peer cannot be reached or refuses objects; the rest was sent, and a second run goes on.
    """
    candidates = find_dicom(Path(path), progress=progress).candidates
    headers = {f: read_header(f) for f in candidates}
    objects = {f: h for f, h in headers.items() if h is not None}
    if not objects:
        raise InputError(
            "no DICOM object found", where=Path(path).name, remedy="choose a folder, zip or file with some"
        )
    client = open_peer(site, peer)
    progress("asking what is there already", 0.0)
    held = _held(client, peer, objects)
    run = _Run(client, objects, progress)
    run.todo = [f for f, h in objects.items() if h.sop_uid not in held]
    num_todo = len(run.todo)
    for study_uid in sorted({objects[f].study_uid for f in run.todo}):
        files = [f for f in run.todo if objects[f].study_uid == study_uid]
        record_transfer("tomoscribe push", Event.SENT, files[0], study_uid, peer.name, len(files))
    retrying(peer, lambda: run.send_rest(peer), done=lambda: run.num_stored)
    if run.refused:
        first = run.refused[0]
        raise RefusedByPeerError(
            f"peer '{peer.name}' refused {len(run.refused)} of {num_todo} objects, first with: {first.detail}",
            where=first.sop_uid,
            remedy=f"{run.num_stored} were stored; ask its administrator for the others",
        )
    progress("done", 1.0)
    return Pushed(num_sent=run.num_stored, num_held=len(objects) - num_todo, num_broken=len(headers) - len(objects))


def _held(client: PeerClient, peer: Peer, objects: dict[Path, Header]) -> set[str]:
    """SOP Instance UIDs that the peer lists for these studies; none where it answers no queries."""
    held: set[str] = set()
    for study_uid in sorted({h.study_uid for h in objects.values()}):
        try:
            held |= {i.sop_uid for i in retrying(peer, lambda uid=study_uid: client.instances(uid))}  # type: ignore[misc]
        except RefusedByPeerError:
            continue
    return held


@dataclass
class _Run:
    """One push: what is left to send, what was refused for good."""

    client: PeerClient
    objects: dict[Path, Header]
    progress: Progress
    todo: list[Path] = field(default_factory=list)
    num_stored: int = 0
    refused: list[Sent] = field(default_factory=list)

    def send_rest(self, peer: Peer) -> None:
        waiting = list(self.todo)
        for start in range(0, len(waiting), _BATCH):
            self.client.send(waiting[start : start + _BATCH], self._told)
        if self.todo:
            raise _busy(peer, len(self.todo))

    def _told(self, sent: Sent) -> None:
        if sent.outcome is Outcome.BUSY:
            return
        self.todo.remove(sent.path)
        if sent.outcome is Outcome.STORED:
            self.num_stored += 1
        else:
            self.refused.append(sent)
        done = self.num_stored + len(self.refused)
        self.progress(f"sending {done + len(self.todo)} objects", done / (done + len(self.todo)))


def _busy(peer: Peer, count: int) -> PeerError:
    return unreachable(peer.name, f"it has no room or time for {count} object(s) now")
