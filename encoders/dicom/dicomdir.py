"""DICOMDIR: what a medium says it holds, compared with what is there; never the way to a file.

Its references are compared as words with the files that the walk found: none is opened, so none can lead out of the
folder. Files that it does not name are read all the same.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.uid import MediaStorageDirectoryStorage

from tomoscribe.encoders.dicom.broken import BROKEN_ELEMENT
from tomoscribe.encoders.dicom.guarded import GuardedHeader, HeaderError, read_guarded
from tomoscribe.encoders.dicom.headers import text

_RECORDS, _FILE = "DirectoryRecordSequence", "ReferencedFileID"
_VERSION = re.compile(r";\d+$")


@dataclass(frozen=True, kw_only=True)
class Directory:
    """What one DICOMDIR claims against what is there.

    Args:
        num_named: files that it names.
        num_absent: of these, those that are not there.
        num_outside: references that do not stay within its folder; not followed.
        num_omitted: DICOM files beside and below it that it does not name.
        readable: whether it could be read at all.
    """

    num_named: int = 0
    num_absent: int = 0
    num_outside: int = 0
    num_omitted: int = 0
    readable: bool = True

    def notes(self) -> tuple[str, ...]:
        """What the user should know, in words; nothing when all is as claimed."""
        if not self.readable:
            return ("the DICOMDIR is damaged; the files were found without it",)
        notes = []
        if self.num_absent:
            notes.append(f"the DICOMDIR names {self.num_absent} of {self.num_named} files that are not there")
        if self.num_outside:
            notes.append(f"the DICOMDIR names {self.num_outside} files outside its folder; they were not looked at")
        if self.num_omitted:
            notes.append(f"the DICOMDIR does not name {self.num_omitted} of the files here; they were read as well")
        return tuple(notes)


def is_directory(header: GuardedHeader) -> bool:
    """Whether a header is that of a DICOMDIR."""
    meta = text(header.ds.file_meta, "MediaStorageSOPClassUID")
    return MediaStorageDirectoryStorage in (meta, text(header.ds, "SOPClassUID"))


def compare(path: Path, others: Collection[Path]) -> Directory:
    """One DICOMDIR against the other DICOM files of the scan; letters of either case and ISO 9660 versions match."""
    found = next(read_guarded([path], (_RECORDS,), inner=(_FILE,)))
    if isinstance(found, HeaderError):
        return Directory(readable=False)
    try:
        named = {parts for parts in map(_parts, found.ds.get(_RECORDS) or ()) if parts}
    except BROKEN_ELEMENT:
        return Directory(readable=False)
    inside = {parts for parts in named if not _leads_out(parts)}
    there = {_plain(other.relative_to(path.parent).parts) for other in others if other.is_relative_to(path.parent)}
    return Directory(
        num_named=len(named),
        num_absent=len({_plain(parts) for parts in inside} - there),
        num_outside=len(named) - len(inside),
        num_omitted=len(there - {_plain(parts) for parts in inside}) if named else 0,
    )


def _parts(record: object) -> tuple[str, ...]:
    """Folders and name of a record's file; none for a record without one."""
    words = text(record, _FILE) if isinstance(record, Dataset) else None
    return tuple(words.split("\\")) if words else ()


def _leads_out(parts: tuple[str, ...]) -> bool:
    """Whether a part is no plain name: up, absolute, a drive or a path of its own."""
    return any(part.strip() in ("", ".", "..") or set(part) & set("/:\0") for part in parts)


def _plain(parts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_VERSION.sub("", part.strip()).rstrip(".").casefold() for part in parts)
