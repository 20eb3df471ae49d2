"""Head MR rendered from label maps with random T1- or FLAIR-like contrast, blur, bias and resolution (SynthSeg's way).

Source: Billot et al. 2023, SynthSeg. The label maps stay where they are; only renderings on the model grid are cached.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tomoscribe.core import Acquisition, Geometry, SeriesRef, Volume
from tomoscribe.core.errors import InputError
from tomoscribe.training.cases import Drawing

VENTRICLES = (4, 5, 14, 15, 43, 44, 72)
CSF = (24,)
LESIONS = (25, 57)
CHOROID = (136, 137, 163, 164)
"""Choroid plexus and like parts within the ventricles."""
VESSELS = (30, 62, 85)
SKULL_OUT = 500
"""Labels from here on lie outside the skull's inner table."""
_STEP_MM = 1.5
_MAPS_FOR = {"train": slice(0, 15), "validation": slice(15, 17), "held_out": slice(17, 20)}


@dataclass(frozen=True, kw_only=True, eq=False)
class BrainLabels:
    """A label map on its own grid, turned to isotropic ``_STEP_MM``."""

    labels: NDArray[np.int16]
    geometry: Geometry


def map_files(shared: Path, part: str) -> tuple[Path, ...]:
    """The label maps of ``train``, ``validation`` or ``held_out``; InputError when the folder is not there."""
    files = sorted((shared / "brain" / "synthseg_labels" / "data" / "training_label_maps").glob("*.nii.gz"))
    if len(files) < 20:
        raise InputError(
            f"expected 20 brain label maps, found {len(files)}",
            remedy="Set TOMOSCRIBE_SHARED, or train without label maps",
        )
    return tuple(files[_MAPS_FOR[part]])


def read_labels(path: Path) -> BrainLabels:
    """Label map as stored, with its LPS geometry, thinned to about ``_STEP_MM``."""
    import SimpleITK as sitk

    image = sitk.ReadImage(str(path))
    axes = np.array(image.GetDirection()).reshape(3, 3)[:, [2, 1, 0]]
    array = sitk.GetArrayFromImage(image).astype(np.int16)
    i_mm, j_mm, k_mm = image.GetSpacing()
    geometry = Geometry.from_parts(
        spacing_mm=(k_mm, j_mm, i_mm),
        origin_mm=image.GetOrigin(),
        shape=array.shape,
        direction=axes,
    )
    return BrainLabels(labels=array, geometry=geometry)


def render(brain: BrainLabels, rng: Generator) -> tuple[Drawing, dict[str, float]]:
    """One random acquisition of the head, and its volumes in ml (intracranial, ventricles, lesions, mass)."""
    labels, geometry = _resampled(brain, _posed(brain.geometry, rng))
    labels, mass = _with_lesions(labels, geometry, rng)
    image = _contrast(labels, mass, rng)
    image = _acquire(image, rng)
    shares = _shares(labels, mass)
    ml = geometry.voxel_volume_mm3 / 1000.0
    volumes = {name: float(share.sum()) * ml for name, share in shares.items()}
    volumes["intracranial"] = sum(volumes.values())
    volume = Volume(
        array=image,
        geometry=geometry,
        modality="MR",
        value_unit="arbitrary",
        series=SeriesRef(
            study_uid="0", series_uid="0", series_number=None, description=None, instance_uids=(), instance_numbers=()
        ),
        acquisition=Acquisition(),
    )
    return Drawing(volume=volume, shares=shares, keep={"lesions": 0.35}), volumes


def _posed(geometry: Geometry, rng: Generator) -> Geometry:
    """A grid of ``_STEP_MM`` around the head, turned by up to 12 degrees, scaled by up to 10 %."""
    angles = np.radians(rng.uniform(-12, 12, 3))
    turn = np.eye(3)
    for axis, angle in enumerate(angles):
        a, b = (axis + 1) % 3, (axis + 2) % 3
        step = np.eye(3)
        step[a, a] = step[b, b] = np.cos(angle)
        step[a, b], step[b, a] = -np.sin(angle), np.sin(angle)
        turn = step @ turn
    stretch = rng.uniform(0.9, 1.1) * rng.uniform(0.96, 1.04, 3)
    shape = (140, 150, 124)
    affine = np.eye(4)
    upright = np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0]], float)
    affine[:3, :3] = turn @ np.diag(stretch) @ upright * _STEP_MM
    middle = geometry.center_mm + rng.uniform(-8, 8, 3)
    affine[:3, 3] = middle - affine[:3, :3] @ ((np.array(shape) - 1) / 2.0)
    return Geometry(affine=affine, shape=shape)


def _resampled(brain: BrainLabels, pose: Geometry) -> tuple[NDArray[np.int16], Geometry]:
    """Labels seen through the pose, on an upright grid of ``_STEP_MM`` (the pose is undone: the head is what moves)."""
    from scipy.ndimage import affine_transform

    matrix = np.linalg.inv(brain.geometry.affine) @ pose.affine
    labels = affine_transform(
        brain.labels, matrix[:3, :3], offset=matrix[:3, 3], output_shape=pose.shape, order=0, mode="constant", cval=0
    )
    upright = Geometry.from_parts(spacing_mm=(_STEP_MM,) * 3, origin_mm=(-93.0, -112.0, -105.0), shape=pose.shape)
    return labels, upright


def _with_lesions(
    labels: NDArray[np.int16], geometry: Geometry, rng: Generator
) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
    """Own white-matter lesions kept or removed, new ones added in some, a mass in some."""
    labels = labels.copy()
    white = np.isin(labels, (2, 41))
    if rng.random() < 0.6:
        labels[np.isin(labels, LESIONS)] = 2
    mass = np.zeros(labels.shape, bool)
    places = np.argwhere(white)
    if not len(places):
        return labels, mass
    if rng.random() < 0.45:
        for _ in range(int(rng.integers(2, 25))):
            radius = rng.uniform(1.5, 6.5)
            labels[_blob(labels.shape, places[rng.integers(len(places))], radius, rng) & white] = LESIONS[0]
    if rng.random() < 0.3:
        inside = (labels > 0) & (labels < SKULL_OUT)
        mass = _blob(labels.shape, places[rng.integers(len(places))], rng.uniform(8, 24), rng) & inside
    return labels, mass


def _blob(shape: tuple[int, ...], center: NDArray[np.int64], radius_mm: float, rng: Generator) -> NDArray[np.bool_]:
    """A smooth lump: an ellipsoid with a wavy border."""
    grid = [(np.arange(n, dtype=np.float32) - c) * _STEP_MM for n, c in zip(shape, center, strict=True)]
    z, y, x = np.meshgrid(*grid, indexing="ij", sparse=True)
    radii = radius_mm * rng.uniform(0.65, 1.25, 3)
    wave = 0.15 * np.sin(x / radius_mm * 2 + rng.uniform(0, 6)) * np.cos(y / radius_mm * 2 + z / radius_mm)
    return (z / radii[0]) ** 2 + (y / radii[1]) ** 2 + (x / radii[2]) ** 2 < 1 + wave


def _contrast(labels: NDArray[np.int16], mass: NDArray[np.bool_], rng: Generator) -> NDArray[np.float32]:
    """A random level and spread for each tissue, T1- or FLAIR-like within the skull; both halves share theirs."""
    left = np.where((labels >= 40) & (labels < 64) & (labels != 58) & (labels != 62), _mirror(labels), labels)
    numbers = np.unique(left)
    table = np.zeros(int(left.max()) + 1, np.float32)
    spread = np.zeros_like(table)
    table[numbers] = rng.uniform(10, 240, len(numbers))
    spread[numbers] = rng.uniform(1, 14, len(numbers))
    _sequence(table, rng)
    if rng.random() < 0.25:
        table[SKULL_OUT:] = 0.0
    table[0] = rng.uniform(0, 8)
    image = table[left] + spread[left] * rng.normal(size=labels.shape).astype(np.float32)
    level = table[LESIONS[0]] * rng.uniform(0.75, 1.25)
    image[mass] = level + 8 * rng.normal(size=int(mass.sum()))
    return np.clip(image, 0, None).astype(np.float32)


def _mirror(labels: NDArray[np.int16]) -> NDArray[np.int16]:
    """Labels of the right half (41 to 63) as those of the left."""
    pairs = {41: 2, 42: 3, 43: 4, 44: 5, 46: 7, 47: 8, 49: 10, 50: 11, 51: 12, 52: 13, 53: 17, 54: 18, 57: 25, 60: 28}
    table = np.arange(int(labels.max()) + 1, dtype=np.int16)
    for right, left in pairs.items():
        if right < len(table):
            table[right] = left
    return table[labels]


def _sequence(table: NDArray[np.float32], rng: Generator) -> None:
    """Levels of white and gray matter, fluid and lesion, random around those of T1 or FLAIR: fluid is the darkest."""
    levels = ((160.0, 105.0, 28.0, 110.0), (95.0, 120.0, 25.0, 190.0))
    white, gray, fluid, lesion = levels[rng.integers(2)]
    fluid *= rng.uniform(0.3, 1.8)
    jitter = rng.uniform(0.85, 1.15, 60)
    for number in range(1, min(64, len(table))):
        table[number] = gray * jitter[number % 60] if number not in (2, 7, 16, 28) else white * jitter[0]
    for number in (*VENTRICLES, *CSF):
        table[number] = fluid * jitter[1]
    table[LESIONS[0]] = lesion * jitter[2]


def _acquire(image: NDArray[np.float32], rng: Generator) -> NDArray[np.float32]:
    """Slice thickness, point spread, bias field and Rician noise."""
    from scipy.ndimage import gaussian_filter, zoom

    sigma = rng.uniform(0.2, 0.7, 3)
    if rng.random() < 0.4:
        sigma[rng.integers(3)] = rng.uniform(0.8, 1.7)
    image = gaussian_filter(image, sigma)
    knots = rng.normal(0, rng.uniform(0, 0.3), (4, 4, 4)).astype(np.float32)
    bias = zoom(knots, [n / 4 for n in image.shape], order=1, grid_mode=True, mode="nearest")
    image = image * np.exp(bias)
    noise = rng.uniform(0, 0.05) * float(np.percentile(image, 98))
    parts = rng.normal(0, noise, (2, *image.shape)).astype(np.float32) if noise else np.zeros((2, 1, 1, 1), np.float32)
    return np.sqrt((image + parts[0]) ** 2 + parts[1] ** 2).astype(np.float32)


def _shares(labels: NDArray[np.int16], mass: NDArray[np.bool_]) -> dict[str, NDArray[np.generic]]:
    inside = (labels > 0) & (labels < SKULL_OUT) & ~mass
    ventricles = np.isin(labels, (*VENTRICLES, *CHOROID)) & ~mass
    csf = np.isin(labels, CSF) & ~mass
    lesions = np.isin(labels, LESIONS) & ~mass
    brain = inside & ~ventricles & ~csf & ~lesions
    return {"brain": brain, "ventricles": ventricles, "csf": csf, "lesions": lesions, "mass": mass}
