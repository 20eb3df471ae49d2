"""Files that appear all together or not at all, in a folder that is new or holds others."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tomoscribe.core.errors import OutputError


@contextlib.contextmanager
def all_or_none(folder: Path, replaced: Sequence[str], recheck: Callable[[], None] | None = None) -> Iterator[Path]:
    """Yields a folder on the same disk; what is in it at the end moves into ``folder``, nothing on failure.

    Args:
        folder: made if it is not there.
        replaced: names in ``folder`` that give way, also where nothing new of that name was made.
        recheck: called when everything is made and nobody else moves files there; what it raises keeps the old ones.

    Raises:
        OutputError: the folder cannot be written; nothing is left of the attempt, the old files are as they were.
    """
    folder = Path(folder)
    check_writable(folder)
    with _staging(folder) as staging:
        yield staging
        with _only_mover(folder):
            if recheck is not None:
                recheck()
            _move_into_place(staging, folder, replaced)


def save_dicom(dataset: Any, path: Path) -> None:
    """Writes a DICOM file, on the disk when this returns."""
    dataset.save_as(path, enforce_file_format=True)
    sync(path)


def save_bytes(data: bytes, path: Path) -> None:
    """Writes bytes, on the disk when this returns."""
    path.write_bytes(data)
    sync(path)


def check_writable(folder: Path) -> None:
    """Whether results could be written there, tried with an empty file; what it makes it removes.

    Raises:
        OutputError: the folder is a file, or the folder or its parent cannot be written.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise OutputError("expected a folder, found a file", where=str(folder), remedy="choose another output folder")
    place = folder if folder.is_dir() else _existing_parent(folder)
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        raise _unwritable(place, error) from error


def save_text(text: str, path: Path) -> None:
    """Writes text in UTF-8, on the disk when this returns."""
    path.write_text(text, encoding="utf-8", newline="\n")
    sync(path)


def sync(path: Path) -> None:
    """Makes sure that a file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """A folder on the same disk as the target, gone afterwards; on failure, folders made on the way to it too."""
    made = [p for p in (folder, *folder.parents) if not p.exists()]
    place = folder if folder.is_dir() else folder.parent
    staging = None
    try:
        place.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".tomoscribe-", dir=place))
        yield staging
        made = []
    except OSError as error:
        raise _unwritable(folder, error) from error
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)
        _remove_empty(made)


@contextlib.contextmanager
def _only_mover(folder: Path) -> Iterator[None]:
    """Waits for others that move files into the same folder, where the system can lock folders (NFS, Windows: no)."""
    place = folder if folder.is_dir() else _existing_parent(folder)
    if os.name == "nt":
        yield
        return
    import fcntl

    handle = os.open(place, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _remove_empty(folders: Sequence[Path]) -> None:
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()


def _move_into_place(staging: Path, folder: Path, replaced: Sequence[str]) -> None:
    """One rename where the folder is new; else name by name, the old ones kept aside until all are there."""
    if not folder.exists():
        staging.chmod(0o777 & ~_umask())
        staging.rename(folder)
        return
    made = sorted(p.name for p in staging.iterdir())
    aside = staging / "replaced"
    aside.mkdir()
    moved: list[str] = []
    try:
        for name in sorted({*made, *replaced}):
            if (folder / name).exists():
                os.replace(folder / name, aside / name)
            moved.append(name)
            if name in made:
                os.replace(staging / name, folder / name)
    except OSError:
        for name in moved:
            _remove(folder / name)
            if (aside / name).exists():
                os.replace(aside / name, folder / name)
        raise
    sync(folder)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _existing_parent(folder: Path) -> Path:
    return next(p for p in folder.absolute().parents if p.exists())


def _unwritable(place: Path, error: OSError) -> OutputError:
    return OutputError(
        f"cannot write results: {error.strerror or error}",
        where=str(place),
        remedy="choose an output folder that you may write to, with enough room",
    )
