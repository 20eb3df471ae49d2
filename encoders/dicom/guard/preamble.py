"""Programs hidden in the 128 bytes before a DICOM file's magic word (CVE-2019-11687)."""

from __future__ import annotations

PREAMBLE_BYTES = 128

_MAGIC = (
    (b"MZ", "Windows program"),
    (b"\x7fELF", "Linux program"),
    (b"\xfe\xed\xfa\xce", "macOS program"),
    (b"\xfe\xed\xfa\xcf", "macOS program"),
    (b"\xce\xfa\xed\xfe", "macOS program"),
    (b"\xcf\xfa\xed\xfe", "macOS program"),
    (b"\xca\xfe\xba\xbe", "macOS program"),
    (b"#!", "script"),
    (b"<?php", "script"),
    (b"<script", "script"),
    (b"<!DOCTYPE", "web page"),
    (b"<html", "web page"),
    (b"@echo", "script"),
    (b"PK\x03\x04", "archive"),
    (b"%PDF", "PDF"),
)
KINDS = tuple(dict.fromkeys(kind for _, kind in _MAGIC))
"""What a preamble can turn out to be; TIFF is none of them (PS3.10 7.1 allows it)."""


def executable_kind(head: bytes) -> str | None:
    """What a file's first bytes would run as on another system, None for an honest preamble or none at all."""
    if head[128:132] != b"DICM":
        return None
    start = head[:16].lstrip(b"\xef\xbb\xbf \t\r\n")
    for magic, kind in _MAGIC:
        if head.startswith(magic) or start.lower().startswith(magic.lower()):
            return kind
    return None


def without_program(head: bytes) -> bytes:
    """The same bytes with an executable preamble replaced by zeros; for copies that are written here."""
    return bytes(PREAMBLE_BYTES) + head[PREAMBLE_BYTES:] if executable_kind(head) else head
