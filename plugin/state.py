"""What the viewer remembers between sessions on this machine: language, recent studies; and where drafts are kept.

The folder belongs to one account (mode 0700), apart from caches and logs. A recent study is remembered by its path and
the time; nothing of the patient is written beside it.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

FOLDER_VARIABLE = "TOMOSCRIBE_STATE"
MAX_RECENT = 12


def state_folder() -> Path:
    """The folder that ``TOMOSCRIBE_STATE`` names, else the account's own; not made here."""
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return Path(named)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home()) / "tomoscribe" / "viewer"
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "tomoscribe" / "viewer"


def own_folder(*parts: str) -> Path:
    """A folder within the state folder, made for this account alone."""
    folder = state_folder().joinpath(*parts)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def write_private(path: Path, data: bytes) -> None:
    """Writes a file of mode 0600, the old one or the new one whole at any moment."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


class Memory:
    """Small settings in one JSON file; one that cannot be read counts as empty, what cannot be written is given up."""

    def __init__(self, folder: Path | None = None) -> None:
        self._path = (folder or state_folder()) / "viewer.json"

    @property
    def language(self) -> str | None:
        """Of the user interface, as it was chosen last; None when it never was."""
        value = self._read().get("language")
        return value if isinstance(value, str) else None

    def keep_language(self, language: str) -> None:
        self._write({**self._read(), "language": language})

    @property
    def recent(self) -> tuple[Path, ...]:
        """The paths that were opened last and are still there, newest first."""
        values = self._read().get("recent", [])
        paths = [Path(v) for v in values if isinstance(v, str)] if isinstance(values, list) else []
        return tuple(p for p in paths if p.exists())

    def keep_recent(self, path: Path) -> None:
        """Puts a path first."""
        place = str(path.absolute())
        rest = [str(p) for p in self.recent if str(p) != place]
        self._write({**self._read(), "recent": [place, *rest][:MAX_RECENT]})

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _write(self, content: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_private(self._path, json.dumps(content, indent=1).encode())
