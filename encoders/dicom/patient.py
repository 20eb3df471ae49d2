"""What is taken from the patient and study attributes: a keyed hash instead of the ID, age, sex and date.

Names and IDs are read here, hashed or compared, and go no further.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydicom.dataset import Dataset

from tomoscribe.encoders.dicom.broken import BROKEN_FILE
from tomoscribe.encoders.dicom.charset import CharacterSet, character_set, text_of
from tomoscribe.encoders.dicom.headers import read_some

KEY_VARIABLE = "TOMOSCRIBE_PATIENT_KEY"
"""Environment variable with a site's own key for the hash; without it the keys of all sites are comparable."""
_DEFAULT_KEY = "tomoscribe patient key 1"
_KEYWORDS = (
    "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex", "PatientAge", "StudyDate", "StudyDescription",
)  # fmt: skip
_YEARS = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}


@dataclass(frozen=True, kw_only=True)
class PatientFacts:
    """Facts of the patient at one study.

    Args:
        has_id: whether there is a PatientID; without one no study is known to be of the same patient.
        birth_date: ``YYYY-MM-DD``; used to notice contradictions, never handed on.
        consistent: whether all series of the study agree on who the patient is; if not, nothing is compared with it.
    """

    patient_key: str
    has_id: bool
    birth_date: str | None
    sex: str | None
    age_years: float | None
    date: str | None
    description: str | None
    consistent: bool = True

    def contradicts(self, other: PatientFacts) -> bool:
        """Whether birth date or sex are known on both sides and differ, or one side contradicts itself."""
        pairs = ((self.birth_date, other.birth_date), (self.sex, other.sex))
        differ = any(a is not None and b is not None and a != b for a, b in pairs)
        return differ or not (self.consistent and other.consistent)


def patient_facts(study_uid: str, files: Sequence[Path]) -> tuple[PatientFacts, tuple[str, ...]]:
    """Facts from one file of each series; warnings where the series contradict each other or a label lies."""
    each: list[PatientFacts] = []
    labels: list[CharacterSet] = []
    for path in files:
        try:
            ds = read_some(path, _KEYWORDS)
            labels.append(character_set(ds))
            each.append(_facts(study_uid, ds, labels[-1]))
        except BROKEN_FILE:
            continue
    if not each:
        empty = Dataset()
        return _facts(study_uid, empty, character_set(empty)), ()
    warnings = [*_conflicts(each), *_lies(labels)]
    return replace(_fullest(each), consistent=not _conflicts(each)), tuple(warnings)


def _conflicts(each: Sequence[PatientFacts]) -> list[str]:
    words = []
    if len({f.patient_key for f in each}) > 1:
        words.append("the series of this study carry different patient IDs: check whose they are")
    if any(a.contradicts(b) for n, a in enumerate(each) for b in each[:n]):
        words.append("the series of this study contradict each other in the patient's birth date or sex")
    return words


def _fullest(each: Sequence[PatientFacts]) -> PatientFacts:
    """Those of the first series, with birth date, sex and age of the first that knows them."""
    return replace(
        each[0],
        birth_date=next((f.birth_date for f in each if f.birth_date), None),
        sex=next((f.sex for f in each if f.sex), None),
        age_years=next((f.age_years for f in each if f.age_years is not None), None),
    )


def _lies(labels: Sequence[CharacterSet]) -> list[str]:
    pairs = sorted({(c.found, "\\".join(c.declared) or "nothing") for c in labels if c.lying})
    return [f"text is encoded as {found}, the header says {said}: read as what it is" for found, said in pairs]


def _facts(study_uid: str, ds: Dataset, charset: CharacterSet) -> PatientFacts:
    def words(keyword: str) -> str | None:
        return text_of(ds, keyword, charset)

    patient_id = words("PatientID")
    birth, date = dicom_date(words("PatientBirthDate")), dicom_date(words("StudyDate"))
    sex = (words("PatientSex") or "").upper()
    return PatientFacts(
        patient_key=_key(patient_id, words("IssuerOfPatientID"), study_uid),
        has_id=patient_id is not None,
        birth_date=birth.isoformat() if birth else None,
        sex=sex if sex in ("M", "F", "O") else None,
        age_years=_age_years(words("PatientAge"), birth, date),
        date=date.isoformat() if date else None,
        description=words("StudyDescription"),
    )


def _key(patient_id: str | None, issuer: str | None, study_uid: str) -> str:
    """HMAC-SHA-256 over PatientID and issuer; over the study UID where there is no PatientID."""
    parts = ("patient", patient_id, issuer or "") if patient_id else ("study", study_uid)
    secret = os.environ.get(KEY_VARIABLE) or _DEFAULT_KEY
    return hmac.new(secret.encode(), "\x1f".join(parts).encode(), hashlib.sha256).hexdigest()


def dicom_date(words: str | None) -> datetime.date | None:
    """``YYYYMMDD`` (or the retired ``YYYY.MM.DD``) as a date, None when it is none."""
    digits = (words or "").replace(".", "").replace("-", "")
    try:
        return datetime.datetime.strptime(digits, "%Y%m%d").date() if len(digits) == 8 else None
    except ValueError:
        return None


def _age_years(age: str | None, birth: datetime.date | None, date: datetime.date | None) -> float | None:
    """From (0010,1010), e.g. ``058Y`` or ``011M``; else whole years between birth and study."""
    match = re.fullmatch(r"(\d{1,3})([YMWD])", (age or "").upper())
    if match and (int(match[1]) or match[2] != "Y"):
        return round(int(match[1]) * _YEARS[match[2]], 2)
    if birth and date and date >= birth:
        return float(date.year - birth.year - ((date.month, date.day) < (birth.month, birth.day)))
    return None
