"""Lesions and their mimics in the anatomical frame: shapes, densities and where they may lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tomoscribe.phantoms.canvas import FloatArray, Pose
from tomoscribe.phantoms.chest.anatomy import ChestBody
from tomoscribe.phantoms.chest.params import ChestRanges
from tomoscribe.phantoms.measure import extents_mm
from tomoscribe.phantoms.shapes import WaveField, ellipsoid, rotation_from
from tomoscribe.phantoms.truth import NoduleTruth

Point = tuple[float, float, float]
ATTENUATIONS = ("solid", "part_solid", "ground_glass")


@dataclass(frozen=True, kw_only=True, eq=False)
class Nodule:
    """An ellipsoid with smooth lobulation; what lies outside the lung is cut away.

    Args:
        radii_mm: semi-axes before lobulation, along the columns of ``rotation``.
        lobes: (2, 3) directions of the lobulation's waves and ``depth`` their height as a share of the radius.
        core: size of the solid core as a share of the nodule, for part-solid ones.
    """

    center: Point
    radii_mm: Point
    rotation: NDArray[np.float64]
    lobes: NDArray[np.float64]
    depth: float
    attenuation: str
    hu: float
    core_hu: float
    core: float
    sign: int
    kind: str

    def field(self, x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
        """Negative inside, in units of the radius times mm."""
        return self._field(x, y, z, 1.0)

    def core_field(self, x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
        """The solid core of a part-solid nodule."""
        return self._field(x, y, z, self.core)

    def _field(self, x: FloatArray, y: FloatArray, z: FloatArray, scale: float) -> FloatArray:
        p = [x - np.float32(self.center[0]), y - np.float32(self.center[1]), z - np.float32(self.center[2])]
        axes = (self.rotation / (np.array(self.radii_mm) * scale)).T.astype(np.float32)
        q = [a * p[0] + b * p[1] + c * p[2] for a, b, c in axes]
        rho = np.sqrt(q[0] ** 2 + q[1] ** 2 + q[2] ** 2) + np.float32(1e-6)
        bump = sum(
            np.cos(np.float32(3.0) * sum(np.float32(w) * c for w, c in zip(v, q, strict=True)) / rho)
            for v in self.lobes
        )
        return (rho / (1 + np.float32(self.depth) * bump) - 1) * np.float32(min(self.radii_mm) * scale)

    @property
    def reach_mm(self) -> float:
        return max(self.radii_mm) * (1 + 2 * self.depth) + 1.0


def draw_nodule(rng: Generator, ranges: ChestRanges, body: ChestBody, sign: int) -> Nodule:
    """A nodule at a random place of the lung of that side."""
    low, high = np.log(ranges.nodule_axis_mm)
    half = float(np.exp(rng.uniform(low, high))) / 2
    attenuation = ATTENUATIONS[rng.choice(3, p=(0.64, 0.18, 0.18))]
    kind = ("free", "juxtapleural", "juxtavascular")[rng.choice(3, p=(0.55, 0.30, 0.15))]
    margin = (-1.2, -0.45) if kind == "juxtapleural" else (-400.0, -1.0)
    center = random_point(rng, body, sign, (margin[0] * half, margin[1] * half))
    solid = rng.uniform(*ranges.nodule_hu)
    a, b, c = (half * s for s in (1.0, rng.uniform(0.68, 1.0), rng.uniform(0.6, 1.0)))
    return Nodule(
        center=center,
        radii_mm=(a, b, c),
        rotation=rotation_from(rng),
        lobes=rng.normal(size=(2, 3)) * 0.8,
        depth=rng.uniform(0.0, 0.09),
        attenuation=attenuation,
        hu=solid if attenuation == "solid" else rng.uniform(*ranges.ground_glass_hu),
        core_hu=solid,
        core=rng.uniform(0.35, 0.65) if attenuation == "part_solid" else 0.0,
        sign=sign,
        kind=kind,
    )


def random_point(rng: Generator, body: ChestBody, sign: int, depth_mm: tuple[float, float]) -> Point:
    """A point of the lung whose implicit value lies in the range (negative inside); the nearest of 4,000 tries."""
    points = candidates(rng, body, sign, 4000)
    x, y, z = points.T.astype(np.float32)
    values = body.lung(x, y, z, sign)
    good = np.flatnonzero((values > depth_mm[0]) & (values < depth_mm[1]))
    if not len(good):
        good = np.array([int(np.argmin(np.abs(values - np.mean(depth_mm))))])
    a, b, c = points[rng.choice(good)].tolist()
    return (a, b, c)


def candidates(rng: Generator, body: ChestBody, sign: int, count: int) -> NDArray[np.float64]:
    """(count, 3) points uniform in a box around the lung of that side."""
    low = np.array([min(0, sign * body.half_width), -body.half_depth - 12, body.bottom])
    high = np.array([max(0, sign * body.half_width), body.half_depth + 12, body.top])
    return rng.uniform(low, high, size=(count, 3))


def lung_points(rng: Generator, body: ChestBody, sign: int, count: int, *, margin_mm: float) -> NDArray[np.float64]:
    """(about count, 3) points uniform in the lung, at least ``margin_mm`` inside."""
    points = candidates(rng, body, sign, 6 * count)
    x, y, z = points.T.astype(np.float32)
    values = body.lung(x, y, z, sign)
    return points[values < -margin_mm][:count]


@dataclass(frozen=True, kw_only=True, eq=False)
class Effusion:
    """Fluid layered behind the lung of a patient who lies on the back."""

    sign: int
    thickness_mm: float
    hu: float
    body: ChestBody

    def field(self, x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
        h, b = self.body.height, self.body.half_depth
        share = np.sqrt(np.clip((np.float32(0.36 * h) - z) / np.float32(0.7 * h), 0, 1))
        meniscus = np.abs(x - np.float32(self.sign * 0.5 * self.body.half_width)) * np.float32(0.10)
        return np.float32(0.96 * b) - share * np.float32(self.thickness_mm) - meniscus - (y - self.body.axis_y(z))


@dataclass(frozen=True, kw_only=True, eq=False)
class Consolidation:
    """Airless lung: a patch with an irregular border."""

    sign: int
    center: Point
    radii_mm: Point
    rotation: NDArray[np.float64]
    border: WaveField
    hu: float

    def field(self, x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
        body = ellipsoid(self.center, self.radii_mm, self.rotation)
        return body(x, y, z) + np.float32(0.14 * min(self.radii_mm)) * self.border(x, y, z)


def draw_consolidation(rng: Generator, ranges: ChestRanges, body: ChestBody, sign: int) -> Consolidation:
    """A patch near the pleura, more often below than above."""
    size = rng.uniform(*ranges.consolidation_mm)
    places = [random_point(rng, body, sign, (-0.5 * size, -0.1 * size)) for _ in range(2)]
    center = min(places, key=lambda p: p[2]) if rng.random() < 0.5 else places[0]
    a, b, c = (size * s for s in rng.uniform(0.6, 1.0, 3))
    return Consolidation(
        sign=sign,
        center=center,
        radii_mm=(a, b, c),
        rotation=rotation_from(rng),
        border=WaveField.draw(rng, (10.0, 30.0), 8),
        hu=rng.uniform(*ranges.consolidation_hu),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Emphysema:
    """Holes in the lung, more in the upper parts: where a random field plus a slope exceeds a threshold."""

    waves: WaveField
    slope_per_mm: float
    threshold: float
    hu: float
    ramp: float

    def score(self, x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
        return self.waves(x, y, z) + np.float32(self.slope_per_mm) * z

    def share(self, x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
        """0 in normal lung to 1 in the holes, rising linearly over ``ramp``."""
        return np.clip((self.score(x, y, z) - np.float32(self.threshold)) / np.float32(self.ramp) + 0.5, 0, 1)


def draw_emphysema(rng: Generator, ranges: ChestRanges, body: ChestBody) -> Emphysema:
    """Emphysema of a drawn share of both lungs."""
    waves = WaveField.draw(rng, (rng.uniform(9, 16), rng.uniform(22, 45)), 14)
    plan = Emphysema(
        waves=waves,
        slope_per_mm=rng.uniform(0.0, 3.2) / body.height,
        threshold=0.0,
        hu=rng.uniform(*ranges.emphysema_hu),
        ramp=rng.uniform(0.3, 0.8),
    )
    points = np.concatenate([lung_points(rng, body, s, 500, margin_mm=1.0) for s in (-1, 1)]).astype(np.float32)
    share = rng.uniform(*ranges.emphysema_share)
    threshold = float(np.quantile(plan.score(*points.T), 1 - share))
    return Emphysema(waves=waves, slope_per_mm=plan.slope_per_mm, threshold=threshold, hu=plan.hu, ramp=plan.ramp)


Inside = Callable[[FloatArray, FloatArray, FloatArray], FloatArray]


def nodule_truth(nodule: Nodule, inside: Inside, pose: Pose, *, samples: int = 24) -> NoduleTruth:
    """The nodule measured on a fine world-aligned grid of ``samples`` steps per radius, cut where ``inside`` >= 0."""
    step = nodule.reach_mm / samples
    line = np.arange(-samples, samples + 1) * step
    center = pose.to_world(nodule.center)
    zz, yy, xx = np.meshgrid(line + center[2], line + center[1], line + center[0], indexing="ij")
    world = np.stack([xx, yy, zz], axis=-1)
    local = pose.to_anatomical(world).astype(np.float32)
    mask = nodule.field(local[..., 0], local[..., 1], local[..., 2]) < 0
    points = local[mask]
    mask[mask] = inside(points[:, 0], points[:, 1], points[:, 2]) < 0
    core = mask
    if nodule.attenuation == "part_solid":
        core = mask & (nodule.core_field(local[..., 0], local[..., 1], local[..., 2]) < 0)
    long_axis, short_axis = extents_mm(mask, step)
    solid = 0.0 if nodule.attenuation == "ground_glass" else extents_mm(core, step)[0]
    share = float(core.sum() / mask.sum()) if nodule.attenuation == "part_solid" else 0.0
    cx, cy, cz = world[mask].mean(axis=0).tolist()
    return NoduleTruth(
        center_mm=(cx, cy, cz),
        long_axis_mm=long_axis,
        short_axis_mm=short_axis,
        volume_mm3=float(mask.sum() * step**3),
        attenuation=nodule.attenuation,
        solid_diameter_mm=solid,
        mean_hu=nodule.hu + share * (nodule.core_hu - nodule.hu),
        side="left" if nodule.sign > 0 else "right",
        kind=nodule.kind,
    )
