"""One head patient: head, lesions, tissue parameters."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tomoscribe.phantoms.brain.anatomy import Head, Point
from tomoscribe.phantoms.brain.params import TISSUES, BrainRanges, Tissue
from tomoscribe.phantoms.canvas import FloatArray, Pose
from tomoscribe.phantoms.shapes import WaveField, ellipsoid, rotation_from


@dataclass(frozen=True, kw_only=True, eq=False)
class Lesion:
    """An ellipsoid of white matter with another signal."""

    center: Point
    radii_mm: Point
    rotation: NDArray[np.float64]

    def field(self, x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
        return ellipsoid(self.center, self.radii_mm, self.rotation)(x, y, z)

    @property
    def reach_mm(self) -> float:
        return max(self.radii_mm) + 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Mass:
    """A lobulated space-occupying lesion with a rim of edema in the white matter."""

    center: Point
    radius_mm: float
    edema_mm: float
    border: WaveField

    def field(self, x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
        body = ellipsoid(self.center, (self.radius_mm,) * 3)(x, y, z)
        return body + np.float32(0.10 * self.radius_mm) * self.border(x, y, z)


@dataclass(frozen=True, kw_only=True, eq=False)
class BrainPatient:
    """All that is needed to render one head on any grid."""

    head: Head
    pose: Pose
    lesions: tuple[Lesion, ...]
    mass: Mass | None
    tissues: dict[str, Tissue]


def draw_patient(rng: Generator, ranges: BrainRanges) -> BrainPatient:
    """A random patient."""
    head = Head.draw(rng, ranges)
    count = int(rng.integers(*ranges.num_lesions)) if rng.random() < ranges.p_lesions else 0
    mass = draw_mass(rng, ranges, head) if rng.random() < ranges.p_mass else None
    degrees = rng.normal(0, ranges.rotation_degrees / 2, 3).clip(-ranges.rotation_degrees, ranges.rotation_degrees)
    return BrainPatient(
        head=head,
        pose=Pose.from_degrees(degrees, rng.uniform(-ranges.shift_mm, ranges.shift_mm, 3)),
        lesions=draw_lesions(rng, ranges, head, count, mass),
        mass=mass,
        tissues={name: jittered(rng, tissue, ranges.jitter) for name, tissue in TISSUES.items()},
    )


def jittered(rng: Generator, tissue: Tissue, jitter: float) -> Tissue:
    """The tissue with each parameter scaled at random."""
    factors = np.exp(rng.normal(0, jitter, 3) * (1.0, 1.0, 0.5))
    return replace(
        tissue,
        t1_ms=tissue.t1_ms * factors[0],
        t2_ms=tissue.t2_ms * factors[1],
        density=min(tissue.density * factors[2], 1.0),
    )


def draw_lesions(rng: Generator, ranges: BrainRanges, head: Head, count: int, mass: Mass | None) -> tuple[Lesion, ...]:
    """Lesions around the lateral ventricles, apart from each other and from the mass."""
    lesions: list[Lesion] = []
    tubes = head.ventricle_tubes()
    low, high = np.log(ranges.lesion_radius_mm)
    for _ in range(20 * count):
        if len(lesions) == count:
            break
        tube = tubes[rng.integers(len(tubes))]
        t = rng.uniform()
        base = (1 - t) * np.array(tube.start) + t * np.array(tube.end)
        outward = np.array([np.sign(base[0]), rng.normal(0, 0.5), abs(rng.normal(0.4, 0.7))])
        outward /= np.linalg.norm(outward)
        radius = float(np.exp(rng.uniform(low, high)))
        size = (1 - t) * tube.radius_start_mm + t * tube.radius_end_mm
        center = base + outward * (size + radius * 0.8 + rng.exponential(6.0))
        if _clear(center, radius, lesions, mass) and abs(center[0]) > 6:
            x, y, z = center.tolist()
            a, b, c = (radius * s for s in rng.uniform(0.6, 1.0, 3))
            lesions.append(Lesion(center=(x, y, z), radii_mm=(a, b, c), rotation=rotation_from(rng)))
    return tuple(lesions)


def _clear(center: NDArray[np.float64], radius: float, lesions: list[Lesion], mass: Mass | None) -> bool:
    far = all(np.linalg.norm(center - n.center) > radius + n.reach_mm + 2.0 for n in lesions)
    if mass is None:
        return far
    away = float(np.linalg.norm(center - mass.center))
    return far and away > 1.3 * mass.radius_mm + mass.edema_mm + radius + 3.0


def draw_mass(rng: Generator, ranges: BrainRanges, head: Head) -> Mass:
    """A mass in one hemisphere."""
    radius = rng.uniform(*ranges.mass_radius_mm)
    sign = rng.choice((-1, 1))
    reach = 1.0 - (radius + 6.0) / head.radii[0]
    spot = (sign * rng.uniform(0.35, 0.75) * reach, rng.uniform(-0.75, 0.6) * reach, rng.uniform(0.0, 0.75) * reach)
    x, y, z = (s * r for s, r in zip(spot, head.radii, strict=True))
    return Mass(
        center=(x, y, z),
        radius_mm=radius,
        edema_mm=rng.uniform(*ranges.edema_mm),
        border=WaveField.draw(rng, (12.0, 30.0), 8),
    )
