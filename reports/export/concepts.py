"""Concept names of the exported objects, and conversion between ``core.Code`` and the coded concepts of DICOM.

DICOM codes where PS3.16 has one; the private scheme 99TOMOSCRIBE (declared in each object) where it has none.
"""

from __future__ import annotations

from typing import Any, TypeVar

from tomoscribe.core import Code, Finding, Laterality, Presence, terms
from tomoscribe.core.code import PRIVATE_SCHEME

T = TypeVar("T")


def _dcm(value: str, meaning: str) -> Code:
    return Code(value=value, scheme="DCM", meaning=meaning)


def _own(value: str, meaning: str) -> Code:
    return Code(value=value, scheme=PRIVATE_SCHEME, meaning=meaning)


PRIVATE_SCHEME_NAME = "tomoscribe private codes"

TRACKING_UID = _dcm("112040", "Tracking Unique Identifier")
PRESENCE = _dcm("121052", "Presence of property")
PROBABILITY = _dcm("122157", "Probability")
COMMENT = _dcm("121106", "Comment")
CENTER = _dcm("128140", "Representative point")
SOURCE_IMAGE = _dcm("121112", "Source of Measurement")
SERIES_NUMBER = _dcm("113607", "Series Number")
INSTANCE_NUMBER = _dcm("113609", "Instance Number")
ILLUSTRATION = _dcm("121200", "Illustration of ROI")
UNCERTAINTY = Code(value="371884006", scheme="SCT", meaning="+/-, range of measurement uncertainty")
YES = Code(value="373066001", scheme="SCT", meaning="Yes")
NO = Code(value="373067005", scheme="SCT", meaning="No")

ACTIONABLE = _own("ACTIONABLE", "Actionable finding")
BOX = _own("BOX", "Bounding box")
CALIPER = _own("CALIPER", "Caliper")
MASK_NAME = _own("MASKNAME", "Label map and segment")
PRIOR_UID = _own("PRIORUID", "Tracking identifier in the prior study")
CHANGE = _own("CHANGE", "Change against the prior study")
CHANGED = _own("CHANGED", "Measurement compared")
EARLIER = _own("EARLIER", "Same finding in an earlier study")
COMPARABLE = _own("COMPARABLE", "Comparable")
NOT_COMPARABLE = _own("NOTCOMPARABLE", "Not comparable")
EARLIER_STUDY = _own("EARLIERSTUDY", "Earlier study")
PRIOR_VALUE = _own("PRIORVALUE", "Prior value")
PRIOR_DATE = _own("PRIORDATE", "Prior date")
REASON = _own("REASON", "Reason")
REVIEW = _own("REVIEW", "Review state")
REVIEWER = _own("REVIEWER", "Reviewer")
REVIEWED_AT = _own("REVIEWEDAT", "Reviewed at")
REPORT_TEXT = _own("REPORTTEXT", "Report text")
REPORT_STATUS = _own("STATUS", "Report status")
VERIFIED_BY = _own("VERIFIEDBY", "Verified by")
WARNING = _own("WARNING", "Warning")
SENTENCE = _own("SENTENCE", "Sentence")
KIND = _own("KIND", "Kind of sentence")
SOURCE = _own("SOURCE", "Source of sentence")
REPLACES = _own("REPLACES", "Sentence refused by the evidence lock")
OBJECTION = _own("OBJECTION", "Objection of the evidence lock")
OVERRIDE = _own("OVERRIDE", "Stands against a measurement")
STUDY_FACTS = _own("STUDYFACTS", "Study and series facts from the image headers, as JSON")
HISTORY = _own("HISTORY", "Status change")
BY = _own("BY", "Person")
AT = _own("AT", "Time")
COMMUNICATION = _own("COMMUNICATION", "Communication of a critical finding")
TOLD = _own("TOLD", "Person who was told")
TRANSLATION = _own("TRANSLATION", "Translation, not the signed text")
HOW = _own("HOW", "Way of telling")

PRESENCES: dict[Presence, Code] = {
    Presence.PRESENT: _dcm("121053", "Present"),
    Presence.ABSENT: _dcm("121054", "Absent"),
    Presence.UNCERTAIN: _dcm("121059", "Presence Undetermined"),
    Presence.NOT_ASSESSED: _own("NOTASSESSED", "Not assessed"),
}
LATERALITIES: dict[Laterality, Code] = {
    Laterality.RIGHT: terms.RIGHT,
    Laterality.LEFT: terms.LEFT,
    Laterality.BILATERAL: terms.BILATERAL,
    Laterality.MIDLINE: terms.MIDLINE,
}


def identifier_of(finding: Finding) -> str:
    """What people read as the name of a finding: type, site and side."""
    side = "" if finding.laterality is None else f" {finding.laterality.value}"
    return f"{finding.type.meaning}, {finding.site.meaning}{side}"


def word_code(word: str) -> Code:
    """A private code for a word of the core's vocabularies (a status, a kind, a method), its value the word itself."""
    return _own(word, word.replace("_", " ").replace(":", " ")[:64])


def to_dicom(code: Code) -> Any:
    """highdicom's coded concept."""
    from highdicom.sr import CodedConcept

    return CodedConcept(value=code.value, scheme_designator=code.scheme, meaning=code.meaning)


def from_dicom(concept: Any) -> Code:
    """The core's code of a code sequence item."""
    value = next(
        concept[name].value for name in ("CodeValue", "LongCodeValue", "URNCodeValue") if concept.get(name) is not None
    )
    return Code(value=str(value), scheme=str(concept.CodingSchemeDesignator), meaning=str(concept.CodeMeaning))


def key_of(table: dict[T, Code], code: Code) -> T:
    """The key whose code it is; KeyError if none."""
    for key, value in table.items():
        if value == code:
            return key
    raise KeyError(f"({code.value}, {code.scheme}, {code.meaning})")


def coding_scheme_item() -> Any:
    """Item of Coding Scheme Identification Sequence (0008,0110) for the private scheme."""
    from pydicom import Dataset

    item = Dataset()
    item.CodingSchemeDesignator = PRIVATE_SCHEME
    item.CodingSchemeName = PRIVATE_SCHEME_NAME
    item.CodingSchemeResponsibleOrganization = "tomoscribe developers"
    return item
