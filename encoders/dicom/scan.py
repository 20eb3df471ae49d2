"""Folder, zip or file -> Studies with their series, each judged by the gate. Headers only."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.uid import MediaStorageDirectoryStorage

from tomoscribe.core import Acquisition, Series, Study, Verdict
from tomoscribe.core.errors import InputError
from tomoscribe.encoders.dicom import acquisition as facts
from tomoscribe.encoders.dicom.broken import BROKEN_FILE
from tomoscribe.encoders.dicom.files import Found, Progress, find_dicom
from tomoscribe.encoders.dicom.gate import Part, parts_of
from tomoscribe.encoders.dicom.headers import (
    SliceHeader,
    integer,
    lenient_reading,
    read_slice_headers,
    read_some,
    text,
)
from tomoscribe.encoders.dicom.multiframe import FUNCTIONAL_GROUPS, frame_dataset
from tomoscribe.encoders.dicom.patient import PatientFacts, patient_facts

_IMAGE_MODALITIES = ("CT", "MR")


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Read:
    """A study and what is known of its patient while scanning."""

    study: Study
    patient: PatientFacts


def scan(path: Path, *, progress: Progress | None = None) -> tuple[Study, ...]:
    """All studies below a folder, in a zip or of one file, newest first; nothing is decoded.

    A damaged file never stops its neighbors: it is left out and counted in ``Study.warnings``. A DICOMDIR is passed
    over: the files themselves are read. Series that cannot become a volume are listed as refused, with the reason.

    Args:
        progress: called with the stage in words and the fraction done; may raise CancelledError.

    Raises:
        InputError: the path is absent or unreadable, or holds no readable DICOM image.
    """
    path = Path(path)
    found = find_dicom(path, progress=progress)
    with lenient_reading():
        headers, num_broken = _read_all(found.candidates, progress)
        usable = [h for h in headers if h.study_uid and h.series_uid and h.instance_uid]
        if not usable:
            raise _nothing(path, found, num_broken, len({h.path for h in headers}))
        num_anonymous = len({h.path for h in headers}) - len({h.path for h in usable})
        usable, num_copies = _without_copies(usable)
        warnings = _input_warnings(found, num_broken, num_anonymous, num_copies)
        by_study: dict[str, list[SliceHeader]] = defaultdict(list)
        for header in usable:
            by_study[header.study_uid].append(header)
        studies = [_study(uid, by_study[uid], warnings) for uid in sorted(by_study)]
    if progress:
        progress("reading headers", 1.0)
    return _with_priors(studies)


def _read_all(candidates: Sequence[Path], progress: Progress | None) -> tuple[list[SliceHeader], int]:
    """Headers of all slices in the order of the candidates, without DICOMDIRs; and how many files could not be read."""
    headers: list[SliceHeader] = []
    num_broken = 0
    with ThreadPoolExecutor(max_workers=min(8, 2 * (os.cpu_count() or 1))) as pool:
        try:
            for n, frames in enumerate(pool.map(_read_one, candidates, chunksize=16)):
                if not frames or _cut_short(frames[0]):
                    num_broken += 1
                elif frames[0].sop_class_uid != MediaStorageDirectoryStorage:
                    headers += frames
                if progress and n % 50 == 0:
                    progress("reading headers", n / len(candidates))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return headers, num_broken


def _read_one(path: Path) -> tuple[SliceHeader, ...]:
    """The slices of a file; none where it cannot be read."""
    try:
        return read_slice_headers(path)
    except BROKEN_FILE:
        return ()


def _cut_short(header: SliceHeader) -> bool:
    """Whether a CT or MR image ends before its pixel description: a header cut in the middle."""
    if header.sop_class_uid == "" or header.sop_class_uid == MediaStorageDirectoryStorage:
        return header.sop_class_uid == ""
    if not header.study_uid and not header.series_uid and not header.instance_uid:
        return True
    return header.modality in _IMAGE_MODALITIES and (header.rows is None or header.bits_stored is None)


def _without_copies(headers: list[SliceHeader]) -> tuple[list[SliceHeader], int]:
    """Each file once: byte-identical files of one SOP Instance UID are the same image; and how many were dropped."""
    by_uid: dict[tuple[str, str, str], list[Path]] = defaultdict(list)
    for header in headers:
        if header.frame == 0:
            by_uid[header.study_uid, header.series_uid, header.instance_uid].append(header.path)
    copies: set[Path] = set()
    for paths in by_uid.values():
        if len(paths) > 1:
            copies |= set(paths) - set({_digest(path): path for path in reversed(paths)}.values())
    return [h for h in headers if h.path not in copies], len(copies)


def _digest(path: Path) -> str:
    """SHA-256 of the content; the path itself where it can no longer be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return str(path)


def _input_warnings(found: Found, num_broken: int, num_anonymous: int, num_copies: int) -> tuple[str, ...]:
    warnings = []
    if num_broken:
        warnings.append(f"{_files(num_broken)} damaged and left out")
    if found.num_unreadable:
        warnings.append(f"{_files(found.num_unreadable)} not readable (permissions) and left out")
    if num_anonymous:
        warnings.append(f"{_files(num_anonymous)} without study, series or instance UID and left out")
    if num_copies:
        warnings.append(f"{_files(num_copies)} identical with another one and left out")
    return tuple(warnings)


def _files(count: int) -> str:
    return f"{count} DICOM file{' is' if count == 1 else 's are'}"


def _nothing(path: Path, found: Found, num_damaged: int, num_anonymous: int) -> InputError:
    looked = f"{found.num_looked_at} file{'' if found.num_looked_at == 1 else 's'}"
    if num_damaged or num_anonymous:
        return InputError(
            f"none of the DICOM files found here can be used: {num_damaged} damaged, {num_anonymous} without study, "
            f"series or instance UID (looked at {looked})",
            where=path.name,
            remedy="copy or export the study again",
        )
    return InputError(
        f"no DICOM images found: looked at {looked}",
        where=path.name,
        remedy="choose a folder, a zip or a file that holds CT or MR images",
    )


def _study(study_uid: str, headers: list[SliceHeader], warnings: tuple[str, ...]) -> _Read:
    by_series: dict[str, list[SliceHeader]] = defaultdict(list)
    for header in headers:
        by_series[header.series_uid].append(header)
    series = [part for uid in by_series for part in _series(uid, by_series[uid])]
    series.sort(key=lambda s: (s.number is None, s.number or 0, s.series_uid))  # parts keep their order
    facts_, conflicts = patient_facts(study_uid, [s.files[0] for s in series])
    study = Study(
        study_uid=study_uid,
        patient_key=facts_.patient_key,
        date=facts_.date,
        description=facts_.description,
        age_years=facts_.age_years,
        sex=facts_.sex,
        series=tuple(series),
        warnings=warnings + conflicts,
    )
    return _Read(study=study, patient=facts_)


def _series(series_uid: str, headers: list[SliceHeader]) -> list[Series]:
    return [_part(series_uid, part) for part in parts_of(headers)]


def _part(series_uid: str, part: Part) -> Series:
    first, refusal = part.slices[0], part.refusal
    ds = _first_header(first)
    is_framed = any(s.frame for s in part.slices)
    return Series(
        series_uid=series_uid,
        modality=first.modality or "OT",
        number=integer(ds, "SeriesNumber") if ds is not None else None,
        description=text(ds, "SeriesDescription") if ds is not None else None,
        files=tuple(s.path for s in part.slices),
        verdict=Verdict.REFUSED if refusal else Verdict.RESAMPLED if part.regrid else Verdict.ACCEPTED,
        acquisition=facts.acquisition(ds) if ds is not None else Acquisition(),
        shape=part.geometry.shape if part.geometry else None,
        reason=refusal.reason if refusal else "; ".join(part.regrid.notes) if part.regrid else None,
        remedy=refusal.remedy if refusal else None,
        frames=tuple(s.frame for s in part.slices) if is_framed else (),
        part=part.name,
        notes=part.notes,
        value_unit=part.value_unit,
    )


def _first_header(header: SliceHeader) -> Dataset | None:
    wanted = (*facts.KEYWORDS, "SOPClassUID", "NumberOfFrames", "SeriesNumber", *FUNCTIONAL_GROUPS)
    try:
        return frame_dataset(read_some(header.path, wanted), header.frame)
    except BROKEN_FILE:
        return None


def _with_priors(read: Sequence[_Read]) -> tuple[Study, ...]:
    """Newest first; each study with the earlier ones of the same patient, unless sex or birth date contradict."""
    ordered = sorted(read, key=lambda r: (r.study.date or "", r.study.study_uid), reverse=True)
    out: list[Study] = []
    for n, item in enumerate(ordered):
        older = [o for o in ordered[n + 1 :] if _is_earlier(o, item)]
        blocked = [o for o in older if o.patient.contradicts(item.patient)]
        priors = tuple(o.study for o in older if o not in blocked)
        warnings = item.study.warnings
        if blocked:
            warnings += (
                f"{len(blocked)} earlier stud{'y' if len(blocked) == 1 else 'ies'} under the same patient ID not used "
                "for comparison: birth date or sex contradict",
            )
        out.append(dataclasses.replace(item.study, priors=priors, warnings=warnings))
    return tuple(out)


def _is_earlier(other: _Read, item: _Read) -> bool:
    same = other.patient.has_id and other.study.patient_key == item.study.patient_key
    dates = other.study.date, item.study.date
    return same and dates[0] is not None and dates[1] is not None and dates[0] < dates[1]
