"""Deterministic UIDs and hashes: the same input, weights and configuration give the same ones."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from typing import Any


def derive_uid(*parts: str) -> str:
    """A DICOM UID under 2.25 (UUID-derived, PS3.5 B.2) from a SHA-256 over the parts; the order counts."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return f"2.25.{uuid.UUID(bytes=digest[:16], version=4).int}"


def sha256_of(config: Mapping[str, Any]) -> str:
    """SHA-256 of a configuration as canonical JSON (sorted keys, no blanks)."""
    return hashlib.sha256(json.dumps(config, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
