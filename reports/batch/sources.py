"""An export -> its studies: loose files, zips anywhere below it, a DICOMDIR's folder; mixed patients.

Zips are unpacked below the output folder, where the next run clears away what a killed one left. A study that lies
in several places is put together from all of them, so that no part of it is read for the whole.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from tomoscribe.core import Study
from tomoscribe.core.errors import InputError
from tomoscribe.encoders.dicom import scan
from tomoscribe.findings.measured import Progress
from tomoscribe.reports.batch.journal import unwritable
from tomoscribe.reports.batch.records import StudyTask, folder_name, reason_of

ELSEWHERE = "earlier studies of this patient lie in another archive of the export and were not used for comparison"


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
        unpacked: an empty folder for the contents of zips and for studies that lie in several places.

    Raises:
        InputError: the export is absent, or nothing in it can be used.
        OutputError: there is no room to unpack.
    """
    root = export.parent if export.is_file() and export.name.upper() == "DICOMDIR" else export
    zips = _zips(root)
    sources: list[list[Study]] = []
    broken: list[Archive] = []
    failure: InputError | None = None
    if root not in zips:
        try:
            sources.append(_alone(scan(root, progress=progress)))
        except InputError as error:
            failure = error
    for number, path in enumerate(zips, start=1):
        try:
            sources.append(_in_zip(path, unpacked / f"{number:05d}", progress))
        except InputError as error:
            if path.suffix.lower() == ".zip":
                broken.append(_broken(number, path, error))
    if not sources and not broken:
        raise failure or InputError("no DICOM images found", where=export.name, remedy="name a folder with studies")
    studies = _merged(_linked(sources), unpacked / "merged")
    return ExportScan(tasks=tuple(task_of(s) for s in studies), archives=tuple(broken))


def _broken(number: int, path: Path, error: InputError) -> Archive:
    size, modified = _size_and_time(path)
    mark = sha256(f"{path.name}\x1f{size}\x1f{modified}".encode()).hexdigest()
    return Archive(number=number, mark=mark, name=path.name, reason=reason_of(error))


def task_of(study: Study, *, attempt: int = 1) -> StudyTask:
    """The task to read a study, with its files as they are on disk now.

    The fingerprint is over sizes and times of the files, not over where they lie: an unpacked file has the time of its
    zip, so that a second run knows it again.
    """
    files = [(path, *_size_and_time(path)) for path in sorted({f for s in study.series for f in s.files})]
    marks = sorted(f"{size} {modified}" for _, size, modified in files)
    return StudyTask(
        study=study,
        fingerprint=sha256("\n".join(marks).encode()).hexdigest(),
        files=tuple(files),
        folders=tuple((f, _size_and_time(f)[1]) for f in sorted({path.parent for path, _, _ in files})),
        attempt=attempt,
    )


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


def _in_zip(path: Path, place: Path, progress: Progress | None) -> list[Study]:
    """The studies of a zip, unpacked below ``place`` under the time of the zip."""
    if not zipfile.is_zipfile(path):
        raise InputError("the zip is cut off or damaged", where=path.name, remedy="copy or export it again")
    with _unpacking_to(place):
        studies = scan(path, progress=progress)
        modified = path.stat().st_mtime_ns
        for file in {f for study in studies for s in study.series for f in s.files}:
            os.utime(file, ns=(modified, modified))
    return _alone(studies)


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


def _merged(studies: Sequence[Study], place: Path) -> list[Study]:
    """One study for each UID; files of one that lies in several sources are brought together and scanned as one."""
    times = Counter(s.study_uid for s in studies)
    out: list[Study] = []
    for study in studies:
        if times[study.study_uid] == 1:
            out.append(study)
        elif study.study_uid not in {s.study_uid for s in out}:
            parts = [s for s in studies if s.study_uid == study.study_uid]
            out.append(_together(parts, place / folder_name(study.study_uid)))
    return out


def _together(parts: Sequence[Study], folder: Path) -> Study:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files = sorted({f for part in parts for s in part.series for f in s.files})
        for number, path in enumerate(files):
            shutil.copy2(path, folder / f"{number:06d}_{path.name}")
    except OSError as error:
        raise unwritable(error) from error
    return replace(scan(folder)[0], priors=parts[0].priors)


def _linked(sources: Sequence[Sequence[Study]]) -> list[Study]:
    """All studies, with a warning where an earlier one of the same patient lies in another source: it is no prior."""
    places: dict[str, set[tuple[int, str]]] = defaultdict(set)
    for number, studies in enumerate(sources):
        for study in studies:
            places[study.patient_key].add((number, study.date or "9999"))
    out = []
    for number, studies in enumerate(sources):
        for study in studies:
            others = places[study.patient_key]
            missed = any(n != number and date < (study.date or "") for n, date in others)
            out.append(replace(study, warnings=(*study.warnings, ELSEWHERE)) if missed else study)
    return out
