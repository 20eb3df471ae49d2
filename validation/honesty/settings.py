"""What the honesty checks need to know beside the data: which findings matter, what may be called normal, how sure."""

from __future__ import annotations

from dataclasses import dataclass

from tomoscribe.core.errors import ConfigError
from tomoscribe.reports.writer.header import NOT_ASSESSED
from tomoscribe.validation.labeler.classes import KEYS

IMPORTANCE = (
    "brain_mass",
    "nodule",
    "pericardial_effusion",
    "consolidation",
    "pleural_effusion",
    "lymphadenopathy",
    "ventricular_enlargement",
    "septal_thickening",
    "opacity",
    "atelectasis",
    "cardiomegaly",
)
"""Findings that call for somebody to act, the most urgent first. The order is this project's own judgment."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Knobs of ``examine``.

    Args:
        actionable: classes counted in the first two lines of every report, the most important first.
        unassessed: organs and diseases that the machine under test does not assess in any case (``UNASSESSED`` for this
            project's own); what lies outside of a case's images is added from the case.
        tolerance_mm: how near a stated length has to be to a true one.
        alpha: chance of a false alarm that a flag may have.
        min_patients: patients that a test of a flag needs; below, it is listed as not tested.
        min_group: cases that a subgroup needs for a line of its own.
        rounds: resamplings and permutations.
        gallery: how many failures are chosen.
    """

    actionable: tuple[str, ...] = IMPORTANCE
    unassessed: frozenset[str] = frozenset()
    tolerance_mm: float = 2.0
    alpha: float = 0.01
    min_patients: int = 10
    min_group: int = 10
    rounds: int = 1000
    seed: int = 0
    gallery: int = 12

    def __post_init__(self) -> None:
        unknown = set(self.actionable) - set(KEYS)
        if unknown:
            raise ConfigError(f"expected classes of {', '.join(KEYS)}, found {', '.join(sorted(unknown))}")
        if not 0 < self.alpha < 0.5 or self.tolerance_mm <= 0 or min(self.rounds, self.min_patients) < 2:
            raise ConfigError("expected 0 < alpha < 0.5, a tolerance above 0, and at least 2 rounds and patients")


UNASSESSED = frozenset(topic.key for topics in NOT_ASSESSED.values() for topic in topics)
"""What this project's own reports list as not assessed."""
