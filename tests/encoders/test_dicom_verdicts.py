"""The table of verdicts: a defect that is accepted in silence and a good series that is refused are called so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.gate_rows import ROWS
from tomoscribe.encoders.dicom.neighbors import break_in_values
from tomoscribe.validation.dicom_hounsfield import SPOILT, Tally, crops
from tomoscribe.validation.dicom_verdicts import generated_lines, judged


@pytest.mark.parametrize(("name", "wanted", "says", "kind"), [
    ("good", "accept", "", "accepted"),
    ("one slice missing", "refuse", "steps differ", "refused"),
    ("gantry tilt", "resample", "tilt of 18.5", "resampled, said"),
    ("localizer inside", "accept", "localizer", "accepted, said"),
    ("good", "refuse", "a defect that nobody sees", "SILENT ACCEPTANCE"),
    ("good", "accept", "a defect that nobody names", "SILENT ACCEPTANCE"),
    ("one slice missing", "accept", "", "FALSE REFUSAL"),
    ("gantry tilt", "accept", "tilt", "WRONG VERDICT"),
])  # fmt: skip
def test_what_is_said_is_held_against_what_must_be_said(name, wanted, says, kind):
    (found,) = judged({name: replace(ROWS[name], verdict=wanted, says=says)})
    assert found.kind == kind
    assert f"1 {kind}" in generated_lines([found])[0]


def body(count: int = 12) -> np.ndarray:
    j, i = np.indices((64, 64)) - 31.5
    disc = np.where(np.hypot(j, i) < 24, 40.0, -1000.0)
    return disc + np.random.default_rng(3).normal(0, 12, (count, 64, 64))


@pytest.mark.parametrize("offset", [1024, -1024, 1000, -1000])
@pytest.mark.parametrize("at", [slice(0, 1), slice(5, 6), slice(8, 12)])
def test_slices_that_are_off_by_a_stored_offset_are_found_wherever_they_stand(at, offset):
    values = body()
    values[at] += offset
    assert "rescaled differently" in (break_in_values(values, [0] * 12) or "")


@pytest.mark.parametrize(("step", "same", "broken"), [(150, True, False), (400, True, False), (400, False, True)])
def test_smaller_steps_count_where_the_headers_differ_too(step, same, broken):
    values = body()
    values[6:] += step
    assert (break_in_values(values, [0] * 12 if same else [0] * 6 + [1] * 6) is not None) == broken


def test_noise_alone_is_never_compared():
    values = np.random.default_rng(4).normal(-1000, 12, (6, 64, 64))
    values[3] += 1024
    assert break_in_values(values, [0] * 6) is None


def test_the_tally_names_good_crops_that_are_refused_and_counts_spoilt_ones():
    from tomoscribe.encoders.dicom.hounsfield import hounsfield_state

    tally = Tally()
    (crop,) = crops("disc", body(), 1, np.random.default_rng(1))
    tally.add(crop, "good", hounsfield_state(crop.array))
    factor, offset = SPOILT["rescaled twice (-1024)"]
    tally.add(crop, "rescaled twice (-1024)", hounsfield_state(crop.array * factor + offset))
    assert tally.false_refusals == []
    good, spoilt = tally.lines()[2:4]
    assert good.startswith("| good | 1 | 0 | 0 | 1 |")
    assert spoilt.startswith("| rescaled twice (-1024) | 1 | 1 | 0 | 0 |")
    tally.add(crop, "good", hounsfield_state(crop.array + 1024))
    assert "disc, 4 x 64 x 64 at" in tally.false_refusals[0]
    assert "1 good crops refused" in tally.lines()
