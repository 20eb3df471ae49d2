"""Fixed findings for the hand-written sentences on the evidence lock, in both languages."""

from __future__ import annotations

from tomoscribe.core import (
    Attribute,
    Change,
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

PROVENANCE = Provenance(version="0", model="test")
REGION = Region(center_mm=(0, 0, 0), box_min_mm=(-1, -1, -1), box_max_mm=(1, 1, 1))


def _mm(name, value):
    return Measurement(name=name, value=value, unit=terms.MM)


def _image(number):
    return EvidenceSlice(series_uid="1.2", series_number=3, instance_uid=f"1.2.{number}", instance_number=number)


NODULE = Finding(
    tracking_uid="nodule",
    type=terms.NODULE,
    site=terms.LUNG,
    laterality=Laterality.LEFT,
    presence=Presence.PRESENT,
    actionable=True,
    provenance=PROVENANCE,
    region=REGION,
    measurements=(
        _mm(terms.LONG_AXIS, 14.3),
        _mm(terms.SHORT_AXIS, 11.2),
        _mm(terms.MEAN_DIAMETER, 12.75),
        Measurement(name=terms.VOLUME, value=853.0, unit=terms.MM3),
        Measurement(name=terms.MEAN_ATTENUATION, value=-25.4, unit=terms.HU),
    ),
    attributes=(
        Attribute(name=terms.ATTENUATION_CLASS, value=terms.SOLID),
        Attribute(name=terms.LOBE, value=terms.NOT_DETERMINED),
    ),
    evidence=(_image(45),),
    change=Change(
        measurement=terms.LONG_AXIS, prior_value=10.1, prior_date="2023-01-05", direction=Direction.INCREASED
    ),
)
OTHER = Finding(
    tracking_uid="other",
    type=terms.NODULE,
    site=terms.RIGHT_UPPER_LOBE,
    laterality=Laterality.RIGHT,
    presence=Presence.PRESENT,
    provenance=PROVENANCE,
    region=REGION,
    measurements=(_mm(terms.LONG_AXIS, 9.0), _mm(terms.SHORT_AXIS, 7.0), _mm(terms.SOLID_DIAMETER, 4.0)),
    attributes=(Attribute(name=terms.ATTENUATION_CLASS, value=terms.PART_SOLID),),
    evidence=(_image(60),),
)
EMPHYSEMA = Finding(
    tracking_uid="emphysema",
    type=terms.EMPHYSEMA,
    site=terms.LUNG,
    laterality=Laterality.BILATERAL,
    presence=Presence.PRESENT,
    provenance=PROVENANCE,
    region=REGION,
    measurements=(
        Measurement(name=terms.LAA_950, value=7.24, unit=terms.PERCENT),
        Measurement(name=terms.PERC15, value=-930.0, unit=terms.HU),
    ),
)
EFFUSION = Finding(
    tracking_uid="effusion",
    type=terms.PLEURAL_EFFUSION,
    site=terms.PLEURA,
    laterality=Laterality.LEFT,
    presence=Presence.UNCERTAIN,
    probability=0.42,
    provenance=PROVENANCE,
)
LESIONS = Finding(
    tracking_uid="lesions",
    type=terms.WHITE_MATTER_LESIONS,
    site=terms.CEREBRAL_WHITE_MATTER,
    presence=Presence.PRESENT,
    provenance=PROVENANCE,
    region=REGION,
    measurements=(
        Measurement(name=terms.COUNT, value=12.0, unit=terms.ONE),
        Measurement(name=terms.VOLUME, value=3.44, unit=terms.ML),
    ),
)
LUNG = Finding(
    tracking_uid="lung",
    type=terms.ORGAN_MEASUREMENT,
    site=terms.LUNG,
    laterality=Laterality.RIGHT,
    presence=Presence.PRESENT,
    provenance=PROVENANCE,
    region=REGION,
    measurements=(Measurement(name=terms.VOLUME, value=2847.0, unit=terms.ML),),
)
ALL = (NODULE, OTHER, EMPHYSEMA, EFFUSION, LESIONS, LUNG)
