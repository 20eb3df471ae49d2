"""The fact sheet: rows as text, accepted spellings, withheld rows."""

from __future__ import annotations

import pytest

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
from tomoscribe.core.errors import InvalidValueError
from tomoscribe.findings.rounding import prose, prose_number, spellings
from tomoscribe.findings.sheet import FactSheet

PROVENANCE = Provenance(version="0", model="test")
REGION = Region(center_mm=(0, 0, 0), box_min_mm=(-1, -1, -1), box_max_mm=(1, 1, 1))
NODULE = Finding(
    tracking_uid="1",
    type=terms.NODULE,
    site=terms.LUNG,
    laterality=Laterality.LEFT,
    presence=Presence.PRESENT,
    provenance=PROVENANCE,
    region=REGION,
    measurements=(
        Measurement(name=terms.LONG_AXIS, value=14.3, unit=terms.MM),
        Measurement(name=terms.MEAN_DIAMETER, value=12.5, unit=terms.MM),
        Measurement(name=terms.VOLUME, value=853.0, unit=terms.MM3),
    ),
    attributes=(
        Attribute(name=terms.ATTENUATION_CLASS, value=terms.SOLID),
        Attribute(name=terms.LOBE, value=terms.NOT_DETERMINED),
    ),
    evidence=(EvidenceSlice(series_uid="1.2", series_number=3, instance_uid="1.2.3", instance_number=45),),
    change=Change(
        measurement=terms.LONG_AXIS, prior_value=10.0, prior_date="2023-01-05", direction=Direction.INCREASED
    ),
)
EFFUSION = Finding(
    tracking_uid="2",
    type=terms.PLEURAL_EFFUSION,
    site=terms.PLEURA,
    laterality=Laterality.RIGHT,
    presence=Presence.UNCERTAIN,
    probability=0.416,
    provenance=PROVENANCE,
)
SHEET = FactSheet.from_findings((NODULE, EFFUSION))


def test_rows_read_as_written():
    first, second = SHEET.to_text().splitlines()
    assert first == (
        "<f1> nodule present left lung lobe ? solid long 14 mm mean 13 mm volume 850 mm3 series 3 image 45 "
        "change increased prior long 10 mm 43 % 2023-01-05"
    )
    assert second == "<f2> effusion uncertain right pleura probability 42 %"


def test_a_withheld_row_keeps_entity_and_side_only():
    hidden = SHEET.withheld({"f2"})
    assert hidden.row("f2").text == "<f2> effusion right ?"
    assert hidden.row("f1").text == SHEET.row("f1").text
    assert hidden.allowed_numbers("f2") == frozenset()
    assert hidden.allowed_sites("f2") == frozenset()
    assert hidden.allowed_sides("f2") == {"right"}


def test_allowed_numbers_are_every_accepted_spelling():
    numbers = SHEET.allowed_numbers("f1")
    assert {
        "14",
        "14.3",
        "12",
        "13",
        "12.5",
        "850",
        "853",
        "0.85",
        "0.853",
        "3",
        "45",
        "10",
        "43",
        "2023-01-05",
    } <= numbers
    assert not numbers & {"14.0", "15", "11", "860", "8.5"}
    assert SHEET.allowed_numbers("f2") == {"42"}


def test_allowed_sites_name_the_lobe_as_it_was_rated():
    assert SHEET.allowed_sites("f1") == {"lung", "lobe not determined"}


def test_an_unknown_tag_is_an_error():
    with pytest.raises(InvalidValueError, match="found 'f9'"):
        SHEET.row("f9")
    with pytest.raises(InvalidValueError, match="does not hold"):
        SHEET.tag_of("9")
    assert SHEET.tag_of("2") == "f2"


@pytest.mark.parametrize(
    ("value", "family", "text"),
    [
        (12.5, "length", "13"),
        (12.49, "length", "12"),
        (853.0, "mm3", "850"),
        (86.5, "mm3", "87"),
        (0.347, "ml", "0.35"),
        (3.44, "ml", "3.4"),
        (2847.0, "ml", "2850"),
        (-930.5, "hu", "-931"),
        (-0.3, "hu", "0"),
        (7.25, "percent", "7.3"),
    ],
)
def test_prose_rounds_half_up_at_the_declared_step(value, family, text):
    assert prose_number(value, family) == text


def test_volumes_from_a_thousand_cubic_millimeters_are_in_ml():
    assert prose(Measurement(name=terms.VOLUME, value=6710.0, unit=terms.MM3)) == ("6.7", "ml")
    assert prose(Measurement(name=terms.VOLUME, value=999.0, unit=terms.MM3)) == ("1000", "mm3")
    assert {"6.7", "6.71", "6700", "6710"} <= spellings(6710.0, terms.MM3)
