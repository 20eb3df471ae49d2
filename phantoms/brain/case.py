"""A whole head MR case: patient, grids, scanner, masks and truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.random import PCG64, Generator
from numpy.typing import NDArray

from tomoscribe.core import Acquisition, Geometry, LabelMap, Segment, Volume, terms
from tomoscribe.core.code import Code
from tomoscribe.core.errors import InvalidValueError
from tomoscribe.phantoms.brain.params import SEQUENCES, TRAINING, BrainRanges, Sequence
from tomoscribe.phantoms.brain.patient import BrainPatient, draw_patient
from tomoscribe.phantoms.brain.render import LABELS, BrainMap, render, signal
from tomoscribe.phantoms.canvas import Canvas, FloatArray
from tomoscribe.phantoms.case import PhantomCase
from tomoscribe.phantoms.naming import ALGORITHM, series_ref
from tomoscribe.phantoms.physics import point_spread, rician
from tomoscribe.phantoms.shapes import WaveField
from tomoscribe.phantoms.truth import BrainTruth, LesionTruth

SIGNAL_TO_VALUE = 2000.0
ENLARGED_PERCENT = 3.2
"""Ventricles as a share of the intracranial volume; few patients are drawn close to this border."""
_TYPES: tuple[Code, ...] = (
    terms.BRAIN, terms.VENTRICLES, terms.INTRACRANIAL, terms.WHITE_MATTER_LESIONS, terms.BRAIN_MASS, terms.BRAIN_MASS,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class MrScanner:
    """Acquisition physics of one MR series.

    Args:
        fwhm_mm: point spread along (k, j, i).
        noise: standard deviation of each complex channel, in units of the signal.
        gain: stored value of a signal of 1.
        bias: receive field: exp of a smooth field of this standard deviation.
    """

    fwhm_mm: tuple[float, float, float]
    noise: float
    bias: float
    field: WaveField
    gain: float


@dataclass(frozen=True, kw_only=True)
class Series:
    """Name, number, seed, sequence and scanner of one MR series."""

    name: str
    number: int
    seed: int
    sequence: Sequence
    scanner: MrScanner


def brain_case(
    seed: int,
    *,
    spacing_mm: float = 3.0,
    contrasts: tuple[str, ...] = ("T1", "FLAIR"),
    slices_mm: Mapping[str, float] | None = None,
    ranges: BrainRanges = TRAINING,
) -> PhantomCase:
    """A random head MR patient, by default with all contrasts on one cubic grid of ``spacing_mm``.

    Training draws seeds from 0 to 999,999, held-out ones from 1,000,000 to 1,999,999.

    Args:
        contrasts: names in SEQUENCES; masks and truth are on the grid of the first.
        slices_mm: distance of the slices of some contrasts, which so get a grid of their own.
    """
    rng = Generator(PCG64(seed))
    patient = draw_patient(rng, ranges)
    base = draw_geometry(rng, patient, spacing_mm)
    series: dict[str, Series] = {}
    grids: dict[str, Geometry] = {}
    for name in contrasts:
        sequence = jittered_sequence(rng, SEQUENCES[name], ranges.jitter)
        scanner = draw_scanner(rng, ranges, signal(patient.tissues["white"], sequence), spacing_mm)
        series[name] = Series(name=name, number=len(series) + 1, seed=seed, sequence=sequence, scanner=scanner)
        grids[name] = base.with_spacing(((slices_mm or {}).get(name, spacing_mm), spacing_mm, spacing_mm))
    return scan(rng, patient, grids, series)


def scan(
    rng: Generator, patient: BrainPatient, grids: Mapping[str, Geometry], series: Mapping[str, Series]
) -> PhantomCase:
    """All series of one patient; contrasts on equal grids are rendered together."""
    first, *_ = series
    volumes: dict[str, Volume] = {}
    masks, truth = None, None
    pending = list(series)
    while pending:
        grid = grids[pending[0]]
        group = [name for name in pending if grids[name] == grid]
        pending = [name for name in pending if name not in group]
        clean = render(patient, grid, {name: series[name].sequence for name in group})
        volumes |= {name: acquire(rng, patient, clean.images[name], grid, series[name]) for name in group}
        if masks is None or truth is None:
            masks = label_map(clean.labels(), grid, volumes[first].series.series_uid)
            truth = brain_truth(patient, clean, grid)
    if masks is None or truth is None:
        raise InvalidValueError("expected at least one contrast", remedy=f"name one of {', '.join(SEQUENCES)}")
    return PhantomCase(
        seed=series[first].seed, volumes={name: volumes[name] for name in series}, masks=masks, truth=truth
    )


def draw_scanner(rng: Generator, ranges: BrainRanges, white: float, spacing_mm: float) -> MrScanner:
    """Random acquisition physics; ``white`` is the signal of white matter. Noise averages out on coarse grids."""
    k, j, i = rng.uniform(*ranges.fwhm_mm, 3).tolist()
    return MrScanner(
        fwhm_mm=(k, j, i),
        noise=rng.uniform(*ranges.noise_share) * white * min(1.0, 2.0 / spacing_mm),
        bias=rng.uniform(*ranges.bias_share),
        field=WaveField.draw(rng, (140.0, 320.0), 5),
        gain=SIGNAL_TO_VALUE * float(np.exp(rng.normal(0, 0.5))),
    )


def draw_geometry(rng: Generator, patient: BrainPatient, spacing_mm: float) -> Geometry:
    """An axial grid around the head, from above the scalp to below the skull base."""
    a, b, c = patient.head.radii
    wall = patient.head.skull + patient.head.scalp + 3
    low, high = rng.uniform(4, 45), rng.uniform(wall + 2, wall + 20)
    size = np.array([2 * c + low + high, 2 * (b + wall) + rng.uniform(16, 50), 2 * (a + wall) + rng.uniform(16, 50)])
    shape = np.maximum(np.round(size / spacing_mm), 8).astype(int)
    middle = patient.pose.to_world((0.0, -4.0, (high - low) / 2)) + rng.normal(0, 3, 3)
    origin = middle - spacing_mm * (shape[[2, 1, 0]] - 1) / 2
    return Geometry.from_parts(spacing_mm=(spacing_mm,) * 3, origin_mm=origin.tolist(), shape=shape.tolist())


def jittered_sequence(rng: Generator, sequence: Sequence, jitter: float) -> Sequence:
    """The sequence with its times scaled at random (the inversion time a little only, to keep fluid dark)."""
    factors = np.exp(rng.normal(0, jitter, 3))
    inversion = sequence.inversion_ms
    return Sequence(
        repetition_ms=sequence.repetition_ms * factors[0],
        echo_ms=sequence.echo_ms * factors[1],
        inversion_ms=None if inversion is None else inversion * factors[2] ** 0.4,
    )


def acquire(rng: Generator, patient: BrainPatient, image: FloatArray, geometry: Geometry, series: Series) -> Volume:
    """Bias field, point spread, Rician noise and rounding to whole numbers."""
    x, y, z = Canvas(geometry, patient.pose).coordinates()
    scanner = series.scanner
    biased = image * np.exp(np.float32(scanner.bias) * scanner.field(x, y, z))
    blurred = point_spread(biased, scanner.fwhm_mm, geometry.spacing_mm.tolist())
    noisy = rician(rng, blurred, scanner.noise) * np.float32(scanner.gain)
    array = np.clip(np.rint(noisy), 0, 32767).astype(np.int16)
    return Volume(
        array=array,
        geometry=geometry,
        modality="MR",
        value_unit="arbitrary",
        series=series_ref("brain", series.seed, series.name, array.shape[0], number=series.number),
        acquisition=Acquisition(
            slice_thickness_mm=float(geometry.spacing_mm[0]),
            field_strength_t=1.5,
            repetition_time_ms=series.sequence.repetition_ms,
            echo_time_ms=series.sequence.echo_ms,
            inversion_time_ms=series.sequence.inversion_ms,
            sequence=series.name,
        ),
    )


def label_map(labels: NDArray[np.uint8], geometry: Geometry, series_uid: str) -> LabelMap:
    """The masks, all segments always listed."""
    segments = tuple(
        Segment(
            number=n + 1,
            name=name,
            category=terms.ANATOMICAL_STRUCTURE if n < 3 else terms.ABNORMAL_STRUCTURE,
            type=kind,
        )
        for n, (name, kind) in enumerate(zip(LABELS, _TYPES, strict=True))
    )
    return LabelMap(
        name="truth", array=labels, geometry=geometry, segments=segments, algorithm=ALGORITHM, series_uid=series_uid
    )


def brain_truth(patient: BrainPatient, clean: BrainMap, geometry: Geometry) -> BrainTruth:
    """Volumes from the shares of tissues in each voxel."""
    ml = geometry.voxel_volume_mm3 / 1000.0
    volume = {name: float(share.sum(dtype=np.float64)) * ml for name, share in clean.shares.items()}
    total = sum(volume.values())
    brain = sum(volume[name] for name in ("brain", "lesions", "mass", "edema"))
    lesions = tuple(t for t in (_lesion_truth(patient, clean, geometry, n) for n in range(len(patient.lesions))) if t)
    mass = None
    if patient.mass is not None:
        x, y, z = patient.pose.to_world(patient.mass.center).tolist()
        mass = LesionTruth(center_mm=(x, y, z), volume_mm3=volume["mass"] * 1000.0, kind="mass")
    return BrainTruth(
        intracranial_ml=total,
        brain_ml=brain,
        ventricles_ml=volume["ventricles"],
        lesion_count=len(lesions),
        lesion_ml=volume["lesions"],
        lesions=lesions,
        mass=mass,
        edema_ml=volume["edema"],
        enlarged_ventricles=100.0 * volume["ventricles"] / max(total, 1e-6) > ENLARGED_PERCENT,
    )


def _lesion_truth(patient: BrainPatient, clean: BrainMap, geometry: Geometry, n: int) -> LesionTruth | None:
    """One lesion's centre of mass and volume; None where less than a tenth of it lies in white matter."""
    lesion = patient.lesions[n]
    canvas = Canvas(geometry, patient.pose)
    center = np.array(lesion.center)
    box = canvas.box(center - lesion.reach_mm, center + lesion.reach_mm)
    if box is None:
        return None
    x, y, z = canvas.coordinates(box)
    share = clean.shares["lesions"][box] * (lesion.field(x, y, z) < canvas.voxel_mm)
    volume = float(share.sum()) * geometry.voxel_volume_mm3
    if volume < 0.1 * 4 / 3 * np.pi * float(np.prod(lesion.radii_mm)):
        return None
    kji = np.stack(np.meshgrid(*(np.arange(s.start, s.stop) for s in box), indexing="ij"), axis=-1)
    mean = (kji * share[..., None]).sum(axis=(0, 1, 2)) / share.sum()
    x0, y0, z0 = geometry.to_world(mean).tolist()
    return LesionTruth(center_mm=(x0, y0, z0), volume_mm3=volume, kind="white_matter_lesion")
