"""Bytes of DICOM files that no honest writer makes, built by hand so that no library can refuse to write them."""

from __future__ import annotations

import struct
import zlib

UNDEFINED = 0xFFFFFFFF
CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT, IMPLICIT, DEFLATED = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99"
_LONG = {"OB", "OW", "SQ", "UN", "UT", "UC"}


def element(tag: int, vr: str, value: bytes, length: int | None = None) -> bytes:
    """Explicit little endian; ``length`` may lie."""
    length = len(value) if length is None else length
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr.encode())
    return head + (struct.pack("<HL", 0, length) if vr in _LONG else struct.pack("<H", length)) + value


def item(content: bytes, length: int | None = None) -> bytes:
    return struct.pack("<HHL", 0xFFFE, 0xE000, len(content) if length is None else length) + content


SEQUENCE_END = struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)
ITEM_END = struct.pack("<HHL", 0xFFFE, 0xE00D, 0)


def uid(text: str) -> bytes:
    return text.encode() + b"\0" * (len(text) % 2)


def meta(syntax: str = EXPLICIT) -> bytes:
    group = element(0x00020002, "UI", uid(CT)) + element(0x00020010, "UI", uid(syntax))
    return element(0x00020000, "UL", struct.pack("<L", len(group))) + group


def image(rows: int = 4, columns: int = 4, *, instance: str = "1.2.3.4", frames: int | None = None) -> bytes:
    """The elements of a CT image up to its pixels, without those."""
    parts = [
        element(0x00080016, "UI", uid(CT)),
        element(0x00080018, "UI", uid(instance)),
        element(0x00080060, "CS", b"CT"),
        element(0x0020000D, "UI", uid("1.2.3")),
        element(0x0020000E, "UI", uid("1.2.3.1")),
        element(0x00280002, "US", struct.pack("<H", 1)),
        element(0x00280004, "CS", b"MONOCHROME2 "),
        element(0x00280008, "IS", f"{frames:<{(len(str(frames)) + 1) // 2 * 2}}".encode()) if frames else b"",
        element(0x00280010, "US", struct.pack("<H", rows)),
        element(0x00280011, "US", struct.pack("<H", columns)),
        element(0x00280100, "US", struct.pack("<H", 16)),
        element(0x00280101, "US", struct.pack("<H", 16)),
        element(0x00280102, "US", struct.pack("<H", 15)),
        element(0x00280103, "US", struct.pack("<H", 0)),
    ]
    return b"".join(parts)


def pixels(value: bytes, length: int | None = None) -> bytes:
    return element(0x7FE00010, "OW", value, length)


def file(data_set: bytes, syntax: str = EXPLICIT, preamble: bytes = b"") -> bytes:
    """A whole file; a deflated one is deflated here."""
    if syntax == DEFLATED:
        deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        data_set = deflater.compress(data_set) + deflater.flush()
    return file_head(syntax, preamble) + data_set


def file_head(syntax: str = EXPLICIT, preamble: bytes = b"") -> bytes:
    """Preamble, magic word and file meta group."""
    return preamble.ljust(128, b"\0") + b"DICM" + meta(syntax)


def nested(depth: int, *, undefined: bool) -> bytes:
    """A private sequence within itself, ``depth`` times."""
    content = b""
    for _ in range(depth):
        if undefined:
            inside = item(content + ITEM_END, UNDEFINED) + SEQUENCE_END
            content = element(0x00091001, "SQ", inside, UNDEFINED)
        else:
            content = element(0x00091001, "SQ", item(content))
    return content
