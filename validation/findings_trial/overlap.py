"""Masks of a reading beside reference masks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from tomoscribe.core import Geometry, LabelMap, Reading, Volume
from tomoscribe.validation.metrics.overlap import dice, hausdorff95_mm, surface_dice

STRUCTURES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "lungs": (("lung_right", "lung_left"), ("lung_right", "lung_left", "nodules", "consolidation")),
    "airways": (("airways",), ("airways",)),
    "nodules": (("nodule_*",), ("nodules",)),
    "brain": (("brain",), ("brain", "lesions", "mass", "edema")),
    "ventricles": (("ventricles",), ("ventricles",)),
}
"""Of each structure the segments of the reading and those of the reference; * stands for any ending."""
SURFACES = ("ventricles", "nodules")
"""Structures whose surfaces are compared too: small ones, whose Dice says little."""
TOLERANCE_MM = 2.0


def report_overlap(reading: Reading, truth: LabelMap) -> Mapping[str, float]:
    """Dice, and for small structures surface figures, of the masks that the report's numbers come from."""
    figures: dict[str, float] = {}
    for name, (ours, theirs) in STRUCTURES.items():
        wanted = _union(truth, theirs)
        if not wanted.any():
            continue
        for found in _masks(reading, ours, truth.geometry):
            figures |= _figures(name, found, wanted, truth.geometry)
    return figures


def tower_overlap(volumes: Mapping[str, Volume], truth: LabelMap) -> dict[str, float]:
    """Dice of the MR tower's own masks on the reference's grid, for images that the report refuses."""
    from tomoscribe.encoders.processor import resample_linear
    from tomoscribe.encoders.towers import create_tower

    figures = {}
    for masks in create_tower("unet-mr").encode(volumes).masks.values():
        for name in (s.name for s in truth.segments):
            share = resample_linear(masks.probability(name), masks.geometry, truth.geometry, fill=0.0)
            figures[f"tower Dice/{name}"] = dice(share > 0.5, truth.mask(name))
    return figures


def _figures(name: str, found: NDArray[np.bool_], wanted: NDArray[np.bool_], geometry: Geometry) -> dict[str, float]:
    figures = {f"Dice/{name}": dice(found, wanted)}
    if name in SURFACES and found.any():
        figures[f"surface Dice at {TOLERANCE_MM:g} mm/{name}"] = surface_dice(
            found, wanted, geometry, tolerance_mm=TOLERANCE_MM
        )
        figures[f"HD95/{name}"] = hausdorff95_mm(found, wanted, geometry)
    return figures


def _masks(reading: Reading, patterns: tuple[str, ...], geometry: Geometry) -> Iterator[NDArray[np.bool_]]:
    """The reading's mask of a structure, once at most: from the first label map on this grid that knows it."""
    for label_map in reading.label_maps:
        is_same = label_map.array.shape == geometry.shape and np.allclose(
            label_map.geometry.affine, geometry.affine, atol=1e-3
        )
        if is_same and any(_fits(s.name, patterns) for s in label_map.segments):
            yield _union(label_map, patterns)
            return


def _union(label_map: LabelMap, patterns: tuple[str, ...]) -> NDArray[np.bool_]:
    numbers = [s.number for s in label_map.segments if _fits(s.name, patterns)]
    return np.isin(label_map.array, numbers)


def _fits(name: str, patterns: tuple[str, ...]) -> bool:
    return any(name == p or (p.endswith("*") and name.startswith(p[:-1])) for p in patterns)
