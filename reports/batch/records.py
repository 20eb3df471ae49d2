"""What a batch knows of each study: the task that is handed out, and the record that comes back."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

from tomoscribe.core import Presence, Reading, Report, SectionName, Series, Study, reportable
from tomoscribe.core.errors import TomoscribeError
from tomoscribe.core.terms import ORGAN_MEASUREMENT

_UID = re.compile(r"[0-9]+(\.[0-9]+)*")
_MAX_UID = 64


class Status(StrEnum):
    """How a study ended."""

    DONE = "done"
    SET_ASIDE = "set_aside"
    CHANGED = "changed"
    """Its files changed while it was read: scanned again, then read again."""
    STOPPED = "stopped"
    """The results could not be written (a full disk): the run stops, the study is still to be read."""


@dataclass(frozen=True, kw_only=True)
class SeriesRow:
    """One series of the manifest, or one part of a series that holds several volumes.

    Args:
        verdict, reason: the gate's.
        num_files: instances found.
        was_read: whether the report rests on it.
    """

    series_uid: str
    part: str | None
    modality: str
    verdict: str
    reason: str | None
    num_files: int
    shape: tuple[int, int, int] | None
    was_read: bool = False


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What the worklist shows of a study; neither name nor ID of the patient.

    Args:
        urgency: 0 actionable findings, 1 other findings, 2 review list only, 3 no finding reported, 4 read, but nothing
            in it could be assessed, 5 not read.
        patient: the first characters of the patient key, to see which studies belong together.
    """

    urgency: int
    date: str | None
    age_years: float | None
    sex: str | None
    patient: str
    description: str | None
    impression: tuple[str, ...] = ()
    num_actionable: int = 0
    num_present: int = 0
    num_review: int = 0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StudyRecord:
    """How one study ended; a line of the journal.

    Args:
        study_uid: None for an archive that could not be opened at all.
        folder: of its results in the output folder, None when there are none.
        stage: the last stage that was reached, in words; ``done`` at the end.
        fingerprint: of the files as they were read.
        peak_memory_bytes: of the process up to and with this study; ``rss_bytes`` what it held afterwards.
        error: reason and remedy of what was set aside, without file names.
    """

    study_uid: str | None
    status: Status
    stage: str
    fingerprint: str
    seconds: float = 0.0
    peak_memory_bytes: int | None = None
    rss_bytes: int | None = None
    folder: str | None = None
    error: str | None = None
    worker: str | None = None
    finished: str | None = None
    series: tuple[SeriesRow, ...] = ()
    summary: Summary | None = None


@dataclass(frozen=True, kw_only=True)
class StudyTask:
    """One study to read.

    Args:
        files: size in bytes and modification time in ns of each file of the study.
        folders: modification time in ns of the folders that hold them; a late slice shows there.
        replaces: whether results of earlier files are to be replaced.
        attempt: 1 the first time.
    """

    study: Study
    fingerprint: str
    files: tuple[tuple[Path, int, int], ...]
    folders: tuple[tuple[Path, int], ...]
    replaces: bool = False
    attempt: int = 1


def folder_name(study_uid: str) -> str:
    """The results' folder: the Study UID; a hash of it where it is no UID and might not be a plain name."""
    if len(study_uid) <= _MAX_UID and _UID.fullmatch(study_uid):
        return study_uid
    return f"study-{sha256(study_uid.encode()).hexdigest()[:40]}"


def now() -> str:
    """UTC, in whole seconds."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def reason_of(error: TomoscribeError) -> str:
    """What, and what to do; where only if that is a UID: file names may hold a patient's."""
    where = error.where if error.where and _UID.fullmatch(error.where) else None
    remedy = None if error.remedy is None else error.remedy[:1].upper() + error.remedy[1:]
    return TomoscribeError(error.what, where=where, remedy=remedy).line()


Part = tuple[str, str | None]
"""A series UID, and the part of that series or None."""


def series_rows(study: Study, were_read: frozenset[Part] = frozenset()) -> tuple[SeriesRow, ...]:
    """The manifest's rows of a study."""
    return tuple(_series_row(s, (s.series_uid, s.part) in were_read) for s in study.series)


def _series_row(series: Series, was_read: bool) -> SeriesRow:
    return SeriesRow(
        series_uid=series.series_uid,
        part=series.part,
        modality=series.modality,
        verdict=series.verdict.value,
        reason=series.reason,
        num_files=series.num_files,
        shape=series.shape,
        was_read=was_read,
    )


def summary_of_study(study: Study) -> Summary:
    """For a study that was not read."""
    return Summary(
        urgency=5,
        date=study.date,
        age_years=study.age_years,
        sex=study.sex,
        patient=study.patient_key[:8],
        description=study.description,
        warnings=study.warnings,
    )


def summary_of(reading: Reading) -> Summary:
    """For a study that was read."""
    study, report = reading.study, reading.report
    present = [f for f in reportable(report.findings) if f.type != ORGAN_MEASUREMENT]
    actionable = sum(f.actionable for f in present)
    review = sum(f.presence is Presence.UNCERTAIN for f in report.findings)
    assessed = any(f.presence is not Presence.NOT_ASSESSED for f in report.findings)
    why = () if assessed else _texts(report, SectionName.NOT_ASSESSED)[:1]
    return Summary(
        urgency=0 if actionable else 1 if present else 2 if review else 3 if assessed else 4,
        date=study.date,
        age_years=study.age_years,
        sex=study.sex,
        patient=study.patient_key[:8],
        description=study.description,
        impression=_texts(report, SectionName.IMPRESSION) + why,
        num_actionable=actionable,
        num_present=len(present),
        num_review=review,
        warnings=report.warnings,
    )


def _texts(report: Report, section: SectionName) -> tuple[str, ...]:
    found = report.section(section)
    return () if found is None else tuple(s.text for s in found.statements)
