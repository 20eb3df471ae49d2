"""The guard's answers as pydicom data sets: each value stays raw until it is asked for, as after ``dcmread``.

Nothing here parses: sequences arrive as trees. Bytes that pydicom would take for a sequence of its own accord (elements
without VR, or of VR UN, that begin like one) are handed over as plain bytes.
"""

from __future__ import annotations

import functools
from typing import Any

from pydicom.charset import convert_encodings, default_encoding, python_encoding
from pydicom.datadict import DicomDictionary, dictionary_has_tag, dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from tomoscribe.encoders.dicom.guard import wire
from tomoscribe.encoders.dicom.guard.walk import NO_VR, Element

SEQUENCE_TAGS = frozenset(tag for tag, entry in DicomDictionary.items() if entry[0] == "SQ")
"""Tags of the standard's sequences: what the guard must know of implicit VR."""
_ENCODINGS = frozenset(python_encoding.values())
"""Those of DICOM's terms; pydicom would take the name of any codec of Python, those that are no text among them."""
_ITEM_START = b"\xfe\xff\x00\xe0"
_CHARACTER_SET = 0x00080005
_tag = functools.lru_cache(maxsize=8192)(BaseTag)
_vr = functools.lru_cache(maxsize=512)(bytes.decode)


def data_set(facts: wire.Facts, meta: list[Element], elements: list[Element]) -> Dataset:
    """A header with ``file_meta`` and the original encoding, as pydicom would have read it up to the pixels."""
    implicit, little = bool(facts.flags & wire.IMPLICIT), not facts.flags & wire.BIG
    ds = _build(elements, implicit, little, default_encoding)
    ds.file_meta = FileMetaDataset(_elements(meta, False, True, default_encoding))
    return ds


def _build(elements: list[Element], implicit: bool, little: bool, encoding: Any) -> Dataset:
    for tag, _, value in elements:
        if tag == _CHARACTER_SET and isinstance(value, bytes):
            encoding = _encodings(value)
    ds = Dataset(_elements(elements, implicit, little, encoding))
    ds.set_original_encoding(implicit, little, encoding)
    return ds


@functools.lru_cache(maxsize=64)
def _encodings(value: bytes) -> Any:
    """Python's names of a Specific Character Set; the default where it names none that there is."""
    words = value.decode("ascii", "replace").strip("\0 ").split("\\")
    try:
        names = convert_encodings([word.strip() for word in words])
    except (LookupError, ValueError):
        return default_encoding
    return names if _ENCODINGS.issuperset(names) else default_encoding


def _elements(elements: list[Element], implicit: bool, little: bool, encoding: Any) -> dict[BaseTag, Any]:
    out: dict[BaseTag, Any] = {}
    for number, vr, value in elements:
        tag = _tag(number)
        if vr == b"SQ":
            items = Sequence([_build(item, implicit, little, encoding) for item in value])
            out[tag] = DataElement(tag, "SQ", items)
            continue
        name = _vr(vr) if vr != NO_VR else _known_vr(number)
        if name in (None, "UN") and value[:4] == _ITEM_START:
            out[tag] = DataElement(tag, "UN", value)
        else:
            out[tag] = RawDataElement(tag, name, len(value), value, 0, vr == NO_VR, little)
    return out


@functools.lru_cache(maxsize=8192)
def _known_vr(number: int) -> str | None:
    """VR of a standard tag that the data set did not state; None leaves the question to pydicom."""
    tag = BaseTag(number)
    if tag.is_private or not dictionary_has_tag(tag):
        return None
    vr = dictionary_VR(tag)
    return None if vr == "SQ" else vr
