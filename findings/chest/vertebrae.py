"""Trabecular attenuation of the thoracic vertebrae: the spinal canal leads to their bodies, level by level.

The canal is a hole of soft tissue that bone encloses at the height of the pedicles; a round region in front of it lies
in the vertebral body. Which vertebra it is cannot be told from a chest that shows neither skull nor sacrum.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tomoscribe.core import Acquisition, Point, Volume
from tomoscribe.findings.chest.lungs import LEFT, RIGHT, Lungs
from tomoscribe.findings.measuring import point

NO_SPINE = "the spine was not found"
TOO_FEW = "too few vertebrae were found"
IMPLAUSIBLE = "the attenuation found is implausible for trabecular bone"
OTHER_VOLTAGE = "a tube voltage other than 120 kVp"
LEVELS = "median of the thoracic vertebrae, levels uncertain"


@dataclass(frozen=True, kw_only=True)
class VertebraConfig:
    """Where the canal and the vertebral bodies are looked for, and what cannot be one.

    Args:
        step_mm: distance of the slices that are looked at.
        half_width_mm: the canal lies within this of the middle between the lungs.
        bone_hu: of the cortical bone around the canal, after light smoothing.
        canal_mm2, canal_hu: area and median attenuation of a canal.
        line_mm: a canal lies within this of its neighbors' line.
        forward_mm: from the front of the canal to the middle of the region; radius_mm: of the region.
        shell_mm: the vertebra's cortical bone lies within this of the region's middle, in all directions but
            ``open_share`` of them, and is denser than the region by ``shell_contrast_hu``: a disk has no shell, an
            endplate is one.
        gap_mm: slices further apart belong to different vertebrae.
        max_sd_hu: a region that varies more holds an endplate, a vessel or metal.
        min_levels, min_span_mm: fewer vertebrae, or over less height, are no measurement.
        plausible_hu: mean attenuation of trabecular bone; max_spread_hu: their spread as a standard deviation.
        metal_hu, metal_share: from this share of such voxels in the window on, metal spoils the slice.
    """

    step_mm: float = 2.0
    half_width_mm: float = 40.0
    bone_hu: float = 160.0
    canal_mm2: tuple[float, float] = (90.0, 550.0)
    canal_hu: tuple[float, float] = (-30.0, 100.0)
    line_mm: float = 9.0
    forward_mm: tuple[float, float] = (9.0, 18.0)
    radius_mm: float = 5.0
    shell_mm: float = 21.0
    open_share: float = 0.15
    shell_contrast_hu: float = 100.0
    gap_mm: float = 7.0
    max_sd_hu: float = 90.0
    min_levels: int = 3
    min_span_mm: float = 60.0
    plausible_hu: tuple[float, float] = (20.0, 350.0)
    max_spread_hu: float = 40.0
    metal_hu: float = 2200.0
    metal_share: float = 0.0005


@dataclass(frozen=True, kw_only=True)
class Vertebrae:
    """What was measured.

    Args:
        median_hu: of the levels, so that one endplate or fracture does not count; sd_hu: their spread as a standard
            deviation (from the median absolute deviation).
        centers_mm: middle of the region of each level, LPS mm.
    """

    median_hu: float
    sd_hu: float
    levels_hu: tuple[float, ...]
    centers_mm: tuple[Point, ...]


@dataclass(frozen=True, kw_only=True)
class _Canal:
    """The canal on one slice: middle (j, i), and its front edge j."""

    k: int
    j: float
    i: float
    front_j: float


def objections(acquisition: Acquisition) -> tuple[str, ...]:
    """What forbids the measurement, in words: Hounsfield units of bone follow the tube voltage."""
    kvp = acquisition.kvp
    return (OTHER_VOLTAGE,) if kvp is not None and abs(kvp - 120.0) > 1.0 else ()


def doubts(acquisition: Acquisition) -> tuple[str, ...]:
    """What the reader has to know, in words."""
    found = []
    if acquisition.contrast is None:
        found.append("intravenous contrast")
    if acquisition.kvp is None:
        found.append("tube voltage")
    return tuple(found)


def note(acquisition: Acquisition) -> str:
    """How the number was made and what it does not say."""
    unknown = doubts(acquisition)
    if unknown:
        return f"{LEVELS}; {' and '.join(unknown)} not known"
    return f"{LEVELS}; raised by intravenous contrast" if acquisition.contrast else LEVELS


def measure_vertebrae(turned: Volume, lungs: Lungs, config: VertebraConfig | None = None) -> Vertebrae | str:
    """Trabecular attenuation of the thoracic vertebrae, or why there is none, in words.

    Args:
        turned: CT in HU in the canonical orientation.
        lungs: of the same volume; the spine is looked for between and behind them.
    """
    config = config or VertebraConfig()
    window = _window(turned, lungs, config)
    if window is None:
        return NO_SPINE
    canals = list(_on_line(list(_canals(turned, window, config)), turned, config))
    levels = list(_levels(canals, turned, config))
    if len(levels) < config.min_levels:
        return TOO_FEW
    values = np.array([hu for hu, _ in levels])
    places = np.array([xyz for _, xyz in levels])
    if float(np.ptp(places[:, 2])) < config.min_span_mm:
        return TOO_FEW
    middle = float(np.median(values))
    spread = 1.4826 * float(np.median(np.abs(values - middle)))
    low, high = config.plausible_hu
    if not low <= middle <= high or spread > config.max_spread_hu:
        return IMPLAUSIBLE
    return Vertebrae(
        median_hu=middle,
        sd_hu=spread,
        levels_hu=tuple(float(v) for v in values),
        centers_mm=tuple(point(p) for p in places),
    )


def _window(turned: Volume, lungs: Lungs, config: VertebraConfig) -> tuple[slice, slice, slice] | None:
    """Slices with lung, the middle between the lungs, from their middle to behind them; None without two lungs."""
    spacing = turned.geometry.spacing_mm
    boxes = ndimage.find_objects(lungs.labels, max_label=2)
    right, left = boxes[RIGHT - 1], boxes[LEFT - 1]
    if right is None or left is None:
        return None
    middle = (right[2].start + right[2].stop + left[2].start + left[2].stop) / 4.0
    back = max(right[1].stop, left[1].stop)
    front = min(right[1].start, left[1].start)
    half = config.half_width_mm / spacing[2]
    columns = slice(max(0, int(middle - half)), min(turned.geometry.shape[2], int(middle + half) + 1))
    rows = slice(int((front + back) / 2), min(turned.geometry.shape[1], int(back + 30.0 / spacing[1])))
    low = max(0, min(right[0].start, left[0].start))
    return slice(low, max(right[0].stop, left[0].stop)), rows, columns


def _canals(turned: Volume, window: tuple[slice, slice, slice], config: VertebraConfig) -> Iterator[_Canal]:
    spacing = turned.geometry.spacing_mm
    step = max(1, int(config.step_mm / spacing[0] + 0.25))
    sigma = 0.8 / spacing[1:]
    for k in range(window[0].start, window[0].stop, step):
        hu = turned.array[k, window[1], window[2]].astype(np.float32)
        if float((hu > config.metal_hu).mean()) > config.metal_share:
            continue
        found = _canal(ndimage.gaussian_filter(hu, sigma), spacing, config)
        if found is not None:
            j, i, front = found
            yield _Canal(k=k, j=j + window[1].start, i=i + window[2].start, front_j=front + window[1].start)


def _canal(
    hu: NDArray[np.float32], spacing: NDArray[np.float64], config: VertebraConfig
) -> tuple[float, float, float] | None:
    """Middle and front edge of the hindmost hole in bone that can be a canal, in pixels of the window."""
    area = float(spacing[1] * spacing[2])
    reach = [max(1, round(1.5 / s)) for s in spacing[1:]]
    bone = ndimage.binary_closing(np.pad(hu > config.bone_hu, 4), np.ones((2 * reach[0] + 1, 2 * reach[1] + 1), bool))[
        4:-4, 4:-4
    ]
    labels, count = ndimage.label(ndimage.binary_fill_holes(bone) & ~bone)
    best: tuple[float, float, float] | None = None
    for n, box in enumerate(ndimage.find_objects(labels, max_label=count), start=1):
        inside = labels[box] == n
        size = float(inside.sum()) * area
        if not config.canal_mm2[0] <= size <= config.canal_mm2[1] or inside.mean() < 0.5:
            continue
        height, width = ((b.stop - b.start) * s for b, s in zip(box, spacing[1:], strict=True))
        if max(height, width) > 2.0 * min(height, width):
            continue
        if not config.canal_hu[0] <= float(np.median(hu[box][inside])) <= config.canal_hu[1]:
            continue
        rows, columns = np.nonzero(inside)
        j, i = float(rows.mean()) + box[0].start, float(columns.mean()) + box[1].start
        if best is None or j > best[0]:
            best = j, i, float(box[0].start)
    return best


def _on_line(canals: Sequence[_Canal], turned: Volume, config: VertebraConfig) -> Iterator[_Canal]:
    """Canals that lie with their neighbors within 40 mm on one line; what stands alone is chance."""
    spacing = turned.geometry.spacing_mm
    for one in canals:
        near = [c for c in canals if c is not one and abs(c.k - one.k) * spacing[0] <= 40.0]
        if len(near) < 2:
            continue
        away = [
            (np.median([c.j for c in near]) - one.j) * spacing[1],
            (np.median([c.i for c in near]) - one.i) * spacing[2],
        ]
        if float(np.hypot(*away)) <= config.line_mm:
            yield one


def _levels(canals: Sequence[_Canal], turned: Volume, config: VertebraConfig) -> Iterator[tuple[float, Any]]:
    """Attenuation and place of each vertebra, from feet to head.

    Regions with a shell around them that follow each other belong to one vertebra; the lower quartile is the middle of
    its body, between the denser endplates.
    """
    spacing = float(turned.geometry.spacing_mm[0])
    regions = [(c.k, r) for c in canals if (r := _region(c, turned, config)) is not None]
    groups: list[list[tuple[float, Any]]] = []
    before = -1
    for k, region in regions:
        if groups and (k - before) * spacing <= config.gap_mm:
            groups[-1].append(region)
        else:
            groups.append([region])
        before = k
    for group in groups:
        values = sorted(group, key=lambda r: r[0])
        yield values[len(values) // 4]


def _region(canal: _Canal, turned: Volume, config: VertebraConfig) -> tuple[float, Any] | None:
    """Mean attenuation of the disk in front of the canal that a shell of bone surrounds best, with its place."""
    spacing = turned.geometry.spacing_mm
    reach = (config.forward_mm[1] + config.shell_mm + 4.0) / spacing[1:]
    low_j, low_i = int(max(0, canal.front_j - reach[0])), int(max(0, canal.i - reach[1]))
    part = turned.array[canal.k, low_j : int(canal.j) + 1, low_i : int(canal.i + reach[1]) + 1].astype(np.float32)
    smooth = ndimage.gaussian_filter(part, 0.7 / spacing[1:])
    best: tuple[float, float, float] | None = None
    for forward in np.arange(config.forward_mm[0], config.forward_mm[1] + 0.5, 1.5):
        j, i = canal.front_j - low_j - forward / spacing[1], canal.i - low_i
        inside = _disk(part.shape, j, i, config.radius_mm / spacing[1:])
        values = smooth[inside]
        if values.size < 12 or float(values.std()) > config.max_sd_hu or float((values < -30.0).mean()) > 0.02:
            continue
        mean = float(part[inside].mean())
        shell = _shell_hu(smooth, j, i, spacing[1:], config) - mean
        if shell >= config.shell_contrast_hu and (best is None or shell > best[0]):
            best = shell, mean, j
    if best is None:
        return None
    return best[1], turned.geometry.to_world((canal.k, best[2] + low_j, canal.i))


def _disk(shape: tuple[int, ...], j: float, i: float, half: NDArray[np.float64]) -> NDArray[np.bool_]:
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return np.asarray(((rows - j) / half[0]) ** 2 + ((columns - i) / half[1]) ** 2 <= 1.0)


def _shell_hu(
    smooth: NDArray[np.float32], j: float, i: float, spacing: NDArray[np.float64], config: VertebraConfig
) -> float:
    """What the brightest voxel in each direction but few reaches: high where cortical bone goes all round."""
    angles = np.radians(np.arange(0.0, 360.0, 20.0))
    away = np.arange(config.radius_mm, config.shell_mm, 0.7)
    rows = j + np.outer(np.sin(angles), away) / spacing[0]
    columns = i + np.outer(np.cos(angles), away) / spacing[1]
    seen = ndimage.map_coordinates(smooth, [rows, columns], order=1, mode="constant", cval=-1000.0)
    return float(np.quantile(seen.max(axis=1), config.open_share))
