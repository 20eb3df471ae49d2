"""Which files stand below a path: regular files with size and time, never a link, a pipe or a device.

Nothing is opened here but a zip (see ``zips``): whether a file is DICOM is for the header guard to say.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tomoscribe.core.errors import InputError
from tomoscribe.encoders.dicom.guarded import HeaderError, Outcome, read_guarded
from tomoscribe.encoders.dicom.zips import Budget, Unpacked, is_zip, unpack

Progress = Callable[[str, float], None]

_LOOK_EVERY = 500


class Entry(NamedTuple):
    """A regular file as the walk saw it."""

    path: Path
    size: int
    mtime_ns: int


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """The files below a path, in a fixed order, and what was passed over.

    Args:
        root: the folder that was walked, or that of the single file; the temporary folder of a zip.
        num_links: links, which are not followed.
        num_special: pipes, devices and sockets.
        num_unreadable: folders that cannot be listed and files that went away meanwhile.
        unpacked: what the zip held, when the path is one.
    """

    root: Path
    entries: tuple[Entry, ...]
    num_links: int = 0
    num_special: int = 0
    num_unreadable: int = 0
    unpacked: Unpacked | None = None


@dataclass(frozen=True, kw_only=True)
class Found:
    """Files that look like DICOM, and how many files were looked at or could not be opened."""

    candidates: tuple[Path, ...]
    num_looked_at: int
    num_unreadable: int


def find_dicom(path: Path, *, progress: Progress | None = None) -> Found:
    """Files below ``path`` that look like DICOM by content; zips within it are not opened.

    Raises:
        InputError: the path is absent or unreadable, or a zip is damaged, encrypted or too large.
    """
    found = inventory(path, progress=progress)
    paths = [entry.path for entry in found.entries]
    candidates, unreadable = [], found.num_unreadable
    for n, (file, header) in enumerate(zip(paths, read_guarded(paths, ("SOPClassUID",)), strict=True)):
        outcome = header.outcome if isinstance(header, HeaderError) else None
        if outcome is Outcome.UNREADABLE:
            unreadable += 1
        elif outcome not in (Outcome.NOT_DICOM, Outcome.ZIP):
            candidates.append(file)
        if progress and n % _LOOK_EVERY == 0:
            progress("looking for DICOM files", n / len(paths))
    looked = found.unpacked.num_members if found.unpacked else len(paths)
    return Found(candidates=tuple(candidates), num_looked_at=looked, num_unreadable=unreadable)


def inventory(path: Path, *, progress: Progress | None = None, budget: Budget | None = None) -> Inventory:
    """All regular files below a folder, in a zip, or the one file; no link is followed but ``path`` itself.

    Raises:
        InputError: the path is absent or unreadable, neither file nor folder, or a zip is damaged, encrypted or too
            large.
    """
    try:
        status = path.stat()
    except FileNotFoundError as error:
        raise InputError(
            "there is no such file or folder", where=path.name, remedy="check the path to the DICOM study"
        ) from error
    except OSError as error:
        raise unreadable(path, error) from error
    path = path.resolve() if path.is_symlink() else path
    if stat.S_ISDIR(status.st_mode):
        return _walk(path, progress)
    if not stat.S_ISREG(status.st_mode):
        raise InputError("this is neither a file nor a folder", where=path.name, remedy="choose a DICOM study")
    try:
        zipped = is_zip(path)
    except OSError as error:
        raise unreadable(path, error) from error
    if zipped:
        unpacked = unpack(path, budget or Budget(), progress)
        return Inventory(root=unpacked.folder, entries=entries_of(unpacked.files), unpacked=unpacked)
    return Inventory(root=path.parent, entries=(Entry(path, status.st_size, status.st_mtime_ns),))


def entries_of(paths: Sequence[Path]) -> tuple[Entry, ...]:
    """Files with size and time; those that are gone are left out."""
    entries = []
    for path in paths:
        try:
            status = path.lstat()
        except OSError:
            continue
        entries.append(Entry(path, status.st_size, status.st_mtime_ns))
    return tuple(entries)


def _walk(root: Path, progress: Progress | None) -> Inventory:
    """Files of a folder by name, then those of its folders; a folder is listed once, so that no cycle can be."""
    entries: list[Entry] = []
    counts = {"links": 0, "special": 0, "unreadable": 0}
    waiting = [os.fspath(root)]
    told = 0
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as listing:
                found = sorted(listing, key=lambda e: e.name)
        except OSError as error:
            if folder == os.fspath(root):
                raise unreadable(root, error) from error
            counts["unreadable"] += 1
            continue
        here = Path(folder)
        folders = [name for one in found if (name := _take(one, here, entries, counts)) is not None]
        waiting += reversed(folders)
        if progress and len(entries) - told >= _LOOK_EVERY:
            told = len(entries)
            progress("looking for DICOM files", 0.0)
    return Inventory(
        root=root,
        entries=tuple(entries),
        num_links=counts["links"],
        num_special=counts["special"],
        num_unreadable=counts["unreadable"],
    )


def _take(found: os.DirEntry[str], here: Path, entries: list[Entry], counts: dict[str, int]) -> str | None:
    """Counts or collects one directory entry; the path of a folder that is to be walked."""
    try:
        status = found.stat(follow_symlinks=False)
    except OSError:
        counts["unreadable"] += 1
        return None
    if stat.S_ISREG(status.st_mode):
        entries.append(Entry(here / found.name, status.st_size, status.st_mtime_ns))
    elif _is_junction(status):
        counts["links"] += 1
    elif stat.S_ISDIR(status.st_mode):
        return found.path
    else:
        counts["links" if stat.S_ISLNK(status.st_mode) else "special"] += 1
    return None


def _is_junction(status: os.stat_result) -> bool:
    """Whether Windows calls it a directory although it leads elsewhere."""
    tag = getattr(status, "st_reparse_tag", 0)
    return tag != 0 and tag == getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", None)


def unreadable(path: Path, error: OSError | None) -> InputError:
    """The error for a path that cannot be read."""
    why = f": {error.strerror}" if error is not None and error.strerror else ""
    return InputError(f"this cannot be read{why}", where=path.name, remedy="check the permissions and the medium")
