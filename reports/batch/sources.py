"""An export -> its studies: loose files, zips anywhere below it, a DICOMDIR's folder; mixed patients.

Zips are unpacked below the output folder, where the next run clears away what a killed one left.
"""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import file_digest, sha256
from pathlib import Path

from tomoscribe.core import Study
from tomoscribe.core.errors import InputError
from tomoscribe.encoders.dicom import scan
from tomoscribe.findings.measured import Progress
from tomoscribe.reports.batch.journal import unwritable
from tomoscribe.reports.batch.records import StudyTask

DAMAGED = "the zip is cut off or damaged. Copy or export it again."


@dataclass(frozen=True, kw_only=True)
class Archive:
    """A zip of the export that could not be opened.

    Args:
        number: its place in the order of names.
        mark: by which a later run knows it, whatever its place then is.
    """

    number: int
    mark: str
    name: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class ExportScan:
    """What an export holds.

    Args:
        tasks: the studies, newest first in each source.
        archives: the zips that could not be opened.
    """

    tasks: tuple[StudyTask, ...]
    archives: tuple[Archive, ...]


def scan_export(export: Path, unpacked: Path, progress: Progress | None = None) -> ExportScan:
    """All studies of an export; a broken archive never stops the others.

    Args:
        export: a folder, a zip, a DICOMDIR or a file.
        unpacked: an empty folder for the contents of zips.

    Raises:
        InputError: the export is absent, or nothing in it can be used.
        OutputError: there is no room to unpack.
    """
    root = export.parent if export.is_file() and export.name.upper() == "DICOMDIR" else export
    zips = _zips(root)
    refused = {p: DAMAGED for p in zips if not zipfile.is_zipfile(p)}

    def note(path: Path, reason: str) -> None:
        if path in zips:
            refused.setdefault(path, reason)

    studies: list[Study] = []
    try:
        with _unpacking_to(unpacked):
            studies = _alone(scan(root, progress=progress, problem=note))
    except InputError:
        if not refused:
            raise
    archives = [_broken(n, p, refused[p]) for n, p in enumerate(zips, start=1) if p in refused]
    return ExportScan(tasks=tuple(task_of(s, unpacked) for s in studies), archives=tuple(archives))


def _broken(number: int, path: Path, reason: str) -> Archive:
    size, modified = _size_and_time(path)
    mark = sha256(f"{path.name}\x1f{size}\x1f{modified}".encode()).hexdigest()
    return Archive(number=number, mark=mark, name=path.name, reason=reason)


def task_of(study: Study, unpacked: Path | None = None, *, attempt: int = 1) -> StudyTask:
    """The task to read a study, with its files as they are on disk now.

    The fingerprint is over sizes and times of the files; over the content of those that were unpacked just now, whose
    times mean nothing.
    """
    files = [(path, *_size_and_time(path)) for path in sorted({f for s in study.series for f in s.files})]
    marks = sorted(f"{size} {_content(path) if unpacked in path.parents else when}" for path, size, when in files)
    return StudyTask(
        study=study,
        fingerprint=sha256("\n".join(marks).encode()).hexdigest(),
        files=tuple(files),
        folders=tuple((f, _size_and_time(f)[1]) for f in sorted({path.parent for path, _, _ in files})),
        attempt=attempt,
    )


def _content(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()
    except OSError:
        return "gone"


def has_changed(task: StudyTask) -> bool:
    """Whether a file of the study differs from the scan, or a file came or went beside them that belongs to it."""
    if any(_size_and_time(path) != (size, modified) for path, size, modified in task.files):
        return True
    if all(_size_and_time(path)[1] == modified for path, modified in task.folders):
        return False
    again = rescan(task)
    return again is None or {f for s in again.series for f in s.files} != {f for f, _, _ in task.files}


def rescan(task: StudyTask) -> Study | None:
    """The study as it lies on disk now, from the folders that held it; None when it is gone."""
    folder = Path(os.path.commonpath([f for f, _ in task.folders]))
    try:
        studies = _alone(scan(folder))
    except InputError:
        return None
    now = next((s for s in studies if s.study_uid == task.study.study_uid), None)
    return None if now is None else replace(now, priors=task.study.priors)


def _size_and_time(path: Path) -> tuple[int, int]:
    """Size and modification time in ns; (-1, -1) for what is not there."""
    try:
        found = path.stat()
    except OSError:
        return -1, -1
    return found.st_size, found.st_mtime_ns


def _zips(root: Path) -> list[Path]:
    """Zips by content, in the order of their names; no link is followed."""
    if root.is_file():
        return [root] if zipfile.is_zipfile(root) else []
    found = []
    for parent, folders, names in os.walk(root, followlinks=False):
        folders.sort()
        for name in sorted(names):
            path = Path(parent) / name
            if not path.is_symlink() and path.is_file() and _starts_as_zip(path):
                found.append(path)
    return found


def _starts_as_zip(path: Path) -> bool:
    """By the first bytes or by name; a zip that was cut off must be reported, not passed over."""
    try:
        with path.open("rb") as file:
            head = file.read(132)
    except OSError:
        return False
    return head[:4] in (b"PK\x03\x04", b"PK\x05\x06") and head[128:132] != b"DICM"


@contextmanager
def _unpacking_to(folder: Path) -> Iterator[None]:
    """Temporary folders of this process are made there for a while: the scan unpacks a zip into one."""
    before = tempfile.tempdir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.tempdir = str(folder)
        yield
    except OSError as error:
        raise unwritable(error) from error
    finally:
        tempfile.tempdir = before


def _alone(studies: Sequence[Study]) -> list[Study]:
    """The studies without warnings of other studies' files.

    A scan tells every study of all files that it left out. Where some were, a study whose folders hold nothing else is
    scanned by itself and keeps what that says; one that shares a folder keeps the warning, for the file may be its own.
    """
    if len(studies) < 2:
        return list(studies)
    shared = set.intersection(*(set(s.warnings) for s in studies))
    if not shared:
        return list(studies)
    owners: dict[Path, set[str]] = defaultdict(set)
    for study in studies:
        for path in {f.parent for s in study.series for f in s.files}:
            for folder in (path, *path.parents):
                owners[folder].add(study.study_uid)
    return [_by_itself(s, shared, owners) for s in studies]


def _by_itself(study: Study, shared: set[str], owners: Mapping[Path, set[str]]) -> Study:
    folder = Path(os.path.commonpath([f.parent for s in study.series for f in s.files]))
    if owners[folder] != {study.study_uid}:
        return study
    alone = scan(folder)[0]
    kept = tuple(w for w in study.warnings if w not in shared)
    return replace(study, warnings=alone.warnings + tuple(w for w in kept if w not in alone.warnings))
