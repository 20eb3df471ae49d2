"""Findings of one reading against the truth of its study: what was hit, missed and invented."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tomoscribe.core import Finding, Measurement, Presence, terms
from tomoscribe.core.code import Code
from tomoscribe.validation.findings_trial.truth import ACTIONABLE, Lesion, Truth
from tomoscribe.validation.metrics.detection import Mark, Scan, Target, inside, match

KINDS: dict[str, tuple[Code, ...]] = {
    "nodule": (terms.NODULE, terms.MASS),
    "emphysema": (terms.EMPHYSEMA,),
    "pleural_effusion": (terms.PLEURAL_EFFUSION,),
    "consolidation": (terms.CONSOLIDATION,),
    "white_matter_lesions": (terms.WHITE_MATTER_LESIONS,),
    "ventricular_enlargement": (terms.VENTRICULAR_ENLARGEMENT,),
    "brain_mass": (terms.BRAIN_MASS,),
    "aortic_dissection": (),
}
"""Finding types of each of the labeler's keys; nothing here finds a dissection."""


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A true lesion and what was made of it.

    Args:
        found: the finding that the report states, None when the report leaves it out.
        listed: the entry of the review list at its place, None when there is none.
    """

    lesion: Lesion
    found: Finding | None
    listed: Finding | None


@dataclass(frozen=True, kw_only=True)
class Matched:
    """One reading against its truth.

    Args:
        hits: of every lesion that is there, in the truth's order; empty where nobody looked for nodules.
        invented: nodules and masses that the report states and that are not there, with the mimic they sit on.
        missed_actionable, invented_actionable: in words, one entry each.
    """

    hits: tuple[Hit, ...]
    invented: tuple[tuple[Finding, str | None], ...]
    missed_actionable: tuple[str, ...]
    invented_actionable: tuple[str, ...]


def matched(findings: Sequence[Finding], truth: Truth) -> Matched:
    """What a report with these findings hit, missed and invented."""
    stated = [f for f in findings if f.presence is Presence.PRESENT]
    listed = [f for f in findings if f.presence is Presence.UNCERTAIN]
    hits, invented = _lesions(_nodules(stated), _nodules(listed), truth)
    missed = [_words(h) for h in hits if h.lesion.is_actionable and h.found is None]
    made_up = [_title(f) for f, _ in invented if f.actionable]
    for key in ACTIONABLE:
        said = any(f.type in KINDS[key] for f in stated)
        if truth.labels.get(key) is True and not said:
            on_list = any(f.type in KINDS[key] for f in listed)
            missed.append(key.replace("_", " ") + (" (on the review list)" if on_list else ""))
        if truth.labels.get(key) is False and said:
            made_up.append(key.replace("_", " "))
    return Matched(hits=hits, invented=invented, missed_actionable=tuple(missed), invented_actionable=tuple(made_up))


def scan_of(findings: Sequence[Finding], truth: Truth, name: str) -> Scan | None:
    """Every nodule of the report and of its review list as a scored mark; None where nobody looked for nodules."""
    if truth.lesions is None:
        return None
    told = (Presence.PRESENT, Presence.UNCERTAIN)
    marks = [_mark(f) for f in _nodules([f for f in findings if f.presence in told and f.region is not None])]
    return match([_target(lesion) for lesion in truth.lesions], marks, patient=name)


def listed_without_truth(findings: Sequence[Finding], truth: Truth) -> int:
    """Entries of the review list that nothing true stands behind; unknown ones do not count."""
    listed = [f for f in findings if f.presence is Presence.UNCERTAIN]
    wrong = sum(
        1
        for f in listed
        for key, kinds in KINDS.items()
        if f.type in kinds and key != "nodule" and truth.labels.get(key) is False
    )
    if truth.lesions is None:
        return wrong
    targets = [_target(lesion) for lesion in truth.lesions]
    marks = [_mark(f) for f in _nodules(listed) if f.region is not None and not f.provenance.model.startswith("head:")]
    return wrong + len(match(targets, marks, patient="one").false)


def size_mm(finding: Finding, name: Code) -> float | None:
    """A measurement's value, None where it was not measured."""
    measured: Measurement | None = finding.measurement(name)
    return None if measured is None else measured.value


def _lesions(
    stated: list[Finding], listed: list[Finding], truth: Truth
) -> tuple[tuple[Hit, ...], tuple[tuple[Finding, str | None], ...]]:
    if truth.lesions is None:
        return (), ()
    hits = tuple(Hit(lesion=n, found=_best(n, stated), listed=_best(n, listed)) for n in truth.lesions)
    free = [f for f in stated if not any(_is_at(f, lesion) for lesion in truth.lesions)]
    return hits, tuple((f, _mimic(f, truth)) for f in free)


def _best(lesion: Lesion, findings: Sequence[Finding]) -> Finding | None:
    """The surest of the findings that lie within the lesion's radius."""
    near = [f for f in findings if _is_at(f, lesion)]
    return max(near, key=lambda f: f.probability or 0.0, default=None)


def _is_at(finding: Finding, lesion: Lesion) -> bool:
    return finding.region is not None and bool(inside(_target(lesion), [_mark(finding)])[0])


def _mimic(finding: Finding, truth: Truth) -> str | None:
    reach = 8.0
    near = [
        kind
        for kind, center in truth.mimics
        if inside(Target(center_mm=center, diameter_mm=2 * reach), [_mark(finding)])[0]
    ]
    return near[0] if near else None


def _nodules(findings: Sequence[Finding]) -> list[Finding]:
    return [f for f in findings if f.type in KINDS["nodule"]]


def _mark(finding: Finding) -> Mark:
    center = (0.0, 0.0, 0.0) if finding.region is None else finding.region.center_mm
    return Mark(center_mm=center, score=finding.probability or 0.0)


def _target(lesion: Lesion) -> Target:
    return Target(center_mm=lesion.center_mm, diameter_mm=lesion.diameter_mm, relevant=lesion.relevant)


def _words(hit: Hit) -> str:
    size = hit.lesion.long_mm or hit.lesion.diameter_mm
    return f"{hit.lesion.name} of {size:.0f} mm" + (" (on the review list)" if hit.listed is not None else "")


def _title(finding: Finding) -> str:
    long_mm = size_mm(finding, terms.LONG_AXIS)
    size = "" if long_mm is None else f" of {long_mm:.0f} mm"
    return f"{finding.type.meaning.lower()}{size}"
