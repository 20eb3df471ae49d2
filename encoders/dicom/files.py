"""Which files of a folder, a zip or a single path may be DICOM; found by content, never by name.

No link is followed. A zip is unpacked under names of our own into a temporary folder that goes when the process ends.
"""

from __future__ import annotations

import atexit
import os
import re
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tomoscribe.core.errors import InputError

Progress = Callable[[str, float], None]

MAX_ZIP_BYTES = 16 * 2**30
MAX_ZIP_FILES = 200_000
_HEAD = 140
_CHUNK = 1 << 20
_EXPLICIT_VRS = {b"UL", b"UI", b"CS", b"DA", b"SH", b"LO", b"OB", b"PN", b"TM"}


@dataclass(frozen=True, kw_only=True)
class Found:
    """Candidates, and how many files were looked at or could not be opened."""

    candidates: tuple[Path, ...]
    num_looked_at: int
    num_unreadable: int


def find_dicom(path: Path, *, progress: Progress | None = None) -> Found:
    """Files below ``path`` that look like DICOM.

    Raises:
        InputError: the path is absent or unreadable, or a zip is damaged, encrypted or too large.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        raise InputError(
            "there is no such file or folder", where=path.name, remedy="check the path to the DICOM study"
        ) from error
    except OSError as error:
        raise _unreadable(path, error) from error
    if stat.S_ISDIR(mode):
        return _in_folder(path, progress)
    try:
        with path.open("rb") as file:
            looks = looks_like_dicom(file.read(_HEAD))
        if not looks and zipfile.is_zipfile(path):
            return _in_zip(path, progress)
    except OSError as error:
        raise _unreadable(path, error) from error
    return Found(candidates=(path,) if looks else (), num_looked_at=1, num_unreadable=0)


def looks_like_dicom(head: bytes) -> bool:
    """Whether a file's first 140 bytes are a DICOM preamble, or a data set of group 2 or 8 without one."""
    if head[128:132] == b"DICM":
        return True
    if len(head) < 8 or head[0:2] not in (b"\x02\x00", b"\x08\x00") or head[3] != 0:
        return False
    return head[4:6] in _EXPLICIT_VRS or (head[0] == 8 and int.from_bytes(head[4:8], "little") <= 64)


def _in_folder(folder: Path, progress: Progress | None) -> Found:
    if not os.access(folder, os.R_OK | os.X_OK):
        raise _unreadable(folder, None)
    candidates: list[Path] = []
    looked = unreadable = 0
    for path in _walk(folder):
        looked += 1
        try:
            with path.open("rb") as file:
                if looks_like_dicom(file.read(_HEAD)):
                    candidates.append(path)
        except OSError:
            unreadable += 1
        if progress and looked % 200 == 0:
            progress("looking for DICOM files", 0.0)
    return Found(candidates=tuple(candidates), num_looked_at=looked, num_unreadable=unreadable)


def _walk(folder: Path) -> Iterator[Path]:
    """Regular files below a folder in a fixed order; links and devices are passed over."""
    for parent, folders, names in os.walk(folder, followlinks=False):
        folders.sort()
        for name in sorted(names):
            path = Path(parent) / name
            try:
                if stat.S_ISREG(path.lstat().st_mode):
                    yield path
            except OSError:
                continue


def _in_zip(path: Path, progress: Progress | None) -> Found:
    try:
        with zipfile.ZipFile(path) as archive:
            return _unpack(archive, path, progress)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise InputError(
            "the zip is damaged or uses a compression that is not supported",
            where=path.name,
            remedy="copy it again, or unpack it and choose the folder",
        ) from error


def _unpack(archive: zipfile.ZipFile, path: Path, progress: Progress | None) -> Found:
    members = [m for m in archive.infolist() if not m.is_dir() and not stat.S_ISLNK(m.external_attr >> 16)]
    if any(m.flag_bits & 1 for m in members):
        raise InputError("the zip is encrypted", where=path.name, remedy="unpack it with its password first")
    total = sum(m.file_size for m in members)
    folder = Path(tempfile.mkdtemp(prefix="tomoscribe-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    room = min(MAX_ZIP_BYTES, shutil.disk_usage(folder).free)
    if total > room or len(members) > MAX_ZIP_FILES:
        raise _too_large(path, total, len(members))
    candidates = []
    for n, member in enumerate(members):
        with archive.open(member) as source:
            head = source.read(_HEAD)
            if looks_like_dicom(head):
                target = folder / f"{n:06d}_{_plain_name(member.filename)}"
                room -= _copy(head, source, target, room, path)
                candidates.append(target)
        if progress and n % 50 == 0:
            progress("unpacking the zip", n / len(members))
    return Found(candidates=tuple(candidates), num_looked_at=len(members), num_unreadable=0)


def _plain_name(name: str) -> str:
    """The last part of a member's name, with nothing in it that could mean a folder."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", name.replace("\\", "/").rsplit("/", 1)[-1])[-80:]


def _copy(head: bytes, source: IO[bytes], target: Path, room: int, path: Path) -> int:
    """Bytes written; stops as soon as they exceed ``room``, whatever the zip's directory claims."""
    size = len(head)
    with target.open("wb") as out:
        out.write(head)
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if size > room:
                raise _too_large(path, size, 1)
            out.write(chunk)
    return size


def _too_large(path: Path, size: int, count: int) -> InputError:
    return InputError(
        f"the zip would unpack to {size / 2**30:.1f} GiB in {count} files, more than there is room for",
        where=path.name,
        remedy="unpack it yourself to a disk with room and choose the folder",
    )


def _unreadable(path: Path, error: OSError | None) -> InputError:
    why = f": {error.strerror}" if error is not None and error.strerror else ""
    return InputError(f"this cannot be read{why}", where=path.name, remedy="check the permissions and the medium")
