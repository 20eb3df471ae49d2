"""Volume -> model tensor and back: isotropic grid along the patient's axes, scaled values, places in mm.

The model grid runs along x, y, z of patient space (k to the head, j to the back, i to the left) whatever way
the series is stored: everything that flips or turns lies in the two affines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tomoscribe.core import Geometry, Volume
from tomoscribe.core.errors import ConfigError, GeometryError

if TYPE_CHECKING:
    from torch import Tensor

    from tomoscribe.encoders.types import PositionsMm

CT_WINDOWS_HU = ((-1000.0, 400.0), (-1000.0, -750.0))
"""Channel 0 shows the whole chest, channel 1 how empty the lung is."""
MAX_VOXELS = 64_000_000
_BODY_SHARE = 0.01


@dataclass(frozen=True, kw_only=True)
class ProcessorConfig:
    """How volumes are prepared.

    Args:
        modality: ``CT`` (fixed windows in HU) or ``MR`` (percentiles of the head).
        spacing_mm: edge of the isotropic voxels.
        multiple: each axis of the model grid has a multiple of this many voxels.
    """

    modality: str
    spacing_mm: float
    multiple: int = 16

    def __post_init__(self) -> None:
        if self.modality not in ("CT", "MR") or self.spacing_mm <= 0 or self.multiple < 1:
            raise ConfigError(
                f"expected modality CT or MR, a spacing above 0 and a multiple of at least 1, found {self}"
            )

    @property
    def num_channels(self) -> int:
        return len(CT_WINDOWS_HU) if self.modality == "CT" else 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Processed:
    """An image for the network (C, D, H, W) float32 with the grid it lies on."""

    image_CDHW: NDArray[np.float32]
    geometry: Geometry


class Processor:
    """Prepares volumes for a network and knows the way back."""

    def __init__(self, config: ProcessorConfig) -> None:
        self.config = config

    def __call__(self, volume: Volume) -> Processed:
        """The volume on the model grid, scaled; ConfigError for another modality than the network's."""
        if volume.modality != self.config.modality:
            raise ConfigError(f"expected a {self.config.modality} volume, found {volume.modality}")
        fill = -1000.0 if self.config.modality == "CT" else 0.0
        grid = self.grid(volume.geometry)
        values = resample_mean(volume.array, volume.geometry, grid, fill=fill)
        start, stop = self.body_box(values)
        values = _take(values, start, stop, fill)
        return Processed(image_CDHW=self.scale(values), geometry=grid.crop(start, stop))

    def grid(self, geometry: Geometry) -> Geometry:
        """Isotropic grid along x, y, z around all of ``geometry``, centers aligned."""
        spacing = self.config.spacing_mm
        corners = geometry.corners_mm
        extent = (corners.max(axis=0) - corners.min(axis=0))[[2, 1, 0]]
        shape = np.ceil(extent / spacing - 1e-6).astype(int)
        if int(np.prod(shape, dtype=np.int64)) > MAX_VOXELS:
            raise GeometryError(f"the volume spans {' x '.join(f'{e:.0f}' for e in extent)} mm, too much for one pass")
        middle = (corners.max(axis=0) + corners.min(axis=0)) / 2
        origin = middle - (shape[[2, 1, 0]] - 1) / 2.0 * spacing
        return Geometry.from_parts(
            spacing_mm=(spacing,) * 3,
            origin_mm=origin,
            shape=shape,
            frame_of_reference_uid=geometry.frame_of_reference_uid,
        )

    def body_box(self, values: NDArray[np.float32]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Start and stop (k, j, i) of the box around the body, in multiples; may reach beyond the array (padding)."""
        level = -400.0 if self.config.modality == "CT" else 0.15 * float(np.percentile(values, 99))
        body = values > level
        starts, stops = [], []
        for axis in range(3):
            share = body.mean(axis=tuple(a for a in range(3) if a != axis))
            inside = np.flatnonzero(share > _BODY_SHARE)
            first, last = (int(inside[0]), int(inside[-1])) if inside.size else (0, values.shape[axis] - 1)
            size = -(-(last - first + 1) // self.config.multiple) * self.config.multiple
            start = first - (size - (last - first + 1)) // 2
            starts.append(start)
            stops.append(start + size)
        return tuple(starts), tuple(stops)

    def scale(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """(D, H, W) in HU or arbitrary units to (C, D, H, W): CT 0 to 1 in each window, MR about 0 to 1."""
        if self.config.modality == "CT":
            channels = [np.clip((values - low) / (high - low), 0.0, 1.0) for low, high in CT_WINDOWS_HU]
            return np.stack(channels).astype(np.float32)
        inside = values[values > values.mean()]
        top = float(np.percentile(inside, 98)) if inside.size else 1.0
        return np.clip(values / max(top, 1e-6), 0.0, 1.5)[None].astype(np.float32)


def _take(values: NDArray[np.float32], start: Sequence[int], stop: Sequence[int], fill: float) -> NDArray[np.float32]:
    """The box from ``start`` to before ``stop``, ``fill`` where it reaches beyond the array."""
    pads, cuts = [], []
    for low, high, size in zip(start, stop, values.shape, strict=True):
        cuts.append(slice(max(0, low), min(size, high)))
        pads.append((max(0, -low), max(0, high - size)))
    return np.pad(values[tuple(cuts)], pads, constant_values=fill)


def token_grid(geometry: Geometry, stride: int) -> Geometry:
    """The grid of the cells' centers: each cell is a block of ``stride``^3 voxels of ``geometry``."""
    affine = geometry.affine.copy()
    affine[:3, :3] *= stride
    affine[:3, 3] = geometry.to_world(np.full(3, (stride - 1) / 2.0))
    depth, height, width = (max(1, n // stride) for n in geometry.shape)
    return Geometry(affine=affine, shape=(depth, height, width), frame_of_reference_uid=geometry.frame_of_reference_uid)


def grid_points_mm(geometry: Geometry) -> NDArray[np.float64]:
    """(D * H * W, 3): LPS mm of the centers of all voxels, in the order of ``array.reshape(-1)``."""
    indices = np.stack(np.meshgrid(*(np.arange(n) for n in geometry.shape), indexing="ij"), axis=-1)
    return geometry.to_world(indices.reshape(-1, 3))


def flatten_tokens(tokens_CDHW: Tensor, geometry: Geometry) -> tuple[Tensor, PositionsMm]:
    """Dense features of a token grid as (N, C) with (N, 3) positions in LPS mm."""
    import torch

    tokens_NC = tokens_CDHW.flatten(1).T.contiguous().float()
    return tokens_NC, torch.from_numpy(grid_points_mm(geometry)).float().to(tokens_NC.device)


def block_mean(
    array: NDArray[np.generic], geometry: Geometry, factors: tuple[int, int, int]
) -> tuple[NDArray[np.float32], Geometry]:
    """Means over blocks of ``factors`` (k, j, i) voxels; the last block of an axis may hold fewer."""
    means = array
    for axis, factor in enumerate(factors):
        if factor > 1:
            starts = np.arange(0, array.shape[axis], factor)
            sums = np.add.reduceat(means, starts, axis=axis, dtype=np.float32)
            counts = np.minimum(factor, array.shape[axis] - starts).astype(np.float32)
            means = sums / counts.reshape([-1 if a == axis else 1 for a in range(3)])
    affine = geometry.affine.copy()
    affine[:3, :3] = affine[:3, :3] * np.array(factors)
    affine[:3, 3] = geometry.to_world((np.array(factors) - 1) / 2.0)
    depth, height, width = means.shape
    coarse = Geometry(
        affine=affine, shape=(depth, height, width), frame_of_reference_uid=geometry.frame_of_reference_uid
    )
    return means.astype(np.float32, copy=False), coarse


def resample_mean(
    array: NDArray[np.generic], source: Geometry, target: Geometry, *, fill: float
) -> NDArray[np.float32]:
    """Values on ``target``: block means where it is coarser (no aliasing), then linear; ``fill`` outside the source."""
    ratio = float(target.spacing_mm.min()) / source.spacing_mm
    k, j, i = (int(n) for n in np.maximum(1, np.floor(ratio + 1e-6)))
    means, coarse = block_mean(array, source, (k, j, i))
    return resample_linear(means, coarse, target, fill=fill)


def resample_linear(
    array: NDArray[np.float32], source: Geometry, target: Geometry, *, fill: float
) -> NDArray[np.float32]:
    """Trilinear values of ``array`` (on ``source``) at the voxel centers of ``target``; ``fill`` outside."""
    from scipy.ndimage import affine_transform

    matrix = np.linalg.inv(source.affine) @ target.affine
    out = affine_transform(
        array.astype(np.float32, copy=False),
        matrix[:3, :3],
        offset=matrix[:3, 3],
        output_shape=target.shape,
        order=1,
        mode="grid-constant",
        cval=fill,
    )
    return np.asarray(out, dtype=np.float32)
