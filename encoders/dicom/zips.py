"""Zip archives -> files in a temporary folder, under names of our own, within a budget of bytes and files.

A member's name decides nothing: not where it is written, not whether it is DICOM. Only members that begin like DICOM
are written, and zips, which are opened in turn. The folder goes when the process ends.
"""

from __future__ import annotations

import atexit
import re
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tomoscribe.core.errors import InputError
from tomoscribe.encoders.dicom.guard.child import looks_like_dicom
from tomoscribe.encoders.dicom.guard.preamble import without_program

MAX_ZIP_BYTES = 16 * 2**30
MAX_ZIP_FILES = 200_000
MAX_ZIP_DEPTH = 2
"""A zip, and the zips within it."""
MAX_DIRECTORY_BYTES = 32 * 2**20
MAX_RATIO = 300
"""Bytes written per byte of the zip, above ``RATIO_FLOOR_BYTES``; honest studies reach 5, blank ones some 100."""
RATIO_FLOOR_BYTES = 2**29
_DISK_SHARE = 0.8
_HEAD = 140
_CHUNK = 1 << 20
_END_BYTES = 22 + 65535
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError)
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""LZMA and BZIP2 members may ask for any amount of memory before the first byte; no PACS writes them."""


@dataclass
class Budget:
    """What one scan may still unpack, over all its zips."""

    num_bytes: int = 0
    num_files: int = 0
    num_written: int = 0
    folder: Path | None = None

    def open_folder(self) -> Path:
        """The temporary folder, made at the first call together with the budget."""
        if self.folder is None:
            self.folder = Path(tempfile.mkdtemp(prefix="tomoscribe-"))
            atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
            self.num_bytes = min(MAX_ZIP_BYTES, int(_DISK_SHARE * shutil.disk_usage(self.folder).free))
            self.num_files = MAX_ZIP_FILES
        return self.folder


@dataclass
class Unpacked:
    """What came out of a zip.

    Args:
        num_members: files that it lists, without folders.
        num_damaged: members that could not be read.
        num_links: links and other members that are no files.
        num_programs: members whose executable preamble was replaced by zeros.
        closed: why zips within it were not opened, each in words.
    """

    folder: Path
    files: list[Path] = field(default_factory=list)
    num_members: int = 0
    num_damaged: int = 0
    num_links: int = 0
    num_programs: int = 0
    closed: list[str] = field(default_factory=list)

    def add(self, other: Unpacked) -> None:
        """Adds what came out of a zip within this one."""
        self.files += other.files
        self.num_members += other.num_members
        self.num_damaged += other.num_damaged
        self.num_links += other.num_links
        self.num_programs += other.num_programs
        self.closed += other.closed


def is_zip(path: Path) -> bool:
    """Whether a file that does not look like DICOM ends like a zip."""
    with path.open("rb") as file:
        return not looks_like_dicom(file.read(_HEAD)) and zipfile.is_zipfile(file)


def unpack(
    path: Path, budget: Budget, progress: Callable[[str, float], None] | None = None, *, depth: int = 1
) -> Unpacked:
    """The DICOM files of a zip and of the zips within it.

    Raises:
        InputError: it is damaged, encrypted, of a compression that is not read, or larger than the budget.
    """
    out = Unpacked(folder=budget.open_folder())
    with _opened(path, budget) as archive:
        members = [m for m in archive.infolist() if not m.is_dir()]
        files = [m for m in members if stat.S_IFMT(m.external_attr >> 16) in (0, stat.S_IFREG)]
        out.num_members, out.num_links = len(members), len(members) - len(files)
        _check_members(files, path, budget)
        for n, member in enumerate(files):
            try:
                _unpack_member(archive, member, budget, out, depth)
            except _DAMAGE:
                out.num_damaged += 1
            if progress and n % 50 == 0:
                progress("unpacking the zip", n / len(files))
    if out.num_damaged and not out.files:
        raise _damaged(path)
    return out


@contextmanager
def _opened(path: Path, budget: Budget) -> Iterator[zipfile.ZipFile]:
    try:
        with path.open("rb") as file:
            _check_directory(file, path)
            with zipfile.ZipFile(file) as archive:
                yield archive
    except _DAMAGE as error:
        raise _damaged(path) from error
    except OSError as error:
        raise InputError(
            f"the zip cannot be unpacked: {error.strerror}",
            where=path.name,
            remedy="check the medium, and the room in the folder for temporary files",
        ) from error


def _check_directory(file: IO[bytes], path: Path) -> None:
    """Refuses a table of contents that would itself fill the memory: the library reads it whole."""
    file.seek(0, 2)
    size = file.tell()
    file.seek(max(0, size - _END_BYTES))
    tail = file.read(_END_BYTES)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0:
        raise zipfile.BadZipFile("no end record")
    count, length = int.from_bytes(tail[at + 10 : at + 12], "little"), int.from_bytes(tail[at + 12 : at + 16], "little")
    if at >= 20 and tail[at - 20 : at - 16] == b"PK\x06\x07":
        file.seek(min(size, int.from_bytes(tail[at - 12 : at - 4], "little")))
        large = file.read(56)
        count, length = int.from_bytes(large[32:40], "little"), int.from_bytes(large[40:48], "little")
    if count > MAX_ZIP_FILES or length > MAX_DIRECTORY_BYTES:
        raise _too_large(path, "", count)
    file.seek(max(0, size - len(tail) + at - length))
    if file.read(length).count(b"PK\x01\x02") > MAX_ZIP_FILES:
        raise _too_large(path, "", MAX_ZIP_FILES + 1)
    file.seek(0)


def _check_members(members: list[zipfile.ZipInfo], path: Path, budget: Budget) -> None:
    if any(m.flag_bits & 1 for m in members):
        raise InputError("the zip is encrypted", where=path.name, remedy="unpack it with its password first")
    if any(m.compress_type not in _METHODS for m in members):
        raise InputError(
            "the zip uses a compression that is not supported",
            where=path.name,
            remedy="unpack it and choose the folder, or zip it again with deflate",
        )
    total = sum(m.file_size for m in members)
    bomb = total > RATIO_FLOOR_BYTES and total > MAX_RATIO * max(1, path.stat().st_size)
    if bomb or total > budget.num_bytes or len(members) > budget.num_files:
        raise _too_large(path, f"{total / 2**30:.1f} GiB in ", len(members))
    budget.num_files -= len(members)


def _unpack_member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, budget: Budget, out: Unpacked, depth: int
) -> None:
    with archive.open(member) as source:
        head = source.read(_HEAD)
        inner = head.startswith(b"PK\x03\x04")
        if not inner and not looks_like_dicom(head):
            return
        if inner and depth >= MAX_ZIP_DEPTH:
            out.closed.append(f"a zip within {MAX_ZIP_DEPTH} other zips")
            return
        budget.num_written += 1
        target = out.folder / f"{budget.num_written:06d}_{_plain_name(member.filename)}"
        clean = head if inner else without_program(head)
        out.num_programs += clean != head
        _copy(clean, source, target, budget)
    if not inner:
        out.files.append(target)
        return
    try:
        out.add(unpack(target, budget, depth=depth + 1))
    except InputError as error:
        out.closed.append(error.what)
    target.unlink()


def _plain_name(name: str) -> str:
    """The last part of a member's name, with nothing in it that could mean a folder, a drive or a stream."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", name.replace("\\", "/").rsplit("/", 1)[-1])[-80:]


def _copy(head: bytes, source: IO[bytes], target: Path, budget: Budget) -> None:
    """Stops as soon as the budget is spent, whatever the zip's table of contents claims."""
    with target.open("xb") as out:
        chunk = head
        while chunk:
            budget.num_bytes -= len(chunk)
            if budget.num_bytes < 0:
                raise _too_large(Path(target.name[7:]), "", 1)
            out.write(chunk)
            chunk = source.read(_CHUNK)


def _damaged(path: Path) -> InputError:
    return InputError(
        "the zip is damaged or uses a compression that is not supported",
        where=path.name,
        remedy="copy it again, or unpack it and choose the folder",
    )


def _too_large(path: Path, size: str, count: int) -> InputError:
    return InputError(
        f"the zip would unpack to {size}{count} files, more than there is room for",
        where=path.name,
        remedy="unpack it yourself to a disk with room and choose the folder",
    )
