"""Whose object it is: Patient and Study attributes of the source images, verbatim (CLINICAL 16, 17)."""

from __future__ import annotations

import copy
from typing import Any

VERBATIM = (
    "PatientName", "PatientID", "IssuerOfPatientID", "IssuerOfPatientIDQualifiersSequence", "TypeOfPatientID",
    "OtherPatientIDsSequence", "PatientBirthDate", "PatientBirthTime", "PatientSex", "PatientAge", "PatientSize",
    "PatientWeight", "PatientIdentityRemoved", "DeidentificationMethod", "DeidentificationMethodCodeSequence",
    "StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "StudyDescription", "AccessionNumber",
    "IssuerOfAccessionNumberSequence", "ReferringPhysicianName",
)  # fmt: skip
"""Attributes of the modules Patient, General Study and Patient Study (PS3.3 C.7.1.1, C.7.2.1, C.7.2.2)."""


def copy_identity(target: Any, source: Any) -> None:
    """Writes the attributes that the source has over those of the target; the rest of the target stays."""
    for name in VERBATIM:
        if name in source:
            setattr(target, name, copy.deepcopy(source[name].value))
