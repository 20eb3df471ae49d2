"""UIDs that peers send are text from strangers: checked before they name a file, a log line or a row."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

_UID = re.compile(r"[0-9]+(?:\.[0-9]+)+")
"""Digits and single dots only, so nothing that could leave a folder; leading zeros occur in the field (PS3.5 9.1)."""


def is_uid(text: str) -> bool:
    """Whether the text is a UID of at most 64 characters, leading zeros tolerated."""
    return len(text) <= 64 and _UID.fullmatch(text) is not None


def hashed_name(uid: str) -> str:
    """32 hexadecimal digits that stand for a UID in a file name."""
    return hashlib.sha256(uid.encode()).hexdigest()[:32]


def digest_of(parts: Iterable[tuple[str, ...]]) -> str:
    """SHA-256 over rows of text, whatever their order."""
    digest = hashlib.sha256()
    for row in sorted(parts):
        digest.update("\x1f".join(row).encode() + b"\n")
    return digest.hexdigest()
