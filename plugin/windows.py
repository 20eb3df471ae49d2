"""Window presets by name: gray levels for CT in Hounsfield units, for MR by percentiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomoscribe.core import Volume
from tomoscribe.core.errors import InvalidValueError

_SAMPLES = 200_000
"""Percentiles are taken over about this many voxels, evenly spread."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """A CT window.

    Args:
        center_hu: level.
        width_hu: from black to white.
    """

    name: str
    center_hu: float
    width_hu: float

    def limits(self, array: NDArray[Any]) -> tuple[float, float]:
        """The values shown black and white; the same whatever the voxels are."""
        return self.center_hu - self.width_hu / 2, self.center_hu + self.width_hu / 2


@dataclass(frozen=True, kw_only=True)
class Percentiles:
    """Gray levels from the voxels themselves, the commonest lowest value (air, padding) left aside.

    Args:
        low, high: percentiles, 0 to 100.
    """

    name: str
    low: float
    high: float

    def limits(self, array: NDArray[Any]) -> tuple[float, float]:
        """The values shown black and white."""
        values = array.ravel()[:: max(1, array.size // _SAMPLES)]
        inside = values[values > values.min()]
        if inside.size == 0:
            return float(values.min()), float(values.min()) + 1.0
        low, high = (float(v) for v in np.percentile(inside, (self.low, self.high)))
        return low, max(high, low + 1e-6)


CT_PRESETS = (
    Window(name="Lung", center_hu=-600, width_hu=1500),
    Window(name="Mediastinum", center_hu=40, width_hu=400),
    Window(name="Bone", center_hu=400, width_hu=1800),
    Window(name="Brain", center_hu=40, width_hu=80),
    Window(name="Stroke", center_hu=40, width_hu=40),
    Window(name="Subdural", center_hu=75, width_hu=215),
    Window(name="Abdomen", center_hu=50, width_hu=400),
    Window(name="Liver", center_hu=30, width_hu=150),
    Window(name="CTA", center_hu=300, width_hu=600),
)
MR_PRESETS = (
    Percentiles(name="MR standard (1-99.5 %)", low=1, high=99.5),
    Percentiles(name="MR bright (0-95 %)", low=0, high=95),
    Percentiles(name="MR contrast (20-99 %)", low=20, high=99),
    Percentiles(name="MR full range", low=0, high=100),
)
_PRESETS: dict[str, tuple[Window, ...] | tuple[Percentiles, ...]] = {"CT": CT_PRESETS, "MR": MR_PRESETS}
_BY_BODY_PART = {"HEAD": "Brain", "BRAIN": "Brain", "SKULL": "Brain", "ABDOMEN": "Abdomen", "PELVIS": "Abdomen"}


def preset_names(modality: str) -> tuple[str, ...]:
    """The names of the presets of a modality, in the order of the menu; none for other modalities."""
    return tuple(p.name for p in _PRESETS.get(modality, ()))


def preset(modality: str, name: str) -> Window | Percentiles:
    """The preset of that name.

    Raises:
        InvalidValueError: the modality has no such preset.
    """
    for one in _PRESETS.get(modality, ()):
        if one.name == name:
            return one
    raise InvalidValueError(f"expected one of {preset_names(modality)} for {modality}, found {name!r}")


def default_preset(volume: Volume) -> Window | Percentiles:
    """The first preset to show: by body part for CT (lung unless the header names another), percentiles otherwise."""
    if volume.modality != "CT":
        return MR_PRESETS[0]
    return preset("CT", _BY_BODY_PART.get((volume.acquisition.body_part or "").upper(), "Lung"))
