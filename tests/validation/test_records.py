"""The rows of validation: bands, groups and when a score is beyond chance."""

from __future__ import annotations

import pytest

from tomoscribe.core.errors import InvalidValueError
from tomoscribe.validation.records import Better, Case, Score, Strata, age_band


@pytest.mark.parametrize(
    ("years", "band"), [(None, "unknown"), (3.0, "under 18"), (18.0, "18-39"), (59.9, "50-59"), (91.0, "80+")]
)
def test_age_bands(years: float | None, band: str) -> None:
    assert age_band(years) == band


def test_strata_are_grouped_and_what_is_not_known_says_so() -> None:
    known = Strata(sex="F", age_years=64, manufacturer="GE Medical", slice_thickness_mm=2.5, dose_mgy=1.2).groups()
    assert known == {
        "sex": "F",
        "age": "60-69",
        "manufacturer": "GE MEDICAL",
        "kernel": "unknown",
        "slice thickness": "1.5 to 3 mm",
        "dose": "under 3 mGy",
    }
    assert set(Strata().groups().values()) == {"unknown"}


def test_beyond_chance_looks_at_the_end_of_the_interval_that_is_nearer_to_chance() -> None:
    def score(better: Better, low: float, high: float) -> Score:
        return Score(name="a", value=0.5, low=low, high=high, n=9, better=better, source="test", chance=0.4)

    assert score(Better.HIGHER, 0.41, 0.6).is_beyond_chance
    assert score(Better.HIGHER, 0.39, 0.6).is_beyond_chance is False
    assert score(Better.LOWER, 0.1, 0.39).is_beyond_chance
    assert Score(name="a", value=0.5, n=9, better=Better.HIGHER, source="test").is_beyond_chance is None


def test_a_report_is_never_in_the_repr_of_a_case() -> None:
    assert "secret" not in repr(Case(dataset="site", case_id="1", patient_key="k", report="secret words"))
    with pytest.raises(InvalidValueError, match="expected a split of"):
        Case(dataset="site", case_id="1", patient_key="k", split="holdout")
