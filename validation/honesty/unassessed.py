"""Organs that nobody looked at, called normal: outside of the images, or not assessed by the machine."""

from __future__ import annotations

from tomoscribe.core import Code, Presence, terms
from tomoscribe.validation.honesty.organs import called_normal
from tomoscribe.validation.honesty.pairs import Pairs
from tomoscribe.validation.honesty.settings import Settings
from tomoscribe.validation.honesty.statuses import called
from tomoscribe.validation.labeler import Status
from tomoscribe.validation.metrics.intervals import interval, weights
from tomoscribe.validation.records import Better, Flag, Prediction, Score, Severity

FLAG = "calls_unassessed_normal"
SCORE = "coverage/unassessed_called_normal_per_100"
CLASS_OF: dict[Code, str] = {
    terms.NODULE: "nodule",
    terms.MASS: "nodule",
    terms.EMPHYSEMA: "emphysema",
    terms.PLEURAL_EFFUSION: "pleural_effusion",
    terms.CONSOLIDATION: "consolidation",
    terms.WHITE_MATTER_LESIONS: "white_matter_lesions",
    terms.VENTRICULAR_ENLARGEMENT: "ventricular_enlargement",
    terms.BRAIN_MASS: "brain_mass",
}
"""Class of the labeler that a finding type belongs to."""


def coverage_test(pairs: Pairs, settings: Settings) -> tuple[tuple[Score, ...], tuple[Flag, ...], str | None]:
    """Reports that call normal what was not assessed; one is enough for a flag. Why not, where nothing is forbidden."""
    forbidden = [case.uncovered | settings.unassessed for case in pairs.cases]
    own = [_own(p) for p in pairs.predictions]
    if not any(forbidden) and not any(own):
        return (), (), "organs outside of the images: neither the cases nor the settings name any"
    found = [
        (called_normal(text, p.language) & banned) | (called(text, p.language, Status.ABSENT) & mine)
        for text, p, banned, mine in zip(pairs.texts, pairs.predictions, forbidden, own, strict=True)
    ]
    bad = [n for n, names in enumerate(found) if names]
    share = [float(bool(names)) for names in found]
    drawn = weights(pairs.patients, rounds=settings.rounds, seed=settings.seed)
    low, high = interval(100 * (drawn @ share) / drawn.sum(axis=1))
    score = Score(
        name=SCORE,
        value=100 * sum(share) / len(share),
        low=low,
        high=high,
        n=len(share),
        unit="per 100 reports",
        better=Better.LOWER,
        source="reports that call an organ normal that lies outside of the images or is not assessed",
        num_patients=pairs.num_patients,
    )
    if not bad:
        return (score,), (), None
    names = sorted({name for n in bad for name in found[n]})
    evidence = f"{len(bad)} of {len(found)} reports call normal or absent what was not assessed: {', '.join(names[:8])}"
    cases = tuple(pairs.cases[n].case_id for n in bad[:5])
    return (score,), (Flag(name=FLAG, severity=Severity.CRITICAL, evidence=evidence, cases=cases),), None


def _own(prediction: Prediction) -> frozenset[str]:
    """Classes that the machine itself lists as not assessed."""
    listed = (f for f in prediction.findings if f.presence is Presence.NOT_ASSESSED)
    assessed = {CLASS_OF.get(f.type) for f in prediction.findings if f.presence is not Presence.NOT_ASSESSED}
    return frozenset(c for f in listed if (c := CLASS_OF.get(f.type)) is not None and c not in assessed)
