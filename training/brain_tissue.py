"""Heads as shares of tissues: phantoms and shared label maps in one form, from which any MR contrast is rendered.

Each voxel keeps the two tissues that fill the most of it; a third one is rare and counts to the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tomoscribe.core import Geometry
from tomoscribe.core.errors import InputError
from tomoscribe.phantoms.brain.render import PAINTED

SKULL_OUT = 500
"""Labels of the shared maps from here on lie outside the skull's inner table."""
_OUTER = tuple(f"outer_{n}" for n in range(SKULL_OUT + 1, SKULL_OUT + 31))
NAMES = (*PAINTED, "pallidum", "hippocampus", "ventral_dc", "choroid", "vessel", *_OUTER)
NUMBER = {name: n for n, name in enumerate(NAMES)}
MASK_OF = {
    "white": "brain", "gray": "brain", "thalamus": "brain", "caudate": "brain", "putamen": "brain", "pallidum": "brain",
    "hippocampus": "brain", "stem": "brain", "ventral_dc": "brain", "cerebellar_gray": "brain",
    "cerebellar_white": "brain", "edema": "brain", "vessel": "brain", "ventricle": "ventricles",
    "choroid": "ventricles", "csf": "csf", "lesion": "lesions", "mass": "mass",
}  # fmt: skip
"""The tower's mask of each tissue inside the skull."""
_FREESURFER: dict[str, tuple[int, ...]] = {
    "white": (2, 41), "gray": (3, 42), "ventricle": (4, 5, 14, 15, 43, 44, 72), "cerebellar_white": (7, 46),
    "cerebellar_gray": (8, 47), "thalamus": (10, 49), "caudate": (11, 26, 50, 58), "putamen": (12, 51),
    "pallidum": (13, 52), "stem": (16,), "hippocampus": (17, 18, 53, 54), "csf": (24,), "lesion": (25, 57),
    "ventral_dc": (28, 60), "vessel": (30, 62, 85), "choroid": (31, 63, 136, 137, 163, 164),
}  # fmt: skip
"""Labels of the shared maps; the amygdala counts to the hippocampus, the accumbens to the caudate nucleus."""
SPACING_MM = 2.0
_FINE = 2
_MAPS_FOR = {"train": slice(0, 15), "validation": slice(15, 17), "held_out": slice(17, 20)}


@dataclass(frozen=True, kw_only=True, eq=False)
class TissueMap:
    """A head on an upright grid of SPACING_MM (k to the head, j to the back, i to the left).

    Args:
        first, second: (D, H, W) uint8, numbers of NAMES, the first fills at least as much as the second.
        share: (D, H, W) uint8, of the first, 255 is all.
    """

    first: NDArray[np.uint8]
    second: NDArray[np.uint8]
    share: NDArray[np.uint8]

    def of(self, *tissues: str) -> NDArray[np.float32]:
        """(D, H, W) share of some tissues together."""
        member = np.zeros(len(NAMES), np.float32)
        member[[NUMBER[t] for t in tissues]] = 1.0
        share = self.share / np.float32(255)
        return np.asarray(member[self.first] * share + member[self.second] * (1 - share))

    def ml(self, *tissues: str) -> float:
        """Volume of some tissues together."""
        return float(self.of(*tissues).sum(dtype=np.float64)) * SPACING_MM**3 / 1000.0

    @classmethod
    def from_shares(cls, shares: dict[str, NDArray[np.floating]]) -> TissueMap:
        """From the share of each tissue; what they leave over is air."""
        shape = next(iter(shares.values())).shape
        rest = 1 - np.sum(list(shares.values()), axis=0, dtype=np.float32)
        best, best_at = np.clip(rest, 0, 1), np.full(shape, NUMBER["air"], np.uint8)
        next_, next_at = np.zeros(shape, np.float32), np.full(shape, NUMBER["air"], np.uint8)
        for name, share in shares.items():
            wins = share > best
            second = ~wins & (share > next_)
            next_ = np.where(wins, best, np.where(second, share, next_))
            next_at = np.where(wins, best_at, np.where(second, NUMBER[name], next_at)).astype(np.uint8)
            best = np.where(wins, share, best)
            best_at[wins] = NUMBER[name]
        return cls(first=best_at, second=next_at, share=np.rint(255 * (1 - next_)).astype(np.uint8))

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.savez(file, first=self.first, second=self.second, share=self.share)
        part.replace(path)

    @classmethod
    def load(cls, path: Path) -> TissueMap:
        with np.load(path, allow_pickle=False) as file:
            return cls(first=file["first"], second=file["second"], share=file["share"])


def phantom_tissues(seed: int) -> TissueMap:
    """The head phantom of that seed, its pose included."""
    from numpy.random import PCG64

    from tomoscribe.phantoms.brain.case import draw_geometry
    from tomoscribe.phantoms.brain.params import TRAINING
    from tomoscribe.phantoms.brain.patient import draw_patient
    from tomoscribe.phantoms.brain.render import tissue_shares

    rng = Generator(PCG64(seed))
    patient = draw_patient(rng, TRAINING)
    return TissueMap.from_shares(dict(tissue_shares(patient, draw_geometry(rng, patient, SPACING_MM))))


def map_files(shared: Path, part: str) -> tuple[Path, ...]:
    """The label maps of ``train``, ``validation`` or ``held_out``; InputError when the folder is not there."""
    files = sorted((shared / "brain" / "synthseg_labels" / "data" / "training_label_maps").glob("*.nii.gz"))
    if len(files) < 20:
        raise InputError(
            f"expected 20 brain label maps, found {len(files)}",
            remedy="Set TOMOSCRIBE_SHARED, or train without label maps",
        )
    return tuple(files[_MAPS_FOR[part]])


def map_tissues(path: Path, rng: Generator) -> TissueMap:
    """A label map in a random pose and size, with its lesions kept or not, and new lesions or a mass in some."""
    labels, geometry = _read(path)
    posed = _posed(labels, geometry, rng)
    tissues = _as_tissues(posed)
    _add_lesions(tissues, rng)
    depth, height, width = (n // _FINE for n in tissues.shape)
    blocks = tissues.reshape(depth, _FINE, height, _FINE, width, _FINE)
    present = [n for n in np.unique(tissues) if n != NUMBER["air"]]
    return TissueMap.from_shares({NAMES[n]: (blocks == n).mean(axis=(1, 3, 5), dtype=np.float32) for n in present})


def _read(path: Path) -> tuple[NDArray[np.int16], Geometry]:
    """Labels as stored, with their geometry in LPS."""
    import SimpleITK as sitk

    image = sitk.ReadImage(str(path))
    array = sitk.GetArrayFromImage(image).astype(np.int16)
    i_mm, j_mm, k_mm = image.GetSpacing()
    geometry = Geometry.from_parts(
        spacing_mm=(k_mm, j_mm, i_mm),
        origin_mm=image.GetOrigin(),
        shape=array.shape,
        direction=np.array(image.GetDirection()).reshape(3, 3)[:, [2, 1, 0]],
    )
    return array, geometry


def _posed(labels: NDArray[np.int16], geometry: Geometry, rng: Generator) -> NDArray[np.int16]:
    """Labels on an upright grid, the head turned by up to 14 degrees, scaled by up to 14 %, every second mirrored."""
    from scipy.ndimage import affine_transform

    turn = np.eye(3)
    for axis, angle in enumerate(np.radians(rng.uniform(-14, 14, 3))):
        a, b = (axis + 1) % 3, (axis + 2) % 3
        step = np.eye(3)
        step[a, a] = step[b, b] = np.cos(angle)
        step[a, b], step[b, a] = -np.sin(angle), np.sin(angle)
        turn = step @ turn
    step_mm = SPACING_MM / _FINE * rng.uniform(0.9, 1.1) * rng.uniform(0.96, 1.04, 3)
    shape = (224, 240, 192)
    pose = np.eye(4)
    upright = np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0]], float)
    mirror = np.diag([rng.choice((-1.0, 1.0)), 1.0, 1.0])
    pose[:3, :3] = turn @ np.diag(step_mm) @ mirror @ upright
    pose[:3, 3] = geometry.center_mm + rng.uniform(-6, 6, 3) - pose[:3, :3] @ ((np.array(shape) - 1) / 2.0)
    matrix = np.linalg.inv(geometry.affine) @ pose
    return np.asarray(
        affine_transform(labels, matrix[:3, :3], offset=matrix[:3, 3], output_shape=shape, order=0, cval=0)
    )


def _as_tissues(labels: NDArray[np.int16]) -> NDArray[np.uint8]:
    """Numbers of NAMES; a label that nobody knows is air."""
    table = np.full(int(labels.max()) + 1, NUMBER["air"], np.uint8)
    for name, numbers in _FREESURFER.items():
        for number in numbers:
            if number < len(table):
                table[number] = NUMBER[name]
    for name in _OUTER:
        number = int(name.removeprefix("outer_"))
        if number < len(table):
            table[number] = NUMBER[name]
    return np.asarray(table[labels])


def _add_lesions(tissues: NDArray[np.uint8], rng: Generator) -> None:
    """Own white-matter lesions kept or removed, new ones added in some, a mass in some; in place."""
    white, lesion = NUMBER["white"], NUMBER["lesion"]
    if rng.random() < 0.6:
        tissues[tissues == lesion] = white
    places = np.argwhere(tissues == white)
    if not len(places):
        return
    if rng.random() < 0.45:
        for _ in range(int(rng.integers(2, 25))):
            box, blob = _blob(tissues.shape, places[rng.integers(len(places))], rng.uniform(1.5, 6.5), rng)
            tissues[box][blob & (tissues[box] == white)] = lesion
    if rng.random() < 0.3:
        box, blob = _blob(tissues.shape, places[rng.integers(len(places))], rng.uniform(8, 24), rng)
        inside = np.isin(tissues[box], [NUMBER[t] for t in MASK_OF])
        tissues[box][blob & inside] = NUMBER["mass"]


def _blob(
    shape: tuple[int, ...], center: NDArray[np.int64], radius_mm: float, rng: Generator
) -> tuple[tuple[slice, ...], NDArray[np.bool_]]:
    """A smooth lump in its box: an ellipsoid with a wavy border."""
    step_mm = SPACING_MM / _FINE
    reach = int(np.ceil(1.4 * radius_mm / step_mm)) + 1
    box = tuple(slice(max(0, c - reach), min(n, c + reach + 1)) for c, n in zip(center, shape, strict=True))
    grid = [
        (np.arange(part.start, part.stop, dtype=np.float32) - c) * step_mm for part, c in zip(box, center, strict=True)
    ]
    z, y, x = np.meshgrid(*grid, indexing="ij", sparse=True)
    radii = radius_mm * rng.uniform(0.65, 1.25, 3)
    wave = 0.15 * np.sin(x / radius_mm * 2 + rng.uniform(0, 6)) * np.cos(y / radius_mm * 2 + z / radius_mm)
    return box, (z / radii[0]) ** 2 + (y / radii[1]) ** 2 + (x / radii[2]) ** 2 < 1 + wave
