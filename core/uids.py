"""Deterministic UIDs: the same input, weights and configuration give the same UID."""

from __future__ import annotations

import hashlib
import uuid


def derive_uid(*parts: str) -> str:
    """A DICOM UID under 2.25 (UUID-derived, PS3.5 B.2) from a SHA-256 over the parts; the order counts."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return f"2.25.{uuid.UUID(bytes=digest[:16], version=4).int}"
