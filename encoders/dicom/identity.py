"""Who a generated study claims to be: names and numbers that belong to nobody."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from tomoscribe.core.errors import InvalidValueError

_SEXES = ("M", "F", "O", None)


@dataclass(frozen=True, kw_only=True)
class SyntheticIdentity:
    """Patient, study and series attributes of a generated series; never a real person's.

    Args:
        patient_id: (0010,0020).
        patient_name: (0010,0010), e.g. ``PHANTOM^CHEST``.
        study_date: ``YYYY-MM-DD``.
        birth_date: ``YYYY-MM-DD``, None leaves it empty.
        sex: ``M``, ``F``, ``O`` or None.
        age_years: (0010,1010), whole years, 0 to 130.
        study_time: ``HHMMSS``.
        issuer_of_patient_id: (0010,0021).
        series_number, series_description: override those of the volume.
        patient_position: (0018,5100); words only, the geometry is the volume's.

    Raises:
        InvalidValueError: a date that is none, an age or a sex out of range.
    """

    patient_id: str
    patient_name: str
    study_date: str
    birth_date: str | None = None
    sex: str | None = None
    age_years: int | None = None
    study_time: str = "120000"
    study_id: str = "1"
    study_description: str | None = None
    accession_number: str | None = None
    issuer_of_patient_id: str | None = None
    referring_physician: str | None = None
    series_number: int | None = None
    series_description: str | None = None
    patient_position: str = "HFS"

    def __post_init__(self) -> None:
        if not self.patient_id.strip() or not self.patient_name.strip():
            raise InvalidValueError(
                "expected a patient ID and a patient name for a generated study, found an empty one"
            )
        for name in ("study_date", "birth_date"):
            text = getattr(self, name)
            if text is not None and not _is_date(text):
                raise InvalidValueError(f"expected {name} as YYYY-MM-DD, found {text!r}")
        if self.sex not in _SEXES:
            raise InvalidValueError(f"expected sex M, F, O or None, found {self.sex!r}")
        if self.age_years is not None and not 0 <= self.age_years <= 130:
            raise InvalidValueError(f"expected an age of 0 to 130 years, found {self.age_years}")


def _is_date(text: str) -> bool:
    try:
        return datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
