"""What is true of one study of the trial, in one form for phantoms and real scans."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tomoscribe.core import Point
from tomoscribe.core.errors import InvalidValueError
from tomoscribe.phantoms.truth import BrainTruth, ChestTruth, NoduleTruth

ACTIONABLE_MM = 6.0
"""A nodule from this mean diameter on is actionable, as in ``findings.chest``."""
SEEN_ML = 5.0
"""Effusion and consolidation of at least this volume on a side are there; between nothing and this nobody knows."""
_EMPHYSEMA_PERCENT = (2.0, 5.0)
_SIZES_MM = ((6.0, "under 6 mm"), (10.0, "6 to 10 mm"), (20.0, "10 to 20 mm"))
ACTIONABLE = ("pleural_effusion", "consolidation", "ventricular_enlargement", "brain_mass", "aortic_dissection")
"""Actionable findings that are known for a study as a whole; nodules are counted one by one."""


@dataclass(frozen=True, kw_only=True)
class Lesion:
    """A nodule or mass that is there.

    Args:
        center_mm: LPS mm.
        diameter_mm: within half of this from the center a mark is a hit (LUNA16's rule).
        relevant: False where a mark counts neither for nor against (too small, or drawn by one reader only).
        long_mm, short_mm: axes on the plane that shows it best, None where the reference has no outline.
        groups: what it is grouped by in the subgroup tables.
    """

    name: str
    center_mm: Point
    diameter_mm: float
    relevant: bool = True
    long_mm: float | None = None
    short_mm: float | None = None
    volume_mm3: float | None = None
    groups: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.diameter_mm > 0:
            raise InvalidValueError(f"expected a diameter above 0 mm, found {self.diameter_mm}", where=self.name)

    @property
    def is_actionable(self) -> bool:
        """Whether a report that leaves it out is wrong in a way that matters."""
        known = self.long_mm is not None and self.short_mm is not None
        mean = ((self.long_mm or 0.0) + (self.short_mm or 0.0)) / 2 if known else self.diameter_mm
        return self.relevant and mean >= ACTIONABLE_MM


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What is known of one study.

    Args:
        lesions: None where nobody looked for nodules, empty where there is none.
        mimics: what looks like a nodule and is none: kind and place.
        volumes_ml: by the names of ``QUANTITIES``.
        labels: findings of the study as a whole, by the labeler's keys; one that is not there is not known.
        groups: what the study is grouped by in the subgroup tables.
        notes: what to know about this truth.
    """

    lesions: tuple[Lesion, ...] | None = None
    mimics: tuple[tuple[str, Point], ...] = ()
    volumes_ml: Mapping[str, float] = field(default_factory=dict)
    laa950_percent: float | None = None
    labels: Mapping[str, bool] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def lesion_groups(long_mm: float, **known: str) -> dict[str, str]:
    """Groups of a lesion: its size band and what else is known."""
    band = next((words for limit, words in _SIZES_MM if long_mm < limit), "20 mm and more")
    return {"size": band, **known}


def chest_truth(truth: ChestTruth) -> Truth:
    """Of a generated chest; a granuloma below the reporting size counts neither for nor against."""
    planted = tuple(_planted(n, nodule) for n, nodule in enumerate(truth.nodules, start=1))
    small = tuple(
        Lesion(name=m.kind, center_mm=m.center_mm, diameter_mm=m.size_mm, relevant=False)
        for m in truth.mimics
        if m.kind == "granuloma"
    )
    sides = {"pleural_effusion": truth.effusion_ml, "consolidation": truth.consolidation_ml}
    labels = {key: side.right >= SEEN_ML or side.left >= SEEN_ML for key, side in sides.items()}
    unsure = {key for key, side in sides.items() if not labels[key] and max(side.right, side.left) > 0.0}
    none, some = _EMPHYSEMA_PERCENT
    if truth.laa950_total_percent >= some or truth.laa950_total_percent < none:
        labels["emphysema"] = truth.laa950_total_percent >= some
    volumes = {"lung_right": truth.lung_ml.right, "lung_left": truth.lung_ml.left}
    return Truth(
        lesions=(*planted, *small),
        mimics=tuple((m.kind, m.center_mm) for m in truth.mimics if m.kind != "granuloma"),
        volumes_ml=volumes,
        laa950_percent=truth.laa950_total_percent,
        labels={"nodule": bool(planted), **{k: v for k, v in labels.items() if k not in unsure}},
        groups={
            "contrast": "given" if truth.contrast else "none",
            "coverage": "whole lungs" if truth.complete else "lungs cut",
            "other disease": _diseases(labels),
        },
    )


def _planted(number: int, nodule: NoduleTruth) -> Lesion:
    return Lesion(
        name=f"nodule {number}",
        center_mm=nodule.center_mm,
        diameter_mm=nodule.long_axis_mm,
        long_mm=nodule.long_axis_mm,
        short_mm=nodule.short_axis_mm,
        volume_mm3=nodule.volume_mm3,
        groups=lesion_groups(
            nodule.long_axis_mm,
            attenuation=nodule.attenuation.replace("_", "-"),
            place=nodule.kind,
            side=nodule.side,
        ),
    )


def _diseases(labels: Mapping[str, bool]) -> str:
    found = [key.replace("_", " ") for key in ("pleural_effusion", "consolidation") if labels.get(key)]
    return " and ".join(found) or "none"


def brain_truth(truth: BrainTruth) -> Truth:
    """Of a generated head."""
    return Truth(
        volumes_ml={
            "intracranial": truth.intracranial_ml,
            "brain": truth.brain_ml,
            "ventricles": truth.ventricles_ml,
            "white_matter_lesions": truth.lesion_ml,
        },
        labels={
            "white_matter_lesions": truth.lesion_count > 0,
            "ventricular_enlargement": truth.enlarged_ventricles,
            "brain_mass": truth.mass is not None,
        },
        groups={
            "mass": "present" if truth.mass else "none",
            "ventricles": "enlarged" if truth.enlarged_ventricles else "not enlarged",
        },
    )


def stored_truth(data: Mapping[str, Any]) -> Truth:
    """From the ``truth`` of a sample study's ``truth.json``."""
    from tomoscribe.core.serial import from_json

    if "nodules" in data:
        return chest_truth(from_json(ChestTruth, data))
    return brain_truth(from_json(BrainTruth, data))


def truth_from_json(data: Mapping[str, Any]) -> Truth:
    """Back from ``dataclasses.asdict``, by way of JSON."""
    rows = data["lesions"]
    lesions = None if rows is None else tuple(Lesion(**{**r, "center_mm": point(r["center_mm"])}) for r in rows)
    mimics = tuple((str(kind), point(center)) for kind, center in data["mimics"])
    return Truth(**{**data, "lesions": lesions, "mimics": mimics, "notes": tuple(data["notes"])})


def point(values: Iterable[float]) -> Point:
    """Three numbers as a point."""
    x, y, z = (float(v) for v in values)
    return x, y, z
