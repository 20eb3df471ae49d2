"""Prepared cases for the towers: image, labels and head targets on the model grid, cached on disk.

Shape letters: C channels, D H W voxels (k, j, i) of the model grid, F heads, S sides (right, left).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tomoscribe.core import Geometry, Volume
from tomoscribe.encoders.processor import Processor, block_mean, resample_linear

IGNORE = 255
"""Label of voxels whose class is not known."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """One training example.

    Args:
        image_CDHW: float16.
        labels_DHW: uint8, 0 background, n the n-th mask of the tower, IGNORE unknown.
        targets_FS: float32, 1 present, 0 absent, NaN unknown; a head without sides stands in both columns.
        midline: i index (of the model grid) of the plane between the sides.
    """

    image_CDHW: NDArray[np.float16]
    labels_DHW: NDArray[np.uint8]
    targets_FS: NDArray[np.float32]
    midline: float

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.savez(file, image=self.image_CDHW, labels=self.labels_DHW, targets=self.targets_FS, midline=self.midline)
        part.replace(path)

    @classmethod
    def load(cls, path: Path) -> Case:
        with np.load(path, allow_pickle=False) as file:
            return cls(
                image_CDHW=file["image"],
                labels_DHW=file["labels"],
                targets_FS=file["targets"],
                midline=float(file["midline"]),
            )


@dataclass(frozen=True, kw_only=True)
class CaseStore:
    """Cases by key; made on first use and kept in ``folder``."""

    folder: Path
    make: Callable[[str], Case]

    def get(self, key: str) -> Case:
        path = self.folder / f"{key}.npz"
        if path.is_file():
            return Case.load(path)
        case = self.make(key)
        case.save(path)
        return case


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawing:
    """A volume with its masks as shares of each voxel, before preparation.

    Args:
        shares: by name of the tower's mask: (D, H, W) bool or float on the volume's grid.
        keep: smallest share at which a voxel of the model grid still gets the mask, 0.5 where not named.
    """

    volume: Volume
    shares: dict[str, NDArray[np.generic]]
    keep: dict[str, float]


def prepare(
    drawing: Drawing, processor: Processor, masks: Sequence[str]
) -> tuple[NDArray[np.float16], NDArray[np.uint8], Geometry]:
    """Image and labels on the model grid; later masks of ``masks`` win where several claim a voxel."""
    processed = processor(drawing.volume)
    labels = np.zeros(processed.geometry.shape, np.uint8)
    for number, name in enumerate(masks, start=1):
        if name in drawing.shares:
            share = on_grid(drawing.shares[name], drawing.volume.geometry, processed.geometry)
            labels[share >= drawing.keep.get(name, 0.5)] = number
    return processed.image_CDHW.astype(np.float16), labels, processed.geometry


def on_grid(share: NDArray[np.generic], source: Geometry, target: Geometry) -> NDArray[np.float32]:
    """Share of each voxel of ``target`` inside a mask on ``source``."""
    ratio = np.maximum(1, np.floor(float(target.spacing_mm.min()) / source.spacing_mm + 1e-6)).astype(int)
    k, j, i = (int(n) for n in ratio)
    means, coarse = block_mean(share.astype(np.float32), source, (k, j, i))
    return resample_linear(means, coarse, target, fill=0.0)


def cell_targets(labels_DHW: NDArray[np.uint8], number: int, stride: int, *, voxels: int) -> NDArray[np.float32]:
    """(d, h, w): 1 where a cell of ``stride``^3 voxels holds at least ``voxels`` of the label."""
    d, h, w = (n // stride for n in labels_DHW.shape)
    blocks = (labels_DHW == number).reshape(d, stride, h, stride, w, stride)
    return (blocks.sum(axis=(1, 3, 5)) >= voxels).astype(np.float32)
