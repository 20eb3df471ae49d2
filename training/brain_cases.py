"""Head MR as training cases of the MR tower: phantoms, and renderings of shared label maps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tomoscribe.core import LabelMap
from tomoscribe.encoders.processor import Processor
from tomoscribe.encoders.towers import SPECS, TowerSpec
from tomoscribe.phantoms.truth import BrainTruth
from tomoscribe.training.cases import Case, Drawing, prepare
from tomoscribe.training.synth_brain import BrainLabels, map_files, read_labels, render

_VENTRICLE_SHARE = (0.026, 0.034)
"""Of the intracranial volume: below the first not enlarged, from the second on enlarged, between them unknown."""
_CONTRASTS = ("T1", "FLAIR")
_LESION_ML = (0.3, 1.0)
_MASS_ML = (0.01, 0.5)
_SHARED_NAMES = ("ventricles", "csf", "lesions", "mass")


class MapRenderings:
    """Renderings of the label maps of one part (``train``, ``validation``, ``held_out``) by number."""

    def __init__(self, shared: Path, part: str) -> None:
        self.part = part
        self.files = map_files(shared, part)
        self._kept: dict[Path, BrainLabels] = {}

    def make(self, number: int, spec: TowerSpec = SPECS["unet-mr"]) -> Case:
        """Rendering ``number``: the map and the contrast follow from it."""
        path = self.files[number % len(self.files)]
        if path not in self._kept:
            self._kept[path] = read_labels(path)
        seed = [{"train": 1, "validation": 2, "held_out": 3}[self.part], number]
        drawing, ml = render(self._kept[path], np.random.default_rng(seed))
        image, labels, geometry = prepare(drawing, Processor(spec.processor), spec.masks)
        targets = _targets(ml["lesions"], ml["ventricles"] / ml["intracranial"], ml["mass"], spec.heads)
        return Case(image_CDHW=image, labels_DHW=labels, targets_FS=targets, midline=geometry.shape[2] / 2.0)


def make_brain_case(seed: int, spec: TowerSpec = SPECS["unet-mr"]) -> Case:
    """The phantom of that seed; the sequence follows from the seed."""
    from tomoscribe.phantoms.brain.case import brain_case

    name = _CONTRASTS[seed % len(_CONTRASTS)]
    case = brain_case(seed, spacing_mm=2.0 if seed % 9 == 0 else 3.0, contrasts=(name,))
    drawing = Drawing(volume=case.volumes[name], shares=_shares(case.masks), keep={"lesions": 0.35})
    image, labels, geometry = prepare(drawing, Processor(spec.processor), spec.masks)
    truth = case.truth
    if not isinstance(truth, BrainTruth):
        raise TypeError(f"expected a brain, found {type(truth).__name__}")
    mass_ml = truth.mass.volume_mm3 / 1000.0 if truth.mass else 0.0
    share = truth.ventricles_ml / truth.intracranial_ml
    targets = _targets(truth.lesion_ml, share, mass_ml, spec.heads)
    return Case(image_CDHW=image, labels_DHW=labels, targets_FS=targets, midline=geometry.shape[2] / 2.0)


def _shares(masks: LabelMap) -> dict[str, NDArray[np.generic]]:
    """Phantom segments as the tower's masks."""
    shares: dict[str, NDArray[np.generic]] = {name: masks.mask(name) for name in _SHARED_NAMES}
    shares["brain"] = masks.mask("brain") | masks.mask("edema")
    return shares


def _targets(lesion_ml: float, ventricle_share: float, mass_ml: float, heads: tuple[str, ...]) -> NDArray[np.float32]:
    rows = {
        "WHITE_MATTER_LESIONS": _graded(lesion_ml, *_LESION_ML),
        "VENTRICULAR_ENLARGEMENT": _graded(ventricle_share, *_VENTRICLE_SHARE),
        "BRAIN_MASS": _graded(mass_ml, *_MASS_ML),
    }
    return np.array([[rows[name]] * 2 for name in heads], np.float32)


def _graded(value: float, none: float, some: float) -> float:
    if value >= some:
        return 1.0
    return 0.0 if value < none else float("nan")
