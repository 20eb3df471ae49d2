"""Random but realistic findings of a chest CT or a brain MR, for the counted trial of the evidence lock."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from pathlib import Path

from tomoscribe.core import (
    Acquisition,
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
    Series,
    Study,
    Verdict,
    terms,
)
from tomoscribe.core.uids import derive_uid

PROVENANCE = Provenance(version="0", model="lock-trial")
SIDES = (Laterality.RIGHT, Laterality.LEFT)
CT_SERIES, T1_SERIES, FLAIR_SERIES = 3, 2, 5
THICK_NOTE = "size approximate because slices are {:g} mm thick"
EMPHYSEMA_REASONS = ("intravenous contrast", "the slice thickness of 2.5 mm", "a sharp kernel")


@dataclass(frozen=True, kw_only=True)
class Case:
    """A random patient: the study's header facts and its findings."""

    study: Study
    findings: tuple[Finding, ...]


def random_case(seed: int, *, lobes: bool = True) -> Case:
    """A chest CT (two of three) or a brain MR.

    Args:
        seed: of everything in it.
        lobes: whether some nodules have a determined lobe.
    """
    draw = random.Random(f"lock-trial {seed}")
    return brain_case(seed, draw) if draw.random() < 1 / 3 else chest_case(seed, draw, lobes=lobes)


def chest_case(seed: int, draw: random.Random, *, lobes: bool = True) -> Case:
    """Lung and airway volumes, nodules and masses, emphysema in one of its states, heads' suspicions."""
    uid = derive_uid("lock-trial", str(seed))
    thick = draw.random() < 0.25
    prior = _prior_date(draw) if draw.random() < 0.6 else None
    right, left = draw.uniform(1500, 3600), draw.uniform(1300, 3200)
    volumes = ((terms.LUNG, Laterality.RIGHT, right), (terms.LUNG, Laterality.LEFT, left))
    findings = [_organ(uid, site, side, ml) for site, side, ml in volumes]
    findings.append(_organ(uid, terms.LUNG, Laterality.BILATERAL, right + left))
    findings.append(_organ(uid, terms.AIRWAYS, None, draw.uniform(25, 90)))
    num_lesions = draw.choice((1, 1, 2, 2, 3, 4, 5))
    findings += [_lesion(uid, n, draw, thick=thick, lobes=lobes, prior=prior) for n in range(num_lesions)]
    findings.append(_emphysema(uid, draw))
    findings += [_small_nodule(uid, n, draw) for n in range(draw.choice((0, 0, 1, 2, 8)))]
    findings += _chest_suspicions(uid, draw)
    acquisition = Acquisition(
        slice_thickness_mm=2.5 if thick else draw.choice((0.625, 1.0, 1.25)),
        kernel=draw.choice(("B30f", "STANDARD", "LUNG", None)),
        contrast=draw.choice((True, None)),
        kvp=120.0,
        ctdivol_mgy=draw.choice((None, round(draw.uniform(1, 12), 1))),
    )
    series = (_series(uid, "CT", CT_SERIES, acquisition, draw.randint(120, 400)),)
    return Case(study=_study(uid, draw, series, prior), findings=tuple(findings))


def brain_case(seed: int, draw: random.Random) -> Case:
    """Intracranial, brain and ventricular volume, white matter lesions, heads' suspicions."""
    uid = derive_uid("lock-trial", str(seed))
    prior = _prior_date(draw) if draw.random() < 0.6 else None
    intracranial = draw.uniform(1250, 1700)
    findings = [
        _organ(uid, terms.INTRACRANIAL, None, intracranial),
        _organ(uid, terms.BRAIN, None, intracranial * draw.uniform(0.68, 0.85)),
        _organ(uid, terms.VENTRICLES, None, draw.uniform(12, 75)),
    ]
    flair = draw.random() < 0.8
    if flair:
        findings.append(_white_matter(uid, draw, prior))
    else:
        findings.append(_suspicion(uid, terms.WHITE_MATTER_LESIONS, terms.CEREBRAL_WHITE_MATTER, None, draw))
    for type_, site in ((terms.VENTRICULAR_ENLARGEMENT, terms.VENTRICLES), (terms.BRAIN_MASS, terms.BRAIN)):
        if draw.random() < 0.5:
            findings.append(_suspicion(uid, type_, site, None, draw))
    series = (
        _series(uid, "MR", T1_SERIES, Acquisition(sequence="T1", slice_thickness_mm=1.0, field_strength_t=3.0), 176),
        _series(uid, "MR", FLAIR_SERIES, Acquisition(sequence="FLAIR", inversion_time_ms=2200.0, contrast=True), 160),
    )[: 1 + flair]
    return Case(study=_study(uid, draw, series, prior), findings=tuple(findings))


def _prior_date(draw: random.Random) -> str:
    return f"20{draw.randint(15, 23)}-{draw.randint(1, 12):02d}-{draw.randint(1, 28):02d}"


def _study(uid: str, draw: random.Random, series: tuple[Series, ...], prior: str | None) -> Study:
    study = Study(
        study_uid=uid,
        patient_key="trial",
        date=f"2024-{draw.randint(1, 12):02d}-{draw.randint(1, 28):02d}",
        description=None,
        age_years=draw.choice((None, float(draw.randint(20, 88)))),
        sex=draw.choice(("M", "F", None)),
        series=series,
    )
    if prior is None:
        return study
    older = replace(study, study_uid=derive_uid(uid, "prior"), date=prior, series=())
    return replace(study, priors=(older,))


def _series(uid: str, modality: str, number: int, acquisition: Acquisition, images: int) -> Series:
    return Series(
        series_uid=derive_uid(uid, str(number)),
        modality=modality,
        number=number,
        description=None,
        files=(Path(f"{number}.dcm"),),
        verdict=Verdict.ACCEPTED,
        acquisition=acquisition,
        shape=(images, 512, 512),
    )


def _slice(uid: str, series: int, image: int) -> tuple[EvidenceSlice, ...]:
    series_uid = derive_uid(uid, str(series))
    instance = derive_uid(series_uid, str(image))
    return (EvidenceSlice(series_uid=series_uid, series_number=series, instance_uid=instance, instance_number=image),)


def _region(draw: random.Random | None = None) -> Region:
    center = tuple(draw.uniform(-150, 150) for _ in range(3)) if draw else (0.0, 0.0, 0.0)
    x, y, z = center
    return Region(center_mm=(x, y, z), box_min_mm=(x - 5, y - 5, z - 5), box_max_mm=(x + 5, y + 5, z + 5))


def _mm(name: Code, value: float) -> Measurement:
    return Measurement(name=name, value=value, unit=terms.MM)


def _organ(uid: str, site: Code, side: Laterality | None, ml: float) -> Finding:
    series = T1_SERIES if site in (terms.INTRACRANIAL, terms.BRAIN, terms.VENTRICLES) else CT_SERIES
    return Finding(
        tracking_uid=derive_uid(uid, site.value, str(side)),
        type=terms.ORGAN_MEASUREMENT,
        site=site,
        laterality=side,
        presence=Presence.PRESENT,
        provenance=PROVENANCE,
        region=_region(),
        measurements=(Measurement(name=terms.VOLUME, value=ml, unit=terms.ML),),
        evidence=_slice(uid, series, 80),
    )


def _lesion(uid: str, number: int, draw: random.Random, *, thick: bool, lobes: bool, prior: str | None) -> Finding:
    long = draw.uniform(32, 60) if draw.random() < 0.2 else draw.uniform(5.2, 29)
    short = long * draw.uniform(0.6, 0.97)
    mean = (long + short) / 2
    volume = 3.14159 / 6 * mean**3 * draw.uniform(0.7, 1.1)
    side = draw.choice(SIDES)
    density = terms.NOT_DETERMINED if thick else draw.choice((terms.SOLID, terms.PART_SOLID, terms.GROUND_GLASS))
    measurements = [
        _mm(terms.LONG_AXIS, long),
        _mm(terms.SHORT_AXIS, short),
        _mm(terms.MEAN_DIAMETER, mean),
        Measurement(name=terms.VOLUME, value=volume, unit=terms.MM3),
    ]
    if density == terms.PART_SOLID:
        measurements.append(_mm(terms.SOLID_DIAMETER, long * draw.uniform(0.3, 0.7)))
    attenuation = draw.uniform(-700, -250) if density == terms.GROUND_GLASS else draw.uniform(-150, 60)
    measurements.append(Measurement(name=terms.MEAN_ATTENUATION, value=attenuation, unit=terms.HU))
    mine = tuple(lobe for lobe in terms.LOBES if side.value in lobe.meaning)
    lobe = draw.choice(mine) if lobes and draw.random() < 0.3 else terms.NOT_DETERMINED
    return Finding(
        tracking_uid=derive_uid(uid, "lesion", str(number)),
        type=terms.MASS if long > 30 else terms.NODULE,
        site=terms.LUNG if lobe == terms.NOT_DETERMINED else lobe,
        laterality=side,
        presence=Presence.PRESENT,
        provenance=PROVENANCE,
        probability=draw.uniform(0.6, 0.99),
        actionable=mean >= 6,
        region=_region(draw),
        measurements=tuple(measurements),
        attributes=(
            Attribute(name=terms.ATTENUATION_CLASS, value=density),
            Attribute(name=terms.LOBE, value=lobe),
        ),
        evidence=_slice(uid, CT_SERIES, draw.randint(10, 390)),
        change=_change(draw, terms.LONG_AXIS, long, prior) if prior and draw.random() < 0.7 else None,
        note=THICK_NOTE.format(2.5) if thick else None,
    )


def _change(draw: random.Random, name: Code, now: float, date: str) -> Change:
    direction = draw.choice(tuple(Direction))
    factor = {Direction.INCREASED: draw.uniform(0.4, 0.75), Direction.DECREASED: draw.uniform(1.35, 2.2)}
    prior = 0.0 if direction is Direction.NEW else now * factor.get(direction, draw.uniform(0.93, 1.07))
    reason = "the kernels differ" if direction is Direction.NOT_COMPARABLE else None
    return Change(measurement=name, prior_value=prior, prior_date=date, direction=direction, reason=reason)


def _emphysema(uid: str, draw: random.Random) -> Finding:
    laa = draw.choice((draw.uniform(5.1, 38), draw.uniform(0.2, 4.9)))
    unassessed = draw.random() < 0.4
    presence = Presence.NOT_ASSESSED if unassessed else (Presence.PRESENT if laa >= 5 else Presence.UNCERTAIN)
    return Finding(
        tracking_uid=derive_uid(uid, "emphysema"),
        type=terms.EMPHYSEMA,
        site=terms.LUNG,
        laterality=Laterality.BILATERAL,
        presence=presence,
        provenance=PROVENANCE,
        region=_region(),
        measurements=(
            Measurement(name=terms.LAA_950, value=laa, unit=terms.PERCENT),
            Measurement(name=terms.PERC15, value=draw.uniform(-965, -880), unit=terms.HU),
        ),
        probability=draw.uniform(0.2, 0.9) if presence is Presence.UNCERTAIN and draw.random() < 0.5 else None,
        note=draw.choice(EMPHYSEMA_REASONS) if unassessed else None,
    )


def _small_nodule(uid: str, number: int, draw: random.Random) -> Finding:
    long = draw.uniform(3.0, 4.9)
    return Finding(
        tracking_uid=derive_uid(uid, "small", str(number)),
        type=terms.NODULE,
        site=terms.LUNG,
        laterality=draw.choice(SIDES),
        presence=Presence.UNCERTAIN,
        provenance=PROVENANCE,
        probability=draw.uniform(0.1, 0.9),
        region=_region(draw),
        measurements=(_mm(terms.LONG_AXIS, long), _mm(terms.SHORT_AXIS, long * 0.8)),
        evidence=_slice(uid, CT_SERIES, draw.randint(10, 390)),
    )


def _chest_suspicions(uid: str, draw: random.Random) -> list[Finding]:
    kinds = ((terms.PLEURAL_EFFUSION, terms.PLEURA), (terms.CONSOLIDATION, terms.LUNG))
    return [_suspicion(uid, type_, site, side, draw) for type_, site in kinds for side in SIDES if draw.random() < 0.35]


def _suspicion(uid: str, type_: Code, site: Code, side: Laterality | None, draw: random.Random) -> Finding:
    return Finding(
        tracking_uid=derive_uid(uid, "head", type_.value, str(side)),
        type=type_,
        site=site,
        laterality=side,
        presence=Presence.UNCERTAIN,
        provenance=PROVENANCE,
        probability=draw.uniform(0.05, 0.97),
    )


def _white_matter(uid: str, draw: random.Random, prior: str | None) -> Finding:
    volume = draw.uniform(0.3, 25)
    return Finding(
        tracking_uid=derive_uid(uid, "wml"),
        type=terms.WHITE_MATTER_LESIONS,
        site=terms.CEREBRAL_WHITE_MATTER,
        presence=Presence.PRESENT,
        provenance=PROVENANCE,
        actionable=draw.random() < 0.3,
        region=_region(),
        measurements=(
            Measurement(name=terms.COUNT, value=float(draw.randint(2, 40)), unit=terms.ONE),
            Measurement(name=terms.VOLUME, value=volume, unit=terms.ML),
        ),
        evidence=_slice(uid, FLAIR_SERIES, draw.randint(40, 120)),
        change=_change(draw, terms.VOLUME, volume, prior) if prior and draw.random() < 0.6 else None,
    )
