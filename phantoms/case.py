"""A generated patient: volumes, masks and truth."""

from __future__ import annotations

from dataclasses import dataclass

from tomoscribe.core import LabelMap, Volume
from tomoscribe.phantoms.truth import BrainTruth, ChestTruth


@dataclass(frozen=True, kw_only=True)
class PhantomCase:
    """One generated patient.

    Args:
        volumes: ``CT``, or ``T1``, ``FLAIR``, ``T2``, ``PD``.
        masks: on the grid of the first volume.
        truth: what was planted.
    """

    seed: int
    volumes: dict[str, Volume]
    masks: LabelMap
    truth: ChestTruth | BrainTruth
