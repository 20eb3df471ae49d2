"""What the listener must not forget: received objects, studies, results to send, commitments. One SQLite file.

Each change is on the disk before its function returns. Times are seconds since 1970.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from tomoscribe.core.errors import InputError, OutputError

SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE object (
    study_uid TEXT NOT NULL, sop_uid TEXT NOT NULL, series_uid TEXT NOT NULL, sop_class_uid TEXT NOT NULL,
    modality TEXT NOT NULL, is_own INTEGER NOT NULL, sha256 TEXT NOT NULL, num_bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL, committed INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (study_uid, sop_uid));
CREATE INDEX object_sop ON object (sop_uid);
CREATE TABLE study (
    study_uid TEXT PRIMARY KEY, state TEXT NOT NULL, last_at REAL NOT NULL, not_before REAL NOT NULL DEFAULT 0,
    num_tries INTEGER NOT NULL DEFAULT 0, read_digest TEXT, reason TEXT);
CREATE TABLE outgoing (
    destination TEXT NOT NULL, sop_uid TEXT NOT NULL, study_uid TEXT NOT NULL, series_uid TEXT NOT NULL,
    sop_class_uid TEXT NOT NULL, path TEXT NOT NULL, state TEXT NOT NULL, since REAL NOT NULL,
    not_before REAL NOT NULL DEFAULT 0, num_tries INTEGER NOT NULL DEFAULT 0, detail TEXT NOT NULL DEFAULT '',
    commitment TEXT NOT NULL DEFAULT 'none', transaction_uid TEXT, asked_at REAL, PRIMARY KEY (destination, sop_uid));
CREATE INDEX outgoing_sop ON outgoing (sop_uid);
CREATE TABLE obligation (
    transaction_uid TEXT PRIMARY KEY, caller TEXT NOT NULL, objects TEXT NOT NULL, since REAL NOT NULL,
    not_before REAL NOT NULL DEFAULT 0, num_tries INTEGER NOT NULL DEFAULT 0);
"""
_ADD_OBJECT = """
INSERT INTO object (study_uid, sop_uid, series_uid, sop_class_uid, modality, is_own, sha256, num_bytes, mtime_ns)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (study_uid, sop_uid) DO UPDATE SET series_uid = excluded.series_uid, sop_class_uid = excluded.sop_class_uid,
modality = excluded.modality, is_own = excluded.is_own, sha256 = excluded.sha256, num_bytes = excluded.num_bytes,
mtime_ns = excluded.mtime_ns
"""
_EXPIRED = """
SELECT study_uid FROM study s WHERE last_at < ? AND state IN (?, ?, ?)
AND NOT EXISTS (SELECT 1 FROM outgoing o WHERE o.study_uid = s.study_uid
    AND (o.state IN (?, ?) OR (o.state = ? AND o.commitment IN (?, ?))))
AND NOT EXISTS (SELECT 1 FROM object b WHERE b.study_uid = s.study_uid AND b.committed = 1)
"""


class StudyState(StrEnum):
    """Where a received study stands."""

    RECEIVING = "receiving"
    READING = "reading"
    DONE = "done"
    IGNORED = "ignored"
    FAILED = "failed"


class SendState(StrEnum):
    """Where a result stands on its way to one destination."""

    WAITING = "waiting"
    SENDING = "sending"
    """Handed to the network; after a cut nobody knows whether it arrived."""
    SENT = "sent"
    REFUSED = "refused"
    EXPIRED = "expired"


class Commitment(StrEnum):
    """Storage commitment of a sent result."""

    NONE = "none"
    WANTED = "wanted"
    ASKED = "asked"
    COMMITTED = "committed"


@dataclass(frozen=True, kw_only=True)
class Received:
    """One object in the inbox."""

    study_uid: str
    sop_uid: str
    series_uid: str
    sop_class_uid: str
    modality: str
    is_own: bool
    sha256: str
    num_bytes: int
    mtime_ns: int


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """One result on its way to one destination; ``path`` is relative to the listener's folder."""

    destination: str
    sop_uid: str
    study_uid: str
    series_uid: str
    sop_class_uid: str
    path: str
    state: SendState
    since: float
    num_tries: int


@dataclass(frozen=True, kw_only=True)
class Obligation:
    """A storage commitment report that we owe a caller."""

    transaction_uid: str
    caller: str
    objects: tuple[tuple[str, str], ...]
    num_tries: int


class State:
    """The listener's memory; any thread may call it."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._prepare(path)
        except sqlite3.DatabaseError as error:
            raise InputError(
                f"the listener's state cannot be read: {error}", where=str(path), remedy="restore it, or move it away"
            ) from error

    def _prepare(self, path: Path) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            self._db.executescript(f"BEGIN;{_SCHEMA}PRAGMA user_version = {SCHEMA_VERSION};COMMIT;")
        elif version != SCHEMA_VERSION:
            raise InputError(
                f"expected a listener's state of version {SCHEMA_VERSION}, found {version}",
                where=str(path),
                remedy="use the version of tomoscribe that wrote it",
            )

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing of the changes inside; other threads wait.

        Raises:
            OutputError: the disk does not take it; nothing was changed.
        """
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield self._db
                except BaseException:
                    self._db.execute("ROLLBACK")
                    raise
                self._db.execute("COMMIT")
            except sqlite3.OperationalError as error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise OutputError(f"the listener's state cannot be written: {error}", remedy="make room") from error

    def rows(self, query: str, *values: Any) -> list[sqlite3.Row]:
        """The rows of a query."""
        with self._lock:
            return self._db.execute(query, values).fetchall()

    # received objects and studies

    def received(self, study_uid: str, sop_uid: str) -> Received | None:
        """The object as it was received last."""
        rows = self.rows("SELECT * FROM object WHERE study_uid = ? AND sop_uid = ?", study_uid, sop_uid)
        return _received(rows[0]) if rows else None

    def objects(self, study_uid: str) -> list[Received]:
        """All objects of a study."""
        return [_received(r) for r in self.rows("SELECT * FROM object WHERE study_uid = ?", study_uid)]

    def num_bytes(self) -> int:
        """Of everything in the inbox."""
        return int(self.rows("SELECT COALESCE(SUM(num_bytes), 0) AS n FROM object")[0]["n"])

    def add_received(self, item: Received, now: float, *, reopens: bool) -> None:
        """Notes an object that lies in its place.

        Args:
            reopens: whether it may be a reason to read the study (again).
        """
        with self.transaction() as db:
            db.execute(
                _ADD_OBJECT,
                (item.study_uid, item.sop_uid, item.series_uid, item.sop_class_uid, item.modality, int(item.is_own),
                 item.sha256, item.num_bytes, item.mtime_ns),
            )  # fmt: skip
            first = StudyState.RECEIVING if reopens else StudyState.IGNORED
            db.execute(
                "INSERT INTO study (study_uid, state, last_at) VALUES (?, ?, ?) ON CONFLICT (study_uid) DO UPDATE SET"
                " last_at = excluded.last_at", (item.study_uid, first, now),
            )  # fmt: skip
            if reopens:
                db.execute(
                    "UPDATE study SET state = ?, num_tries = 0, not_before = 0, reason = NULL WHERE study_uid = ?",
                    (StudyState.RECEIVING, item.study_uid),
                )

    def next_study(self, now: float, quiet_s: float) -> str | None:
        """The study that has been quiet longest and waits to be read."""
        rows = self.rows(
            "SELECT study_uid FROM study WHERE state = ? AND last_at <= ? AND not_before <= ? ORDER BY last_at LIMIT 1",
            StudyState.RECEIVING, now - quiet_s, now,
        )  # fmt: skip
        return rows[0]["study_uid"] if rows else None

    def start_reading(self, study_uid: str) -> int:
        """Counts a try before it is made, so that one that ends this process counts too; its number."""
        with self.transaction() as db:
            db.execute(
                "UPDATE study SET state = ?, num_tries = num_tries + 1 WHERE study_uid = ?",
                (StudyState.READING, study_uid),
            )
        return int(self.rows("SELECT num_tries FROM study WHERE study_uid = ?", study_uid)[0]["num_tries"])

    def finish_reading(
        self, study_uid: str, state: StudyState, *, digest: str | None, reason: str | None, outgoing: Sequence[Outgoing]
    ) -> bool:
        """The end of a reading with its results to send; False, and no change, if something came meanwhile."""
        with self.transaction() as db:
            changed = db.execute(
                "UPDATE study SET state = ?, read_digest = COALESCE(?, read_digest), reason = ?, num_tries = 0"
                " WHERE study_uid = ? AND state = ?",
                (state, digest, reason, study_uid, StudyState.READING),
            ).rowcount
            if changed:
                db.executemany(
                    "INSERT OR IGNORE INTO outgoing (destination, sop_uid, study_uid, series_uid, sop_class_uid, path,"
                    " state, since) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    [(o.destination, o.sop_uid, o.study_uid, o.series_uid, o.sop_class_uid, o.path, o.state, o.since)
                     for o in outgoing],
                )  # fmt: skip
        return bool(changed)

    def read_later(self, study_uid: str, not_before: float) -> None:
        """Puts a reading off."""
        with self.transaction() as db:
            db.execute(
                "UPDATE study SET state = ?, not_before = ? WHERE study_uid = ? AND state = ?",
                (StudyState.RECEIVING, not_before, study_uid, StudyState.READING),
            )

    def read_digest(self, study_uid: str) -> str | None:
        """Digest of the images that were read last."""
        rows = self.rows("SELECT read_digest FROM study WHERE study_uid = ?", study_uid)
        return rows[0]["read_digest"] if rows else None

    def recover(self) -> None:
        """After a start: what a killed run was reading is to be read."""
        with self.transaction() as db:
            db.execute("UPDATE study SET state = ? WHERE state = ?", (StudyState.RECEIVING, StudyState.READING))

    # results to send

    def was_sent(self, sop_uid: str) -> bool:
        """Whether an object is a result of this station."""
        return bool(self.rows("SELECT 1 FROM outgoing WHERE sop_uid = ? LIMIT 1", sop_uid))

    def due(self, destination: str, now: float, limit: int) -> list[Outgoing]:
        """Results that wait for a destination, oldest first."""
        rows = self.rows(
            "SELECT * FROM outgoing WHERE destination = ? AND state IN (?, ?) AND not_before <= ?"
            " ORDER BY since, sop_uid LIMIT ?", destination, SendState.WAITING, SendState.SENDING, now, limit,
        )  # fmt: skip
        return [
            Outgoing(
                destination=r["destination"], sop_uid=r["sop_uid"], study_uid=r["study_uid"],
                series_uid=r["series_uid"], sop_class_uid=r["sop_class_uid"], path=r["path"],
                state=SendState(r["state"]), since=r["since"], num_tries=r["num_tries"],
            )
            for r in rows
        ]  # fmt: skip

    def is_open(self, destination: str, sop_uid: str) -> bool:
        """Whether a result still waits for a destination, or may not have arrived."""
        rows = self.rows("SELECT state FROM outgoing WHERE destination = ? AND sop_uid = ?", destination, sop_uid)
        return bool(rows) and rows[0]["state"] in (SendState.WAITING, SendState.SENDING)

    def set_outgoing(self, destination: str, sop_uids: Sequence[str], state: SendState, detail: str = "") -> None:
        """Sets the state of results for a destination."""
        with self.transaction() as db:
            db.executemany(
                "UPDATE outgoing SET state = ?, detail = ? WHERE destination = ? AND sop_uid = ?",
                [(state, detail, destination, s) for s in sop_uids],
            )

    def put_off(self, destination: str, sop_uids: Sequence[str], not_before: float) -> None:
        """Tries again later."""
        with self.transaction() as db:
            db.executemany(
                "UPDATE outgoing SET num_tries = num_tries + 1, not_before = ? WHERE destination = ? AND sop_uid = ?",
                [(not_before, destination, s) for s in sop_uids],
            )

    # storage commitment

    def set_commitment(
        self, destination: str, sop_uids: Sequence[str], commitment: Commitment, transaction_uid: str | None, now: float
    ) -> None:
        """Notes what was asked of a destination."""
        with self.transaction() as db:
            db.executemany(
                "UPDATE outgoing SET commitment = ?, transaction_uid = ?, asked_at = ?"
                " WHERE destination = ? AND sop_uid = ?",
                [(commitment, transaction_uid, now, destination, s) for s in sop_uids],
            )

    def uncommitted(self, destination: str, asked_before: float, limit: int) -> list[tuple[str, str]]:
        """(SOP class, SOP instance) of sent results to ask commitment for, or to ask again."""
        rows = self.rows(
            "SELECT sop_class_uid, sop_uid FROM outgoing WHERE destination = ? AND state = ? AND (commitment = ? OR"
            " (commitment = ? AND asked_at < ?)) LIMIT ?",
            destination, SendState.SENT, Commitment.WANTED, Commitment.ASKED, asked_before, limit,
        )  # fmt: skip
        return [(r["sop_class_uid"], r["sop_uid"]) for r in rows]

    def commitment_report(
        self, destination: str, transaction_uid: str, *, held: set[str], lost: set[str], again_at: float
    ) -> bool:
        """What a destination reports: the held ones are committed, the lost ones sent again; False if not asked."""
        with self.transaction() as db:
            asked = {
                r["sop_uid"]
                for r in db.execute(
                    "SELECT sop_uid FROM outgoing WHERE destination = ? AND transaction_uid = ?",
                    (destination, transaction_uid),
                )
            }
            db.executemany(
                "UPDATE outgoing SET commitment = ? WHERE destination = ? AND sop_uid = ?",
                [(Commitment.COMMITTED, destination, s) for s in asked & held],
            )
            db.executemany(
                "UPDATE outgoing SET state = ?, commitment = ?, transaction_uid = NULL, not_before = ?"
                " WHERE destination = ? AND sop_uid = ?",
                [(SendState.WAITING, Commitment.NONE, again_at, destination, s) for s in asked & lost],
            )
        return bool(asked)

    def owe(self, obligation: Obligation, now: float) -> None:
        """Notes a commitment report that a caller asked for."""
        with self.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO obligation (transaction_uid, caller, objects, since) VALUES (?, ?, ?, ?)",
                (obligation.transaction_uid, obligation.caller, json.dumps(obligation.objects), now),
            )

    def obligations(self, now: float) -> list[Obligation]:
        """Reports that are due."""
        return [
            Obligation(
                transaction_uid=r["transaction_uid"],
                caller=r["caller"],
                objects=tuple((str(c), str(s)) for c, s in json.loads(r["objects"])),
                num_tries=r["num_tries"],
            )
            for r in self.rows("SELECT * FROM obligation WHERE not_before <= ?", now)
        ]

    def settle(self, transaction_uid: str, not_before: float | None) -> None:
        """The report was taken, or is tried again later."""
        with self.transaction() as db:
            if not_before is None:
                db.execute("DELETE FROM obligation WHERE transaction_uid = ?", (transaction_uid,))
            else:
                db.execute(
                    "UPDATE obligation SET not_before = ?, num_tries = num_tries + 1 WHERE transaction_uid = ?",
                    (not_before, transaction_uid),
                )

    def holds(self, sop_class_uid: str, sop_uid: str) -> list[Received]:
        """Received objects of that class and UID."""
        rows = self.rows("SELECT * FROM object WHERE sop_uid = ? AND sop_class_uid = ?", sop_uid, sop_class_uid)
        return [_received(r) for r in rows]

    def all_received(self) -> list[Received]:
        """Everything in the inbox."""
        return [_received(r) for r in self.rows("SELECT * FROM object")]

    def commit_to(self, sop_uids: Sequence[str]) -> None:
        """We keep these from now on."""
        with self.transaction() as db:
            db.executemany("UPDATE object SET committed = 1 WHERE sop_uid = ?", [(s,) for s in sop_uids])

    # retention

    def expired(self, before: float) -> list[str]:
        """Studies that were dealt with, got nothing since, and owe or are owed nothing."""
        rows = self.rows(
            _EXPIRED,
            before, StudyState.DONE, StudyState.IGNORED, StudyState.FAILED, SendState.WAITING, SendState.SENDING,
            SendState.SENT, Commitment.WANTED, Commitment.ASKED,
        )  # fmt: skip
        return [r["study_uid"] for r in rows]

    def forget(self, study_uid: str, before: float) -> bool:
        """Forgets a study that is still expired; what was sent stays known, so that it is not sent twice."""
        with self.transaction() as db:
            if study_uid not in self.expired(before):
                return False
            db.execute("DELETE FROM object WHERE study_uid = ?", (study_uid,))
            db.execute("DELETE FROM study WHERE study_uid = ?", (study_uid,))
        return True


def _received(row: sqlite3.Row) -> Received:
    return Received(
        study_uid=row["study_uid"],
        sop_uid=row["sop_uid"],
        series_uid=row["series_uid"],
        sop_class_uid=row["sop_class_uid"],
        modality=row["modality"],
        is_own=bool(row["is_own"]),
        sha256=row["sha256"],
        num_bytes=row["num_bytes"],
        mtime_ns=row["mtime_ns"],
    )
