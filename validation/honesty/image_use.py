"""Does the image matter? The trial with tokens intact, removed and swapped (``fusion_trial``) as scores and flags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tomoscribe.validation.records import Better, Flag, Score, Severity

FLAG = "image_ignored"


class TrialRow(Protocol):
    """A row of ``fusion_trial``."""

    reader: str
    finding: str
    condition: str
    value: float
    low: float
    high: float
    chance: float
    patients: int


def image_scores(rows: Sequence[TrialRow]) -> tuple[Score, ...]:
    """A score for each reader, finding and condition of the tokens."""
    return tuple(
        Score(
            name=f"image/{r.reader}/{r.finding}/{r.condition}",
            value=r.value,
            low=r.low,
            high=r.high,
            n=r.patients,
            better=Better.HIGHER,
            source="AUROC of the heads, F1 of the decoder; image tokens intact, zeroed or another patient's",
            chance=r.chance,
            num_patients=r.patients,
        )
        for r in rows
    )


def image_flags(rows: Sequence[TrialRow]) -> tuple[Flag, ...]:
    """A flag for each reader that is no better with the patient's image than without it or with another patient's."""
    flags = []
    for reader in sorted({r.reader for r in rows}):
        whole = {r.condition: r for r in rows if r.reader == reader and r.finding == "all"}
        if "intact" not in whole:
            continue
        intact = whole["intact"]
        rivals = [whole[c] for c in ("zeroed", "swapped") if c in whole and whole[c].value >= intact.low]
        if rivals:
            told = ", ".join(f"{r.condition} {r.value:.3f}" for r in rivals)
            evidence = f"{reader}: {intact.value:.3f} ({intact.low:.3f} to {intact.high:.3f}) with its image, {told}"
            flags.append(Flag(name=FLAG, severity=Severity.CRITICAL, evidence=evidence))
    return tuple(flags)
