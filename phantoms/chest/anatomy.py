"""The chest as implicit shapes in the anatomical frame: origin in the middle of the thorax, x left, y back, z head."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.random import Generator

from tomoscribe.phantoms.canvas import FloatArray
from tomoscribe.phantoms.chest.params import ChestRanges
from tomoscribe.phantoms.shapes import Tube, capsule, ellipsoid, smooth_cut, smooth_union, superquadric


@dataclass(frozen=True, kw_only=True)
class ChestBody:
    """Sizes of one patient in mm.

    Args:
        half_width, half_depth, height: inner thorax.
        dome_right, dome_left: how high the diaphragm's domes rise above the costophrenic angles.
    """

    half_width: float
    half_depth: float
    height: float
    fat: float
    muscle: float
    heart_scale: float
    dome_right: float
    dome_left: float
    spine_radius: float
    rib_pitch: float
    rib_phase: float
    rib_tilt: float

    @classmethod
    def draw(cls, rng: Generator, ranges: ChestRanges) -> ChestBody:
        height = rng.uniform(*ranges.lung_height_mm)
        dome = rng.uniform(*ranges.dome_share) * height
        return cls(
            half_width=rng.uniform(*ranges.half_width_mm),
            half_depth=rng.uniform(*ranges.half_depth_mm),
            height=height,
            fat=rng.uniform(*ranges.fat_mm),
            muscle=rng.uniform(*ranges.muscle_mm),
            heart_scale=rng.uniform(*ranges.heart_scale),
            dome_right=dome,
            dome_left=dome - rng.uniform(4, 16),
            spine_radius=rng.uniform(14.5, 18.5),
            rib_pitch=height / rng.uniform(9.0, 10.5),
            rib_phase=rng.uniform(0, 1),
            rib_tilt=rng.uniform(0.35, 0.6),
        )

    @property
    def top(self) -> float:
        return self.height / 2

    @property
    def bottom(self) -> float:
        return -self.height / 2

    @property
    def carina(self) -> tuple[float, float, float]:
        z = 0.17 * self.height
        return (0.0, float(self.axis_y(z)) + 0.08 * self.half_depth, z)

    def axis_y(self, z: FloatArray | float) -> FloatArray | float:
        """y of the thorax's middle axis: the chest slopes backwards towards the apex."""
        return 0.10 * z

    def hilum(self, sign: int) -> tuple[float, float, float]:
        """Root of the lung; ``sign`` +1 left, -1 right."""
        z = (0.11 if sign > 0 else 0.09) * self.height
        return (sign * 0.29 * self.half_width, float(self.axis_y(z)) + 0.06 * self.half_depth, z)

    def thorax(self, x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
        """Inner surface of the rib cage, open downwards."""
        low = -0.08 * self.height
        shape = superquadric((0, 0, low), (self.half_width, self.half_depth, self.top - low), (2.4, 2.3))
        return shape(x, y - self.axis_y(z), np.maximum(z, np.float32(low)))

    def diaphragm(self, x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
        """Negative above the diaphragm."""
        a, b = self.half_width, self.half_depth
        domes = []
        for sign, rise in ((-1, self.dome_right), (1, self.dome_left)):
            u = (x - np.float32(sign * 0.5 * a)) / np.float32(0.58 * a)
            v = (y + np.float32(0.10 * b)) / np.float32(1.02 * b)
            domes.append(np.float32(rise) * np.sqrt(np.maximum(1 - u * u - v * v, 0) + np.float32(0.004)))
        return np.float32(0.8) * (np.maximum(domes[0], domes[1]) + np.float32(self.bottom) - z)

    def lung(self, x: FloatArray, y: FloatArray, z: FloatArray, sign: int) -> FloatArray:
        """Pleural space of one side (+1 left, -1 right) down to the diaphragm."""
        return self.lung_from(x, y, z, sign, self.shared(x, y, z))

    def shared(self, x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
        """What bounds both lungs: thorax, mediastinum, diaphragm; negative where a lung may be."""
        field = smooth_cut(self.thorax(x, y, z) + np.float32(1.0), -self.mediastinum(x, y, z), 9.0)
        return smooth_cut(field, self.diaphragm(x, y, z), 5.0)

    def lung_from(self, x: FloatArray, y: FloatArray, z: FloatArray, sign: int, shared: FloatArray) -> FloatArray:
        """``lung`` with the values of ``shared`` already at hand."""
        a, b, h = self.half_width, self.half_depth, self.height
        low = -0.05 * h
        own = superquadric((sign * 0.50 * a, 0, low), (0.56 * a, 0.985 * b, self.top - 4 - low), (2.3, 2.2))
        field = own(x, y - self.axis_y(z), np.maximum(z, np.float32(low)))
        return smooth_cut(field, shared, 10.0)

    def mediastinum(self, x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
        """What the lungs must not enter in the middle: heart, great vessels, spine."""
        a, b, h = self.half_width, self.half_depth, self.height
        yc = self.axis_y(z)
        width = np.float32(0.17 * a) + np.float32(0.10 * a) * np.clip(z / np.float32(0.5 * h), 0, 1)
        slab = (np.sqrt((x / width) ** 2 + ((y - yc + np.float32(0.05 * b)) / np.float32(0.80 * b)) ** 2) - 1) * width
        field = smooth_union(slab, self.heart(x, y, z) - np.float32(3.0), 16.0)
        spine_y = self.spine_y(z)
        spine = np.sqrt(x**2 + (y - spine_y) ** 2) - np.float32(self.spine_radius + 3)
        field = smooth_union(field, spine, 10.0)
        aorta = np.sqrt((x - np.float32(0.17 * a)) ** 2 + (y - np.float32(0.50 * b) - yc) ** 2) - np.float32(13.0)
        aorta = np.maximum(aorta, z - np.float32(0.27 * h))
        return smooth_union(field, aorta, 8.0)

    def spine_y(self, z: FloatArray | float) -> FloatArray | float:
        """y of the middle of the vertebral bodies."""
        return self.axis_y(z) + (0.98 * self.half_depth - 0.55 * self.spine_radius)

    def heart(self, x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
        """Heart with its apex to the left and down."""
        a, b, h, s = self.half_width, self.half_depth, self.height, self.heart_scale
        axis = np.array([0.72, -0.35, -0.60])
        axis /= np.linalg.norm(axis)
        side = np.cross(axis, [0.0, 0.0, 1.0])
        side /= np.linalg.norm(side)
        frame = np.stack([axis, side, np.cross(side, axis)], axis=1)
        center = (0.17 * a, -0.33 * b - 0.012 * h, -0.16 * h)
        main = ellipsoid(center, (0.52 * a * s, 0.46 * b * s + 6, 0.38 * a * s), frame)
        right = ellipsoid((-0.10 * a, -0.18 * b, -0.10 * h), (0.27 * a * s, 0.38 * b * s, 0.17 * h * s))
        return smooth_union(main(x, y, z), right(x, y, z), 12.0)

    def great_vessels(self) -> list[Tube]:
        """Aorta, caval veins and pulmonary arteries as tubes."""
        a, b, h = self.half_width, self.half_depth, self.height
        arch = 0.265 * h
        aorta = [(0.02 * a, -0.30 * b, -0.04 * h), (-0.08 * a, -0.28 * b, 0.14 * h), (-0.03 * a, -0.20 * b, arch - 4)]
        aorta += [(0.08 * a, 0.02 * b, arch), (0.15 * a, 0.32 * b, arch - 6), (0.17 * a, 0.50 * b, arch - 26)]
        aorta += [(0.17 * a, 0.50 * b, -0.2 * h), (0.11 * a, 0.58 * b, -0.55 * h)]
        cava = [(-0.19 * a, -0.16 * b, 0.40 * h), (-0.19 * a, -0.14 * b, 0.0)]
        trunk = [(0.13 * a, -0.34 * b, 0.0), (0.12 * a, -0.20 * b, 0.10 * h)]
        tubes = self._chain(aorta, 0.105 * a) + self._chain(cava, 0.075 * a) + self._chain(trunk, 0.10 * a)
        for sign in (-1, 1):
            x, y, z = self.hilum(sign)
            y0 = y - float(self.axis_y(z))
            tubes += self._chain([(0.12 * a, -0.20 * b, 0.10 * h), (x, y0 - 6, z)], 0.085 * a, 0.06 * a)
            tubes += self._chain([(0.0, 0.10 * b, -0.02 * h), (x, y0 + 4, z - 0.07 * h)], 0.06 * a, 0.05 * a)
        return tubes

    def _chain(self, points: list[tuple[float, float, float]], radius: float, last: float | None = None) -> list[Tube]:
        placed = [(x, y + float(self.axis_y(z)), z) for x, y, z in points]
        return [Tube(start=p, end=q, radius_start_mm=radius, radius_end_mm=last or radius) for p, q in pairwise(placed)]

    @property
    def back(self) -> float:
        """y of the skin behind the spine, relative to the thorax's axis: the spinous processes lie before it."""
        return 0.98 * self.half_depth + 0.45 * self.spine_radius + max(0.6 * (self.fat + self.muscle), 44.0)

    def skin(self, x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
        """Outer surface of the body, arms raised."""
        a, b = self.half_width, self.half_depth
        wall = self.fat + self.muscle
        yc = self.axis_y(np.clip(z, np.float32(-0.5 * self.height), np.float32(0.4 * self.height)))
        front, back = 0.8 * wall + 10, self.back - b
        trunk = superquadric((0, (back - front) / 2, 0), (a + wall + 4, b + (front + back) / 2, 1e5), (2.5, 2.0))
        field = trunk(x, y - yc, np.float32(0.0) * z)
        shoulder = ellipsoid((0, 22, self.top + 8), (a * 1.32 + 0.5 * wall, b * 0.80 + 0.6 * wall, 105.0))
        narrow = np.maximum(z - np.float32(0.18 * self.height), 0) * np.float32(0.35)
        return smooth_union(field + narrow, shoulder(x, y, z), 30.0)

    def scapula(self, x: FloatArray, y: FloatArray, z: FloatArray, sign: int) -> FloatArray:
        """Shoulder blade behind the ribs."""
        a, b, h = self.half_width, self.half_depth, self.height
        angle = np.radians(sign * -32.0)
        frame = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
        yc = 0.026 * h
        blade = ellipsoid((sign * 0.74 * a, 0.80 * b + 16 + yc, 0.26 * h), (38, 3.6, 56), frame)
        ridge = capsule((sign * 0.55 * a, b + 14 + yc, 0.36 * h), (sign * 1.02 * a, 0.66 * b + yc, 0.42 * h), 4.0, 7.0)
        return np.minimum(blade(x, y, z), ridge(x, y, z))
