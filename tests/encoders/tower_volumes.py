"""A body whose values say where they are: HU = 2 x + z in mm inside a box of 120 x 80 x 100 mm, air outside."""

from __future__ import annotations

import numpy as np

from tomoscribe.core import Acquisition, Geometry, SeriesRef, Volume


def chest(geometry: Geometry, array: np.ndarray | None = None, *, modality: str = "CT", unit: str = "hu") -> Volume:
    if array is None:
        points = geometry.to_world(np.stack(np.meshgrid(*map(np.arange, geometry.shape), indexing="ij"), -1))
        inside = np.abs((points - geometry.center_mm) / (60, 40, 50)).max(axis=-1) < 1
        array = np.where(inside, points[..., 0] * 2 + points[..., 2], -1024).astype(np.int16)
    ref = SeriesRef(
        study_uid="1.2",
        series_uid="1.2.3",
        series_number=1,
        description=None,
        instance_uids=(),
        instance_numbers=(),
    )
    return Volume(
        array=array, geometry=geometry, modality=modality, value_unit=unit, series=ref, acquisition=Acquisition()
    )


AXIAL = Geometry.from_parts(spacing_mm=(4, 3, 3), origin_mm=(-80, -60, -70), shape=(36, 40, 54))
