"""The sample head MR: T1 and FLAIR of a head smaller than any that is trained on, with white-matter lesions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.random import PCG64, Generator

from tomoscribe.core import Acquisition, Geometry, Volume
from tomoscribe.core.uids import derive_uid
from tomoscribe.phantoms.brain.case import MrScanner, Series, scan
from tomoscribe.phantoms.brain.params import SEQUENCES, TISSUES, TRAINING, BrainRanges
from tomoscribe.phantoms.brain.patient import BrainPatient, draw_patient
from tomoscribe.phantoms.brain.render import signal
from tomoscribe.phantoms.canvas import Canvas, Pose
from tomoscribe.phantoms.shapes import WaveField
from tomoscribe.phantoms.truth import BrainTruth

SEED = 9_000_101
SAMPLE: BrainRanges = replace(
    TRAINING,
    half_width_mm=(62.8, 63.2),
    half_length_mm=(77.5, 78.0),
    half_height_mm=(66.5, 67.0),
    skull_mm=(6.0, 6.5),
    scalp_mm=(5.0, 6.0),
    ventricle_scale=(1.6, 1.65),
    atrophy_mm=(1.5, 1.6),
    gap_mm=(1.8, 2.0),
    num_lesions=(9, 10),
    lesion_radius_mm=(3.6, 8.0),
    jitter=0.0,
    p_lesions=1.0,
    p_mass=0.0,
    p_enlarged=0.0,
)
"""Ranges of the sample patient."""
OUTSIDE = ("half_width_mm", "half_length_mm", "half_height_mm")
"""Fields of SAMPLE that do not overlap with TRAINING."""

GRIDS: dict[str, tuple[tuple[float, float, float], tuple[int, int, int]]] = {
    "T1": ((1.2, 1.0, 1.0), (139, 208, 176)),
    "FLAIR": ((3.0, 1.0, 1.0), (56, 208, 176)),
}
"""Spacing in mm and shape, both (k, j, i)."""


def brain_study() -> tuple[dict[str, Volume], BrainTruth]:
    """The volumes and their truth (measured on the T1 grid), the same on every call."""
    rng = Generator(PCG64(SEED))
    patient = replace(
        draw_patient(rng, SAMPLE), tissues=TISSUES, pose=Pose.from_degrees((4.0, 2.0, 1.5), (1.0, 6.0, 22.0))
    )
    series = {name: _series(rng, name, number) for number, name in enumerate(GRIDS, start=2)}
    case = scan(rng, patient, {name: _grid(name) for name in GRIDS}, series)
    if not isinstance(case.truth, BrainTruth):
        raise TypeError("a head scan without the truth of a brain")
    volumes = {name: _without_noise_in_air(patient, volume) for name, volume in case.volumes.items()}
    return {name: _named(volume, name) for name, volume in volumes.items()}, case.truth


def _without_noise_in_air(patient: BrainPatient, volume: Volume) -> Volume:
    """Zero outside the head, as scanners do that suppress the background; it compresses to almost nothing."""
    skin = Canvas(volume.geometry, patient.pose).distance(patient.head.skin)
    return volume.with_array(np.where(skin > 4.0, np.int16(0), volume.array))


def _grid(name: str) -> Geometry:
    """An axial grid centred on the head."""
    spacing, shape = GRIDS[name]
    k, j, i = (s * (n - 1) / 2 for s, n in zip(spacing, shape, strict=True))
    return Geometry.from_parts(
        spacing_mm=spacing,
        origin_mm=(1.0 - i, 6.0 - j, 27.0 - k),
        shape=shape,
        frame_of_reference_uid=derive_uid("phantom", "brain", str(SEED), "frame of reference"),
    )


def _series(rng: Generator, name: str, number: int) -> Series:
    """Sequence and scanner; the gain makes noise of about 4.5 units."""
    sequence = SEQUENCES[name]
    white = signal(TISSUES["white"], sequence)
    noise = 0.03 * white
    scanner = MrScanner(
        fwhm_mm=(1.2 if name == "T1" else 1.6, 1.1, 1.1),
        noise=noise,
        bias=0.10,
        field=WaveField.draw(rng, (200.0, 320.0), 5),
        gain=4.5 / noise,
    )
    return Series(name=name, number=number, seed=SEED, sequence=sequence, scanner=scanner)


def _named(volume: Volume, name: str) -> Volume:
    acquisition: Acquisition = replace(volume.acquisition, body_part="HEAD")
    description = {"T1": "T1 axial 1.2 mm", "FLAIR": "FLAIR axial 3 mm"}[name]
    return replace(volume, acquisition=acquisition, series=replace(volume.series, description=description))
