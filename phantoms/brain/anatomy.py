"""The head as implicit shapes in the anatomical frame: origin in the middle of the brain, x left, y back, z head."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.random import Generator

from tomoscribe.phantoms.brain.params import BrainRanges
from tomoscribe.phantoms.canvas import Field, FloatArray
from tomoscribe.phantoms.shapes import Tube, WaveField, ellipsoid, smooth_cut, smooth_union

Point = tuple[float, float, float]
REFERENCE_RADII = (70.0, 86.0, 74.0)
"""Inner skull of the head for which the deep structures' places are written, mm."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Head:
    """Sizes of one head in mm.

    Args:
        radii: inner skull table.
        ventricles: size of the ventricles, 1 for a young adult.
        folds, minor_folds: random fields whose zeros are the deep and the shallow sulci; bend: their curvature.
    """

    radii: Point
    skull: float
    scalp: float
    ventricles: float
    atrophy: float
    gap: float
    cortex: float
    folds: WaveField
    minor_folds: WaveField
    bend: WaveField
    fold_depth: float
    folia: WaveField

    @classmethod
    def draw(cls, rng: Generator, ranges: BrainRanges) -> Head:
        low, high = ranges.ventricle_scale
        split = 2.1
        enlarged = rng.random() < ranges.p_enlarged
        scale = rng.uniform(max(low, split + 0.1), high) if enlarged else rng.uniform(low, split - 0.1)
        gyrus = rng.uniform(*ranges.gyrus_mm)
        return cls(
            radii=(
                rng.uniform(*ranges.half_width_mm),
                rng.uniform(*ranges.half_length_mm),
                rng.uniform(*ranges.half_height_mm),
            ),
            skull=rng.uniform(*ranges.skull_mm),
            scalp=rng.uniform(*ranges.scalp_mm),
            ventricles=scale,
            atrophy=rng.uniform(*ranges.atrophy_mm),
            gap=rng.uniform(*ranges.gap_mm),
            cortex=rng.uniform(*ranges.cortex_mm),
            folds=WaveField.draw(rng, (1.0 * gyrus, 1.6 * gyrus), 16),
            minor_folds=WaveField.draw(rng, (0.6 * gyrus, 1.0 * gyrus), 12),
            bend=WaveField.draw(rng, (35.0, 70.0), 6),
            fold_depth=rng.uniform(14.0, 21.0),
            folia=WaveField.draw(rng, (6.0, 11.0), 8),
        )

    def place(self, point: Point) -> Point:
        """A place of the reference head in this head."""
        x, y, z = (p * r / q for p, r, q in zip(point, self.radii, REFERENCE_RADII, strict=True))
        return (x, y, z)

    @property
    def scale(self) -> float:
        return float(np.cbrt(np.prod(self.radii) / np.prod(REFERENCE_RADII)))

    def cranium(self, x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
        """Inside of the inner skull table, its floor lower at the back."""
        dome = ellipsoid((0, 0, 0), self.radii)(x, y, z)
        floor = -(z + np.float32(0.62 * self.radii[2]) + np.float32(0.33) * y) * np.float32(0.95)
        return smooth_cut(dome, np.maximum(floor, -z - np.float32(0.97 * self.radii[2])), 14.0)

    def skin(self, x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
        """Outer surface of head and neck."""
        a, b, c = self.radii
        wall = self.skull + self.scalp + 2.5
        head = ellipsoid((0, 0, 0), (a + wall, b + wall, c + wall))(x, y, z)
        face = ellipsoid((0, -0.40 * b, -0.95 * c), (0.86 * a, 0.70 * b, 1.02 * c))(x, y, z)
        nose = ellipsoid((0, -1.08 * b, -0.72 * c), (11, 16, 20))(x, y, z)
        neck = np.sqrt(x**2 + (y - np.float32(0.22 * b)) ** 2) - np.float32(0.80 * a)
        neck = np.maximum(neck, z + np.float32(0.4 * c))
        return smooth_union(smooth_union(smooth_union(head, face, 24.0), neck, 24.0), nose, 10.0)

    def posterior_fossa(self, x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
        """Below the tentorium, and the cisterns around the brain stem."""
        tent = z + np.float32(14.0) + np.float32(0.28) * (y - np.float32(30.0)) + np.float32(0.10) * np.abs(x)
        fossa = smooth_cut(tent, np.float32(16.0) - y + np.float32(0.25) * np.abs(x), 6.0)
        cistern = ellipsoid(self.place((0, 6, -27)), (13, 16, 12))(x, y, z)
        return smooth_union(fossa, cistern, 5.0)

    def ventricle_tubes(self) -> list[Tube]:
        """Lateral ventricles with their horns, and the aqueduct."""
        v = self.ventricles
        spread = 0.75 + 0.25 * v
        path = ((9.5, -33, 7, 3.2), (8.5, -16, 12, 4.4), (9.5, 4, 16, 4.2), (14, 20, 14, 4.6), (22, 33, 6, 5.6))
        occipital = ((22, 33, 6, 5.0), (19, 50, 4, 2.0))
        temporal = ((22, 33, 6, 4.6), (31, 22, -8, 2.6), (29, 2, -15, 1.8))
        tubes = []
        for sign in (-1, 1):
            for chain in (path, occipital, temporal):
                for p, q in pairwise(chain):
                    start = self.place((sign * p[0] * spread, p[1], p[2]))
                    end = self.place((sign * q[0] * spread, q[1], q[2]))
                    tubes.append(Tube(start=start, end=end, radius_start_mm=p[3] * v * 0.82 * self.scale,
                                      radius_end_mm=q[3] * v * 0.82 * self.scale))  # fmt: skip
        return tubes

    def lateral_ventricles(self, x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
        """Both lateral ventricles, with the septum between them."""
        fields = [tube.field()(x, y, z) for tube in self.ventricle_tubes()]
        total = fields[0]
        for other in fields[1:]:
            total = smooth_union(total, other, 2.0)
        return np.maximum(total, np.float32(0.8) - np.abs(x))

    def middle_ventricles(self) -> tuple[Field, Field]:
        """Third and fourth ventricle."""
        v, s = self.ventricles, self.scale
        third = ellipsoid(self.place((0, 3, -5)), ((1.0 + 1.4 * v) * s, 13 * s, 9 * s))
        fourth = ellipsoid(self.place((0, 34, -37)), ((4 + 2.2 * v) * s, (3 + 1.6 * v) * s, 9 * s))
        return third, fourth

    def deep_gray(self) -> list[Field]:
        """Thalami, putamina, caudate nuclei."""
        shapes: list[Field] = []
        spread = 0.75 + 0.25 * self.ventricles
        s = self.scale
        for sign in (-1, 1):
            shapes.append(ellipsoid(self.place((sign * (9.5 + self.ventricles), 9, 1)), (8 * s, 14 * s, 8.5 * s)))
            angle = np.radians(sign * 14)
            frame = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
            shapes.append(ellipsoid(self.place((sign * 27, -4, 1)), (6.5 * s, 17 * s, 10 * s), frame))
            head, tail = (
                self.place((sign * 13.5 * spread, -24, 6)),
                self.place((sign * 18 * spread, 12, 15)),
            )
            shapes.append(Tube(start=head, end=tail, radius_start_mm=6.0, radius_end_mm=2.6).field())
        return shapes

    def cerebellum(self, x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
        left, right = (
            ellipsoid(self.place((sign * 21, 46, -37)), (33 * self.scale, 32 * self.scale, 26 * self.scale))(x, y, z)
            for sign in (1, -1)
        )
        return smooth_union(left, right, 12.0)

    def brain_stem(self, x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
        """Midbrain, pons, medulla."""
        s = self.scale
        top, low = self.place((0, 14, -10)), self.place((0, 17, -24))
        midbrain = Tube(start=top, end=low, radius_start_mm=14 * s, radius_end_mm=13 * s)
        pons = ellipsoid(self.place((0, 15, -34)), (15 * s, 12 * s, 13 * s))(x, y, z)
        top, low = self.place((0, 21, -44)), self.place((0, 26, -90))
        medulla = Tube(start=top, end=low, radius_start_mm=8.5 * s, radius_end_mm=6.5 * s)
        return smooth_union(smooth_union(midbrain.field()(x, y, z), pons, 5.0), medulla.field()(x, y, z), 5.0)

    def pial_depth(self, x: FloatArray, y: FloatArray, z: FloatArray, depth: FloatArray) -> FloatArray:
        """Distance from the nearest cerebral surface (outer or in a sulcus), positive in the brain.

        Args:
            depth: distance from the inner skull table, positive inside.
        """
        hull = depth - np.float32(self.gap)
        outer = np.minimum(hull, self.posterior_fossa(x, y, z) - np.float32(0.8))
        b, c = (np.float32(r) for r in self.radii[1:])
        sulcus = np.minimum(
            self._sulci(x, y, z, hull, self.folds, self.fold_depth),
            self._sulci(x, y, z, hull, self.minor_folds, 0.5 * self.fold_depth),
        )
        callosum = (np.hypot(y / np.float32(0.60 * b), (z - np.float32(4)) / np.float32(0.40 * c)) - 1) * np.float32(
            0.40 * c
        )
        wall = np.abs(x) - np.float32(0.5 + 0.3 * self.atrophy)
        fissure = np.maximum(np.maximum(wall, -callosum), np.where(callosum > 0, -callosum, 0))
        return np.minimum(np.minimum(outer, sulcus), fissure)

    def _sulci(
        self, x: FloatArray, y: FloatArray, z: FloatArray, hull: FloatArray, folds: WaveField, depth_mm: float
    ) -> FloatArray:
        """Distance from the sulci: sheets that go inwards from the zeros of a field on the hull, slightly bent."""
        rho = np.sqrt(sum((c / np.float32(r)) ** 2 for c, r in zip((x, y, z), self.radii, strict=True)))
        rho = np.maximum(rho, np.float32(0.2))
        bend = np.float32(3.5) * self.bend(x, y, z)
        fold, slope = folds.with_slope(x / rho + bend, y / rho - bend, z / rho + bend)
        slab = np.abs(fold) / np.maximum(slope, np.float32(0.75 * folds.typical_slope)) * rho
        slab = slab - np.float32(self.atrophy / 2)
        bottom = hull - np.float32(depth_mm)
        return np.where((slab > 0) & (bottom > 0), np.hypot(slab, bottom), np.maximum(slab, bottom))
