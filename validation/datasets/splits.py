"""Splits by patient: the same patient always falls on the same side, whatever else is in the set."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from tomoscribe.core.errors import ConfigError
from tomoscribe.validation.records import Case

_NAMES = ("train", "validation", "test")


def split_by_patient(
    cases: Sequence[Case], *, shares: tuple[float, float, float] = (0.7, 0.1, 0.2), seed: int = 0
) -> tuple[Case, ...]:
    """The cases with a split each; those that come with one keep it.

    A patient's side depends on the patient's key and the seed alone, so that a set that grows moves nobody. A patient
    of whom one case has a split follows it.

    Args:
        shares: of train, validation and test.

    Raises:
        ConfigError: shares that are no shares of one.
    """
    if min(shares) < 0 or abs(sum(shares) - 1) > 1e-9:
        raise ConfigError(f"expected three shares that add up to 1, found {shares}")
    given = {c.patient_key: c.split for c in cases if c.split != "none"}
    return tuple(
        c if c.split != "none" else replace(c, split=given.get(c.patient_key) or _side(c.patient_key, shares, seed))
        for c in cases
    )


def _side(key: str, shares: tuple[float, float, float], seed: int) -> str:
    place = int.from_bytes(hashlib.sha256(f"{seed}\x1f{key}".encode()).digest()[:8], "big") / 2**64
    upper = 0.0
    for name, share in zip(_NAMES, shares, strict=True):
        upper += share
        if place < upper:
            return name
    return _NAMES[-1]
