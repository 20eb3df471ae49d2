"""One slice of a series by itself, for thumbnails and for a look at what the gate refused: without a place in space."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from tomoscribe.core.errors import RefusedSeriesError
from tomoscribe.encoders.dicom.headers import lenient_reading, read_slice_headers
from tomoscribe.encoders.dicom.voxels import read_voxels


def load_slice(path: Path, frame: int = 0) -> NDArray[Any]:
    """(rows, columns) of one frame of a file, rescaled with its own slope and intercept; int16 or float32.

    Args:
        frame: counted from 0.

    Raises:
        RefusedSeriesError: the file is gone, damaged or holds no gray pixels that can be decoded.
    """
    with lenient_reading():
        headers = next(iter(read_slice_headers([path])), ())
    if frame >= len(headers):
        raise RefusedSeriesError("the file can no longer be read", where=path.name, remedy="copy or export it again")
    header = headers[frame]
    if not header.rows or not header.columns or (header.samples_per_pixel or 1) != 1:
        raise RefusedSeriesError("the file holds no gray image", where=path.name)
    array, _ = read_voxels([header])
    return array[0]
