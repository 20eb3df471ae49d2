"""What the two adapters for MONAI's LoadImage share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tomoscribe.validation.peers.contender import Contender, Grid


def monai_contender(reader: str, packages: tuple[str, ...]) -> Contender:
    """LoadImage with the named reader, at its defaults."""

    def read(folder: Path) -> Any:
        from monai.transforms import LoadImage

        return LoadImage(reader=reader, image_only=True)(str(folder))

    return Contender(
        name=f"MONAI {reader}",
        call=f'LoadImage(reader="{reader}", image_only=True)(folder)',
        packages=("monai", *packages),
        prepare=_prepare,
        read=read,
        grid=_grid,
    )


def _prepare() -> None:
    from monai.transforms import LoadImage  # noqa: F401


def _grid(image: Any) -> Grid:
    from tomoscribe.encoders.conversions import geometry_from_nibabel, kji_from_ijk

    affine = np.asarray(image.affine, float)
    geometry = geometry_from_nibabel(affine, tuple(image.shape))
    return Grid(array=kji_from_ijk(np.asarray(image)), affine=geometry.affine)
