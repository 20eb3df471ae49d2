"""Patients' studies without their identities: what was acquired, when, how, and what the reader made of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

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
    """The series behind a volume; element k of the two tuples belongs to slice k."""

    study_uid: str
    series_uid: str
    series_number: int | None
    description: str | None
    instance_uids: tuple[str, ...]
    instance_numbers: tuple[int | None, ...]
    sop_class_uid: str | None = None


@dataclass(frozen=True, kw_only=True)
class Series:
    """One series of a study as found on disk, with the gate's verdict.

    Args:
        files: the instances' files in the order of their position along the slice normal.
        shape: (D, H, W) of the volume it gives, None when refused.
        reason, remedy: why it was refused or resampled, and what to do.
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

    def __post_init__(self) -> None:
        if self.verdict is not Verdict.ACCEPTED and not self.reason:
            raise InvalidValueError(f"a series that is {self.verdict} needs a reason", where=self.series_uid)


@dataclass(frozen=True, kw_only=True)
class Study:
    """One study of one patient. ``patient_key`` is a keyed hash, never the PatientID itself.

    Args:
        date: study date as ``YYYY-MM-DD``, None if absent.
        age_years: from (0010,1010) or birth and study date; None if neither settles it.
        sex: ``M``, ``F``, ``O`` or None.
        priors: earlier studies of the same patient, newest first.
        warnings: what the user should know about the input, in words.
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

    def __post_init__(self) -> None:
        uids = [s.series_uid for s in self.series]
        if len(set(uids)) != len(uids):
            raise InvalidValueError("a series UID occurs twice in one study", where=self.study_uid)
        if self.sex not in (None, "M", "F", "O"):
            raise InvalidValueError(f"expected sex M, F, O or None, found {self.sex!r}", where=self.study_uid)

    @property
    def readable(self) -> tuple[Series, ...]:
        """The series that can become volumes."""
        return tuple(s for s in self.series if s.verdict is not Verdict.REFUSED)
