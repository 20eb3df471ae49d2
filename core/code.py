"""Coded terms: SNOMED CT, RadLex, DCM, UCUM, and a private scheme where none of them has a word."""

from __future__ import annotations

from dataclasses import dataclass

from tomoscribe.core.errors import InvalidValueError

PRIVATE_SCHEME = "99TOMOSCRIBE"


@dataclass(frozen=True, kw_only=True)
class Code:
    """A coded term. Two codes are the same when value and scheme are; the meaning is for people.

    Args:
        value: code value, e.g. ``39607008``.
        scheme: coding scheme designator, e.g. ``SCT``, ``DCM``, ``UCUM``.
        meaning: the words for it, at most 64 characters (DICOM LO).
    """

    value: str
    scheme: str
    meaning: str

    def __post_init__(self) -> None:
        if not (self.value and self.scheme and 0 < len(self.meaning) <= 64):
            raise InvalidValueError(f"expected value, scheme and a meaning of 1 to 64 characters, found {self!r}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Code):
            return NotImplemented
        return (self.value, self.scheme) == (other.value, other.scheme)

    def __hash__(self) -> int:
        return hash((self.value, self.scheme))
