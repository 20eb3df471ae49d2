"""What a compressed frame says of its own size, read before a decoder believes it.

A decoder allocates what the codestream asks for, whatever the header says: 100 bytes may ask for 65,535 x 65,535.
"""

from __future__ import annotations

from typing import NamedTuple

_JPEG, _J2K, _JP2 = b"\xff\xd8", b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP"
_JP2_HEAD = 4096
_START_OF_FRAME = frozenset({*range(0xC0, 0xD0), 0xF7}) - {0xC4, 0xC8, 0xCC}
_BARE = frozenset({0x01, *range(0xD0, 0xD9)})


class StatedSize(NamedTuple):
    """Rows, columns and components of a JPEG, JPEG-LS or JPEG 2000 codestream."""

    rows: int
    columns: int
    components: int

    @property
    def samples(self) -> int:
        """What a decoder allocates, in samples."""
        return self.rows * self.columns * self.components


def stated_size(fragment: bytes) -> StatedSize | None:
    """The size that the codestream at the start of a fragment states; None where none begins or it does not say."""
    if fragment.startswith(_JPEG):
        return _jpeg_size(fragment)
    if fragment.startswith(_JP2):
        at = fragment.find(_J2K, 0, _JP2_HEAD)
        return _j2k_size(fragment[at:]) if at >= 0 else None
    return _j2k_size(fragment) if fragment.startswith(_J2K) else None


def _j2k_size(data: bytes) -> StatedSize | None:
    """SIZ marker segment (ISO/IEC 15444-1 A.5.1): extents minus offsets, number of components."""
    if len(data) < 42:
        return None
    right, bottom, left, top = (int.from_bytes(data[n : n + 4], "big") for n in (8, 12, 16, 20))
    return StatedSize(max(0, bottom - top), max(0, right - left), int.from_bytes(data[40:42], "big"))


def _jpeg_size(data: bytes) -> StatedSize | None:
    """The first start of frame (ISO/IEC 10918-1 B.2.2, and SOF55 of ISO/IEC 14495-1)."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker in _BARE:
            at += 2
            continue
        if marker in _START_OF_FRAME:
            if at + 10 > len(data):
                return None
            rows, columns = (int.from_bytes(data[n : n + 2], "big") for n in (at + 5, at + 7))
            return StatedSize(rows, columns, data[at + 9])
        if marker in (0xDA, 0xD9):
            return None
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None
