"""Implicit shapes in mm (negative inside), their smooth unions, tapered tubes, and random fields of plane waves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from tomoscribe.phantoms.canvas import Field, FloatArray


def ellipsoid(center: Sequence[float], radii: Sequence[float], rotation: ArrayLike | None = None) -> Field:
    """Ellipsoid with semi-axes ``radii`` along the columns of ``rotation``."""
    axes = np.eye(3) if rotation is None else np.asarray(rotation, float)
    scaled = (axes / np.asarray(radii, float)).T.astype(np.float32)
    size = np.float32(min(radii))

    def field(x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
        p = (x - np.float32(center[0]), y - np.float32(center[1]), z - np.float32(center[2]))
        total: FloatArray = np.float32(0.0) * p[0]
        for row in scaled:
            total = total + sum(np.float32(w) * q for w, q in zip(row, p, strict=True) if abs(w) > 1e-9) ** 2
        return (np.sqrt(total) - 1) * size

    return field


def superquadric(center: Sequence[float], radii: Sequence[float], powers: tuple[float, float]) -> Field:
    """((|x/a|^p + |y/b|^p)^(q/p) + |z/c|^q)^(1/q) = 1 with ``powers`` (p, q)."""
    p, q = (np.float32(v) for v in powers)
    size = np.float32(min(radii))

    def field(x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
        u = np.abs(x - np.float32(center[0])) / np.float32(radii[0])
        v = np.abs(y - np.float32(center[1])) / np.float32(radii[1])
        w = np.abs(z - np.float32(center[2])) / np.float32(radii[2])
        return (((u**p + v**p) ** (q / p) + w**q) ** (1 / q) - 1) * size

    return field


def capsule(a: Sequence[float], b: Sequence[float], radius_a: float, radius_b: float) -> Field:
    """A straight tube from ``a`` to ``b`` with linearly changing radius and round ends (distance to first order)."""
    start = np.asarray(a, float)
    along = np.asarray(b, float) - start
    length2 = float(max(along @ along, 1e-6))

    def field(x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
        px, py, pz = x - np.float32(start[0]), y - np.float32(start[1]), z - np.float32(start[2])
        t = (px * np.float32(along[0]) + py * np.float32(along[1]) + pz * np.float32(along[2])) / np.float32(length2)
        t = np.clip(t, 0.0, 1.0)
        d2 = (
            (px - t * np.float32(along[0])) ** 2
            + (py - t * np.float32(along[1])) ** 2
            + (pz - t * np.float32(along[2])) ** 2
        )
        return np.sqrt(d2) - (np.float32(radius_a) + t * np.float32(radius_b - radius_a))

    return field


def smooth_union(a: FloatArray, b: FloatArray, width_mm: float) -> FloatArray:
    """Minimum of two implicit values with a fillet of about ``width_mm``."""
    h = np.maximum(np.float32(width_mm) - np.abs(a - b), 0) / np.float32(width_mm)
    return np.minimum(a, b) - h * h * np.float32(width_mm / 4)


def smooth_cut(a: FloatArray, b: FloatArray, width_mm: float) -> FloatArray:
    """Maximum of two implicit values (intersection) with a rounded edge of about ``width_mm``."""
    return -smooth_union(-a, -b, width_mm)


@dataclass(frozen=True, kw_only=True, eq=False)
class WaveField:
    """A smooth random field of unit variance: a sum of plane waves, the same on every grid.

    Args:
        vectors: (N, 3) wave vectors in rad/mm.
        phases: (N,) rad.
    """

    vectors: NDArray[np.float32]
    phases: NDArray[np.float32]

    @classmethod
    def draw(cls, rng: Generator, wavelength_mm: tuple[float, float], count: int) -> WaveField:
        """Waves of random direction and of wavelengths within the range."""
        directions = rng.normal(size=(count, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        lengths = rng.uniform(*wavelength_mm, size=(count, 1))
        phases = rng.uniform(0, 2 * np.pi, count)
        return cls(vectors=(directions * 2 * np.pi / lengths).astype(np.float32), phases=phases.astype(np.float32))

    def __call__(self, x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
        total: FloatArray = np.float32(0.0) * (x + y + z)
        for (a, b, c), phase in zip(self.vectors, self.phases, strict=True):
            total += np.cos(a * x + b * y + c * z + phase)
        return total * np.float32(np.sqrt(2.0 / len(self.phases)))

    @property
    def typical_slope(self) -> float:
        """Root mean square length of the gradient, per mm."""
        return float(np.sqrt(np.mean(np.sum(self.vectors.astype(float) ** 2, axis=1))))

    def with_slope(self, x: FloatArray, y: FloatArray, z: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The field and the length of its gradient (per mm)."""
        total: FloatArray = np.float32(0.0) * (x + y + z)
        slopes = [np.zeros_like(total) for _ in range(3)]
        for vector, phase in zip(self.vectors, self.phases, strict=True):
            angle = vector[0] * x + vector[1] * y + vector[2] * z + phase
            total += np.cos(angle)
            sine = np.sin(angle)
            for slope, component in zip(slopes, vector, strict=True):
                slope -= component * sine
        scale = np.float32(np.sqrt(2.0 / len(self.phases)))
        return total * scale, np.sqrt(sum(s * s for s in slopes)) * scale


@dataclass(frozen=True, kw_only=True)
class Tube:
    """One straight piece of a vessel or airway, anatomical mm."""

    start: tuple[float, float, float]
    end: tuple[float, float, float]
    radius_start_mm: float
    radius_end_mm: float

    def field(self, grow_mm: float = 0.0) -> Field:
        return capsule(self.start, self.end, self.radius_start_mm + grow_mm, self.radius_end_mm + grow_mm)

    def bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        a, b = np.array(self.start), np.array(self.end)
        r = max(self.radius_start_mm, self.radius_end_mm)
        return np.minimum(a, b) - r, np.maximum(a, b) + r


def rotation_from(rng: Generator) -> NDArray[np.float64]:
    """A random rotation matrix (3, 3)."""
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))
