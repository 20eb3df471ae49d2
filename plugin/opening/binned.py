"""A series loaded coarser in plane, one slice at a time: the whole of it is never in memory."""

from __future__ import annotations

import numpy as np

from tomoscribe.core import Series, SeriesRef, Study, Volume
from tomoscribe.encoders.dicom.assemble import slice_grid
from tomoscribe.encoders.dicom.single import load_slice
from tomoscribe.findings.chest.grid import block_geometry, block_mean
from tomoscribe.findings.measured import Progress


def load_binned(study: Study, series: Series, factor: int, progress: Progress) -> Volume:
    """The volume of a series with ``factor`` x ``factor`` pixels made one by their mean: to look at, not to measure.

    Raises:
        RefusedSeriesError: as ``load_volume``; also when a file is gone on the way.
    """
    geometry, instances = slice_grid(series)
    factors = (1, factor, factor)
    coarse = block_geometry(geometry, factors)
    array = np.empty(coarse.shape, np.int16)
    for k, (path, frame) in enumerate(series.slices):
        progress(f"loading {series.modality}", k / len(series.slices))
        pixels = load_slice(path, frame)
        means = block_mean(pixels[None], factors)[0]
        array[k] = np.clip(np.rint(means), -32768, 32767).astype(np.int16)
    return Volume(
        array=array,
        geometry=coarse,
        modality=series.modality,
        value_unit=series.value_unit or "arbitrary",
        series=SeriesRef(
            study_uid=study.study_uid,
            series_uid=series.series_uid,
            series_number=series.number,
            description=series.description,
            instance_uids=instances,
            instance_numbers=(None,) * len(instances),
            part=series.part,
        ),
        acquisition=series.acquisition,
        notes=(f"{factor} x {factor} pixels are made one for looking: it does not fit into memory whole",),
    )
