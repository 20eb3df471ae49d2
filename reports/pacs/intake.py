"""What a C-STORE request carries goes straight to the disk, within limits that hold before memory is spent.

pynetdicom reads a PDU of any length a peer announces, collects messages of any size, and names temporary files in the
system's folder for them (its issue 1086). Here each connection gets a socket that refuses oversized PDUs, a message
provider that bounds what stays in memory, and files of our own beside their final place.
"""

from __future__ import annotations

import hashlib
import logging
import os
import socket
import struct
import tempfile
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pynetdicom
from pynetdicom import dimse_messages, evt
from pynetdicom.dimse import DIMSEServiceProvider

MAX_PDU_BYTES = 1 << 20
"""Longer PDUs end the association; we announce that we take ANNOUNCED_PDU_BYTES."""
ANNOUNCED_PDU_BYTES = 1 << 17
MAX_MESSAGE_BYTES = 1 << 22
"""Of a message that stays in memory: command sets, identifiers of queries, storage commitment requests."""
PART_SUFFIX = ".part"
_BROKEN_MESSAGE = (ValueError, KeyError, IndexError, AttributeError, TypeError, AssertionError, EOFError, struct.error)
_log = logging.getLogger(__name__)
_local = threading.local()


@dataclass(frozen=True, kw_only=True)
class Intake:
    """Where and how much an association may write.

    Args:
        folder: for files on their way, on the disk of their final place.
        max_object_bytes: of one object.
        timeout_s: between two pieces of network data.
    """

    folder: Path
    max_object_bytes: int
    timeout_s: float


class StreamedFile:
    """An object on its way to the disk. Writing never raises: ``problem`` tells afterwards what went wrong.

    pynetdicom's network thread writes into it as into a ``NamedTemporaryFile``. It removes itself when nobody took it.
    """

    def __init__(self, intake: Intake) -> None:
        self._max_bytes = intake.max_object_bytes
        self._digest = hashlib.sha256()
        self.size = 0
        self.problem: str | None = None
        handle, self.name = tempfile.mkstemp(suffix=PART_SUFFIX, dir=intake.folder)
        self._out = os.fdopen(handle, "wb", buffering=1 << 18)

    @property
    def file(self) -> StreamedFile:
        return self

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def write(self, data: bytes) -> int:
        self.size += len(data)
        if self.problem is None and self.size > self._max_bytes:
            self.problem = f"the object is larger than {self._max_bytes} bytes"
        if self.problem is None:
            self._digest.update(data)
            self._try(lambda: self._out.write(data))
        return len(data)

    def flush(self) -> None:
        """Left to ``finish``: one flush for each fragment would cost more than the network."""

    def close(self) -> None:
        self._try(self._out.close)

    def finish(self) -> None:
        """Everything on the disk, or a problem."""
        if self.problem is None:
            self._try(self._out.flush)
            self._try(lambda: os.fsync(self._out.fileno()))
        self.close()

    def discard(self) -> None:
        """Removes the file unless it was moved away."""
        self.close()
        Path(self.name).unlink(missing_ok=True)

    def _try(self, action: Callable[[], object]) -> None:
        try:
            action()
        except (OSError, ValueError) as error:
            self.problem = self.problem or f"writing failed: {getattr(error, 'strerror', None) or 'closed'}"

    def __del__(self) -> None:
        if hasattr(self, "_out"):
            self.discard()


class _Unwritable(StreamedFile):
    """Stands in where not even an empty file could be made: swallows the object and tells why."""

    def __init__(self, error: OSError) -> None:
        self._digest = hashlib.sha256()
        self.size, self.name = 0, os.devnull
        self.problem = f"writing failed: {error.strerror or error}"

    def write(self, data: bytes) -> int:
        return len(data)

    def close(self) -> None:
        """Nothing is open."""

    def discard(self) -> None:
        """Nothing is there."""


def _streamed_file(**arguments: Any) -> Any:
    """In place of ``NamedTemporaryFile`` where pynetdicom makes one for an incoming object."""
    intake: Intake | None = getattr(_local, "intake", None)
    if intake is None:
        return tempfile.NamedTemporaryFile(**arguments)
    try:
        return StreamedFile(intake)
    except OSError as error:
        return _Unwritable(error)


class _BoundedDimse(DIMSEServiceProvider):
    """Messages of one association, none larger in memory than MAX_MESSAGE_BYTES; broken ones end the association."""

    def __init__(self, assoc: Any, intake: Intake) -> None:
        super().__init__(assoc)
        self._intake = intake
        self._num_bytes = 0

    def receive_primitive(self, primitive: Any) -> None:
        streamed = getattr(self.message, "_data_set_file", None) is not None
        self._num_bytes += 0 if streamed else sum(len(data) for _, data in primitive.presentation_data_value_list)
        if self._num_bytes > MAX_MESSAGE_BYTES:
            self._end("a message of more than the allowed size")
            return
        _local.intake = self._intake
        try:
            super().receive_primitive(primitive)
        except _BROKEN_MESSAGE:
            self._end("a message that cannot be understood")
        finally:
            _local.intake = None
        if self.message is None:
            self._num_bytes = 0

    def get_msg(self, block: bool = False) -> Any:
        """The next message. While a request waits for its answer (``block``), nobody else gets it.

        pynetdicom's reactor may wake late from the pause in which a request is sent, and would take the answer: the
        request then waits until it times out (seen once in 1,600 objects on a machine with 15 processes for 2 cores).
        """
        if not block and not self.assoc._reactor_checkpoint.is_set():
            return None, None
        return super().get_msg(block)

    def _end(self, why: str) -> None:
        _log.warning("association ended: the peer sent %s", why)
        self.message = None
        self._num_bytes = 0
        self.dul.event_queue.put("Evt19")


def guard_connection(event: Any, intake: Intake) -> None:
    """Handler of ``EVT_CONN_OPEN``: bounds what the new connection may send."""
    assoc = event.assoc
    assoc.dimse = _BoundedDimse(assoc, intake)
    wrapped = assoc.dul.socket
    receive = wrapped.recv

    def bounded(num_bytes: int) -> Any:
        if num_bytes > MAX_PDU_BYTES:
            _log.warning("association ended: the peer announced a PDU of %d bytes", num_bytes)
            raise OSError("oversized PDU")
        _acknowledge_at_once(wrapped.socket)
        return receive(num_bytes)

    wrapped.recv = bounded
    if wrapped.socket is not None:
        wrapped.socket.settimeout(intake.timeout_s)
        wrapped.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _acknowledge_at_once(connection: Any) -> None:
    """Against Nagle's delay meeting delayed acknowledgements: 0.05 to 0.09 s for each object, measured with Orthanc."""
    if connection is not None and hasattr(socket, "TCP_QUICKACK"):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def guard_handler(intake: Intake) -> Any:
    """The event handler to start a server or an association with."""
    return (evt.EVT_CONN_OPEN, guard_connection, [intake])


def streamed_file(event: Any) -> StreamedFile:
    """The file of a C-STORE request."""
    found = event.request._dataset_file
    if not isinstance(found, StreamedFile):
        raise TypeError("expected a connection under guard")
    return found


def quiet_library() -> None:
    """Streams objects from and to files; silences what the libraries say, because it quotes what peers send."""
    warnings.filterwarnings("ignore", module="pydicom")
    pynetdicom._config.STORE_RECV_CHUNKED_DATASET = True
    pynetdicom._config.STORE_SEND_CHUNKED_DATASET = True
    dimse_messages.NamedTemporaryFile = _streamed_file  # type: ignore[assignment]
    library_log = logging.getLogger("pynetdicom")
    library_log.setLevel(logging.CRITICAL + 1)
    library_log.propagate = False
