"""``tomoscribe listen``: takes studies, reads each once it is quiet, sends the unsigned results on. Runs for days."""

from __future__ import annotations

import contextlib
import logging
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pynetdicom import evt
from pynetdicom.sop_class import StorageCommitmentPushModel, Verification  # type: ignore[attr-defined]

from tomoscribe.core.errors import ConfigError, TomoscribeError
from tomoscribe.reports.pacs.association import entity
from tomoscribe.reports.pacs.commitment import Commitments
from tomoscribe.reports.pacs.contexts import accepted_contexts
from tomoscribe.reports.pacs.credentials import server_context
from tomoscribe.reports.pacs.folders import incoming, only_run
from tomoscribe.reports.pacs.inbox import Inbox
from tomoscribe.reports.pacs.intake import guard_connection, quiet_library, streamed_file
from tomoscribe.reports.pacs.reading import Readings
from tomoscribe.reports.pacs.sender import Sender
from tomoscribe.reports.pacs.state import State
from tomoscribe.reports.pacs.status import STATE_FILE
from tomoscribe.reports.pacs.worker import ReaderProcess, Worker
from tomoscribe.reports.site import Listen, Site

RESULTS = "results"
GRACE_S = 10.0
"""How long a stop waits for associations that are under way."""
HANDSHAKE_S = 5.0
_TICK_S = 0.25
_CLEANING_S = 600.0
_log = logging.getLogger(__name__)


class Listener:
    """The station: server, reading, sending, cleaning. ``run`` returns after ``stop``.

    Args:
        worker: reads the studies; a process of its own by default.
    """

    def __init__(self, site: Site, worker: Worker | None = None) -> None:
        self._site, self._listen = site, site.listening()
        self._worker = worker or ReaderProcess(site)
        self._stopping = threading.Event()
        self._failure: Exception | None = None
        self.is_ready = threading.Event()

    def stop(self) -> None:
        """Asks the listener to end; safe in a signal handler."""
        self._stopping.set()

    def run(self) -> None:
        """Listens until ``stop``.

        Raises:
            ConfigError: the port is taken, or a TLS file or a secret is missing.
            OutputError: the folder cannot be written, or another listener has it.
            Exception: a defect that one of its threads met; what is noted is kept.
        """
        quiet_library()
        with only_run(Path(self._listen.folder).absolute(), "listener") as folder, incoming(folder) as staging:
            folder.chmod(0o700)
            state = State(folder / STATE_FILE)
            try:
                self._run(folder, staging, state)
            finally:
                state.close()
        if self._failure is not None:
            raise self._failure

    def _fail(self, error: Exception) -> None:
        """Ends the listener loudly: one that no longer reads or sends must not go on taking studies."""
        self._failure = self._failure or error
        self._stopping.set()

    def _run(self, folder: Path, staging: Path, state: State) -> None:
        inbox = Inbox(folder, staging, state, self._site.keep, self._site.read)
        inbox.reconcile()
        state.recover()
        senders = [Sender(self._site, self._site.peer(n), state, folder, self._fail) for n in self._site.destinations]
        commitments = Commitments(self._site, state, lambda item: inbox.path_of(item).is_file())
        readings = Readings(self._site, inbox, state, self._worker, folder / RESULTS)
        with self._serving(inbox, commitments):
            threads = [
                self._loop("reader", lambda now: self._read(readings, senders, now), _TICK_S),
                self._loop("reports", commitments.report_due, 4 * _TICK_S),
                self._loop("cleaner", lambda now: self._clean(inbox, folder, now), _CLEANING_S),
                *senders,
            ]
            for thread in threads:
                thread.start()
            self.is_ready.set()
            _log.info("listening as %s on %s:%d", self._site.ae_title, self._listen.address, self._listen.port)
            self._stopping.wait()
        self._worker.stop()
        for sender in senders:
            sender.stop()
        for thread in threads:
            thread.join(GRACE_S)
        _log.info("stopped")

    def _loop(self, name: str, action: Callable[[float], bool], pause_s: float) -> _Loop:
        return _Loop(name, action, self._stopping, pause_s, self._fail)

    def _read(self, readings: Readings, senders: Sequence[Sender], now: float) -> bool:
        done = readings.read_next(now)
        if done:
            for sender in senders:
                sender.wake()
        return done

    def _clean(self, inbox: Inbox, folder: Path, now: float) -> bool:
        count = inbox.remove_expired(now, folder / RESULTS)
        if count:
            _log.info("%d studies were deleted after %g days", count, self._site.keep.days)
        return False

    @contextlib.contextmanager
    def _serving(self, inbox: Inbox, commitments: Commitments) -> Iterator[None]:
        """The server; at the end no new association is taken, and those under way may finish."""
        listen = self._listen
        ae = entity(self._site.ae_title, listen.timeout_s)
        ae.require_called_aet = True
        ae.require_calling_aet = [c.ae_title for c in listen.callers]
        ae.maximum_associations = listen.max_associations
        ae.supported_contexts = list(accepted_contexts())
        ae.add_supported_context(Verification)
        ae.add_supported_context(StorageCommitmentPushModel, scu_role=True, scp_role=True)
        handlers: list[Any] = [
            (evt.EVT_CONN_OPEN, guard_connection, [inbox.intake(listen.timeout_s)]),
            (evt.EVT_ESTABLISHED, _check_host, [listen]),
            (evt.EVT_C_STORE, _store, [inbox]),
            (evt.EVT_N_ACTION, commitments.take_request),
            (evt.EVT_N_EVENT_REPORT, commitments.take_report),
        ]
        context = None if listen.tls is None else _impatient(server_context(listen.tls))
        try:
            server = ae.start_server(
                (listen.address, listen.port), block=False, ssl_context=context, evt_handlers=handlers
            )
        except OSError as error:
            raise ConfigError(
                f"cannot listen on {listen.address}:{listen.port}: {error.strerror}",
                remedy="choose another port, or end the program that has it",
            ) from error
        try:
            yield
        finally:
            if server is not None:
                server.shutdown()
            end = time.monotonic() + GRACE_S
            while ae.active_associations and time.monotonic() < end:
                time.sleep(_TICK_S / 5)
            ae.shutdown()


class _Loop(threading.Thread):
    """Calls a function again and again until the listener stops; at once while it says that there is more to do."""

    def __init__(
        self,
        name: str,
        action: Callable[[float], bool],
        stopping: threading.Event,
        pause_s: float,
        failed: Callable[[Exception], None],
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._action, self._stopping, self._pause_s, self._failed = action, stopping, pause_s, failed

    def run(self) -> None:
        while not self._stopping.is_set():
            more = False
            try:
                more = self._action(time.time())
            except TomoscribeError as error:
                _log.error("%s: %s", self.name, error.what)
            except OSError as error:
                _log.error("%s: %s", self.name, error.strerror)
            except Exception as error:  # noqa: BLE001 - a thread that ends unseen would leave studies lying for ever
                self._failed(error)
                return
            if not more:
                self._stopping.wait(self._pause_s)


def _store(event: Any, inbox: Inbox) -> int:
    """Handler of ``EVT_C_STORE``."""
    file = streamed_file(event)
    try:
        request = event.request
        caller = event.assoc.requestor.ae_title.strip()
        return inbox.take(file, str(request.AffectedSOPClassUID), str(request.AffectedSOPInstanceUID), caller)
    finally:
        file.discard()


def _check_host(event: Any, listen: Listen) -> None:
    """Handler of ``EVT_ESTABLISHED``: ends an association of a caller that calls from another host than it may."""
    calling, address = event.assoc.requestor.ae_title.strip(), event.assoc.requestor.address
    hosts = {c.host for c in listen.callers if c.ae_title == calling}
    if hosts and None not in hosts and address not in _addresses(hosts):
        _log.warning("association ended: caller '%s' called from another host than the site file says", calling)
        event.assoc.abort()


def _addresses(hosts: set[str | None]) -> set[str]:
    import socket

    found: set[str] = set()
    for host in hosts:
        with contextlib.suppress(OSError):
            found |= {str(info[4][0]) for info in socket.getaddrinfo(host, None)}
    return found


def _impatient(context: ssl.SSLContext) -> ssl.SSLContext:
    """The accepting thread does each TLS handshake: a caller that stays silent in it must not hold up the others."""
    wrap = context.wrap_socket

    def wrap_socket(sock: Any, *arguments: Any, **named: Any) -> ssl.SSLSocket:
        sock.settimeout(HANDSHAKE_S)
        return wrap(sock, *arguments, **named)

    context.wrap_socket = wrap_socket  # type: ignore[method-assign]
    return context
