"""The loop that most projects write around pydicom: read all, sort by position, stack, rescale."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tomoscribe.validation.peers.contender import Contender, Grid


def _prepare() -> None:
    import pydicom  # noqa: F401


def _read(folder: Path) -> Any:
    import pydicom

    datasets = [pydicom.dcmread(path) for path in folder.iterdir()]
    cosines = np.array(datasets[0].ImageOrientationPatient, float)
    normal = np.cross(cosines[:3], cosines[3:])
    datasets.sort(key=lambda ds: float(np.dot(normal, ds.ImagePositionPatient)))
    volume = np.empty((len(datasets), datasets[0].Rows, datasets[0].Columns), np.int16)
    for k, ds in enumerate(datasets):
        volume[k] = ds.pixel_array
        volume[k] *= int(ds.RescaleSlope)
        volume[k] += int(ds.RescaleIntercept)
    return volume, datasets[0], datasets[-1]


def _grid(read: Any) -> Grid:
    array, first, last = read
    cosines = np.array(first.ImageOrientationPatient, float)
    origin, end = (np.array(ds.ImagePositionPatient, float) for ds in (first, last))
    between_rows, between_columns = (float(v) for v in first.PixelSpacing)
    affine = np.eye(4)
    affine[:3, 0] = (end - origin) / (len(array) - 1)
    affine[:3, 1] = cosines[3:] * between_rows
    affine[:3, 2] = cosines[:3] * between_columns
    affine[:3, 3] = origin
    return Grid(array=array, affine=affine)


CONTENDER = Contender(
    name="pydicom",
    call="dcmread each file, sort by position, pixel_array into int16, whole slope and intercept in place; no checks",
    packages=("pydicom", "pyjpegls", "pylibjpeg-openjpeg", "pylibjpeg-rle"),
    prepare=_prepare,
    read=_read,
    grid=_grid,
)
