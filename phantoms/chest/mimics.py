"""What looks like a finding and is none: scars, plaques, calcified granulomas, hilar nodes, crossing vessels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from tomoscribe.phantoms.canvas import FloatArray, Pose
from tomoscribe.phantoms.chest.anatomy import ChestBody
from tomoscribe.phantoms.chest.lesions import Point, random_point
from tomoscribe.phantoms.shapes import Tube, capsule, ellipsoid
from tomoscribe.phantoms.truth import MimicTruth

KINDS = ("vessel_crossing", "scar", "pleural_plaque", "granuloma", "lymph_node")


@dataclass(frozen=True, kw_only=True)
class Mimic:
    """One mimic.

    Args:
        direction: of a scar's length, or of a plaque's flat side's normal (unit, anatomical).
        size_mm: length of a scar, width of a plaque, diameter of the others.
    """

    kind: str
    center: Point
    direction: Point
    size_mm: float
    hu: float
    sign: int

    def tubes(self) -> tuple[Tube, ...]:
        """Two vessels that cross (``vessel_crossing`` only)."""
        c, d = np.array(self.center), np.array(self.direction)
        other = np.cross(d, (0.3, 0.5, 0.8))
        other /= np.linalg.norm(other)
        tubes = []
        for axis in (d, other):
            (a, b, e), (p, q, r) = (c - 22 * axis).tolist(), (c + 22 * axis).tolist()
            radius = self.size_mm / 2
            tubes.append(Tube(start=(a, b, e), end=(p, q, r), radius_start_mm=radius * 1.1, radius_end_mm=radius * 0.8))
        return tuple(tubes)

    def field(self, x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
        """Negative inside (all kinds but ``vessel_crossing``)."""
        if self.kind == "scar":
            half = np.array(self.direction) * self.size_mm / 2
            c = np.array(self.center)
            return capsule((c - half).tolist(), (c + half).tolist(), 0.8, 1.1)(x, y, z)
        if self.kind == "pleural_plaque":
            normal = np.array(self.direction)
            side = np.cross(normal, (0.0, 0.0, 1.0))
            side /= np.linalg.norm(side)
            frame = np.stack([normal, side, np.cross(normal, side)], axis=1)
            return ellipsoid(self.center, (2.6, self.size_mm / 2, self.size_mm / 2), frame)(x, y, z)
        radius = self.size_mm / 2
        return ellipsoid(self.center, (radius, radius * 0.9, radius), None)(x, y, z)

    def truth(self, pose: Pose) -> MimicTruth:
        x, y, z = pose.to_world(self.center).tolist()
        return MimicTruth(
            kind=self.kind, center_mm=(x, y, z), size_mm=self.size_mm, side="left" if self.sign > 0 else "right"
        )


def make_mimic(kind: str, center: Point, sign: int, body: ChestBody, size_mm: float) -> Mimic:
    """A mimic of the usual density at a place; plaques turn their flat side to the pleura."""
    direction = np.array([0.55, 0.6, 0.58])
    if kind == "pleural_plaque":
        direction = np.array([center[0] / body.half_width**2, center[1] / body.half_depth**2, 0.0])
    direction = direction / np.linalg.norm(direction)
    hu = {"granuloma": 420.0, "pleural_plaque": 160.0, "scar": 10.0}.get(kind, 45.0)
    a, b, c = direction.tolist()
    return Mimic(kind=kind, center=center, direction=(a, b, c), size_mm=size_mm, hu=hu, sign=sign)


def draw_mimic(rng: Generator, body: ChestBody, sign: int) -> Mimic:
    """A random mimic on that side."""
    kind = KINDS[rng.integers(len(KINDS))]
    if kind == "pleural_plaque":
        center = random_point(rng, body, sign, (-2.0, 1.0))
        return make_mimic(kind, center, sign, body, rng.uniform(10, 30))
    if kind == "lymph_node":
        x, y, z = (np.array(body.hilum(sign)) + rng.uniform(-8, 8, 3)).tolist()
        return make_mimic(kind, (x, y, z), sign, body, rng.uniform(6, 13))
    center = random_point(rng, body, sign, (-60.0, -8.0))
    sizes = {"scar": (15, 45), "granuloma": (2.5, 4.6), "vessel_crossing": (3.0, 5.0)}
    return make_mimic(kind, center, sign, body, rng.uniform(*sizes[kind]))
