"""highdicom's volume from a series of single-frame images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tomoscribe.validation.peers.contender import Contender, Grid


def _prepare() -> None:
    import highdicom  # noqa: F401
    import pydicom  # noqa: F401


def _read(folder: Path) -> Any:
    import highdicom
    import pydicom

    return highdicom.get_volume_from_series([pydicom.dcmread(path) for path in folder.iterdir()])


def _grid(volume: Any) -> Grid:
    return Grid(array=volume.array, affine=np.asarray(volume.affine, float))


CONTENDER = Contender(
    name="highdicom",
    call="get_volume_from_series([dcmread each file])",
    packages=("highdicom", "pydicom"),
    prepare=_prepare,
    read=_read,
    grid=_grid,
)
