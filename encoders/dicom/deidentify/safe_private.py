"""Private elements that hold a measured number or a code word and no more (after PS3.15 Table E.3.10-1).

None is kept unless the option is chosen; then only under its own creator and only with the type that is listed.
"""

from __future__ import annotations

import re

from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

_SAFE = {
    (0x0019, "GEMS_ACQU_01"): {0x23: "DS", 0x24: "DS", 0x27: "DS"},
    (0x0019, "SIEMENS MR HEADER"): {0x0C: "IS", 0x0D: "CS", 0x0E: "FD", 0x27: "FD"},
    (0x0025, "GEMS_SERS_01"): {0x07: "SL"},
    (0x0043, "GEMS_PARM_01"): {0x39: "IS"},
    (0x0045, "GEMS_HELIOS_01"): {0x01: "SS", 0x02: "FL"},
    (0x00E1, "ELSCINT1"): {0x21: "DS"},
    (0x01E1, "ELSCINT1"): {0x26: "CS"},
    (0x01F1, "ELSCINT1"): {0x01: "CS", 0x07: "DS", 0x26: "DS", 0x27: "DS"},
    (0x2001, "Philips Imaging DD 001"): {0x03: "FL", 0x04: "CS"},
    (0x2005, "Philips MR Imaging DD 001"): {0x0D: "FL", 0x0E: "FL"},
    (0x7053, "Philips PET Private Group"): {0x00: "DS", 0x09: "DS"},
}
_NUMBERS = re.compile(r"[-+0-9.eE\\ ]*")
_WORD = re.compile(r"[A-Z]{0,12}")


def safe_private_vr(ds: Dataset, tag: BaseTag) -> str | None:
    """The type of an element that may stay; for a creator element its own, if its block holds such an element."""
    if tag.is_private_creator:
        known = _SAFE.get((tag.group, str(ds[tag].value or "").strip()), {})
        block = (tag.element & 0xFF) << 8
        return "LO" if any(_is_safe(ds, BaseTag(tag.group << 16 | block | low)) for low in known) else None
    return _vr(ds, tag) if _is_safe(ds, tag) else None


def _is_safe(ds: Dataset, tag: BaseTag) -> bool:
    vr = _vr(ds, tag)
    if vr is None or tag not in ds or vr != ds[tag].VR:
        return False
    value = ds[tag].value
    words = str(value) if not isinstance(value, list) else "\\".join(str(v) for v in value)
    if vr in ("DS", "IS"):
        return _NUMBERS.fullmatch(words.strip("[]").replace(", ", "\\").replace("'", "")) is not None
    return _WORD.fullmatch(words) is not None if vr == "CS" else True


def _vr(ds: Dataset, tag: BaseTag) -> str | None:
    creator_tag = BaseTag(tag.group << 16 | tag.element >> 8)
    if creator_tag not in ds:
        return None
    creator = str(ds[creator_tag].value or "").strip()
    return _SAFE.get((tag.group, creator), {}).get(tag.element & 0xFF)
