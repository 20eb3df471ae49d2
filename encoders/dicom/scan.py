"""Folder, zip or file -> Studies with their series, each judged by the gate. Headers only."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydicom.dataset import Dataset

from tomoscribe.core import Series, Study, Verdict
from tomoscribe.core.errors import InputError
from tomoscribe.encoders.dicom import acquisition as facts
from tomoscribe.encoders.dicom.broken import BROKEN_FILE
from tomoscribe.encoders.dicom.charset import text_of
from tomoscribe.encoders.dicom.files import Progress, inventory
from tomoscribe.encoders.dicom.gate import Part, parts_of
from tomoscribe.encoders.dicom.guard.preamble import KINDS
from tomoscribe.encoders.dicom.guarded import HeaderError, read_guarded
from tomoscribe.encoders.dicom.headers import SliceHeader, integer, lenient_reading, text
from tomoscribe.encoders.dicom.index import NoIndex, open_index, series_key
from tomoscribe.encoders.dicom.multiframe import FUNCTIONAL_GROUPS, frame_dataset
from tomoscribe.encoders.dicom.patient import PatientFacts, patient_facts
from tomoscribe.encoders.dicom.survey import Group, Problem, Survey

_FIRST_KEYWORDS = (
    *facts.KEYWORDS, "SOPClassUID", "NumberOfFrames", "SeriesNumber", "StudyInstanceUID", "SeriesInstanceUID",
    *FUNCTIONAL_GROUPS,
)  # fmt: skip
_NOT_REMEMBERED = {"series_uid", "number", "description", "files", "frames", "acquisition"}
"""Fields of a series that are read again from its first file, or rebuilt from the order of its files."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Read:
    """A study and what is known of its patient while scanning."""

    study: Study
    patient: PatientFacts


class _Judged(NamedTuple):
    """A part of a series as the gate left it: its slices' files and frames, and the other fields of ``Series``.

    Args:
        part: with the headers, where they were read in this scan.
    """

    files: tuple[Path, ...]
    frames: tuple[int, ...]
    fields: dict[str, Any]
    part: Part | None = None


def scan(path: Path, *, progress: Progress | None = None, problem: Problem | None = None) -> tuple[Study, ...]:
    """All studies below a folder, in a zip or of one file, newest first; nothing is decoded.

    A file that is damaged, refused or unreadable never stops its neighbors: it is left out, with a line in
    ``Study.warnings``. A DICOMDIR is compared with what is there; files are found without it. Series that cannot become
    a volume are listed as refused, with the reason. What did not change since the last scan is taken from an index in
    the user's cache folder (see ``index``), patients and descriptions excepted.

    Args:
        progress: called with the stage in words and the fraction done; may raise CancelledError.
        problem: called with each file that is left out and the reason; for the user's eyes, not for logs.

    Raises:
        InputError: the path is absent or unreadable, or holds no readable DICOM image.
    """
    return _with_priors(_read(Path(path), progress, problem))


def scan_with_priors(
    path: Path, prior_path: Path, *, progress: Progress | None = None, problem: Problem | None = None
) -> tuple[Study, ...]:
    """The studies of ``path``, with earlier ones of the same patient that ``prior_path`` holds among their priors.

    Raises:
        InputError: as ``scan``, or a study below ``prior_path`` is of another patient (CLINICAL 15) or of nobody known.
    """
    read = _read(Path(path), progress, problem)
    earlier = _read(Path(prior_path), progress, problem)
    keys = {r.study.patient_key for r in read}
    strangers = [r for r in earlier if r.study.patient_key not in keys or not r.patient.has_id]
    if strangers:
        raise InputError(
            f"{len(strangers)} of {len(earlier)} earlier studies are not of the patient of the study to be read",
            where=strangers[0].study.study_uid,
            remedy="name a folder that holds only this patient's studies, with their patient ID",
        )
    known = {r.study.study_uid for r in read}
    studies = _with_priors([*read, *(r for r in earlier if r.study.study_uid not in known)])
    return tuple(s for s in studies if s.study_uid in known)


def _read(path: Path, progress: Progress | None, problem: Problem | None) -> list[_Read]:
    found = inventory(path, progress=progress)
    index = open_index()
    try:
        with lenient_reading():
            survey = Survey(index, progress, problem)
            survey.take(found)
            if not survey.groups:
                raise _nothing(path, survey)
            judged = _judge_all(survey, index)
            studies = _studies(judged, survey)
    finally:
        index.close()
    if progress:
        progress("reading headers", 1.0)
    return list(studies)


def _judge_all(survey: Survey, index: NoIndex) -> list[_Judged]:
    """The parts of all series, from the index where their files and the gate are the same as then."""
    verdicts: dict[bytes, str] = {}
    judged: list[_Judged] = []
    for group in survey.groups.values():
        key = series_key(index, [(path_hash, known) for path_hash, known, _ in group.files])
        earlier = None if group.slices else _recalled(index.verdict(key), group)
        if earlier is None:
            slices, copies = _without_copies(survey.slices_of(group))
            series = [_judged(part) for part in parts_of(slices)] if slices else []
            earlier = (series, copies)
            verdicts[key] = _remembered(series, copies, group)
        judged += earlier[0]
        survey.counts["copy"] += earlier[1]
    if (folders := survey.changed_folders()) or verdicts:
        index.remember(folders, verdicts)
    return judged


def _judged(part: Part) -> _Judged:
    first, refusal = part.slices[0], part.refusal
    is_framed = any(s.frame for s in part.slices)
    fields = {
        "modality": first.modality or "OT",
        "verdict": Verdict.REFUSED if refusal else Verdict.RESAMPLED if part.regrid else Verdict.ACCEPTED,
        "shape": part.geometry.shape if part.geometry else None,
        "reason": refusal.reason if refusal else "; ".join(part.regrid.notes) if part.regrid else None,
        "remedy": refusal.remedy if refusal else None,
        "part": part.name,
        "notes": part.notes,
        "value_unit": part.value_unit,
    }
    frames = tuple(s.frame for s in part.slices) if is_framed else ()
    return _Judged(tuple(s.path for s in part.slices), frames, fields, part)


def _remembered(series: list[_Judged], copies: int, group: Group) -> str:
    """What the index keeps of a series: the order of its files as numbers, and the words of the gate."""
    number = {path: n for n, path in enumerate(group.paths)}
    parts = [{"files": [number[f] for f in one.files], "frames": one.frames, **one.fields} for one in series]
    return json.dumps({"copies": copies, "parts": parts})


def _recalled(kept: str | None, group: Group) -> tuple[list[_Judged], int] | None:
    """The reverse of ``_remembered``; None where nothing usable was kept."""
    if kept is None:
        return None
    paths = group.paths
    try:
        content = json.loads(kept)
        series = []
        for part in content["parts"]:
            fields: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in part.items()}
            files, frames = tuple(paths[n] for n in fields.pop("files")), fields.pop("frames")
            series.append(_Judged(files, frames, {**fields, "verdict": Verdict(part["verdict"])}))
        return series, int(content["copies"])
    except (ValueError, KeyError, IndexError, TypeError):
        return None


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
        with open(path, "rb", opener=_without_waiting) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return str(path)


def _without_waiting(path: str, flags: int) -> int:
    """Opens nothing through a link, and does not wait for the other end of a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0))


def _studies(judged: list[_Judged], survey: Survey) -> list[_Read]:
    """Series with what their first file says of them, sorted into studies."""
    by_study: dict[str, list[Series]] = defaultdict(list)
    firsts = read_guarded([one.files[0] for one in judged], _FIRST_KEYWORDS)
    for one, found in zip(judged, firsts, strict=True):
        if isinstance(found, HeaderError):
            survey.counts["changed"] += len(set(one.files))
            continue
        study_uid, series = _series(one, found.ds)
        by_study[study_uid].append(series)
    warnings = _input_warnings(survey)
    return [_study(uid, by_study[uid], warnings) for uid in sorted(by_study)]


def _series(one: _Judged, ds: Dataset) -> tuple[str, Series]:
    """(Study Instance UID, series)."""
    try:
        flat = frame_dataset(ds, one.frames[0] if one.frames else 0)
    except BROKEN_FILE:
        flat = ds
    series = Series(
        series_uid=text(ds, "SeriesInstanceUID") or "",
        number=integer(flat, "SeriesNumber"),
        description=text_of(ds, "SeriesDescription"),
        files=one.files,
        frames=one.frames,
        acquisition=facts.acquisition(flat),
        scanned=() if one.part is None else (one.files, one.part),
        **one.fields,
    )
    return text(ds, "StudyInstanceUID") or "", series


def _study(study_uid: str, series: list[Series], warnings: tuple[str, ...]) -> _Read:
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


def _input_warnings(survey: Survey) -> tuple[str, ...]:
    """What was left out or looks wrong, in words: numbers and reasons, no names of files."""
    counts = survey.counts
    warnings = [
        f"{_files(counts[what])} {words}"
        for what, words in (
            ("damaged", "damaged and left out"),
            ("unreadable", "not readable (permissions) and left out"),
            ("anonymous", "without study, series or instance UID and left out"),
            ("copy", "identical with another one and left out"),
            ("changed", "changed during the scan and left out: scan again"),
        )
        if counts[what]
    ]
    warnings += [f"{_files(n)} refused: {reason}" for reason, n in survey.refused.most_common(5)]
    if len(survey.refused) > 5:
        warnings.append(f"and {len(survey.refused) - 5} more reasons for refusing files")
    if counts["link"]:
        warnings.append(f"{counts['link']} link{'s' * (counts['link'] > 1)} not followed")
    if counts["special"]:
        warnings.append(f"{counts['special']} pipes, devices or sockets passed over")
    warnings += [
        f"{_files(n)} also a {KINDS[kind - 1]} by its preamble: have the medium checked; copies made here are cleared"
        for kind, n in survey.programs.items()
    ]
    return (*warnings, *_zip_warnings(survey), *survey.notes_of_directories())


def _zip_warnings(survey: Survey) -> list[str]:
    counts = survey.counts
    warnings = [f"{n} zip{'s' * (n > 1)} not opened: {why}" for why, n in survey.zip_notes.items()]
    if counts["damaged in a zip"]:
        warnings.append(f"{counts['damaged in a zip']} files in a zip are damaged and left out")
    if counts["program in a zip"]:
        warnings.append(f"{_files(counts['program in a zip'])} in a zip with an executable preamble, which was cleared")
    return warnings


def _files(count: int) -> str:
    return f"{count} DICOM file{' is' if count == 1 else 's are'}"


def _nothing(path: Path, survey: Survey) -> InputError:
    looked = f"{survey.num_looked_at} file{'' if survey.num_looked_at == 1 else 's'}"
    damaged, anonymous = survey.counts["damaged"], survey.counts["anonymous"]
    if survey.refused:
        reason, count = survey.refused.most_common(1)[0]
        return InputError(
            f"none of the DICOM files found here can be used: {sum(survey.refused.values())} refused ({count} because "
            f"{reason}), {damaged} damaged (looked at {looked})",
            where=path.name,
            remedy="have the files checked: they are broken or hostile",
        )
    if damaged or anonymous:
        return InputError(
            f"none of the DICOM files found here can be used: {damaged} damaged, {anonymous} without study, "
            f"series or instance UID (looked at {looked})",
            where=path.name,
            remedy="copy or export the study again",
        )
    links = survey.counts["link"]
    left = f", {links} link{'s' * (links > 1)} not followed" if links else ""
    return InputError(
        f"no DICOM images found: looked at {looked}{left}",
        where=path.name,
        remedy="choose a folder, a zip or a file that holds CT or MR images",
    )


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
