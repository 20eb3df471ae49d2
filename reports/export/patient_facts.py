"""Whose report it is, in the words of a page or a message: read from the attributes that exports copy verbatim."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class PersonNameGroups:
    """A person's name (VR PN) by component group; each is ``Family^Given^Middle^Prefix^Suffix``, empty if absent."""

    alphabetic: str = ""
    ideographic: str = ""
    phonetic: str = ""

    @property
    def readable(self) -> str:
        """``Family, Given`` and beside it the ideographic group without a gap."""
        parts = [p for p in self.alphabetic.split("^") if p]
        latin = f"{parts[0]}, {' '.join(parts[1:])}" if len(parts) > 1 else "".join(parts)
        native = self.ideographic.replace("^", "")
        return " ".join(p for p in (latin, native) if p)


@dataclass(frozen=True, kw_only=True)
class PatientFacts:
    """Patient, study and accession as an export names them; empty where the images do not say.

    Args:
        birth_date, study_date: DICOM DA, ``YYYYMMDD``.
        study_time: DICOM TM.
    """

    name: PersonNameGroups
    patient_id: str
    issuer: str
    birth_date: str
    sex: str
    age: str
    study_uid: str
    study_id: str
    study_date: str
    study_time: str
    accession_number: str
    accession_issuer: str
    referring_physician: PersonNameGroups
    description: str
    institution: str


def patient_facts(source: Any) -> PatientFacts:
    """The facts in a data set that carries a patient's and a study's attributes, in whatever character set."""
    from tomoscribe.encoders.dicom.verbatim import record_of

    record = record_of(source)

    def text(name: str) -> str:
        return (record.text(name) or "").strip()

    issuers = source.get("IssuerOfAccessionNumberSequence") or []
    issuer = issuers[0] if len(issuers) else {}
    return PatientFacts(
        name=name_groups(text("PatientName")),
        patient_id=text("PatientID"),
        issuer=text("IssuerOfPatientID"),
        birth_date=text("PatientBirthDate"),
        sex=text("PatientSex"),
        age=text("PatientAge"),
        study_uid=text("StudyInstanceUID"),
        study_id=text("StudyID"),
        study_date=text("StudyDate"),
        study_time=text("StudyTime"),
        accession_number=text("AccessionNumber"),
        accession_issuer=str(issuer.get("LocalNamespaceEntityID") or issuer.get("UniversalEntityID") or ""),
        referring_physician=name_groups(text("ReferringPhysicianName")),
        description=text("StudyDescription"),
        institution=str(source.get("InstitutionName") or ""),
    )


def name_groups(value: str) -> PersonNameGroups:
    """The groups of a PN value."""
    groups = [*value.split("="), "", "", ""]
    alphabetic, ideographic, phonetic = (g.strip().rstrip("^") for g in groups[:3])
    return PersonNameGroups(alphabetic=alphabetic, ideographic=ideographic, phonetic=phonetic)


def iso_date(dicom_date: str) -> str:
    """``YYYY-MM-DD`` of a DICOM DA; empty for anything else."""
    digits = dicom_date.replace(".", "")
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}" if len(digits) == 8 and digits.isdigit() else ""
