"""Whether a reconstruction kernel is soft or sharp, by the manufacturers' naming habits.

Siemens numbers rise with sharpness (B30f soft, B70f sharp; Br, Bl, Qr and I alike); GE names kernels; Philips uses
letters, L for lung; Toshiba and Canon number them (FC01-FC19 body, FC30-FC39 bone, FC50-FC59 lung, FC80-FC89 sharp).
"""

from __future__ import annotations

import re
from enum import StrEnum


class Kernel(StrEnum):
    SOFT = "soft"
    SHARP = "sharp"
    UNKNOWN = "unknown"


_TABLE: tuple[tuple[str, str, Kernel], ...] = (
    ("siemens", r"[A-Z][A-Z]?[0-3]\d", Kernel.SOFT),
    ("siemens", r"[A-Z][A-Z]?4[0-5]", Kernel.SOFT),
    ("siemens", r"[A-Z][A-Z]?(4[6-9]|[5-9]\d)", Kernel.SHARP),
    ("ge", r"(SOFT|STANDARD|STND)", Kernel.SOFT),
    ("ge", r"(LUNG|BONE|BONEPLUS|EDGE|ULTRA|DETAIL)", Kernel.SHARP),
    ("philips", r"Y?[AB]", Kernel.SOFT),
    ("philips", r"(Y?[CDEF]|L)", Kernel.SHARP),
    ("toshiba", r"FC[01]\d", Kernel.SOFT),
    ("toshiba", r"FC[3-9]\d", Kernel.SHARP),
    ("canon", r"FC[01]\d", Kernel.SOFT),
    ("canon", r"FC[3-9]\d", Kernel.SHARP),
)
"""Manufacturer's first word, pattern at the beginning of the kernel's name, character."""


def kernel_character(manufacturer: str | None, kernel: str | None) -> Kernel:
    """Soft, sharp, or unknown where the header does not say or the name is in no table."""
    if not manufacturer or not kernel:
        return Kernel.UNKNOWN
    maker, name = manufacturer.strip().lower(), kernel.strip().upper()
    for prefix, pattern, character in _TABLE:
        if maker.startswith(prefix) and re.match(pattern + r"(?![A-Z0-9]*\d)(?![A-Z]{2})", name):
            return character
    return Kernel.UNKNOWN
