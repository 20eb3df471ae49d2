"""The audit store: who read, edited, signed and exported which study of which patient (CLINICAL 16; IHE ATNA).

An append-only file of JSON lines. Each line holds the hash of the one before it, so that a changed, removed, inserted
or reordered entry breaks the chain where it is; a file beside it, the head, holds number and hash of the last entry, so
that a cut-off end is seen as well. Whoever can write both files could make a new chain: set ``TOMOSCRIBE_AUDIT_KEY``
(then the hashes are HMACs), or keep the output of ``tomoscribe audit seal`` elsewhere.

Folder and files belong to one account (modes 0700 and 0600), apart from logs and results.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Any

from tomoscribe.core import Code, Series
from tomoscribe.core.errors import InputError, OutputError
from tomoscribe.reports.signing import process_identity

FOLDER_VARIABLE = "TOMOSCRIBE_AUDIT"
"""The folder of the store, or ``off``."""
KEY_VARIABLE = "TOMOSCRIBE_AUDIT_KEY"
PATIENT_KEYWORDS = ("PatientID", "IssuerOfPatientID")
GENESIS = "0" * 64
"""What the first entry names as the hash before it."""


class Event(Enum):
    """Audit event (DCM, PS3.16 CID 400), action (C, R, U, D, E: RFC 3881) and record lifecycle (ISO 21089)."""

    READ = ("110103", "DICOM Instances Accessed", "R", "access")
    EDITED = ("110103", "DICOM Instances Accessed", "U", "amend")
    SIGNED = ("110111", "Procedure Record", "U", "attest")
    RETRACTED = ("110111", "Procedure Record", "U", "deprecate")
    EXPORTED = ("110106", "Export", "R", "extract")
    DEIDENTIFIED = ("110106", "Export", "R", "deidentify")
    SENT = ("110104", "DICOM Instances Transferred", "R", "transmit")
    IMPORTED = ("110107", "Import", "C", "receive")
    AUDIT_USED = ("110101", "Audit Log Used", "R", "access")
    ALERT = ("110113", "Security Alert", "E", "access")

    @property
    def code(self) -> Code:
        return Code(value=self.value[0], scheme="DCM", meaning=self.value[1])


class Outcome(Enum):
    """How it ended (RFC 3881)."""

    SUCCESS = 0
    MINOR_FAILURE = 4
    SERIOUS_FAILURE = 8


@dataclass(frozen=True, kw_only=True)
class PatientRef:
    """PatientID and its issuer, verbatim (CLINICAL 17)."""

    patient_id: str | None
    issuer: str | None = None


@dataclass(frozen=True, kw_only=True)
class Head:
    """Number and hash of the last entry."""

    count: int
    hash: str


class AuditLog:
    """Appends to the store; any number of processes may do so at once.

    Args:
        folder: made, for this account alone, if it is not there; None writes nothing.
        program: what acts, e.g. ``tomoscribe read``.
    """

    def __init__(self, folder: Path | None, program: str = "tomoscribe") -> None:
        self.folder, self._program = folder, program

    @classmethod
    def from_environment(cls, program: str) -> AuditLog:
        """The store that ``TOMOSCRIBE_AUDIT`` names, none where that says ``off``, else the account's own."""
        named = os.environ.get(FOLDER_VARIABLE)
        if named == "off":
            return cls(None, program)
        return cls(Path(named) if named else Path(default_folder(os.environ, sys.platform)), program)

    def record(
        self,
        event: Event,
        *,
        study_uid: str | None = None,
        patient: PatientRef | None = None,
        outcome: Outcome = Outcome.SUCCESS,
        detail: str | None = None,
    ) -> None:
        """Writes one entry and waits until the disk has it.

        Raises:
            OutputError: the store cannot be written; what was to be recorded should then not happen.
        """
        if self.folder is None:
            return
        content = {
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "event": event.value[0],
            "meaning": event.value[1],
            "action": event.value[2],
            "lifecycle": event.value[3],
            "outcome": outcome.value,
            "user": process_identity().login,
            "host": platform.node(),
            "process": f"{self._program} [{os.getpid()}]",
            "study_uid": study_uid,
            "patient_id": None if patient is None else patient.patient_id,
            "issuer": None if patient is None else patient.issuer,
            "detail": detail,
        }
        try:
            with _locked(self.folder):
                head = _mended(self.folder, content)
                _append(self.folder, head, content)
        except OSError as error:
            raise OutputError(
                f"the audit store cannot be written: {error.strerror or error}",
                where=str(self.folder),
                remedy=f"mend it, name another folder in {FOLDER_VARIABLE}, or switch it off there with the word off",
            ) from error


def default_folder(environment: Mapping[str, str], system: str) -> PurePath:
    """Where the store of this account is by default, in the style of the system (``sys.platform``)."""
    if system == "win32":
        base = environment.get("LOCALAPPDATA") or environment.get("USERPROFILE", "C:\\")
        return PureWindowsPath(base) / "tomoscribe" / "audit"
    if environment.get("XDG_STATE_HOME"):
        return PurePosixPath(environment["XDG_STATE_HOME"]) / "tomoscribe" / "audit"
    return PurePosixPath(os.path.expanduser("~")) / ".local" / "state" / "tomoscribe" / "audit"


def patient_of(series: Sequence[Series]) -> PatientRef:
    """Whose images these are, from the header of the first file that can be read."""
    from tomoscribe.encoders.dicom import read_headers

    for one in series:
        with contextlib.suppress(InputError):
            for ds in read_headers(replace(one, files=one.files[:1], frames=one.frames[:1])):
                return patient_in(ds)
    return PatientRef(patient_id=None)


def patient_in(ds: Any) -> PatientRef:
    """Whose object a data set is, in the source's characters, as the exports and the banner read them."""
    from tomoscribe.encoders.dicom.verbatim import record_of

    record = record_of(ds)
    patient_id, issuer = ((record.text(k) or "").strip() or None for k in PATIENT_KEYWORDS)
    return PatientRef(patient_id=patient_id, issuer=issuer)


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The store at one moment between two entries.

    Args:
        head: None where there is none, or none that can be read.
        num_bytes: of the file of entries.
    """

    folder: Path
    head: Head | None
    num_bytes: int


def snapshot(folder: Path) -> Snapshot:
    """The store as it is now, while others may go on writing.

    Raises:
        InputError: there is no store in that folder.
    """
    path = folder / "audit.jsonl"
    if not path.is_file() and read_head(folder) is None:
        raise InputError("there is no audit store", where=str(folder), remedy="name its folder with --folder")
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(PermissionError):  # a copy on a read-only medium needs no lock
            stack.enter_context(_locked(folder))
        return Snapshot(folder=folder, head=read_head(folder), num_bytes=path.stat().st_size if path.is_file() else 0)


def entries(taken: Snapshot) -> Iterator[dict[str, Any] | None]:
    """The entries, oldest first; None for a line that is no entry."""
    if not taken.num_bytes:
        return
    with (taken.folder / "audit.jsonl").open("rb") as file:
        while (place := file.tell()) < taken.num_bytes:
            yield _parsed(file.readline(taken.num_bytes - place))


def read_head(folder: Path) -> Head | None:
    """The head; None where there is none, or none that can be read."""
    try:
        found = json.loads((folder / "head.json").read_bytes())
        return Head(count=int(found["count"]), hash=str(found["hash"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def entry_hash(entry: Mapping[str, Any]) -> str:
    """SHA-256 over everything in an entry but its hash; an HMAC where the key is set."""
    body = json.dumps({k: v for k, v in entry.items() if k != "hash"}, sort_keys=True, ensure_ascii=False).encode()
    key = os.environ.get(KEY_VARIABLE)
    return hmac.new(key.encode(), body, hashlib.sha256).hexdigest() if key else hashlib.sha256(body).hexdigest()


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    known = isinstance(entry, dict) and {"number", "previous", "hash"} <= entry.keys()
    return entry if known and line.endswith(b"\n") else None


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """The only writer, for as long as it takes to write an entry."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_LOCK, 1)  # type: ignore[attr-defined]
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _append(folder: Path, head: Head, content: Mapping[str, Any]) -> Head:
    entry = {"number": head.count + 1, "previous": head.hash, **content}
    entry["hash"] = entry_hash(entry)
    line = json.dumps(entry, sort_keys=True, ensure_ascii=False).encode() + b"\n"
    path = folder / "audit.jsonl"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o600)
    try:
        size = os.fstat(handle).st_size
        if os.write(handle, line) < len(line):
            os.ftruncate(handle, size)
            raise OSError("the disk took only a part of an entry")
        os.fsync(handle)
    finally:
        os.close(handle)
    new = Head(count=head.count + 1, hash=str(entry["hash"]))
    _write_head(folder, new)
    return new


def _write_head(folder: Path, head: Head) -> None:
    beside = folder / "head.new"
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(handle, json.dumps({"count": head.count, "hash": head.hash}).encode())
        os.fsync(handle)
    finally:
        os.close(handle)
    os.replace(beside, folder / "head.json")


def _mended(folder: Path, content: Mapping[str, Any]) -> Head:
    """The head to go on from.

    A process that was killed between an entry and the head, or within an entry, leaves a whole entry too many or a
    torn one: the first is taken over, the second cut off, it was never confirmed. Anything else is tampering: the chain
    goes on from the head, a security alert first, so that work does not stop and ``verify`` shows the place.
    """
    head = read_head(folder)
    last, torn = _last_entry(folder)
    if torn:
        _cut_off(folder, torn)
    if head is None:
        if last is None:
            return Head(count=0, hash=GENESIS)
        return _alert(folder, _head_of(last), content, "the head of the audit store was missing")
    if last is not None and last["number"] == head.count + 1 and last["previous"] == head.hash == _sound(last, head):
        return _head_of(last)
    if last is None or (last["number"], last["hash"]) != (head.count, head.hash):
        return _alert(folder, head, content, "the end of the audit store was not what its head says")
    return head


def _sound(entry: Mapping[str, Any], head: Head) -> str | None:
    """The head's hash where the entry is what its own hash says, else None."""
    return head.hash if entry["hash"] == entry_hash(entry) else None


def _alert(folder: Path, head: Head, content: Mapping[str, Any], detail: str) -> Head:
    alert = {**content, "event": Event.ALERT.value[0], "meaning": Event.ALERT.value[1], "action": "E"}
    alert |= {"outcome": Outcome.SERIOUS_FAILURE.value, "study_uid": None, "patient_id": None, "issuer": None}
    return _append(folder, head, alert | {"detail": detail})


def _head_of(entry: Mapping[str, Any]) -> Head:
    return Head(count=int(entry["number"]), hash=str(entry["hash"]))


def _last_entry(folder: Path) -> tuple[dict[str, Any] | None, int]:
    """The last whole entry, and how many bytes of a torn one stand behind it."""
    try:
        with (folder / "audit.jsonl").open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 65536))
            lines = file.read().splitlines(keepends=True)
    except FileNotFoundError:
        return None, 0
    torn = len(lines.pop()) if lines and not lines[-1].endswith(b"\n") else 0
    return (_parsed(lines[-1]) if lines else None), torn


def _cut_off(folder: Path, num_bytes: int) -> None:
    path = folder / "audit.jsonl"
    os.truncate(path, path.stat().st_size - num_bytes)
