"""What a check of the gate answers with when slices cannot become a volume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tomoscribe.encoders.dicom.headers import SliceHeader

Slices = Sequence[SliceHeader]

SEND_AGAIN = "export the original series again from the scanner or the archive"
SPLIT = "export each acquisition as a series of its own"


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why a series cannot become a volume, and what to do."""

    reason: str
    remedy: str
