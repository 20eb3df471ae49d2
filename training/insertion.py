"""Analytic nodules put into lungs, phantom or real, with the scan's own slice thickness, point spread and noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tomoscribe.core import Geometry, Volume
from tomoscribe.findings.chest.lungs import LEFT, RIGHT, Lungs
from tomoscribe.phantoms.chest.lesions import Nodule
from tomoscribe.phantoms.shapes import rotation_from

Point = tuple[float, float, float]
_HALF_BLOCK_MM = 30.0
_FINE_MM = 0.8


@dataclass(frozen=True, kw_only=True)
class NoduleRanges:
    """Uniform ranges (low, high) of inserted nodules; the long axis is drawn log-uniformly."""

    long_axis_mm: tuple[float, float] = (4.0, 35.0)
    solid_hu: tuple[float, float] = (-60.0, 110.0)
    ground_glass_hu: tuple[float, float] = (-740.0, -450.0)
    lobulation: tuple[float, float] = (0.0, 0.16)
    shares: tuple[float, float, float] = (0.68, 0.17, 0.15)
    """Of solid, part-solid and ground-glass nodules."""
    pleural: float = 0.35


def draw(rng: Generator, center: Point, ranges: NoduleRanges) -> Nodule:
    """A random nodule at ``center`` (LPS mm)."""
    half = float(np.exp(rng.uniform(*np.log(ranges.long_axis_mm)))) / 2
    attenuation = ("solid", "part_solid", "ground_glass")[rng.choice(3, p=ranges.shares)]
    if attenuation != "solid":
        half = max(half, 3.0)
    solid_hu = float(rng.uniform(*ranges.solid_hu))
    second, third = sorted(rng.uniform(0.6, 1.0, 2))
    return Nodule(
        center=center,
        radii_mm=(half, half * third, half * second),
        rotation=rotation_from(rng),
        lobes=rng.normal(size=(2, 3)) * 0.8,
        depth=float(rng.uniform(*ranges.lobulation)),
        attenuation=attenuation,
        hu=solid_hu if attenuation == "solid" else float(rng.uniform(*ranges.ground_glass_hu)),
        core_hu=solid_hu,
        core=float(rng.uniform(0.35, 0.7)) if attenuation == "part_solid" else 0.0,
        sign=1,
        kind="free",
    )


def sites(rng: Generator, lungs: Lungs, count: int, *, pleural: float) -> NDArray[np.float64]:
    """(count, 3) LPS mm: voxels of the search region, the share ``pleural`` of them at its surface."""
    from scipy.ndimage import binary_erosion

    region = np.isin(lungs.search, (RIGHT, LEFT))
    rim = np.argwhere(region & ~binary_erosion(region, iterations=2))
    inner = np.argwhere(binary_erosion(region, iterations=2))
    at_rim = rng.random(count) < pleural
    picked = np.where(
        at_rim[:, None], rim[rng.integers(len(rim), size=count)], inner[rng.integers(len(inner), size=count)]
    )
    return lungs.search_geometry.to_world(picked + rng.uniform(-0.5, 0.5, (count, 3)))


def block_around(volume: Volume, center: Point) -> Volume:
    """The native voxels within ``_HALF_BLOCK_MM`` of a point."""
    geometry = volume.geometry
    corners = geometry.to_index(np.asarray(center) + _HALF_BLOCK_MM * np.array([[-1.0] * 3, [1.0] * 3]))
    low = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, np.array(geometry.shape) - 1)
    high = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 1, low + 1, geometry.shape)
    part: Volume = volume.crop(low.tolist(), high.tolist())
    return part.with_array(part.array.astype(np.float32))


def occupancy(nodule: Nodule, geometry: Geometry, *, core: bool) -> NDArray[np.float32]:
    """Share of each voxel inside the nodule (or its solid core), by sub-voxels of about ``_FINE_MM``."""
    factors = np.maximum(1, np.ceil(geometry.spacing_mm / _FINE_MM)).astype(int)
    fine = geometry.with_spacing((geometry.spacing_mm / factors).tolist())
    step_mm = float(fine.spacing_mm.mean())
    index = np.stack(np.meshgrid(*(np.arange(n) for n in fine.shape), indexing="ij"), axis=-1)
    x, y, z = np.moveaxis(fine.to_world(index), -1, 0).astype(np.float32)
    field = nodule.core_field(x, y, z) if core else nodule.field(x, y, z)
    share = np.clip(0.5 - field / step_mm, 0.0, 1.0)
    d, h, w = geometry.shape
    fk, fj, fi = (int(f) for f in factors)
    return share.reshape(d, fk, h, fj, w, fi).mean(axis=(1, 3, 5)).astype(np.float32)


def insert(block: Volume, nodule: Nodule, rng: Generator) -> Volume:
    """The block with the nodule in it: what is denser stays, point spread 0.4 to 0.9 mm, noise of 8 to 30 HU."""
    from scipy.ndimage import gaussian_filter

    sigma = rng.uniform(0.4, 0.9) / block.geometry.spacing_mm
    hu = block.array
    for core in (False, True):
        if core and nodule.attenuation != "part_solid":
            continue
        share = gaussian_filter(occupancy(nodule, block.geometry, core=core), np.minimum(sigma, 1.2))
        level = nodule.core_hu if core else nodule.hu
        grain = gaussian_filter(rng.standard_normal(hu.shape).astype(np.float32), (0.0, 0.7, 0.7))
        grain *= rng.uniform(8, 30) / max(float(grain.std()), 1e-6)
        hu = hu + share * np.maximum(0.0, level - hu) + share * grain
    return block.with_array(hu.astype(np.float32))


def patch(volume: Volume, center: Point, rng: Generator | None, *, size: int = 32) -> NDArray[np.float32]:
    """(size,)^3 at 1 mm around a point, HU; with ``rng`` the cube's axes are turned or mirrored at random."""
    from tomoscribe.encoders.processor import resample_linear

    axes = np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0]], float)
    if rng is not None:
        angle = rng.uniform(0, 2 * np.pi)
        turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
        axes = turn @ np.diag(rng.choice((-1.0, 1.0), 3)) @ axes
    origin = np.asarray(center) - axes @ np.full(3, (size - 1) / 2.0)
    grid = Geometry.from_parts(spacing_mm=(1.0,) * 3, origin_mm=origin.tolist(), shape=(size,) * 3, direction=axes)
    return resample_linear(volume.array.astype(np.float32, copy=False), volume.geometry, grid, fill=-1000.0)
