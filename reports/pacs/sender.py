"""The outbox: brings results to one destination, however often the connection fails; each object once."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

from tomoscribe.core.errors import OutputError, PeerError, TomoscribeError
from tomoscribe.core.uids import derive_uid
from tomoscribe.reports.audit import Event
from tomoscribe.reports.pacs.auditing import record_transfer
from tomoscribe.reports.pacs.errors import RefusedByPeerError
from tomoscribe.reports.pacs.peers import Instance, Outcome, PeerClient, Sent, open_peer
from tomoscribe.reports.pacs.retry import pause_s
from tomoscribe.reports.pacs.state import Commitment, Outgoing, SendState, State
from tomoscribe.reports.site import Peer, Site

_BATCH = 100
_POLL_S = 1.0
ASK_AGAIN_S = 3600.0
"""A storage commitment without a report after so long is asked for again."""
RETRY_S = 60.0
_log = logging.getLogger(__name__)


class Sender(threading.Thread):
    """One thread for one destination, so that a dead one holds up nobody else.

    Args:
        folder: of the listener, which the paths in the state are relative to.
        failed: called with what nobody expected, before the thread ends.
    """

    def __init__(self, site: Site, peer: Peer, state: State, folder: Path, failed: Callable[[Exception], None]) -> None:
        super().__init__(name=f"sender {peer.name}", daemon=True)
        self._site, self._peer, self._state = site, peer, state
        self._folder, self._failed = folder, failed
        self._client: PeerClient | None = None
        self._wake = threading.Event()
        self._stop_now = threading.Event()
        self._num_failed = 0

    def wake(self) -> None:
        """There is something to send."""
        self._wake.set()

    def stop(self) -> None:
        """Ends after the batch that is under way; the rest waits in the state."""
        self._stop_now.set()
        self._wake.set()

    def run(self) -> None:
        while not self._stop_now.is_set():
            try:
                busy = self.send_due(time.time()) or self.ask_due(time.time())
            except TomoscribeError as error:
                _log.error("destination '%s': %s", self._peer.name, error.what)
                busy = False
            except Exception as error:  # noqa: BLE001 - a thread that ends unseen would leave results lying for ever
                self._failed(error)
                return
            if not busy:
                self._wake.wait(_POLL_S)
                self._wake.clear()

    def send_due(self, now: float) -> bool:
        """Sends what is due; whether there may be more at once."""
        due = self._state.due(self._peer.name, now, _BATCH)
        due = [o for o in due if not self._is_too_old(o, now)]
        if not due:
            return False
        try:
            rest = self._without_arrived(due)
            self._send(rest)
        except (PeerError, OutputError) as error:
            self._put_off([o.sop_uid for o in due if self._is_open(o)], now, error)
            return False
        self._num_failed = 0
        busy = [o.sop_uid for o in due if self._is_open(o)]
        if busy:
            self._put_off(busy, now, None)
        return not busy

    def _is_too_old(self, item: Outgoing, now: float) -> bool:
        if now - item.since <= self._peer.keep_trying_days * 86400:
            return False
        self._state.set_outgoing(self._peer.name, [item.sop_uid], SendState.EXPIRED, "tried for too long")
        _log.error(
            "destination '%s': a result was given up after %g days", self._peer.name, self._peer.keep_trying_days
        )
        return True

    def _without_arrived(self, due: Sequence[Outgoing]) -> list[Outgoing]:
        """Without those that a cut connection left unsure and the peer holds."""
        unsure = [o for o in due if o.state is SendState.SENDING]
        if not unsure:
            return list(due)
        held = self._open().held([_instance(o) for o in unsure]) or set()
        for item in unsure:
            if item.sop_uid in held:
                self._note_sent(item.sop_uid)
        return [o for o in due if o.sop_uid not in held]

    def _send(self, items: Sequence[Outgoing]) -> None:
        there = [o for o in items if self._path(o).is_file()]
        gone = [o.sop_uid for o in items if o not in there]
        if gone:
            self._state.set_outgoing(self._peer.name, gone, SendState.REFUSED, "the file is gone")
            _log.error("destination '%s': %d results are gone from the disk", self._peer.name, len(gone))
        if there:
            self._audit(there)
            self._state.set_outgoing(self._peer.name, [o.sop_uid for o in there], SendState.SENDING)
            self._open().send([self._path(o) for o in there], self._told)

    def _path(self, item: Outgoing) -> Path:
        return self._folder / item.path

    def _audit(self, items: Sequence[Outgoing]) -> None:
        """One entry for each study, before anything of it leaves."""
        for study_uid in sorted({o.study_uid for o in items}):
            paths = [self._path(o) for o in items if o.study_uid == study_uid]
            record_transfer("tomoscribe listen", Event.SENT, paths[0], study_uid, self._peer.name, len(paths))

    def _told(self, sent: Sent) -> None:
        if sent.outcome is Outcome.STORED:
            self._note_sent(sent.sop_uid)
        elif sent.outcome is Outcome.BUSY:
            self._state.set_outgoing(self._peer.name, [sent.sop_uid], SendState.WAITING, sent.detail)
        else:
            self._state.set_outgoing(self._peer.name, [sent.sop_uid], SendState.REFUSED, sent.detail)
            _log.error("destination '%s' refused a result: %s", self._peer.name, sent.detail)

    def _note_sent(self, sop_uid: str) -> None:
        self._state.set_outgoing(self._peer.name, [sop_uid], SendState.SENT)
        if self._peer.dimse is not None and self._peer.dimse.storage_commitment:
            self._state.set_commitment(self._peer.name, [sop_uid], Commitment.WANTED, None, time.time())

    def _is_open(self, item: Outgoing) -> bool:
        return self._state.is_open(self._peer.name, item.sop_uid)

    def _put_off(self, sop_uids: list[str], now: float, error: TomoscribeError | None) -> None:
        self._num_failed += 1
        wait = pause_s(self._peer, self._num_failed)
        self._state.put_off(self._peer.name, sop_uids, now + wait)
        why = "it has no room or time" if error is None else error.what
        _log.warning("%d results wait %.0f s for destination '%s': %s", len(sop_uids), wait, self._peer.name, why)

    def ask_due(self, now: float) -> bool:
        """Asks for storage commitment of what was sent; whether there may be more."""
        from tomoscribe.reports.pacs.dimse import DimsePeer

        objects = self._state.uncommitted(self._peer.name, now - ASK_AGAIN_S, _BATCH)
        client = self._open() if objects else None
        if not isinstance(client, DimsePeer):
            return False
        transaction = derive_uid("storage commitment", uuid.uuid4().hex)
        uids = [sop for _, sop in objects]
        self._state.set_commitment(self._peer.name, uids, Commitment.ASKED, transaction, now)
        try:
            client.ask_commitment(transaction, objects)
        except RefusedByPeerError as error:
            _log.warning("destination '%s' gives no storage commitment: %s", self._peer.name, error.what)
            self._state.set_commitment(self._peer.name, uids, Commitment.NONE, None, now)
        except PeerError as error:
            _log.warning("destination '%s' was not asked for storage commitment: %s", self._peer.name, error.what)
            soon = now - ASK_AGAIN_S + RETRY_S
            self._state.set_commitment(self._peer.name, uids, Commitment.ASKED, transaction, soon)
            return False
        return len(objects) == _BATCH

    def _open(self) -> PeerClient:
        if self._client is None:
            self._client = open_peer(self._site, self._peer)
        return self._client


def _instance(item: Outgoing) -> Instance:
    return Instance(
        study_uid=item.study_uid, series_uid=item.series_uid, sop_uid=item.sop_uid, sop_class_uid=item.sop_class_uid
    )
