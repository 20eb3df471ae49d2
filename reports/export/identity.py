"""Whose object it is: Patient and Study attributes of the source images, verbatim (CLINICAL 16, 17, 21)."""

from __future__ import annotations

from typing import Any

from tomoscribe.encoders.dicom.verbatim import VERBATIM, record_of

__all__ = ["VERBATIM", "copy_identity"]


def copy_identity(target: Any, source: Any) -> None:
    """Writes the attributes that the source has over those of the target, with the source's character set where the
    target's own text allows it; the rest of the target stays.

    To be called last: what is written after it must be ASCII or fit the character set that the target then has.
    """
    record_of(source).write_into(target)
