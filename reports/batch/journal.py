"""The journal of a run: append-only lines on disk before anything is said to be done.

Each line is a CRC-32 of the JSON behind it and that JSON. A process that is killed while it writes leaves a torn last
line, which never counted; it is cut off when the journal is opened again. Any other line that does not fit its sum
(a disk fault) is passed over: the folders of results are the truth, the journal describes them.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tomoscribe.core.errors import OutputError

Entry = tuple[str, dict[str, Any]]
"""Kind of a line, and its content."""


class Journal:
    """Opened for appending by the one process that holds the run's lock.

    Raises:
        OutputError: it cannot be opened or written; a line that did not fit is taken back.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o600)
            os.ftruncate(self._handle, _end_of_last_line(self._handle))
        except OSError as error:
            raise unwritable(error) from error

    def append(self, kind: str, content: dict[str, Any]) -> None:
        """Writes one line and waits until the disk has it."""
        body = json.dumps({"kind": kind, **content}, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
        line = b"%08x %s\n" % (zlib.crc32(body), body)
        size = os.fstat(self._handle).st_size
        try:
            written = os.write(self._handle, line)
            if written < len(line):
                os.write(self._handle, line[written:])
            os.fsync(self._handle)
        except OSError as error:
            os.ftruncate(self._handle, size)
            raise unwritable(error) from error

    def close(self) -> None:
        os.close(self._handle)


def read_journal(path: Path) -> Iterator[Entry]:
    """The whole lines of a journal, oldest first; none where there is no journal yet."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    for line in data.split(b"\n")[:-1]:
        body = line[9:]
        if line[8:9] == b" " and line[:8] == b"%08x" % zlib.crc32(body):
            content = json.loads(body)
            yield content.pop("kind"), content


def unwritable(error: OSError) -> OutputError:
    """The run cannot write: what to do about it."""
    return OutputError(
        f"the results cannot be written: {error.strerror or error}",
        remedy="make room or mend the disk, then start the same command again: it goes on where it stopped",
    )


def _end_of_last_line(handle: int) -> int:
    """Position behind the last line break; what follows was torn off."""
    end = os.lseek(handle, 0, os.SEEK_END)
    while end > 0:
        start = max(0, end - 65536)
        os.lseek(handle, start, os.SEEK_SET)
        at = os.read(handle, end - start).rfind(b"\n")
        if at >= 0:
            return start + at + 1
        end = start
    return 0
