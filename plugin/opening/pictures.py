"""Slices as pictures: gray levels from percentiles, for thumbnails and for a look at what has no place in space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtGui import QImage

from tomoscribe.core import Series
from tomoscribe.core.errors import TomoscribeError
from tomoscribe.encoders.dicom.single import load_slice
from tomoscribe.findings.measured import Progress

THUMBNAIL_PX = 56
_LOW, _HIGH = 1.0, 99.0


def gray(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """(rows, columns) 0 to 255 between the 1st and the 99th percentile."""
    values = pixels.astype(np.float32)
    low, high = (float(v) for v in np.percentile(values, (_LOW, _HIGH)))
    scaled = (values - low) / max(high - low, 1e-6)
    return (np.clip(scaled, 0.0, 1.0) * 255).astype(np.uint8)


def small(pixels: NDArray[Any], size: int = THUMBNAIL_PX) -> NDArray[np.uint8]:
    """A picture of at most ``size`` pixels along its longer side, by the mean of blocks."""
    step = max(1, int(np.ceil(max(pixels.shape) / size)))
    rows, columns = (n // step * step for n in pixels.shape)
    blocks = pixels[:rows, :columns].astype(np.float32).reshape(rows // step, step, columns // step, step)
    return gray(blocks.mean(axis=(1, 3)))


def to_image(picture: NDArray[np.uint8]) -> QImage:
    """The picture for Qt, with memory of its own."""
    rows, columns = picture.shape
    data = np.ascontiguousarray(picture)
    return QImage(data.tobytes(), columns, rows, columns, QImage.Format.Format_Grayscale8).copy()


def thumbnails(series: Sequence[Series], progress: Progress) -> dict[tuple[str, str | None], NDArray[np.uint8]]:
    """The middle slice of each series, small; those that cannot be decoded are left out."""
    found = {}
    for number, one in enumerate(series):
        progress("thumbnails", number / max(1, len(series)))
        if not one.slices:
            continue
        path, frame = one.slices[len(one.slices) // 2]
        try:
            found[one.series_uid, one.part] = small(load_slice(path, frame))
        except TomoscribeError:
            continue
    return found
