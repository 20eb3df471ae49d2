"""Folders that one run at a time may write."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tomoscribe.core.errors import OutputError

_INCOMING = ".incoming-"


@contextlib.contextmanager
def only_run(folder: Path, what: str) -> Iterator[Path]:
    """The folder, made if it is not there, locked against other runs as long as this one lasts.

    Raises:
        OutputError: it cannot be written, or another run has it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise OutputError(
            f"the folder cannot be used: {error.strerror}", where=str(folder), remedy="choose a folder you may write to"
        ) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise OutputError(
            f"another {what} uses this folder", where=str(folder), remedy="wait for it, or choose another folder"
        ) from error
    try:
        yield folder
    finally:
        os.close(handle)


@contextlib.contextmanager
def incoming(folder: Path) -> Iterator[Path]:
    """A subfolder for files on their way; what a killed run left of it is removed. The folder must be locked.

    Raises:
        OutputError: it cannot be made.
    """
    for left in folder.glob(f"{_INCOMING}*"):
        shutil.rmtree(left, ignore_errors=True)
    try:
        place = Path(tempfile.mkdtemp(prefix=_INCOMING, dir=folder))
    except OSError as error:
        raise OutputError(
            f"cannot write: {error.strerror}",
            where=str(folder),
            remedy="choose a folder with room that you may write to",
        ) from error
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
