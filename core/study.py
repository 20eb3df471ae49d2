"""Patients' studies without their identities: what was acquired, when, how, and what the reader made of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from tomoscribe.core.errors import InvalidValueError


class Verdict(StrEnum):
    """What the gate decided about a series."""

    ACCEPTED = "accepted"
    RESAMPLED = "resampled"
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True)
class Acquisition:
    """How a series was acquired, from its header; None where the header does not say.

    Args:
        slice_thickness_mm: (0018,0050), nominal; never used as spacing.
        kernel: (0018,1210) convolution kernel.
        contrast: whether an intravenous contrast agent is named in (0018,0010); None when the tag is absent or empty.
        ctdivol_mgy: (0018,9345).
        sequence: ``T1``, ``T2``, ``FLAIR``, ``PD`` or None if the header does not settle it.
    """

    manufacturer: str | None = None
    model_name: str | None = None
    body_part: str | None = None
    slice_thickness_mm: float | None = None
    kernel: str | None = None
    contrast: bool | None = None
    kvp: float | None = None
    ctdivol_mgy: float | None = None
    field_strength_t: float | None = None
    repetition_time_ms: float | None = None
    echo_time_ms: float | None = None
    inversion_time_ms: float | None = None
    sequence: str | None = None


@dataclass(frozen=True, kw_only=True)
class SeriesRef:
    """The series behind a volume; element k of the tuples belongs to slice k.

    Args:
        frame_numbers: which frame of its instance slice k is, counted from 1; empty where each instance is one slice.
        part: the name of the part of the series that the volume is, as in ``Series``.
    """

    study_uid: str
    series_uid: str
    series_number: int | None
    description: str | None
    instance_uids: tuple[str, ...]
    instance_numbers: tuple[int | None, ...]
    sop_class_uid: str | None = None
    frame_numbers: tuple[int, ...] = ()
    part: str | None = None


@dataclass(frozen=True, kw_only=True)
class Series:
    """One series of a study as found on disk, or one part of it, with the gate's verdict.

    A DICOM series that holds several volumes (echoes, phases, b-values, stacks) becomes several of these with one
    ``series_uid`` and different ``part`` names; the two together are unique within a study.

    Args:
        files: the file of each slice in the order of the slices' position along their normal; a file of several frames
            stands here once for each of its frames.
        frames: which frame of its file slice k is, counted from 0; empty where each file is one slice.
        part: what sets this part apart from the others of the series, e.g. ``echo time 80``; None for a whole series.
        shape: (D, H, W) of the volume it gives, None when refused.
        reason, remedy: why it was refused or resampled, and what to do.
        notes: what the user should know of a series that is read, in words.
        value_unit: what the values mean, one of ``VALUE_UNITS``; None when refused.
        scanned: the files and what the reader keeps of their headers, so that it need not read them again; its own,
            and no part of what a series is. Empty where a series does not come from a scan.
    """

    series_uid: str
    modality: str
    number: int | None
    description: str | None
    files: tuple[Path, ...]
    verdict: Verdict
    acquisition: Acquisition
    shape: tuple[int, int, int] | None = None
    reason: str | None = None
    remedy: str | None = None
    frames: tuple[int, ...] = ()
    part: str | None = None
    notes: tuple[str, ...] = ()
    value_unit: str | None = None
    scanned: tuple[()] | tuple[tuple[Path, ...], Any] = field(default=(), repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.frames and self.files and len(self.frames) != len(self.files):
            raise InvalidValueError("expected one frame for each slice's file", where=self.series_uid)
        if self.verdict is not Verdict.ACCEPTED and not self.reason:
            raise InvalidValueError(f"a series that is {self.verdict} needs a reason", where=self.series_uid)

    @property
    def slices(self) -> tuple[tuple[Path, int], ...]:
        """File and frame (counted from 0) of each slice, in slice order."""
        frames = self.frames[: len(self.files)] or (0,) * len(self.files)
        return tuple(zip(self.files, frames, strict=True))

    @property
    def num_files(self) -> int:
        """How many different files the slices come from."""
        return len(set(self.files))

    def is_source_of(self, ref: SeriesRef) -> bool:
        """Whether a volume with this reference was made of this series or part of one."""
        return (self.series_uid, self.part) == (ref.series_uid, ref.part)


@dataclass(frozen=True, kw_only=True)
class ClinicalContext:
    """What a clinician knows of the patient and no image header says; None where nobody said it.

    Args:
        screening: whether this is a low-dose examination for lung cancer screening.
        known_cancer: a history of cancer.
        immunosuppression: the patient is immunosuppressed.
        high_risk: risk of lung cancer: True high, False low.
    """

    screening: bool | None = None
    known_cancer: bool | None = None
    immunosuppression: bool | None = None
    high_risk: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Study:
    """One study of one patient. ``patient_key`` is a keyed hash, never the PatientID itself.

    Args:
        date: study date as ``YYYY-MM-DD``, None if absent.
        age_years: from (0010,1010) or birth and study date; None if neither settles it.
        sex: ``M``, ``F``, ``O`` or None.
        priors: earlier studies of the same patient, newest first.
        warnings: what the user should know about the input, in words.
        clinical: what a clinician said of the patient.
    """

    study_uid: str
    patient_key: str
    date: str | None
    description: str | None
    age_years: float | None
    sex: str | None
    series: tuple[Series, ...]
    priors: tuple[Study, ...] = ()
    warnings: tuple[str, ...] = field(default=())
    clinical: ClinicalContext = ClinicalContext()

    def __post_init__(self) -> None:
        keys = [(s.series_uid, s.part) for s in self.series]
        if len(set(keys)) != len(keys):
            raise InvalidValueError("a series UID occurs twice in one study", where=self.study_uid)
        if self.sex not in (None, "M", "F", "O"):
            raise InvalidValueError(f"expected sex M, F, O or None, found {self.sex!r}", where=self.study_uid)

    @property
    def readable(self) -> tuple[Series, ...]:
        """The series that can become volumes."""
        return tuple(s for s in self.series if s.verdict is not Verdict.REFUSED)
