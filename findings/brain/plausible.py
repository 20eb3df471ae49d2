"""Whether measured brain volumes can be those of an adult head; implausible ones are not reported."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tomoscribe.core import Geometry
from tomoscribe.encoders.types import SoftMasks
from tomoscribe.findings.brain.tissue import Array, Levels, intracranial

ICV_ML = (800.0, 2200.0)
BRAIN_SHARE = (0.55, 0.97)
VENTRICLE_SHARE = (0.002, 0.2)
_CUT_CM2 = 25.0
"""With more of the inside than this in its first or last slice, the scan ends there."""


@dataclass(frozen=True, kw_only=True)
class Volumes:
    """ml of the inside of the skull, of brain tissue, of the ventricles."""

    intracranial_ml: float
    brain_ml: float
    ventricles_ml: float


def objection(volumes: Volumes) -> str | None:
    """Why these volumes must not be reported, None when they are plausible for an adult."""
    icv = volumes.intracranial_ml
    if not ICV_ML[0] <= icv <= ICV_ML[1]:
        return "the intracranial volume found is implausible for an adult head"
    if not BRAIN_SHARE[0] <= volumes.brain_ml / icv <= BRAIN_SHARE[1]:
        return "the share of brain tissue found is implausible"
    if not VENTRICLE_SHARE[0] <= volumes.ventricles_ml / icv <= VENTRICLE_SHARE[1]:
        return "the share of the ventricles found is implausible"
    return None


def is_cut(masks: SoftMasks, native: Geometry) -> bool:
    """Whether the scan ends inside the skull above or below the brain.

    The tower's voxels outside the scan do not count: what counts is how much of the inside lies within 4 mm of the
    scan's first and last slice.
    """
    inside = np.argwhere(intracranial(masks) > 0.5)
    if not len(inside):
        return False
    axis = int(np.argmax(np.abs(native.direction[2])))
    index = native.to_index(masks.geometry.to_world(inside))[:, axis]
    depth = 4.0 / native.spacing_mm[axis]
    area_cm2 = masks.geometry.voxel_volume_mm3 / 4.0 / 100.0
    last = native.shape[axis] - 0.5
    ends = [((index >= -0.5) & (index < depth - 0.5)).sum(), ((index > last - depth) & (index <= last)).sum()]
    return bool(max(float(n) for n in ends) * area_cm2 > _CUT_CM2)


def is_stripped(image: Array, geometry: Geometry, cranium: NDArray[np.bool_], levels: Levels) -> bool:
    """Whether there is hardly any signal just outside the skull: the images were skull-stripped.

    Looked at is the shell of 4 to 8 mm around ``cranium``; scalp and marrow fill most of it in a whole head.
    """
    away_mm = ndimage.distance_transform_edt(~cranium, sampling=tuple(geometry.spacing_mm))
    shell = image[(away_mm > 4.0) & (away_mm < 8.0)]
    return bool(shell.size and (shell > 0.5 * levels.fluid).mean() < 0.25)
