"""Random findings of a chest CT or a brain MR, as the report model is taught to write them.

They are drawn row by row, not patient by patient: what is learned is the language, not how often a disease occurs.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from tomoscribe.core import (
    Attribute,
    Change,
    Code,
    Direction,
    EvidenceSlice,
    Finding,
    Laterality,
    Measurement,
    Presence,
    Provenance,
    Region,
    terms,
)
from tomoscribe.core.uids import derive_uid

PROVENANCE = Provenance(version="0", model="training")
REGION = Region(center_mm=(0.0, 0.0, 0.0), box_min_mm=(-5.0, -5.0, -5.0), box_max_mm=(5.0, 5.0, 5.0))
SIDES = (Laterality.RIGHT, Laterality.LEFT)
HEADS_CT = (terms.EMPHYSEMA, terms.NODULE, terms.PLEURAL_EFFUSION, terms.CONSOLIDATION)
HEADS_MR = (terms.WHITE_MATTER_LESIONS, terms.VENTRICULAR_ENLARGEMENT, terms.BRAIN_MASS)
SITE_OF: dict[Code, Code] = {
    terms.EMPHYSEMA: terms.LUNG,
    terms.NODULE: terms.LUNG,
    terms.PLEURAL_EFFUSION: terms.PLEURA,
    terms.CONSOLIDATION: terms.LUNG,
    terms.WHITE_MATTER_LESIONS: terms.CEREBRAL_WHITE_MATTER,
    terms.VENTRICULAR_ENLARGEMENT: terms.VENTRICLES,
    terms.BRAIN_MASS: terms.BRAIN,
}
REASON = "the studies differ"
_FACTORS = {Direction.INCREASED: (0.4, 0.85), Direction.DECREASED: (1.15, 2.4), Direction.STABLE: (0.9, 1.1)}
"""Prior over present value."""


def random_findings(draw: random.Random, most: int) -> tuple[Finding, ...]:
    """One to ``most`` findings of one kind of examination, in random order."""
    makers = _CHEST if draw.random() < 0.7 else _BRAIN
    kinds, weights = zip(*makers, strict=True)
    count = draw.randint(1, most)
    return tuple(maker(draw, f"{draw.random()}") for maker in draw.choices(kinds, weights, k=count))


def suspicion(draw: random.Random, uid: str, kind: Code, side: Laterality | None) -> Finding:
    """What a finding head says: uncertain, with a probability."""
    return _finding(uid, kind, SITE_OF[kind], side, presence=Presence.UNCERTAIN, probability=draw.uniform(0.01, 0.99))


def lesion(draw: random.Random, uid: str) -> Finding:
    """A nodule or a mass of a lung."""
    long = draw.uniform(31, 90) if draw.random() < 0.25 else draw.uniform(4.6, 30)
    short = long * draw.uniform(0.5, 1.0)
    density = draw.choice((terms.SOLID, terms.PART_SOLID, terms.GROUND_GLASS, terms.NOT_DETERMINED, None))
    side = draw.choice(SIDES)
    volume = 0.5236 * long * short * short * draw.uniform(0.6, 1.2)
    parts = [_mm(terms.LONG_AXIS, long), _mm(terms.SHORT_AXIS, short), _mm(terms.MEAN_DIAMETER, (long + short) / 2)]
    if density == terms.PART_SOLID or draw.random() < 0.15:
        parts.append(_mm(terms.SOLID_DIAMETER, long * draw.uniform(0.1, 0.95)))
    parts.append(Measurement(name=terms.VOLUME, value=volume, unit=terms.MM3))
    parts.append(Measurement(name=terms.MEAN_ATTENUATION, value=draw.uniform(-850, 250), unit=terms.HU))
    kept = [m for m in parts if m.name == terms.LONG_AXIS or draw.random() < 0.93]
    lobes = [code for code in terms.LOBES if side.value in code.meaning]
    lobe = (
        draw.choice(lobes) if draw.random() < 0.3 else draw.choice((terms.NOT_DETERMINED, terms.NOT_DETERMINED, None))
    )
    attributes = [Attribute(name=terms.ATTENUATION_CLASS, value=density)] if density else []
    attributes += [Attribute(name=terms.LOBE, value=lobe)] if lobe else []
    uncertain = draw.random() < 0.12
    return _finding(
        uid,
        terms.MASS if long > 30 else terms.NODULE,
        lobe if lobe in terms.LOBES and draw.random() < 0.7 else terms.LUNG,
        side,
        presence=Presence.UNCERTAIN if uncertain else Presence.PRESENT,
        probability=draw.random() if uncertain else None,
        actionable=long >= 6,
        measurements=tuple(kept),
        attributes=tuple(attributes),
        evidence=_slice(draw),
        change=_change(draw, draw.choice(kept)) if draw.random() < 0.3 and not uncertain else None,
    )


def emphysema(draw: random.Random, uid: str) -> Finding:
    """The emphysema index of both lungs: present, uncertain, or not assessed."""
    presence = draw.choice((Presence.PRESENT, Presence.PRESENT, Presence.UNCERTAIN, Presence.NOT_ASSESSED))
    laa = Measurement(name=terms.LAA_950, value=draw.uniform(0.1, 60), unit=terms.PERCENT)
    perc = Measurement(name=terms.PERC15, value=draw.uniform(-1000, -800), unit=terms.HU)
    return _finding(
        uid,
        terms.EMPHYSEMA,
        terms.LUNG,
        Laterality.BILATERAL,
        presence=presence,
        measurements=(laa, perc) if draw.random() < 0.9 else (laa,),
        evidence=_slice(draw) if draw.random() < 0.3 else (),
        note="a reason" if presence is Presence.NOT_ASSESSED else None,
    )


def lesions(draw: random.Random, uid: str) -> Finding:
    """White matter lesions with count and volume."""
    count = Measurement(name=terms.COUNT, value=float(int(draw.triangular(1, 120, 8))), unit=terms.ONE)
    volume = Measurement(name=terms.VOLUME, value=draw.choice((0.9, 9, 60)) * draw.random() + 0.01, unit=terms.ML)
    changed = draw.choice((count, volume)) if draw.random() < 0.3 else None
    return _finding(
        uid,
        terms.WHITE_MATTER_LESIONS,
        terms.CEREBRAL_WHITE_MATTER,
        None,
        measurements=(count, volume),
        evidence=_slice(draw),
        change=_change(draw, changed) if changed else None,
    )


def organ(draw: random.Random, uid: str, site: Code, side: Laterality | None, most_ml: float) -> Finding:
    """The volume of an organ."""
    volume = Measurement(name=terms.VOLUME, value=draw.uniform(0.05, 1.0) * most_ml, unit=terms.ML)
    evidence = _slice(draw) if draw.random() < 0.4 else ()
    return _finding(uid, terms.ORGAN_MEASUREMENT, site, side, measurements=(volume,), evidence=evidence)


def _chest_organ(draw: random.Random, uid: str) -> Finding:
    side = draw.choice((*SIDES, Laterality.BILATERAL, None))
    return organ(draw, uid, terms.LUNG if side else terms.AIRWAYS, side, 8000 if side else 150)


def _brain_organ(draw: random.Random, uid: str) -> Finding:
    site, most_ml = draw.choice(((terms.INTRACRANIAL, 2200), (terms.BRAIN, 1800), (terms.VENTRICLES, 220)))
    return organ(draw, uid, site, None, most_ml)


def _chest_suspicion(draw: random.Random, uid: str) -> Finding:
    return suspicion(draw, uid, draw.choice(HEADS_CT), draw.choice(SIDES))


def _brain_suspicion(draw: random.Random, uid: str) -> Finding:
    return suspicion(draw, uid, draw.choice(HEADS_MR), None)


Maker = Callable[[random.Random, str], Finding]
_CHEST: tuple[tuple[Maker, float], ...] = (
    (lesion, 0.55),
    (emphysema, 0.12),
    (_chest_organ, 0.21),
    (_chest_suspicion, 0.12),
)
_BRAIN: tuple[tuple[Maker, float], ...] = ((lesions, 0.35), (_brain_organ, 0.45), (_brain_suspicion, 0.2))


def _finding(uid: str, kind: Code, site: Code, side: Laterality | None, **rest: object) -> Finding:
    values: dict[str, object] = {"presence": Presence.PRESENT, "region": REGION, **rest}
    return Finding(
        tracking_uid=derive_uid(uid),
        type=kind,
        site=site,
        laterality=side,
        provenance=PROVENANCE,
        **values,  # type: ignore[arg-type]
    )


def _mm(name: Code, value: float) -> Measurement:
    return Measurement(name=name, value=value, unit=terms.MM)


def _slice(draw: random.Random) -> tuple[EvidenceSlice, ...]:
    series = draw.randint(1, 12) if draw.random() < 0.85 else draw.randint(100, 1200)
    return (
        EvidenceSlice(
            series_uid="2.25.1", series_number=series, instance_uid="2.25.2", instance_number=draw.randint(1, 600)
        ),
    )


def _change(draw: random.Random, measurement: Measurement) -> Change:
    direction = draw.choice(tuple(Direction))
    low, high = _FACTORS.get(direction, (0.4, 2.2))
    prior = 0.0 if direction is Direction.NEW else measurement.value * draw.uniform(low, high)
    date = f"20{draw.randint(5, 26):02d}-{draw.randint(1, 12):02d}-{draw.randint(1, 28):02d}"
    return Change(
        measurement=measurement.name,
        prior_value=prior,
        prior_date=date if draw.random() < 0.95 else None,
        direction=direction,
        reason=REASON if direction is Direction.NOT_COMPARABLE else None,
    )
