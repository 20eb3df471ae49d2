"""A whole chest CT case: patient, grid, scanner, masks and truth."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.random import PCG64, Generator
from numpy.typing import NDArray

from tomoscribe.core import Acquisition, Geometry, LabelMap, Segment, Volume, terms
from tomoscribe.phantoms.canvas import FloatArray
from tomoscribe.phantoms.case import PhantomCase
from tomoscribe.phantoms.chest.lesions import nodule_truth
from tomoscribe.phantoms.chest.params import TRAINING, ChestRanges
from tomoscribe.phantoms.chest.patient import ChestPatient, draw_patient
from tomoscribe.phantoms.chest.render import LABELS, ChestMap, render
from tomoscribe.phantoms.naming import ALGORITHM, series_ref
from tomoscribe.phantoms.physics import correlated_noise, point_spread
from tomoscribe.phantoms.truth import ChestTruth, NoduleTruth, SidedTruth

HU_FLOOR, HU_CEILING = -1024, 3071
_TYPES = (terms.LUNG, terms.LUNG, terms.AIRWAYS, terms.NODULE, terms.PLEURAL_EFFUSION, terms.CONSOLIDATION)


@dataclass(frozen=True, kw_only=True)
class CtScanner:
    """Acquisition physics of one CT series.

    Args:
        fwhm_mm: point spread (through plane, in plane).
        noise_hu: standard deviation in water; noise_grain_mm: standard deviation of its texture.
        padding_hu: value outside the reconstruction circle, None when the whole square is reconstructed.
    """

    fwhm_mm: tuple[float, float]
    noise_hu: float
    noise_grain_mm: float
    padding_hu: float | None = None


def chest_case(seed: int, *, spacing_mm: float = 4.0, ranges: ChestRanges = TRAINING) -> PhantomCase:
    """A random chest CT patient on a cubic grid of ``spacing_mm``.

    Training draws seeds from 0 to 999,999, held-out ones from 1,000,000 to 1,999,999.
    """
    rng = Generator(PCG64(seed))
    patient = draw_patient(rng, ranges)
    geometry = draw_geometry(rng, ranges, patient, spacing_mm)
    scanner = CtScanner(
        fwhm_mm=(rng.uniform(*ranges.fwhm_mm), rng.uniform(*ranges.fwhm_mm)),
        noise_hu=rng.uniform(*ranges.noise_hu) * min(1.0, 2.0 / spacing_mm),
        noise_grain_mm=rng.uniform(*ranges.noise_grain_mm),
        padding_hu=-1024.0 if rng.random() < 0.3 else None,
    )
    clean = render(patient, geometry)
    volume = acquire(rng, clean.hu, geometry, scanner, seed)
    return PhantomCase(
        seed=seed,
        volumes={"CT": volume},
        masks=label_map(clean, geometry, volume.series.series_uid),
        truth=chest_truth(patient, clean, geometry),
    )


def draw_geometry(rng: Generator, ranges: ChestRanges, patient: ChestPatient, spacing_mm: float) -> Geometry:
    """An axial grid around the chest; the field of view sometimes cuts the skin, the coverage sometimes the lungs."""
    body = patient.body
    wall = body.fat + body.muscle
    width = 2 * (body.half_width + wall * rng.uniform(0.35, 1.25)) + 12
    depth = max(2 * (body.half_depth + wall) + rng.uniform(20, 60), 0.8 * width)
    low, high = (rng.uniform(*ranges.margin_mm) for _ in range(2))
    size = np.array([body.height + low + high, depth, width])
    shape = np.maximum(np.round(size / spacing_mm), 8).astype(int)
    middle = patient.pose.to_world((0.0, 8.0, (high - low) / 2)) + rng.normal(0, 4, 3)
    origin = middle - spacing_mm * (shape[[2, 1, 0]] - 1) / 2
    return Geometry.from_parts(
        spacing_mm=(spacing_mm,) * 3, origin_mm=origin.tolist(), shape=shape.tolist(), frame_of_reference_uid=None
    )


def acquire(rng: Generator, hu: FloatArray, geometry: Geometry, scanner: CtScanner, seed: int) -> Volume:
    """One CT series of a noise-free map (k, j, i) in HU."""
    array = expose(rng, hu, geometry, scanner)
    return Volume(
        array=array,
        geometry=geometry,
        modality="CT",
        value_unit="hu",
        series=series_ref("chest", seed, "CT", array.shape[0]),
        acquisition=Acquisition(slice_thickness_mm=float(geometry.spacing_mm[0]), kvp=120.0),
    )


def expose(rng: Generator, hu: FloatArray, geometry: Geometry, scanner: CtScanner) -> NDArray[np.int16]:
    """Point spread, noise (stronger in the middle of the body), padding and rounding to whole HU."""
    spacing = geometry.spacing_mm
    through, plane = scanner.fwhm_mm
    image = point_spread(hu, (through, plane, plane), spacing.tolist())
    grain = (0.0, scanner.noise_grain_mm / spacing[1], scanner.noise_grain_mm / spacing[2])
    noise = correlated_noise(rng, image.shape, sigma=scanner.noise_hu, grain_voxels=grain)
    rows, columns = np.ogrid[-1 : 1 : image.shape[1] * 1j, -1 : 1 : image.shape[2] * 1j]
    radius2 = (rows**2 + columns**2).astype(np.float32)
    image = image + noise * (np.float32(1.12) - np.float32(0.25) * np.minimum(radius2, 1))
    if scanner.padding_hu is not None:
        image[:, radius2 > 1.0] = scanner.padding_hu
    return np.clip(np.rint(image), HU_FLOOR, HU_CEILING).astype(np.int16)


def label_map(clean: ChestMap, geometry: Geometry, series_uid: str) -> LabelMap:
    """The masks, all segments always listed."""
    segments = tuple(
        Segment(
            number=n + 1,
            name=name,
            category=terms.ANATOMICAL_STRUCTURE if n < 3 else terms.ABNORMAL_STRUCTURE,
            type=kind,
            laterality={"lung_right": "right", "lung_left": "left"}.get(name),
        )
        for n, (name, kind) in enumerate(zip(LABELS, _TYPES, strict=True))
    )
    return LabelMap(
        name="truth",
        array=clean.labels,
        geometry=geometry,
        segments=segments,
        algorithm=ALGORITHM,
        series_uid=series_uid,
    )


def nodule_truths(patient: ChestPatient, geometry: Geometry, *, samples: int = 24) -> tuple[NoduleTruth, ...]:
    """Truth of the nodules whose centre the grid covers."""
    found = []
    for nodule in patient.nodules:
        inside = partial(patient.body.lung, sign=nodule.sign)
        truth = nodule_truth(nodule, inside, patient.pose, samples=samples)
        if geometry.contains(truth.center_mm):
            found.append(truth)
    return tuple(found)


def chest_truth(patient: ChestPatient, clean: ChestMap, geometry: Geometry, *, samples: int = 24) -> ChestTruth:
    """What is true of the part of the patient that the grid covers."""
    ml = geometry.voxel_volume_mm3 / 1000.0
    low = [float(((clean.hu < -950) * share * (clean.labels != 3)).sum()) for share in clean.lung_share]
    lung = [float(((clean.labels != 3) * share).sum()) for share in clean.lung_share]
    ends = np.array([[0, 0, patient.body.top], [0, 0, patient.body.bottom]])
    complete = bool(geometry.contains(patient.pose.to_world(ends)).all())
    return ChestTruth(
        nodules=nodule_truths(patient, geometry, samples=samples),
        mimics=tuple(m.truth(patient.pose) for m in patient.mimics),
        lung_ml=SidedTruth(right=lung[0] * ml, left=lung[1] * ml),
        laa950_percent=SidedTruth(right=_percent(low[0], lung[0]), left=_percent(low[1], lung[1])),
        laa950_total_percent=_percent(sum(low), sum(lung)),
        emphysema=patient.emphysema is not None,
        effusion_ml=_sided(clean.effusion_share, ml),
        consolidation_ml=_sided(clean.consolidation_share, ml),
        airway_ml=float((clean.labels == 3).sum()) * ml,
        contrast=patient.contrast,
        complete=complete,
    )


def _percent(part: float, whole: float) -> float:
    return 100.0 * part / whole if whole > 0 else 0.0


def _sided(shares: tuple[FloatArray | None, FloatArray | None], ml: float) -> SidedTruth:
    right, left = (0.0 if s is None else float(s.sum()) * ml for s in shares)
    return SidedTruth(right=right, left=left)
