"""The inside of the skull on T1: along rays from its middle, the dark line of bone near the tower's border.

Arrays over the sphere are (T, P): polar angle from the head downwards, azimuth (wraps round); K: samples along a ray.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tomoscribe.core import Geometry
from tomoscribe.findings.brain.tissue import Array, Levels, NativeMasks

_POLAR, _AZIMUTH = 72, 144
_STEP_MM = 0.5
_REACH_MM = 9.0
"""How far from the tower's border the inner table is looked for."""
_PULL_MM = (7.0, 1.5)
"""Deviation from the tower's border, then from the smoothed line, that costs as much as the signal of fluid."""
_FACE = 0.4
"""Where the table's inner face lies between its darkest signal and fluid; below a half, as a thin table is blurred."""
_NO_BONE = 0.8
"""A darkest point brighter than this share of fluid is no bone: the smoothed line stands."""
_MODES = ("nearest", "wrap")

Sphere = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Rays:
    """Unit vectors (T, P, 3) in LPS from a point in LPS mm."""

    center_mm: NDArray[np.float64]
    units: NDArray[np.float64]

    def sample(self, array: Array, geometry: Geometry, radii_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values at ``radii_mm`` (T, P, K) or (K,), linear, 0 outside the grid; (T, P, K)."""
        shape = (*self.units.shape[:2], np.shape(radii_mm)[-1])
        points = self.center_mm + self.units[:, :, None, :] * np.broadcast_to(radii_mm, shape)[..., None]
        return np.asarray(
            ndimage.map_coordinates(array, np.moveaxis(geometry.to_index(points), -1, 0), order=1, cval=0.0), np.float64
        )


def cranium(native: NativeMasks, levels: Levels) -> NDArray[np.bool_]:
    """Voxels inside the skull, on the native grid; where no bone is seen, the tower decides."""
    inside = np.sum(list(native.shares.values()), axis=0).astype(np.float32)
    rays = _rays(native.geometry.to_world(np.argwhere(inside > 0.5).mean(axis=0)))
    border = _tower_border(rays, inside, native.geometry)
    offsets = np.arange(-_REACH_MM, _REACH_MM + _STEP_MM / 2, _STEP_MM)
    signal = rays.sample(native.image, native.geometry, border[..., None] + offsets)
    signal = np.clip(signal / max(levels.fluid, 1e-6), 0.0, 2.5)
    table = _table(signal, offsets)
    return _rasterized(rays.center_mm, border + _inner_side(signal, offsets, table), native.geometry)


def _rays(center_mm: NDArray[np.float64]) -> _Rays:
    polar = (np.arange(_POLAR) + 0.5) * np.pi / _POLAR
    azimuth = np.arange(_AZIMUTH) * 2 * np.pi / _AZIMUTH
    t, p = np.meshgrid(polar, azimuth, indexing="ij")
    units = np.stack([np.sin(t) * np.cos(p), np.sin(t) * np.sin(p), np.cos(t)], axis=-1)
    return _Rays(center_mm=np.asarray(center_mm, float), units=units)


def _tower_border(rays: _Rays, inside: Array, geometry: Geometry) -> Sphere:
    """Radius at which the tower's probability of the inside falls below a half for the last time, smoothed."""
    radii = np.arange(15.0, 130.0, 0.75)
    within = rays.sample(inside, geometry, radii) > 0.5
    last = np.where(within, np.arange(len(radii)), 0).max(axis=-1)
    return _smooth(radii[last], 5, 1.0)


def _table(signal: NDArray[np.float64], offsets: NDArray[np.float64]) -> Sphere:
    """Offset of the inner table's darkest line: the darkest near the tower's border, then near the smoothed line."""
    calm = ndimage.gaussian_filter(signal, (1.2, 1.2, 0.8), mode=("nearest", "wrap", "nearest"))
    line = np.zeros(signal.shape[:2])
    for pull in _PULL_MM:
        cost = calm + ((offsets - line[..., None]) / pull) ** 2
        line = _smooth(offsets[np.argmin(cost, axis=-1)], 7, 1.5)
    cost = calm + ((offsets - line[..., None]) / _PULL_MM[1]) ** 2
    return _smooth(offsets[np.argmin(cost, axis=-1)], 3, 0.7)


def _inner_side(signal: NDArray[np.float64], offsets: NDArray[np.float64], table: Sphere) -> Sphere:
    """Offset of the table's inner face: inwards from the darkest line to half way up to the signal of fluid."""
    calm = ndimage.gaussian_filter(signal, (0.7, 0.7, 0.0), mode=("nearest", "wrap", "nearest"))
    at = np.clip(np.rint((table - offsets[0]) / _STEP_MM).astype(int), 0, len(offsets) - 1)
    darkest = np.take_along_axis(calm, at[..., None], axis=-1)[..., 0]
    half = darkest + _FACE * (1.0 - np.minimum(darkest, 1.0))
    index = np.arange(len(offsets))
    bright = (calm >= half[..., None]) & (index <= at[..., None])
    face = np.where(bright, index, -1).max(axis=-1)
    found = (face >= 0) & (darkest < _NO_BONE)
    low = np.clip(face, 0, len(offsets) - 2)
    a = np.take_along_axis(calm, low[..., None], axis=-1)[..., 0]
    b = np.take_along_axis(calm, low[..., None] + 1, axis=-1)[..., 0]
    part = np.clip((a - half) / np.maximum(a - b, 1e-6), 0.0, 1.0)
    return _smooth(np.where(found, offsets[low] + part * _STEP_MM, table), 3, 0.7)


def _rasterized(center_mm: NDArray[np.float64], radius: Sphere, geometry: Geometry) -> NDArray[np.bool_]:
    """Voxels nearer to the center than the surface in their direction."""
    padded = np.concatenate([radius, radius[:, :1]], axis=1)
    mask = np.zeros(geometry.shape, bool)
    j, i = np.meshgrid(*(np.arange(n) for n in geometry.shape[1:]), indexing="ij")
    for k in range(geometry.shape[0]):
        x, y, z = np.moveaxis(geometry.to_world(np.stack([np.full_like(j, k), j, i], axis=-1)) - center_mm, -1, 0)
        distance = np.sqrt(x**2 + y**2 + z**2)
        polar = np.arccos(np.clip(z / np.maximum(distance, 1e-6), -1, 1)) * _POLAR / np.pi - 0.5
        azimuth = np.mod(np.arctan2(y, x), 2 * np.pi) * _AZIMUTH / (2 * np.pi)
        mask[k] = distance < ndimage.map_coordinates(padded, [polar, azimuth], order=1, mode="nearest")
    return mask


def _smooth(values: NDArray[np.float64], median: int, sigma: float) -> Sphere:
    """Median, then Gaussian over the sphere's grid; the azimuth wraps round."""
    rim = median // 2
    round_about = np.pad(values, ((0, 0), (rim, rim)), mode="wrap")
    calm = ndimage.median_filter(round_about, size=median, mode="nearest")[:, rim : rim + values.shape[1]]
    return np.asarray(ndimage.gaussian_filter(calm, sigma, mode=_MODES), dtype=np.float64)
