"""Chest phantoms as training cases of the CT tower."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tomoscribe.encoders.processor import Processor
from tomoscribe.encoders.towers import SPECS, TowerSpec
from tomoscribe.phantoms.truth import ChestTruth
from tomoscribe.training.cases import Case, Drawing, prepare

_MASKS = {"nodules": "nodule"}
_KEEP = {"nodule": 0.25, "airways": 0.4}
_EMPHYSEMA_PERCENT = (2.0, 5.0)
"""LAA-950 of a side: below the first no emphysema, from the second on emphysema, between them unknown."""
_LEAST_ML = 5.0


def chest_spacing_mm(seed: int) -> float:
    """Every fourth patient is scanned at 2.5 mm, the others on the model's own 4 mm (faster)."""
    return 2.5 if seed % 4 == 0 else 4.0


def make_chest_case(seed: int, spec: TowerSpec = SPECS["unet-ct"]) -> Case:
    """The phantom of that seed on the grid of the CT tower."""
    from tomoscribe.phantoms.chest.case import chest_case

    case = chest_case(seed, spacing_mm=chest_spacing_mm(seed))
    volume = case.volumes["CT"]
    shares: dict[str, NDArray[np.generic]] = {
        _MASKS.get(s.name, s.name): case.masks.mask(s.name) for s in case.masks.segments
    }
    drawing = Drawing(volume=volume, shares=shares, keep=_KEEP)
    image, labels, geometry = prepare(drawing, Processor(spec.processor), spec.masks)
    if not isinstance(case.truth, ChestTruth):
        raise TypeError(f"expected a chest, found {type(case.truth).__name__}")
    lungs = [
        geometry.to_world(np.argwhere(labels == spec.masks.index(name) + 1)) for name in ("lung_right", "lung_left")
    ]
    midline_mm = float(np.mean([points[:, 0].mean() for points in lungs if len(points)]))
    return Case(
        image_CDHW=image,
        labels_DHW=labels,
        targets_FS=chest_targets(case.truth, spec.heads),
        midline=float(geometry.to_index((midline_mm, 0.0, 0.0))[2]),
    )


def chest_targets(truth: ChestTruth, heads: tuple[str, ...]) -> NDArray[np.float32]:
    """(F, 2) for right and left: 1 present, 0 absent, NaN too little to tell."""
    none, some = _EMPHYSEMA_PERCENT
    rows = {
        "EMPHYSEMA": [_graded(v, none, some) for v in (truth.laa950_percent.right, truth.laa950_percent.left)],
        "NODULE": [float(any(n.side == side for n in truth.nodules)) for side in ("right", "left")],
        "PLEURAL_EFFUSION": [_graded(v, 0.01, _LEAST_ML) for v in (truth.effusion_ml.right, truth.effusion_ml.left)],
        "CONSOLIDATION": [
            _graded(v, 0.01, _LEAST_ML) for v in (truth.consolidation_ml.right, truth.consolidation_ml.left)
        ],
    }
    return np.array([rows[name] for name in heads], np.float32)


def _graded(value: float, none: float, some: float) -> float:
    if value >= some:
        return 1.0
    return 0.0 if value < none else float("nan")
