"""Patient, Study and Accession attributes of an image, byte for byte, for clinical exports and the patient banner.

The one place that holds them: ``Study`` never does. Only ``reports.export``, ``reports.pacs`` and the banner may import
this module (an import contract says so). A receiver compares what it gets with what it has, so a copy carries the very
bytes and the Specific Character Set of the source, even where its label lies; only where text of our own could not be
written in that set does the copy become ISO_IR 192, with the same characters.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pydicom.charset import convert_encodings
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag
from pydicom.valuerep import PersonName

from tomoscribe.encoders.dicom.broken import BROKEN_ELEMENT
from tomoscribe.encoders.dicom.charset import (
    CODED_VRS,
    TEXT_VRS,
    CharacterSet,
    character_set,
    text_of,
)

VERBATIM = (
    "PatientName", "PatientID", "IssuerOfPatientID", "IssuerOfPatientIDQualifiersSequence", "TypeOfPatientID",
    "OtherPatientIDsSequence", "PatientBirthDate", "PatientBirthTime", "PatientSex", "PatientAge", "PatientSize",
    "PatientWeight", "PatientIdentityRemoved", "DeidentificationMethod", "DeidentificationMethodCodeSequence",
    "StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "StudyDescription", "AccessionNumber",
    "IssuerOfAccessionNumberSequence", "ReferringPhysicianName",
)  # fmt: skip
"""Attributes of the modules Patient, General Study and Patient Study (PS3.3 C.7.1.1, C.7.2.1, C.7.2.2)."""
_TAGS = frozenset(Tag(tag_for_keyword(name) or 0) for name in VERBATIM)
_REMEMBERED = "patient_record"


@dataclass(frozen=True, kw_only=True)
class PatientRecord:
    """Whose image it is.

    Args:
        charset: how the source's text is read, and what its label says.
        elements: the attributes; text that is not ASCII as bytes.
    """

    charset: CharacterSet
    elements: Dataset = field(repr=False)

    @classmethod
    def of(cls, source: Dataset) -> PatientRecord:
        """What stands in a data set now; bytes are exact where nobody has asked for the value before."""
        charset = character_set(source)
        return cls(charset=charset, elements=_copied(source, charset, _TAGS))

    def text(self, keyword: str) -> str | None:
        """One attribute as characters, None where absent or empty; for the banner."""
        if keyword not in self.elements:
            return None
        value = _original(self.elements[keyword])
        return self.charset.decode(value) or None if isinstance(value, bytes) else text_of(self.elements, keyword)

    def name_groups(self) -> tuple[str, str, str]:
        """Alphabetic, ideographic and phonetic group of the patient's name; empty where absent."""
        groups = [g.strip() for g in (self.text("PatientName") or "").split("=")]
        first, second, third = (*groups, "", "", "")[:3]
        return first, second, third

    def write_into(self, target: Dataset) -> None:
        """Writes the attributes over those of an object of our own; the rest of the object stays."""
        same_set = all(_fits(words, self.charset) for words in _own_text(target))
        if not same_set:
            target.SpecificCharacterSet = "ISO_IR 192"
        elif self.charset.declared:
            terms = list(self.charset.declared)
            target.SpecificCharacterSet = terms[0] if len(terms) == 1 else terms
        elif "SpecificCharacterSet" in target:
            del target.SpecificCharacterSet
        for element in self.elements:
            target.add(copy.deepcopy(element) if same_set else _as_characters(element, self.charset))


def remember(ds: Dataset) -> None:
    """Keeps the record beside a header that was just read, before anything converts its values."""
    setattr(ds, _REMEMBERED, PatientRecord.of(ds))


def record_of(ds: Dataset) -> PatientRecord:
    """The record that was kept while the header was read, else what stands in the data set."""
    kept = ds.__dict__.get(_REMEMBERED)
    return kept if isinstance(kept, PatientRecord) else PatientRecord.of(ds)


def _copied(source: Dataset, charset: CharacterSet, wanted: frozenset[BaseTag] | None) -> Dataset:
    """The wanted elements (None: all), each value as text if it is ASCII, as bytes if it is other text."""
    out = Dataset()
    for tag in list(source.keys()):
        if wanted is None or tag in wanted:
            try:
                out.add(_copy(source, tag, charset))
            except (*BROKEN_ELEMENT, LookupError):
                continue
    return out


def _copy(source: Dataset, tag: BaseTag, charset: CharacterSet) -> DataElement:
    raw = source.get_item(tag)
    vr = raw.VR if raw.VR not in (None, "UN") else dictionary_VR(tag)
    if vr not in TEXT_VRS or not isinstance(raw, RawDataElement):
        element = source[tag]
        if vr == "SQ":
            items = [_copied(item, character_set(item, charset), None) for item in element.value]
            return DataElement(tag, vr, Sequence(items))
        return _from_bytes(tag, vr, _original(element), charset)
    return _from_bytes(tag, vr, (raw.value or b"").rstrip(b"\0 "), charset)


def _from_bytes(tag: BaseTag, vr: str, value: Any, charset: CharacterSet) -> DataElement:
    if not isinstance(value, bytes):
        return DataElement(tag, vr, value)
    plain = value.isascii() and b"\x1b" not in value
    if vr == "PN":
        return DataElement(tag, vr, PersonName(value, convert_encodings(list(charset.declared) or "")))
    return DataElement(tag, vr, value.decode("ascii") if plain else value)


def _original(element: DataElement) -> Any:
    """A name that was converted keeps the bytes it came from; other converted values are what they are."""
    value = element.value
    if isinstance(value, PersonName) and isinstance(value.original_string, bytes):
        return value.original_string
    return value


def _as_characters(element: DataElement, charset: CharacterSet) -> DataElement:
    """The element with its text decoded, items included."""
    if element.VR == "SQ":
        items = []
        for item in element.value:
            plain = Dataset()
            for inner in item:
                if inner.keyword != "SpecificCharacterSet":
                    plain.add(_as_characters(inner, character_set(item, charset)))
            items.append(plain)
        return DataElement(element.tag, "SQ", Sequence(items))
    value = element.value
    if isinstance(value, PersonName) and isinstance(value.original_string, bytes):
        return DataElement(element.tag, "PN", charset.decode(value.original_string))
    return DataElement(element.tag, element.VR, charset.decode(value) if isinstance(value, bytes) else value)


def _own_text(target: Dataset) -> Iterator[str]:
    """Text of an object of ours, without the attributes that are about to be replaced."""
    for element in target:
        if element.tag in _TAGS:
            continue
        if element.VR == "SQ":
            for item in element.value:
                yield from _own_text(item)
        elif element.VR in CODED_VRS and element.value:
            values = element.value if isinstance(element.value, MultiValue | list) else [element.value]
            yield from (str(v) for v in values)


def _fits(words: str, charset: CharacterSet) -> bool:
    """Whether our own text can be written under the source's label."""
    if words.isascii():
        return True
    if not charset.writes_chinese:
        return False
    try:
        words.encode(charset.codec)
    except UnicodeError:
        return False
    return True
