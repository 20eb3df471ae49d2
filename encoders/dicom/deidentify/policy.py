"""Which files may leave at all: by object, and by whether text may be burned into the picture (CLINICAL 22).

Burned In Annotation (0028,0301) is believed when it says YES and never when it says NO.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from pydicom.dataset import Dataset
from pydicom.uid import UID

from tomoscribe.encoders.dicom.charset import text_of
from tomoscribe.encoders.dicom.deidentify.options import RECOGNIZABLE_FEATURES, Option
from tomoscribe.encoders.dicom.headers import integer

_STORAGE = "1.2.840.10008.5.1.4.1.1."
IMAGES = frozenset(_STORAGE + end for end in ("2", "2.1", "2.2", "4", "4.1", "4.3", "4.4", "128", "128.1", "130"))
"""CT, MR and PET with their enhanced, colour and converted forms."""
_DERIVED = frozenset(
    _STORAGE + end
    for end in (
        "66.1", "66.2", "66.4", "66.7", "67", "30", "88.11", "88.22", "88.33", "88.34", "88.35", "88.59", "88.67",
    )
)  # fmt: skip
"""Registrations, SEG, real world values, parametric maps, structured reports and key object selections."""
_ULTRASOUND = frozenset(_STORAGE + end for end in ("6", "6.1", "6.2", "3", "3.1"))
_SCREENS = re.compile(
    r"(?<![A-Z])(SCREEN ?S\w*|SCREENSHOT|CAPTURE|DOSE\w*|SECONDARY CAPTURE|PATIENT_INFO|PROT|PROTOCOL)(?![A-Z])"
)
_DOSE_SHEET = re.compile(r"\b(dose (report|info|record|sheet)|patient protocol|exam protocol|screen ?save)\b", re.I)
_HEAD_PARTS = re.compile(
    r"HEAD|BRAIN|SKULL|FACE|FACIAL|ORBIT|SINUS|NECK|MAXILLA|MANDIBLE|IAC|PITUITARY|CSPINE|WHOLE ?BODY|\bEAR\b|颅|头|脑"
)
_HEAD_WORDS = re.compile(
    r"(?<![a-z])(head|brain|skull|face|facial|orbits?|sinus\w*|neuro|cerebr\w*|cranial|crane|kopf|sch[aä]del|hirn|iac|"
    r"pituitary|neck|flair|whole ?body)(?![a-z])|颅|头|脑|颌",
    re.I,
)
HEAD_WARNING = (
    f"the volume may show a recognizable face: it was not removed ({RECOGNIZABLE_FEATURES.value}, "
    f"{RECOGNIZABLE_FEATURES.meaning}, is not applied)"
)


def reason_to_drop(ds: Dataset, options: Collection[Option]) -> str | None:
    """Why this file stays behind, None when it may be cleaned."""
    sop_class = text_of(ds, "SOPClassUID") or ""
    if sop_class in _DERIVED:
        return None
    if sop_class in _ULTRASOUND:
        if Option.CLEAN_PIXEL_DATA not in options:
            return f"ultrasound: text is presumed in the picture; choose {Option.CLEAN_PIXEL_DATA} to black it out"
        if "SequenceOfUltrasoundRegions" not in ds:
            return "ultrasound without declared image regions: where its text stands is not known"
        return None
    if sop_class not in IMAGES:
        name = UID(sop_class).name if sop_class.startswith("1.2.840.10008.") else "an unknown object"
        return f"{name}: nothing here knows how to clean it (text may be anywhere in it)"
    return _burned_in(ds)


def _burned_in(ds: Dataset) -> str | None:
    if (text_of(ds, "BurnedInAnnotation") or "").upper() == "YES":
        return "the header says that text is burned into the picture"
    if (integer(ds, "SamplesPerPixel") or 1) != 1 or _is_color(ds):
        return "a colour picture in a CT, MR or PET series: a screen capture is presumed"
    if text_of(ds, "ConversionType") or _SCREENS.search((text_of(ds, "ImageType") or "").upper()):
        return "a screen capture or dose sheet: text is presumed in the picture"
    words = " ".join(text_of(ds, k) or "" for k in ("SeriesDescription", "ProtocolName", "ImageComments"))
    if _DOSE_SHEET.search(words) and "ImagePositionPatient" not in ds and "SharedFunctionalGroupsSequence" not in ds:
        return "a dose sheet: text is presumed in the picture"
    return None


def _is_color(ds: Dataset) -> bool:
    return (text_of(ds, "PhotometricInterpretation") or "").startswith(("RGB", "YBR", "PALETTE"))


def is_ultrasound(ds: Dataset) -> bool:
    """Whether only the declared image regions may stay."""
    return text_of(ds, "SOPClassUID") in _ULTRASOUND


def may_show_face(ds: Dataset) -> bool:
    """Whether the volume may hold a head: named so, or not named as any other part of the body."""
    if text_of(ds, "SOPClassUID") not in IMAGES:
        return False
    part = (text_of(ds, "BodyPartExamined") or "").upper()
    words = " ".join(text_of(ds, k) or "" for k in ("StudyDescription", "SeriesDescription", "ProtocolName"))
    if _HEAD_PARTS.search(part) or _HEAD_WORDS.search(words.replace("_", " ")):
        return True
    return not part and not words.strip()
