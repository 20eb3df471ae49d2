"""A head on a grid: shares of tissues per voxel, painted in order: volumes are exact and any contrast follows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tomoscribe.core import Geometry
from tomoscribe.phantoms.brain.params import TISSUES, Sequence, Tissue
from tomoscribe.phantoms.brain.patient import BrainPatient
from tomoscribe.phantoms.canvas import Box, Canvas, FloatArray, blend
from tomoscribe.phantoms.shapes import ellipsoid

LABELS = ("brain", "ventricles", "csf", "lesions", "mass", "edema")
_CLASS = {
    "white": "brain", "gray": "brain", "thalamus": "brain", "putamen": "brain", "caudate": "brain", "stem": "brain",
    "cerebellar_gray": "brain", "cerebellar_white": "brain", "ventricle": "ventricles", "csf": "csf",
    "lesion": "lesions", "mass": "mass", "edema": "edema",
}  # fmt: skip
_LIKE = {
    "ventricle": "csf", "thalamus": "deep_gray", "putamen": "deep_gray", "caudate": "deep_gray",
    "cerebellar_gray": "gray", "cerebellar_white": "white",
}  # fmt: skip
"""Painted tissues with the parameters of another one."""
_NUCLEI = ("thalamus", "putamen", "caudate")
PAINTED = tuple(sorted((set(TISSUES) - {"deep_gray"}) | set(_LIKE)))
"""Every tissue that a head is painted with."""
WHOLE: Box = (slice(None), slice(None), slice(None))


@dataclass(frozen=True, kw_only=True, eq=False)
class BrainMap:
    """Noise-free rendering.

    Args:
        images: signal per contrast, float32.
        shares: share of each class of LABELS in each voxel, float32; their sum is the intracranial share.
    """

    images: dict[str, FloatArray]
    shares: dict[str, FloatArray]

    def labels(self) -> NDArray[np.uint8]:
        """1 + index into LABELS of the largest share, where the cranium fills at least half a voxel."""
        stack = np.stack([self.shares[name] for name in LABELS])
        labels = (stack.argmax(axis=0) + 1).astype(np.uint8)
        labels[stack.sum(axis=0) < 0.5] = 0
        return labels


def signal(tissue: Tissue, sequence: Sequence) -> float:
    """Magnitude of the spin-echo or inversion-recovery signal, water at infinite TR = 1."""
    recovered = 1.0 - float(np.exp(-sequence.repetition_ms / tissue.t1_ms))
    if sequence.inversion_ms is not None:
        inverted = 2.0 * float(np.exp(-sequence.inversion_ms / tissue.t1_ms))
        recovered = 1.0 - inverted + float(np.exp(-sequence.repetition_ms / tissue.t1_ms))
    return tissue.density * abs(recovered) * float(np.exp(-sequence.echo_ms / tissue.t2_ms))


def render(patient: BrainPatient, geometry: Geometry, sequences: dict[str, Sequence]) -> BrainMap:
    """The noise-free images of the patient on any grid; thick slices are averages of thin ones."""
    thick, *plane = geometry.spacing_mm.tolist()
    factor = max(1, round(thick / min(plane)))
    levels = {name: _levels(patient, sequence) for name, sequence in sequences.items()}
    if factor == 1:
        return _Renderer(patient, geometry, levels).run()
    fine = geometry.with_spacing((thick / factor, *plane))
    thin = _Renderer(patient, fine, levels).run()
    return BrainMap(
        images={name: _averaged(image, factor) for name, image in thin.images.items()},
        shares={name: _averaged(share, factor) for name, share in thin.shares.items()},
    )


def tissue_shares(patient: BrainPatient, geometry: Geometry) -> dict[str, FloatArray]:
    """Share of each tissue of PAINTED in each voxel, from which any contrast follows; what is left over is air."""
    levels = {name: {other: float(other == name) for other in PAINTED} for name in PAINTED if name != "air"}
    return _Renderer(patient, geometry, levels).run().images


def _levels(patient: BrainPatient, sequence: Sequence) -> dict[str, float]:
    """Signal of each painted tissue."""
    return {name: signal(patient.tissues[_LIKE.get(name, name)], sequence) for name in PAINTED}


def _averaged(image: FloatArray, factor: int) -> FloatArray:
    """Means of ``factor`` neighbouring slices."""
    depth, height, width = image.shape
    return image.reshape(depth // factor, factor, height, width).mean(axis=1, dtype=np.float32)


class _Renderer:
    """Paints one head.

    Args:
        levels: by name of the image, the signal of each painted tissue.
    """

    def __init__(self, patient: BrainPatient, geometry: Geometry, levels: dict[str, dict[str, float]]) -> None:
        self.patient = patient
        self.head = patient.head
        self.canvas = Canvas(geometry, patient.pose)
        self.levels = levels
        self.images = {name: np.zeros(geometry.shape, np.float32) for name in levels}
        self.shares = {name: np.zeros(geometry.shape, np.float32) for name in LABELS}

    def run(self) -> BrainMap:
        cranium = self.canvas.distance(self.head.cranium)
        self._soft_tissue(cranium)
        self._face()
        self._skull(cranium)
        inside = self.canvas.occupancy(cranium)
        self._paint("csf", inside)
        self.box = _bounds(inside)
        self._cerebrum(cranium[self.box])
        self._below()
        self._deep()
        self._lesions()
        return BrainMap(images=self.images, shares=self.shares)

    def _paint(self, tissue: str, share: FloatArray, box: Box = WHOLE) -> None:
        """Replace ``share`` of the voxels by the tissue, in all contrasts and in the class shares."""
        self._outside(share, tissue, box)
        kind = _CLASS.get(tissue)
        for name, total in self.shares.items():
            blend(total, share, 1.0 if name == kind else 0.0, box)

    def _soft_tissue(self, cranium: FloatArray) -> None:
        skin = self.canvas.distance(self.head.skin)
        occupancy = self.canvas.occupancy
        self._outside(occupancy(skin), "skin")
        self._outside(occupancy(skin + 2.0), "fat")
        self._outside(occupancy(np.maximum(skin + np.float32(3.0 + self.head.scalp), -20 - cranium)), "muscle")

    def _outside(self, share: FloatArray, tissue: str, box: Box = WHOLE) -> None:
        """Paint tissue that no class counts."""
        for name, image in self.images.items():
            blend(image, share, self.levels[name][tissue], box)

    def _face(self) -> None:
        """Orbits, sinuses, nose."""
        place, s = self.head.place, self.head.scale
        shapes = [("fat", (sign * 31, -66, -36), (18, 26, 17)) for sign in (-1, 1)]
        shapes += [("vitreous", (sign * 31, -78, -36), (12, 12, 12)) for sign in (-1, 1)]
        shapes += [("air", (sign * 27, -60, -68), (14, 17, 17)) for sign in (-1, 1)]
        shapes += [
            ("air", (0, -72, -62), (9, 26, 22)),
            ("air", (0, -88, -26), (14, 5, 9)),
            ("air", (0, -30, -46), (10, 12, 8)),
        ]
        shapes += [("air", (0, 0, -95), (9, 8, 34)), ("muscle", (0, -52, -100), (24, 30, 12))]
        for tissue, center, radii in shapes:
            placed = place(center)
            size = np.array(radii) * s
            box = self.canvas.box(np.array(placed) - size, np.array(placed) + size, margin_mm=2.0)
            if box is not None:
                field = self.canvas.evaluate(ellipsoid(placed, size.tolist()), box)
                self._outside(self.canvas.occupancy(field), tissue, box)

    def _skull(self, cranium: FloatArray) -> None:
        """Two tables with marrow between them; the base is thinner and has none."""
        occupancy, thick = self.canvas.occupancy, self.head.skull
        _, y, z = self.canvas.coordinates()
        calvaria = np.float32(-0.40 * self.head.radii[2]) - z - np.float32(0.2) * y
        base = np.clip(calvaria / np.float32(12.0), 0, 1) * np.float32(0.55 * thick)
        self._outside(occupancy(cranium - np.float32(thick) + base), "cortical_bone")
        marrow = np.maximum(np.abs(cranium - np.float32(thick / 2)) - np.float32(thick / 2 - 1.6), calvaria)
        self._outside(occupancy(marrow), "marrow")

    def _cerebrum(self, cranium: FloatArray) -> None:
        """Cortex along the folded surface, white matter within."""
        box, canvas, head = self.box, self.canvas, self.head
        x, y, z = np.broadcast_arrays(*canvas.coordinates(box))
        used = cranium < canvas.voxel_mm
        values = head.pial_depth(x[used], y[used], z[used], -cranium[used])
        depth = np.full(cranium.shape, -10.0, np.float32)
        depth[used] = values
        self._paint("gray", canvas.occupancy(-depth), box)
        self.white = canvas.occupancy(np.float32(head.cortex) - depth)
        self._paint("white", self.white, box)

    def _below(self) -> None:
        """Cerebellum with folia, brain stem."""
        canvas, head, box = self.canvas, self.head, self.box
        x, y, z = canvas.coordinates(box)
        cranium = canvas.distance(head.cranium, box)
        surface = canvas.distance(head.cerebellum, box)
        limit = np.maximum(canvas.evaluate(head.posterior_fossa, box) + 1.5, cranium + np.float32(head.gap))
        body = np.maximum(surface, limit)
        waves = head.folia(x * np.float32(0.35), y * np.float32(0.8), z)
        share = canvas.occupancy(body + np.float32(1.2) * np.maximum(waves - 0.6, 0))
        self._paint("cerebellar_gray", share, box)
        core = canvas.occupancy(body + np.float32(8.0) + np.float32(3.0) * waves)
        self._paint("cerebellar_white", core, box)
        stem = canvas.occupancy(np.maximum(canvas.distance(head.brain_stem, box), cranium))
        self._paint("stem", stem, box)
        self.white *= (1 - share) * (1 - stem)

    def _deep(self) -> None:
        canvas, head, box = self.canvas, self.head, self.box
        nuclei = [canvas.occupancy(canvas.evaluate(shape, box)) for shape in head.deep_gray()]
        gray = np.zeros_like(self.white)
        for nucleus in nuclei:
            gray = np.maximum(gray, nucleus)
        gray *= np.clip(self.white * 2, 0, 1)
        owner = np.argmax(nuclei, axis=0) % len(_NUCLEI)
        for number, tissue in enumerate(_NUCLEI):
            self._paint(tissue, np.where(owner == number, gray, np.float32(0)), box)
        third, fourth = head.middle_ventricles()
        lateral = canvas.evaluate(head.lateral_ventricles, box)
        share = np.maximum(canvas.occupancy(lateral), canvas.occupancy(canvas.distance(third, box)))
        share = np.maximum(share, canvas.occupancy(canvas.distance(fourth, box)))
        share *= canvas.occupancy(canvas.distance(head.cranium, box))
        self._paint("ventricle", share, box)
        self.white *= (1 - gray) * (1 - share)

    def _lesions(self) -> None:
        """White-matter lesions, then the mass with its edema; lesions only where white matter is."""
        canvas = self.canvas
        white = np.zeros(canvas.geometry.shape, np.float32)
        white[self.box] = self.white
        for lesion in self.patient.lesions:
            box = canvas.box(*_around(lesion.center, lesion.reach_mm))
            if box is not None:
                self._paint("lesion", canvas.supersampled(lesion.field, box) * white[box], box)
        mass = self.patient.mass
        if mass is None:
            return
        box = canvas.box(*_around(mass.center, 1.4 * mass.radius_mm + mass.edema_mm + 2))
        if box is None:
            return
        field = canvas.evaluate(mass.field, box)
        rim = canvas.occupancy(field - np.float32(mass.edema_mm)) * white[box]
        inside = self.shares["brain"][box] + self.shares["ventricles"][box] + self.shares["csf"][box]
        if mass.edema_mm > 0:
            self._paint("edema", rim, box)
        self._paint("mass", canvas.occupancy(field) * np.clip(inside + rim, 0, 1), box)


def _bounds(share: FloatArray) -> Box:
    parts = []
    for axis in range(3):
        used = np.flatnonzero(share.any(axis=tuple(n for n in range(3) if n != axis)))
        parts.append(slice(int(used[0]), int(used[-1]) + 1) if len(used) else slice(0, 1))
    return parts[0], parts[1], parts[2]


def _around(center: tuple[float, float, float], reach_mm: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    c = np.array(center)
    return c - reach_mm, c + reach_mm
