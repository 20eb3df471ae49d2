"""Window presets are plain numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tomoscribe.core.errors import InvalidValueError
from tomoscribe.plugin.windows import MR_PRESETS, Percentiles, default_preset, preset, preset_names


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("Lung", -1350, 150), ("Mediastinum", -160, 240), ("Bone", -500, 1300), ("Brain", 0, 80), ("CTA", 0, 600)],
)
def test_ct_windows_run_from_center_minus_half_the_width(name: str, low: float, high: float) -> None:
    assert preset("CT", name).limits(np.zeros((2, 2, 2))) == (low, high)


def test_percentiles_leave_the_background_aside() -> None:
    array = np.concatenate([np.zeros(900), np.arange(1, 101)]).reshape(10, 10, 10)
    assert Percentiles(name="half", low=0, high=50).limits(array) == (1.0, 50.5)


def test_percentiles_of_a_flat_image_are_a_range() -> None:
    low, high = MR_PRESETS[0].limits(np.full((2, 2, 2), 7.0))
    assert (low, high) == (7.0, 8.0)


def test_the_first_preset_follows_the_body_part(case: Any) -> None:
    volume = case.volume
    assert default_preset(volume).name == "Lung"
    head = replace(volume, acquisition=replace(volume.acquisition, body_part="HEAD"))
    assert default_preset(head).name == "Brain"
    assert default_preset(replace(volume, modality="MR", value_unit="arbitrary")) is MR_PRESETS[0]


def test_an_unknown_preset_is_named_with_the_known_ones() -> None:
    assert preset_names("US") == ()
    with pytest.raises(InvalidValueError, match="Lung"):
        preset("CT", "Foot")
