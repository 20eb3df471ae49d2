"""Plain values straight from their bytes: what pydicom would say of them, without building its objects.

A scan asks for some fifty values of every file; through pydicom's elements that takes several times as long as reading
the file. What is not plain (other character sets, names, ambiguous VRs) is left to pydicom.
"""

from __future__ import annotations

import struct
from functools import lru_cache

from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

_WORDS = frozenset({"AE", "AS", "CS", "DA", "DT", "TM", "UI"})
_TEXT = frozenset({"LO", "SH"})
_NUMBERS = {"FD": "d", "FL": "f", "SL": "l", "SS": "h", "UL": "L", "US": "H"}
_ESCAPE = b"\x1b"


@lru_cache(maxsize=1024)
def tag_of(keyword: str) -> BaseTag:
    """The tag of a standard keyword.

    Raises:
        ValueError: there is no such keyword.
    """
    number = tag_for_keyword(keyword)
    if number is None:
        raise ValueError(f"no such DICOM keyword: {keyword}")
    return BaseTag(number)


def plain_text(ds: Dataset, keyword: str) -> str | None:
    """The values joined by backslashes; empty for none, None where pydicom must be asked.

    Raises:
        ValueError: a number that is none.
    """
    element = ds.get_item(tag_of(keyword))
    if element is None:
        return ""
    if not isinstance(element, RawDataElement) or element.value is None:
        return None
    value, vr = element.value, element.VR
    if vr in _WORDS:
        return value.decode("latin_1")
    if vr == "DS" or vr == "IS":
        return _decimal(value.decode("latin_1").strip("\0 "), vr)
    if vr in _TEXT and value.isascii() and _ESCAPE not in value:
        return "\\".join(part.rstrip("\0 ") for part in value.decode("ascii").split("\\"))
    if vr in _NUMBERS:
        return _binary(value, _NUMBERS[vr], little=element.is_little_endian)
    return None


def _decimal(words: str, vr: str) -> str:
    for word in words.split("\\"):
        number = float(word) if word.strip() else 0.0
        if vr == "IS" and number != number // 1:
            raise ValueError("expected a whole number")
    return words


def _binary(value: bytes, code: str, *, little: bool) -> str:
    size = struct.calcsize("<" + code)
    if len(value) % size:
        raise ValueError(f"expected a multiple of {size} bytes")
    numbers = struct.unpack(f"{'<' if little else '>'}{len(value) // size}{code}", value)
    return "\\".join(map(str, numbers))
