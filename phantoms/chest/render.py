"""A chest patient on a grid: noise-free Hounsfield map, labels, and the truth that depends on the grid."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tomoscribe.core import Geometry
from tomoscribe.phantoms.canvas import Canvas, FloatArray, blend
from tomoscribe.phantoms.chest.anatomy import ChestBody
from tomoscribe.phantoms.chest.patient import SIDES, ChestPatient
from tomoscribe.phantoms.shapes import Tube, ellipsoid, smooth_union

AIR, FAT, MUSCLE, SOFT, BONE, MARROW = -1000.0, -105.0, 48.0, 38.0, 620.0, 190.0
LABELS = ("lung_right", "lung_left", "airways", "nodules", "effusion", "consolidation")


@dataclass(frozen=True, kw_only=True, eq=False)
class ChestMap:
    """Noise-free rendering.

    Args:
        hu: float32 (k, j, i).
        labels: uint8, 1 + index into LABELS.
        lung_share: (right, left) share of each voxel inside the pleura without effusion.
        effusion_share, consolidation_share: (right, left), zero-size arrays never; zeros where there is none.
    """

    hu: FloatArray
    labels: NDArray[np.uint8]
    lung_share: tuple[FloatArray, FloatArray]
    effusion_share: tuple[FloatArray | None, FloatArray | None]
    consolidation_share: tuple[FloatArray | None, FloatArray | None]


def render(patient: ChestPatient, geometry: Geometry) -> ChestMap:
    """The noise-free map of the patient on any grid."""
    return _Renderer(patient, geometry).run()


def tube_share(canvas: Canvas, tubes: tuple[Tube, ...] | list[Tube], grow_mm: tuple[float, float]) -> FloatArray:
    """Share of each voxel inside any of the tubes, whose radii grow by ``constant + factor * radius``."""
    share = np.zeros(canvas.geometry.shape, np.float32)
    h = canvas.voxel_mm
    for tube in tubes:
        r = (tube.radius_start_mm + tube.radius_end_mm) / 2
        grow = grow_mm[0] + grow_mm[1] * r
        box = canvas.box(*tube.bounds(), margin_mm=h + grow)
        if box is None:
            continue
        part = _tube_part(tube.field(grow)(*canvas.coordinates(box)), r + grow, h)
        np.maximum(share[box], part, out=share[box])
    return share


def _tube_part(distance_mm: FloatArray, radius_mm: float, voxel_mm: float) -> FloatArray:
    """Share of voxels inside a tube from the distance to its wall; thin tubes are spread so that none gets lost."""
    if radius_mm >= voxel_mm / 2:
        # the ramp over one voxel adds a twelfth of a voxel's face to the cross-section
        excess = 1 + (voxel_mm / radius_mm) ** 2 / 12 if radius_mm < 1.5 * voxel_mm else 1.0
        return np.clip(0.5 - distance_mm / np.float32(voxel_mm), 0, 1) / np.float32(excess)
    # a cone of one voxel's radius around the axis, of the same volume as the tube
    spread = np.maximum(1 - (distance_mm + np.float32(radius_mm)) / np.float32(voxel_mm), 0)
    return spread * np.float32(3 * (radius_mm / voxel_mm) ** 2)


class _Renderer:
    def __init__(self, patient: ChestPatient, geometry: Geometry) -> None:
        self.patient = patient
        self.body: ChestBody = patient.body
        self.canvas = Canvas(geometry, patient.pose)
        self.shape = geometry.shape
        self.hu = np.full(self.shape, AIR, np.float32)

    def run(self) -> ChestMap:
        x, y, z = self.canvas.coordinates()
        self.thorax = self.canvas.distance(self.body.thorax)
        self._table()
        self._wall()
        self._abdomen()
        self._middle()
        shared = np.asarray(self.body.shared(x, y, z), np.float32)
        fields = [self.canvas.distance(partial(self.body.lung_from, sign=s, shared=shared)) for s in SIDES]
        lung = [self.canvas.occupancy(f) for f in fields]
        self._bones()
        self._lungs(lung)
        patches = self._patches(lung)
        self._trees(lung)
        self._small(lung)
        fluid = self._effusions(lung)
        return self._labelled(lung, patches, fluid)

    def _table(self) -> None:
        """A curved carbon shell with foam, below the back."""
        b = self.body
        x, y, _ = self.canvas.coordinates()
        depth = y - np.float32(b.back + 0.04 * b.height + 3.0) + (x / np.float32(210)) ** 2 * 42
        inside = (np.abs(x) < 205) & (depth > 0) & (depth < 32)
        shell = inside & ((depth < 2.5) | (depth > 29.5))
        self.hu[np.broadcast_to(inside, self.shape)] = -960.0
        self.hu[np.broadcast_to(shell, self.shape)] = -180.0

    def _wall(self) -> None:
        """Skin, fat, muscle."""
        b, canvas = self.body, self.canvas
        skin = canvas.distance(b.skin)
        blend(self.hu, canvas.occupancy(skin), 20.0)
        blend(self.hu, canvas.occupancy(skin + 2.0), FAT)
        x, y, z = canvas.coordinates()
        side = np.abs(x) / np.float32(b.half_width)
        front = np.clip(-y / np.float32(b.half_depth), 0, 1) * np.clip(z / np.float32(0.3 * b.height), 0, 1)
        back = np.clip(y / np.float32(b.half_depth), 0, 1) * np.clip(1.2 - side, 0, 1)
        thick = b.muscle * (0.55 + 0.5 * front + 0.9 * back)
        muscle = np.maximum(self.thorax - thick, skin + np.float32(min(b.fat * 0.6, 8.0)))
        shoulder = ellipsoid((0, 16, b.top + 8), (1.28 * b.half_width, 0.58 * b.half_depth, 84.0))
        muscle = smooth_union(muscle, np.maximum(canvas.evaluate(shoulder), skin + np.float32(b.fat)), 8.0)
        blend(self.hu, canvas.occupancy(muscle), MUSCLE)
        gap = np.abs(self.thorax - np.float32(11.0)) - np.float32(1.0)
        blend(self.hu, canvas.occupancy(np.maximum(gap, muscle + 2)), FAT + 20)

    def _abdomen(self) -> None:
        """Fat, liver, spleen and a stomach with gas under the diaphragm."""
        b, canvas = self.body, self.canvas
        below = -canvas.evaluate(b.diaphragm)
        cavity = canvas.occupancy(np.maximum(self.thorax + 3, below))
        blend(self.hu, cavity, FAT)
        x, y, z = canvas.coordinates()
        under = np.maximum(self.thorax + 4, below + 3)
        right = x - np.float32(0.25 * b.half_width) + 0.6 * (z - np.float32(b.bottom + b.dome_right))
        blend(self.hu, canvas.occupancy(np.maximum(under, right)), 58.0)
        a, d = b.half_width, b.half_depth
        for center, radii, value in (
            ((0.62 * a, 0.45 * d), (0.26 * a, 0.40 * d), 50.0),
            ((0.48 * a, -0.25 * d), (0.32 * a, 0.42 * d), 32.0),
        ):
            u = (x - np.float32(center[0])) / np.float32(radii[0])
            v = (y - np.float32(center[1])) / np.float32(radii[1])
            organ = np.maximum(under, (np.sqrt(u * u + v * v) - 1) * np.float32(min(radii)))
            blend(self.hu, canvas.occupancy(organ), value)
            if value == 32.0:
                blend(self.hu, canvas.occupancy(np.maximum(organ + 4, y + np.float32(0.35 * d))), -960.0)

    def _middle(self) -> None:
        """Mediastinal fat, heart, great vessels, esophagus."""
        b, canvas, blood = self.body, self.canvas, self.patient.blood_hu
        inside = canvas.occupancy(np.maximum(self.thorax + 2, canvas.evaluate(b.diaphragm)))
        blend(self.hu, inside, FAT + 10)
        heart = canvas.distance(b.heart)
        blend(self.hu, canvas.occupancy(heart) * inside, SOFT + 5)
        blend(self.hu, canvas.occupancy(heart + 9) * inside, blood)
        vessels = b.great_vessels()
        blend(self.hu, tube_share(canvas, vessels, (1.2, 0.0)), SOFT)
        blend(self.hu, tube_share(canvas, vessels, (0.0, 0.0)), blood)
        d = b.half_depth
        esophagus = [Tube(start=(5, 0.30 * d + 0.05 * b.height, b.top), end=(9, 0.36 * d - 0.05 * b.height, b.bottom),
                          radius_start_mm=7, radius_end_mm=8)]  # fmt: skip
        blend(self.hu, tube_share(canvas, esophagus, (0.0, 0.0)), SOFT)

    def _bones(self) -> None:
        self._ribs()
        self._spine()
        b, canvas = self.body, self.canvas
        for sign in SIDES:
            blade = canvas.distance(partial(b.scapula, sign=sign))
            self._bone(blade, 420.0)

    def _bone(self, distance: FloatArray, cortex: float = BONE, share: FloatArray | float = 1.0) -> None:
        blend(self.hu, self.canvas.occupancy(distance) * share, cortex)
        blend(self.hu, self.canvas.occupancy(distance + np.float32(1.8)) * share, MARROW)

    def _ribs(self) -> None:
        """Twelve tilted arcs on the thorax, their front ends of cartilage, and the sternum."""
        b, canvas = self.body, self.canvas
        x, y, z = canvas.coordinates()
        height = (z - np.float32(b.rib_tilt) * y) / np.float32(b.rib_pitch) + np.float32(b.rib_phase)
        off = (height - np.round(height)) * np.float32(b.rib_pitch * 0.88)
        ribs = np.sqrt(((self.thorax - np.float32(5.2)) / np.float32(3.6)) ** 2 + (off / np.float32(6.2)) ** 2) - 1
        ribs = ribs * np.float32(3.6)
        ribs = np.maximum(ribs, np.float32(20.0) - np.abs(x))
        yc = y - b.axis_y(z)
        cartilage = np.clip((np.float32(-0.72 * b.half_depth) - yc) / np.float32(8.0), 0, 1)
        self._bone(ribs, share=1 - cartilage)
        blend(self.hu, canvas.occupancy(ribs) * cartilage, 105.0)
        front = np.maximum(np.abs(self.thorax - np.float32(6.5)) - np.float32(5.0), np.abs(x) - np.float32(16.0))
        front = np.maximum(np.maximum(front, yc), np.abs(z - np.float32(0.16 * b.height)) - np.float32(0.26 * b.height))
        self._bone(front, 380.0)

    def _spine(self) -> None:
        """Vertebral bodies with discs, the canal, laminae and spinous processes."""
        b, canvas = self.body, self.canvas
        x, y, z = canvas.coordinates()
        dy = y - b.spine_y(z)
        r = np.float32(b.spine_radius)
        pitch = np.float32(b.rib_pitch)
        phase = z / pitch + np.float32(b.rib_phase)
        disc = np.abs(phase - np.round(phase)) * pitch
        waist = np.float32(1.6) * np.cos(2 * np.pi * phase).astype(np.float32)
        column = np.sqrt(x**2 + (dy * np.float32(1.15)) ** 2) - r - waist
        arch_y = dy - r - np.float32(8)
        ring = np.sqrt(x**2 + arch_y**2)
        lamina = np.maximum(np.abs(ring - np.float32(11)) - np.float32(2.6), np.float32(6.0) - disc)
        process = np.maximum(np.abs(x) - np.float32(3.0), np.abs(arch_y - np.float32(20)) - np.float32(11))
        process = np.maximum(process, np.float32(7.0) - disc)
        transverse = np.sqrt(arch_y**2 + (disc - pitch / 2) ** 2) - np.float32(5.5)
        transverse = np.maximum(transverse, np.abs(x) - np.float32(30.0))
        self._bone(np.minimum(np.minimum(lamina, process), transverse))
        self._bone(np.maximum(column, np.float32(2.6) - disc))
        blend(self.hu, canvas.occupancy(np.maximum(column, disc - np.float32(2.2))), 78.0)
        blend(self.hu, canvas.occupancy(ring - np.float32(8.0)), 22.0)

    def _lungs(self, lung: list[FloatArray]) -> None:
        """Parenchyma with gravity, texture and emphysema."""
        p, tissue = self.patient, self.patient.tissue
        box = _bounds(lung[0] + lung[1])
        x, y, z = self.canvas.coordinates(box)
        depth = np.clip((y - self.body.axis_y(z)) / np.float32(2 * self.body.half_depth) + 0.5, 0, 1)
        hu = np.float32(tissue.hu) + np.float32(tissue.gravity_hu) * (depth**1.5 - np.float32(0.35))
        hu = hu + np.float32(tissue.texture_hu) * tissue.texture(x, y, z)
        if p.emphysema is not None:
            hu = hu + p.emphysema.share(x, y, z) * (np.float32(p.emphysema.hu) - hu)
        self.parenchyma = (box, hu)
        blend(self.hu, np.maximum(lung[0], lung[1])[box], hu, box)

    def _patches(self, lung: list[FloatArray]) -> tuple[FloatArray | None, FloatArray | None]:
        out: list[FloatArray | None] = [None, None]
        for patch in self.patient.consolidations:
            n = SIDES.index(patch.sign)
            box = self.canvas.box(*_around(patch.center, 1.5 * max(patch.radii_mm)))
            if box is None:
                continue
            share = np.zeros(self.shape, np.float32)
            ramp = np.float32(max(self.canvas.voxel_mm, 2.0))
            share[box] = np.clip(0.5 - self.canvas.evaluate(patch.field, box) / ramp, 0, 1)
            share *= lung[n]
            blend(self.hu, share, patch.hu)
            out[n] = share
        return out[0], out[1]

    def _trees(self, lung: list[FloatArray]) -> None:
        p, canvas = self.patient, self.canvas
        inside = np.maximum(lung[0], lung[1])
        tubes = (*p.vessels, *(t for m in p.mimics if m.kind == "vessel_crossing" for t in m.tubes()))
        blend(self.hu, tube_share(canvas, tubes, (0.0, 0.0)) * inside, p.blood_hu)
        blend(self.hu, tube_share(canvas, p.airways, (0.7, 0.13)), 10.0)
        self.airways = tube_share(canvas, p.airways, (0.0, 0.0))
        blend(self.hu, self.airways, AIR)

    def _small(self, lung: list[FloatArray]) -> None:
        """Nodules and mimics, supersampled."""
        self.nodules = np.zeros(self.shape, np.float32)
        factor = 3 if self.canvas.voxel_mm > 1.0 else 2
        for mimic in self.patient.mimics:
            box = self.canvas.box(*_around(mimic.center, mimic.size_mm * 0.6 + 3))
            if mimic.kind == "vessel_crossing" or box is None:
                continue
            share = self.canvas.supersampled(mimic.field, box, factor=factor)
            if mimic.kind != "lymph_node":
                share *= np.maximum(lung[0], lung[1])[box]
            blend(self.hu, share, mimic.hu, box)
        for nodule in self.patient.nodules:
            box = self.canvas.box(*_around(nodule.center, nodule.reach_mm))
            if box is None:
                continue
            inside = lung[SIDES.index(nodule.sign)][box]
            share = self.canvas.supersampled(nodule.field, box, factor=factor) * inside
            solid = nodule.attenuation == "solid"
            blend(self.hu, share, nodule.hu if solid else np.maximum(self.hu[box], np.float32(nodule.hu)), box)
            if nodule.attenuation == "part_solid":
                core = self.canvas.supersampled(nodule.core_field, box, factor=factor) * inside
                blend(self.hu, core, nodule.core_hu, box)
            np.maximum(self.nodules[box], share, out=self.nodules[box])

    def _effusions(self, lung: list[FloatArray]) -> tuple[FloatArray | None, FloatArray | None]:
        """Fluid takes the place of lung; the lung next to it is pressed together."""
        out: list[FloatArray | None] = [None, None]
        for effusion in self.patient.effusions:
            n = SIDES.index(effusion.sign)
            field = self.canvas.evaluate(effusion.field)
            pressed = np.exp(-np.maximum(field, 0) / np.float32(6.0)) * lung[n] * np.float32(0.35)
            blend(self.hu, pressed, np.maximum(self.hu, np.float32(-50.0)))
            share = self.canvas.occupancy(field) * lung[n]
            blend(self.hu, share, effusion.hu)
            lung[n] = lung[n] - share
            out[n] = share
        return out[0], out[1]

    def _labelled(
        self,
        lung: list[FloatArray],
        patches: tuple[FloatArray | None, FloatArray | None],
        fluid: tuple[FloatArray | None, FloatArray | None],
    ) -> ChestMap:
        labels = np.zeros(self.shape, np.uint8)
        for n in (0, 1):
            labels[lung[n] >= 0.5] = 1 + n
        labels[self.airways >= 0.5] = 3
        in_lung = (labels == 1) | (labels == 2)
        for n in (0, 1):
            patch = patches[n]
            if patch is not None:
                patch *= lung[n]
                labels[(patch >= 0.5) & in_lung] = 6
        labels[self.nodules >= 0.5] = 4
        for n in (0, 1):
            share = fluid[n]
            if share is not None:
                labels[share >= 0.5] = 5
        return ChestMap(
            hu=self.hu,
            labels=labels,
            lung_share=(lung[0], lung[1]),
            effusion_share=fluid,
            consolidation_share=patches,
        )


def _bounds(share: FloatArray) -> tuple[slice, slice, slice]:
    """The box that holds everything above zero."""
    parts = []
    for axis in range(3):
        used = np.flatnonzero(share.any(axis=tuple(n for n in range(3) if n != axis)))
        parts.append(slice(int(used[0]), int(used[-1]) + 1) if len(used) else slice(0, 1))
    return parts[0], parts[1], parts[2]


def _around(center: tuple[float, float, float], reach_mm: float) -> tuple[FloatArray, FloatArray]:
    c = np.array(center)
    return c - reach_mm, c + reach_mm
