"""dicom2nifti's conversion of a series, kept in memory and not turned round."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tomoscribe.validation.peers.contender import Contender, Grid


def _prepare() -> None:
    import dicom2nifti  # noqa: F401


def _read(folder: Path) -> Any:
    from dicom2nifti.convert_dicom import dicom_series_to_nifti

    return dicom_series_to_nifti(str(folder), None, reorient_nifti=False)["NII"]


def _grid(image: Any) -> Grid:
    import numpy as np

    from tomoscribe.encoders.conversions import geometry_from_nibabel, kji_from_ijk

    geometry = geometry_from_nibabel(image.affine, image.shape)
    return Grid(array=kji_from_ijk(np.asanyarray(image.dataobj)), affine=geometry.affine)


CONTENDER = Contender(
    name="dicom2nifti",
    call="dicom_series_to_nifti(folder, None, reorient_nifti=False)",
    packages=("dicom2nifti", "nibabel", "python-gdcm"),
    prepare=_prepare,
    read=_read,
    grid=_grid,
)
