"""SimpleITK's series reader (GDCM inside)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tomoscribe.validation.peers.contender import Contender, Grid


def _prepare() -> None:
    import SimpleITK  # noqa: F401


def _read(folder: Path) -> Any:
    import SimpleITK as sitk

    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return reader.Execute()


def _grid(image: Any) -> Grid:
    from tomoscribe.encoders.conversions import array_from_sitk, geometry_from_sitk

    return Grid(array=array_from_sitk(image), affine=geometry_from_sitk(image).affine)


CONTENDER = Contender(
    name="SimpleITK",
    call="ImageSeriesReader, GetGDCMSeriesFileNames(folder), Execute()",
    packages=("SimpleITK",),
    prepare=_prepare,
    read=_read,
    grid=_grid,
)
