"""What the reader has to reach beside its peers, and whether it did."""

from __future__ import annotations

import os
from dataclasses import dataclass

from tomoscribe.validation.dicom_speed.trial import SeriesResult

MEMORY_LIMIT = 1.5
"""Peak above the process after its imports, in int16 volumes."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """One demand and what was measured.

    Args:
        what: the demand in words.
        wanted, found: times as fast as the fastest peer, or volumes of memory.
    """

    what: str
    wanted: float
    found: float
    is_reached: bool


def targets(result: SeriesResult, *, compressed: bool) -> tuple[Target, ...]:
    """Speed beside the fastest peer that reads the right values, and memory."""
    rows = []
    peer = result.fastest_peer
    if peer is not None:
        wanted = 2.0 if compressed and (os.cpu_count() or 1) > 1 else 1.0
        found = result.times_ours(peer)
        what = f"times as fast as the fastest peer ({peer.name})"
        rows.append(Target(what=what, wanted=wanted, found=found, is_reached=found >= wanted))
    volumes = result.ours.middle("peak_bytes") / result.series.volume_bytes
    what = "peak memory above the process after its imports, in int16 volumes"
    rows.append(Target(what=what, wanted=MEMORY_LIMIT, found=volumes, is_reached=volumes <= MEMORY_LIMIT))
    return tuple(rows)
