"""One run on one output folder: a lock that a killed process leaves free.

The lock proper is the operating system's lock on the file, which ends with the process that holds it, however it ends.
The file says who holds it, for the message; and because not every network file system carries such a lock to
another machine, the record of another machine counts as alive while its heartbeat is younger than a minute.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from tomoscribe.core.errors import OutputError

HEARTBEAT_S = 10.0
STALE_S = 60.0


class RunLock:
    """Held for the length of a ``with`` block.

    Args:
        path: of the lock file; its folder must be there.

    Raises:
        OutputError: another run holds it; the message names the process.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: Any = None
        self._ended = threading.Event()

    def __enter__(self) -> RunLock:
        self._file = open(self._path, "a+", encoding="utf-8")
        if not _try_lock(self._file):
            holder = _holder(self._path)
            self._file.close()
            raise _busy(holder)
        holder = _holder(self._path)
        if holder.get("host") not in (None, platform.node()) and time.time() - self._path.stat().st_mtime < STALE_S:
            self._file.close()
            raise _busy(holder)
        self._file.truncate(0)
        self._file.write(json.dumps(_me()))
        self._file.flush()
        threading.Thread(target=self._beat, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        with contextlib.suppress(OSError):
            self._file.truncate(0)
        self._file.close()

    def _beat(self) -> None:
        while not self._ended.wait(HEARTBEAT_S):
            with contextlib.suppress(OSError):
                os.utime(self._path)


def _me() -> dict[str, Any]:
    return {"pid": os.getpid(), "host": platform.node(), "boot": _boot_id()}


def _boot_id() -> str | None:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None


def _holder(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _busy(holder: dict[str, Any]) -> OutputError:
    who = f"process {holder['pid']} on {holder['host']}" if {"pid", "host"} <= holder.keys() else "another process"
    return OutputError(
        f"another run is writing into this folder ({who})",
        remedy="wait until it ends, or choose another folder; its progress stands in manifest.parquet",
    )


def _try_lock(file: Any) -> bool:
    """Whether the operating system gave the exclusive lock on the file."""
    try:
        if os.name == "nt":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        else:
            import fcntl

            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
