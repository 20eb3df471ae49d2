"""What earlier scans learned of files that have not changed since, in the user's cache folder.

A file is known by a keyed hash of its path, its size and its modification time. What is kept of it says which files
form a series and what the gate decided, never whose they are: no name, no number, no date, no UID and no description.
Those are read again from the files. A verdict is used only by the very code that gave it.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
import os
import sqlite3
import struct
import sys
import time
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

import tomoscribe.core

_log = logging.getLogger(__name__)

CACHE_VARIABLE = "TOMOSCRIBE_CACHE"
"""Environment variable with another folder for everything that may be deleted at any time."""
SCHEMA = 1
MAX_BYTES = 512 * 2**20
"""Above this size the index is begun anew."""
RACY_NS = 2 * 10**9
"""A file that changed this shortly before it was read is not remembered: it may change again within one tick."""
_FILE = struct.Struct("<8sQqBB8s")
_TABLES = (
    "CREATE TABLE IF NOT EXISTS about (key TEXT PRIMARY KEY, value BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS folder (id BLOB PRIMARY KEY, files BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS series (id BLOB PRIMARY KEY, verdict TEXT NOT NULL) WITHOUT ROWID",
)
_WAIT_S = 5.0
_JUDGING = (
    "numpy", "pydicom", "imagecodecs", "pylibjpeg", "pylibjpeg-openjpeg", "pylibjpeg-rle", "pylibjpeg-libjpeg",
    "pyjpegls", "python-gdcm",
)  # fmt: skip
"""Packages that a verdict depends on: the decoders that are installed among them."""


class Known(NamedTuple):
    """What is remembered of a file.

    Args:
        kind: a code of the scan's own.
        program: as in the guard's facts.
        group: which series it belongs to, as a keyed hash; eight zero bytes for none.
    """

    size: int
    mtime_ns: int
    kind: int
    program: int
    group: bytes


class NoIndex:
    """Remembers nothing: for files in temporary folders, and where there is no place for an index."""

    _key = b""

    def hash(self, *parts: bytes, size: int = 8) -> bytes:
        """A hash of some words; with an index it says nothing to others, because it has a key."""
        return hashlib.blake2b(b"\0".join(parts), key=self._key, digest_size=size).digest()

    def folder(self, folder: str) -> dict[bytes, Known]:
        """The remembered files of a folder by the hash of their name."""
        return {}

    def verdict(self, series: bytes) -> str | None:
        """What was decided of a series, by ``series_key``."""
        return None

    def remember(self, folders: dict[str, dict[bytes, Known]], verdicts: dict[bytes, str]) -> None:
        """Replaces what is kept of these folders and adds verdicts, all or nothing."""

    def close(self) -> None:
        """Lets go of what it holds."""


class ScanIndex(NoIndex):
    """The index of one user. Every failure of the disk or of another process costs speed only, never an answer."""

    def __init__(self, path: Path, database: sqlite3.Connection, key: bytes) -> None:
        self._path = path
        self._database = database
        self._key = key
        self._damaged = False

    def folder(self, folder: str) -> dict[bytes, Known]:
        """Empty too where the row is damaged."""
        row = self._one("SELECT files FROM folder WHERE id = ?", self.hash(os.fsencode(folder), size=16))
        if not isinstance(row, bytes) or len(row) % _FILE.size:
            return {}
        return {name: Known(*rest) for name, *rest in _FILE.iter_unpack(row)}

    def verdict(self, series: bytes) -> str | None:
        """None too where it cannot be read."""
        found = self._one("SELECT verdict FROM series WHERE id = ?", series)
        return found if isinstance(found, str) else None

    def remember(self, folders: dict[str, dict[bytes, Known]], verdicts: dict[bytes, str]) -> None:
        """In one transaction."""
        rows = []
        for folder, files in folders.items():
            packed = b"".join(_FILE.pack(name, *known) for name, known in files.items())
            rows.append((self.hash(os.fsencode(folder), size=16), packed))
        with self._harmless(), self._database:
            self._database.executemany("INSERT OR REPLACE INTO folder VALUES (?, ?)", rows)
            self._database.executemany("INSERT OR REPLACE INTO series VALUES (?, ?)", verdicts.items())

    def close(self) -> None:
        """A file that turned out to be damaged is removed: the next scan begins it anew."""
        with self._harmless():
            self._database.close()
        if self._damaged:
            with contextlib.suppress(OSError):
                _begin_anew(self._path, "damaged")

    def _one(self, question: str, key: bytes) -> object:
        with self._harmless():
            row = self._database.execute(question, (key,)).fetchone()
            return row[0] if row else None
        return None

    @contextlib.contextmanager
    def _harmless(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            self._damaged |= isinstance(error, sqlite3.DatabaseError) and not isinstance(
                error, (sqlite3.OperationalError, sqlite3.ProgrammingError)
            )
            _log.info("the index of scanned files is not used: %s", type(error).__name__)


def cache_folder() -> Path:
    """Where this user's deletable files are: ``TOMOSCRIBE_CACHE``, else the platform's place."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA")
        return (Path(base) if base else Path.home() / "AppData" / "Local") / "tomoscribe" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "tomoscribe"
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base and Path(base).is_absolute() else Path.home() / ".cache") / "tomoscribe"


def open_index(folder: Path | None = None) -> NoIndex:
    """The index in a folder (by default that of the user); one that remembers nothing where there can be none.

    One that is damaged, of another version or too large is begun anew.
    """
    try:
        path = (folder or cache_folder()) / f"dicom-index-{SCHEMA}.sqlite"
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if path.exists() and path.stat().st_size > MAX_BYTES:
            _begin_anew(path, "too large")
        try:
            return _opened(path)
        except sqlite3.OperationalError:
            return NoIndex()
        except sqlite3.DatabaseError:
            _begin_anew(path, "damaged")
            return _opened(path)
    except (OSError, RuntimeError, sqlite3.Error) as error:
        _log.info("no index of scanned files: %s", type(error).__name__)
        return NoIndex()


def _opened(path: Path) -> ScanIndex:
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    database = sqlite3.connect(path, timeout=_WAIT_S, check_same_thread=False)
    try:
        database.execute("PRAGMA synchronous = OFF")  # losing it in a power cut costs one scan, waiting costs every one
        with database:
            for table in _TABLES:
                database.execute(table)
            database.execute("INSERT OR IGNORE INTO about VALUES ('key', ?)", (os.urandom(32),))
        (key,) = database.execute("SELECT value FROM about WHERE key = 'key'").fetchone()
    except BaseException:
        database.close()
        raise
    return ScanIndex(path, database, key)


def _begin_anew(path: Path, why: str) -> None:
    _log.warning("the index of scanned files was %s and is begun anew; this scan reads every file", why)
    for name in (path, path.with_name(path.name + "-journal")):
        name.unlink(missing_ok=True)


@functools.cache
def code_digest() -> bytes:
    """Digest of the code that judges: with another gate, no verdict of the old one counts."""
    digest = hashlib.blake2b(digest_size=16)
    here, core = Path(__file__).parent, Path(tomoscribe.core.__file__).parent
    for file in sorted((*here.rglob("*.py"), *here.parent.glob("*.py"), *core.glob("*.py"))):
        digest.update(file.read_bytes())
    for package in _JUDGING:
        with contextlib.suppress(PackageNotFoundError):
            digest.update(f"{package} {version(package)}\n".encode())
    return digest.digest()


def is_settled(mtime_ns: int) -> bool:
    """Whether a file's last change is long enough ago for its time to tell the next one."""
    return time.time_ns() - mtime_ns > RACY_NS


def series_key(index: NoIndex, files: Iterable[tuple[bytes, Known]]) -> bytes:
    """Hash of the files of a series, each by what its path is hashed to."""
    parts = (path + _FILE.pack(b"", *known) for path, known in files)
    return index.hash(code_digest(), *parts, size=16)
