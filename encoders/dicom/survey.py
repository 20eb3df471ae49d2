"""The files of a scan, sorted into series: those that are known from the index, and those that the guard reads now."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tomoscribe.core.errors import InputError
from tomoscribe.encoders.dicom.broken import BROKEN_FILE
from tomoscribe.encoders.dicom.dicomdir import compare, is_directory
from tomoscribe.encoders.dicom.files import Entry, Inventory, Progress, entries_of
from tomoscribe.encoders.dicom.guarded import GuardedHeader, HeaderError, Outcome, read_guarded
from tomoscribe.encoders.dicom.headers import SLICE_KEYWORDS, SliceHeader, slice_headers
from tomoscribe.encoders.dicom.index import Known, NoIndex, is_settled
from tomoscribe.encoders.dicom.zips import Budget, Unpacked, unpack

Problem = Callable[[Path, str], object]

IMAGE, ANONYMOUS, DAMAGED, NOT_DICOM, ZIP, DIRECTORY = range(1, 7)
"""Kinds of known files. What is refused or cannot be opened is not remembered: it is tried again."""
_KIND_OF = {Outcome.NOT_DICOM: NOT_DICOM, Outcome.ZIP: ZIP, Outcome.DAMAGED: DAMAGED}
_NO_GROUP = bytes(8)
_IMAGE_MODALITIES = ("CT", "MR")
_INCOMPLETE = "its header is incomplete: cut short, or without SOP class, UIDs or pixel description"


@dataclass
class Group:
    """The files of one series, in the order of the walk.

    Args:
        files: hash of the path, what is known, and the path.
        slices: the slices of those files that were read in this scan.
    """

    files: list[tuple[bytes, Known, Path]] = field(default_factory=list)
    slices: dict[Path, tuple[SliceHeader, ...]] = field(default_factory=dict)

    @property
    def paths(self) -> list[Path]:
        """The files' paths."""
        return [path for _, _, path in self.files]


class _Place(NamedTuple):
    """A file, its folder, and what its name is hashed to."""

    path: Path
    folder: str
    name_hash: bytes


class Survey:
    """Collects what a scan finds.

    Args:
        index: what earlier scans remember.
        progress: as in ``scan``.
        problem: told of each file that is left out, and why.
    """

    def __init__(self, index: NoIndex, progress: Progress | None, problem: Problem | None) -> None:
        self.index = index
        self.progress = progress
        self.problem = problem
        self.groups: dict[bytes, Group] = {}
        self.counts: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.programs: Counter[int] = Counter()
        self.directories: list[Path] = []
        self.zip_notes: Counter[str] = Counter()
        self.num_looked_at = 0
        self._zips: list[Path] = []
        self._temporary: set[str] = set()
        self._remembered: dict[str, dict[bytes, Known]] = {}
        self._folders: dict[str, dict[bytes, Known]] = {}
        self._folder_hashes: dict[str, bytes] = {}

    def take(self, found: Inventory) -> None:
        """Sorts in all files of an inventory, and those of the zips among them."""
        self.counts["link"] += found.num_links
        self.counts["special"] += found.num_special
        self.counts["unreadable"] += found.num_unreadable
        if found.unpacked is not None:
            self._note_zip(found.unpacked)
            self.num_looked_at += found.unpacked.num_members - len(found.entries)
        self._take(found.entries)
        budget, waiting = Budget(), self._zips
        for path in waiting:
            self._open_zip(path, budget)

    def notes_of_directories(self) -> tuple[str, ...]:
        """What the DICOMDIRs claim against what is there."""
        if not self.directories:
            return ()
        others = {path for group in self.groups.values() for path in group.paths}
        return tuple(dict.fromkeys(note for path in self.directories for note in compare(path, others).notes()))

    def changed_folders(self) -> dict[str, dict[bytes, Known]]:
        """What the index should keep of the folders in which anything is new, changed or gone."""
        return {folder: files for folder, files in self._folders.items() if files != self._remembered.get(folder)}

    def slices_of(self, group: Group) -> list[SliceHeader]:
        """All slices of a series; files that are known but were not read in this scan are read now."""
        unread = [path for path in group.paths if path not in group.slices]
        for path, found in zip(unread, self._read(unread, len(unread)), strict=True):
            slices = () if isinstance(found, HeaderError) else _slices(found)
            if not slices:
                self._leave_out(path, "damaged", "it changed during the scan")
            group.slices[path] = slices
        return [one for path in group.paths for one in group.slices[path]]

    def _take(self, entries: Sequence[Entry]) -> None:
        self.num_looked_at += len(entries)
        unknown = []
        for entry in entries:
            place = self._place(entry.path)
            known = self._remembered[place.folder].get(place.name_hash)
            if known is None or (known.size, known.mtime_ns) != (entry.size, entry.mtime_ns):
                unknown.append(entry)
            else:
                self._sort_in(place, known, ())
        paths = [entry.path for entry in unknown]
        for entry, found in zip(unknown, self._read(paths, len(paths)), strict=True):
            self._sort_in_new(entry, found)

    def _place(self, path: Path) -> _Place:
        folder, _, name = str(path).rpartition(os.sep)
        if folder not in self._remembered:
            self._remembered[folder] = self.index.folder(folder)
            self._folder_hashes[folder] = self.index.hash(os.fsencode(folder))
        return _Place(path, folder, self.index.hash(os.fsencode(name)))

    def _read(self, paths: list[Path], total: int) -> Iterator[GuardedHeader | HeaderError]:
        for n, found in enumerate(read_guarded(paths, SLICE_KEYWORDS)):
            if self.progress and n % 50 == 0:
                self.progress("reading headers", n / total)
            yield found

    def _sort_in_new(self, entry: Entry, found: GuardedHeader | HeaderError) -> None:
        if isinstance(found, HeaderError):
            kind = _KIND_OF.get(found.outcome)
            if kind is None:
                if found.outcome is Outcome.REFUSED:
                    self.refused[found.reason] += 1
                self._leave_out(entry.path, found.outcome.name.lower(), found.reason)
            else:
                known = Known(entry.size, entry.mtime_ns, kind, 0, _NO_GROUP)
                self._sort_in(self._place(entry.path), known, (), found.reason)
            return
        slices = _slices(found)
        kind, group = self._kind(found, slices)
        known = Known(found.facts.size, found.facts.mtime_ns, kind, found.facts.program, group)
        self._sort_in(self._place(entry.path), known, slices)

    def _kind(self, found: GuardedHeader, slices: tuple[SliceHeader, ...]) -> tuple[int, bytes]:
        if is_directory(found):
            return DIRECTORY, _NO_GROUP
        if not slices or _cut_short(slices[0]):
            return DAMAGED, _NO_GROUP
        first = slices[0]
        if not (first.study_uid and first.series_uid and first.instance_uid):
            return ANONYMOUS, _NO_GROUP
        return IMAGE, self.index.hash(first.study_uid.encode(), first.series_uid.encode())

    def _sort_in(self, place: _Place, known: Known, slices: tuple[SliceHeader, ...], why: str = "") -> None:
        """One file, known of old or read now, to where it belongs."""
        path, folder, name_hash = place
        if folder not in self._temporary and is_settled(known.mtime_ns):
            self._folders.setdefault(folder, {})[name_hash] = known
        if known.program:
            self.programs[known.program] += 1
        if known.kind == IMAGE:
            group = self.groups.setdefault(known.group, Group())
            group.files.append((self._folder_hashes[folder] + name_hash, known, path))
            if slices:
                group.slices[path] = slices
        elif known.kind == DIRECTORY:
            self.directories.append(path)
        elif known.kind == ZIP:
            self._zips.append(path)
        elif known.kind == DAMAGED:
            self._leave_out(path, "damaged", why or _INCOMPLETE)
        elif known.kind == ANONYMOUS:
            self._leave_out(path, "anonymous", "it has no study, series or instance UID")

    def _leave_out(self, path: Path, what: str, why: str) -> None:
        self.counts[what] += 1
        if self.problem:
            self.problem(path, why)

    def _open_zip(self, path: Path, budget: Budget) -> None:
        """A zip within the folder: opened like the one that is chosen itself, but never the end of the scan."""
        try:
            found = unpack(path, budget, self.progress)
        except InputError as error:
            self.zip_notes[error.what] += 1
            if self.problem:
                self.problem(path, error.what)
            return
        self._note_zip(found)
        self.num_looked_at += found.num_members - len(found.files)
        self._take(entries_of(found.files))

    def _note_zip(self, found: Unpacked) -> None:
        self._temporary.add(os.fspath(found.folder))
        self.counts["link"] += found.num_links
        self.counts["damaged in a zip"] += found.num_damaged
        self.counts["program in a zip"] += found.num_programs
        self.zip_notes.update(found.closed)


def _slices(found: GuardedHeader) -> tuple[SliceHeader, ...]:
    """The slices of a header; none where its values cannot be made sense of."""
    try:
        return slice_headers(found)
    except BROKEN_FILE:
        return ()


def _cut_short(header: SliceHeader) -> bool:
    """Whether a header was cut in the middle: a CT or MR image before its pixel description, all else before its UIDs.

    An image that has the one but not the other was stripped of its UIDs, not cut.
    """
    if header.sop_class_uid == "":
        return True
    if header.modality in _IMAGE_MODALITIES:
        return header.rows is None or header.bits_stored is None
    return not header.study_uid and not header.series_uid and not header.instance_uid
