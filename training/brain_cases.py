"""Head MR as training cases of the MR tower: phantoms and shared label maps, rendered anew each time they are seen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import PCG64, Generator
from numpy.typing import NDArray

from tomoscribe.core import Acquisition, Geometry, SeriesRef, Volume
from tomoscribe.encoders.processor import Processor
from tomoscribe.encoders.towers import SPECS, TowerSpec
from tomoscribe.training.brain_contrast import (
    CONTRASTS,
    draw_contrast,
    draw_levels,
    render,
    visible,
    without_skull,
)
from tomoscribe.training.brain_tissue import (
    MASK_OF,
    SPACING_MM,
    TissueMap,
    map_files,
    map_tissues,
    phantom_tissues,
)
from tomoscribe.training.cases import IGNORE, Case, Drawing, prepare

_VENTRICLE_SHARE = (0.026, 0.034)
"""Of the intracranial volume: below the first not enlarged, from the second on enlarged, between them unknown."""
_SCANNED = ("T1", "FLAIR")
_LESION_ML = (0.3, 1.0)
_MASS_ML = (0.01, 0.5)
_UNSEEN = "unseen"
_KEEP = {"lesions": 0.35, _UNSEEN: 0.2}
_P_STRIPPED = 0.12
_NO_SERIES = SeriesRef(
    study_uid="0", series_uid="0", series_number=None, description=None, instance_uids=(), instance_numbers=()
)


@dataclass(frozen=True, kw_only=True)
class Heads:
    """Tissue maps of one part (``train``, ``validation``, ``held_out``) by key, kept in ``folder``.

    Args:
        shared: the shared data, None where no label maps are used.
    """

    folder: Path
    part: str
    shared: Path | None
    spec: TowerSpec = SPECS["unet-mr"]

    def tissues(self, key: str) -> TissueMap:
        """``phantom-SEED`` or ``map-PART-NUMBER``, made on first use."""
        path = self.folder / f"{key}.npz"
        if path.is_file():
            return TissueMap.load(path)
        made = self._make(key)
        made.save(path)
        return made

    def draw(self, key: str, rng: Generator) -> Case:
        """The head with a contrast and a scanner of this draw."""
        return rendered(self.tissues(key), draw_contrast(rng), rng, self.spec)

    def fixed(self, key: str) -> Case:
        """The head as it is measured: phantoms scanned as T1 or FLAIR, label maps in each contrast in turn."""
        number = int(key.rpartition("-")[2])
        if key.startswith("phantom-"):
            return make_brain_case(number, self.spec)
        contrast = CONTRASTS[number % (len(CONTRASTS) - 1)]
        return rendered(self.tissues(key), contrast, np.random.default_rng([5, number]), self.spec)

    def _make(self, key: str) -> TissueMap:
        number = int(key.rpartition("-")[2])
        if key.startswith("phantom-") or self.shared is None:
            return phantom_tissues(number)
        files = map_files(self.shared, self.part)
        seed = [{"train": 1, "validation": 2, "held_out": 3}[self.part], number]
        return map_tissues(files[number % len(files)], np.random.default_rng(seed))


def rendered(tissues: TissueMap, contrast: str, rng: Generator, spec: TowerSpec) -> Case:
    """One random acquisition on the grid of the tower; lesions that the contrast does not show are unknown."""
    levels = draw_levels(contrast, rng)
    shown = without_skull(levels) if rng.random() < _P_STRIPPED else levels
    unseen = tuple(t for t in ("lesion", "mass") if not visible(levels, t))
    shares: dict[str, NDArray[np.generic]] = {
        mask: tissues.of(*(t for t, m in MASK_OF.items() if m == mask and t not in unseen)) for mask in spec.masks
    }
    shares[_UNSEEN] = tissues.of(*unseen) if unseen else np.zeros(tissues.first.shape, np.float32)
    drawing = Drawing(volume=_volume(render(tissues, shown, rng)), shares=shares, keep=_KEEP)
    image, labels, geometry = prepare(drawing, Processor(spec.processor), (*spec.masks, _UNSEEN))
    labels[labels == len(spec.masks) + 1] = IGNORE
    volumes = {name: tissues.ml(name) for name in MASK_OF}
    return Case(
        image_CDHW=image,
        labels_DHW=labels,
        targets_FS=_targets(volumes, spec.heads, unseen),
        midline=geometry.shape[2] / 2.0,
    )


def make_brain_case(seed: int, spec: TowerSpec = SPECS["unet-mr"]) -> Case:
    """The phantom of that seed, scanned; the sequence follows from the seed."""
    from tomoscribe.phantoms.brain.case import brain_case
    from tomoscribe.phantoms.brain.params import TRAINING
    from tomoscribe.phantoms.brain.patient import draw_patient
    from tomoscribe.phantoms.brain.render import tissue_shares

    name = _SCANNED[seed % len(_SCANNED)]
    volume = brain_case(seed, spacing_mm=SPACING_MM, contrasts=(name,)).volumes[name]
    shares = tissue_shares(draw_patient(Generator(PCG64(seed)), TRAINING), volume.geometry)
    masks = {
        mask: np.sum([share for tissue, share in shares.items() if MASK_OF.get(tissue) == mask], axis=0)
        for mask in {MASK_OF[tissue] for tissue in shares if tissue in MASK_OF}
    }
    drawing = Drawing(volume=volume, shares=masks, keep=_KEEP)
    image, labels, geometry = prepare(drawing, Processor(spec.processor), spec.masks)
    ml = volume.geometry.voxel_volume_mm3 / 1000.0
    volumes = {tissue: float(share.sum()) * ml for tissue, share in shares.items()}
    return Case(
        image_CDHW=image,
        labels_DHW=labels,
        targets_FS=_targets(volumes, spec.heads, ()),
        midline=geometry.shape[2] / 2.0,
    )


def _volume(image: NDArray[np.float32]) -> Volume:
    depth, height, width = image.shape
    geometry = Geometry.from_parts(
        spacing_mm=(SPACING_MM,) * 3, origin_mm=(0.0, 0.0, 0.0), shape=(depth, height, width)
    )
    return Volume(
        array=image,
        geometry=geometry,
        modality="MR",
        value_unit="arbitrary",
        series=_NO_SERIES,
        acquisition=Acquisition(),
    )


def _targets(volumes_ml: dict[str, float], heads: tuple[str, ...], unseen: tuple[str, ...]) -> NDArray[np.float32]:
    """(F, 2) from the volumes of the tissues inside the skull."""
    inside = sum(volumes_ml.get(name, 0.0) for name in MASK_OF)
    ventricles = volumes_ml.get("ventricle", 0.0) + volumes_ml.get("choroid", 0.0)
    unknown = float("nan")
    rows = {
        "WHITE_MATTER_LESIONS": unknown if "lesion" in unseen else _graded(volumes_ml.get("lesion", 0.0), *_LESION_ML),
        "VENTRICULAR_ENLARGEMENT": _graded(ventricles / max(inside, 1e-6), *_VENTRICLE_SHARE),
        "BRAIN_MASS": unknown if "mass" in unseen else _graded(volumes_ml.get("mass", 0.0), *_MASS_ML),
    }
    return np.array([[rows[name]] * 2 for name in heads], np.float32)


def _graded(value: float, none: float, some: float) -> float:
    if value >= some:
        return 1.0
    return 0.0 if value < none else float("nan")
