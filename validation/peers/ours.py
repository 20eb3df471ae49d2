"""tomoscribe's own reader: scan, gate, load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tomoscribe.validation.peers.contender import Contender, Grid


def _prepare() -> None:
    import tomoscribe.encoders.dicom  # noqa: F401


def _start() -> None:
    from tomoscribe.encoders.dicom.guarded import header_guard

    header_guard().start()


def _read(folder: Path) -> Any:
    from tomoscribe.core.errors import RefusedSeriesError
    from tomoscribe.encoders.dicom import load_volume, scan

    (study,) = scan(folder)
    (series,) = study.series
    if series.shape is None:
        raise RefusedSeriesError(series.reason or "refused", remedy=series.remedy)
    return load_volume(study, series)


def _grid(volume: Any) -> Grid:
    return Grid(array=volume.array, affine=volume.geometry.affine)


CONTENDER = Contender(
    name="tomoscribe",
    call="scan(folder), load_volume(study, series)",
    packages=("tomoscribe", "pydicom", "imagecodecs", "pyjpegls", "pylibjpeg-openjpeg", "pylibjpeg-rle"),
    prepare=_prepare,
    start=_start,
    read=_read,
    grid=_grid,
)
