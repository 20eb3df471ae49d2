"""What the guard's child is asked and what it answers, as bytes. Standard library only; nothing is ever unpickled.

Question: want (u32), length of the path (u32), path. Answer: length (u32), then a status byte and its content: for a
header the fixed ``_FACTS``, the meta elements and the elements; else the reason in UTF-8.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

HEADER, NOT_DICOM, ZIP, UNREADABLE, DAMAGED, REFUSED = range(6)
"""Status of an answer."""

IMPLICIT, BIG, CUT = 1, 2, 4
"""Flags of a header."""

_FACTS = struct.Struct("<BBqqqqqL")
_ELEMENT = struct.Struct("<L2sL")
_COUNT = struct.Struct("<L")
_SEQUENCE = b"SQ"


class Facts(NamedTuple):
    """What is known of a file beside its elements.

    Args:
        flags: IMPLICIT, BIG, CUT (the header ends early).
        program: 0, or 1 + the index of ``preamble.KINDS``.
        size, mtime_ns: of the file that was read.
        deflated_at: where its deflated data set begins, -1 when it is not deflated.
        pixels_at: position of the pixel data's value in the (inflated) data set, -1 without pixel data.
        pixels_length: its bytes; -1 for encapsulated fragments.
        pixels_tag: (7FE0,0010), or that of floating-point pixels.
    """

    flags: int
    program: int
    size: int
    mtime_ns: int
    deflated_at: int
    pixels_at: int
    pixels_length: int
    pixels_tag: int


def pack_header(facts: Facts, meta: list[Any], elements: list[Any]) -> bytes:
    """The answer for a header that was read."""
    parts = [bytes((HEADER,)), _FACTS.pack(*facts)]
    _pack(meta, parts)
    _pack(elements, parts)
    return b"".join(parts)


def unpack_header(answer: bytes) -> tuple[Facts, list[Any], list[Any]]:
    """(facts, meta elements, elements) of an answer whose status is HEADER.

    Raises:
        ValueError: not what ``pack_header`` made.
    """
    try:
        facts = Facts(*_FACTS.unpack_from(answer, 1))
        meta, at = _unpack(answer, 1 + _FACTS.size)
        elements, at = _unpack(answer, at)
    except struct.error as error:
        raise ValueError("an answer of the header guard is damaged") from error
    if at != len(answer):
        raise ValueError("an answer of the header guard is damaged")
    return facts, meta, elements


def _pack(elements: list[Any], parts: list[bytes]) -> None:
    parts.append(_COUNT.pack(len(elements)))
    for tag, vr, value in elements:
        parts.append(_ELEMENT.pack(tag, vr, len(value)))
        if vr == _SEQUENCE:
            for item in value:
                _pack(item, parts)
        else:
            parts.append(value)


def _unpack(data: bytes, at: int) -> tuple[list[Any], int]:
    (count,) = _COUNT.unpack_from(data, at)
    at += 4
    elements: list[Any] = []
    for _ in range(count):
        tag, vr, length = _ELEMENT.unpack_from(data, at)
        at += 10
        if vr == _SEQUENCE:
            items = []
            for _ in range(length):
                item, at = _unpack(data, at)
                items.append(item)
            elements.append((tag, vr, items))
        else:
            elements.append((tag, vr, data[at : at + length]))
            at += length
    return elements, at
