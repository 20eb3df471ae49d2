"""Which image shows a point: series and instance, for the reader who wants to see it in the PACS."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tomoscribe.core import EvidenceSlice, Volume


def evidence_at(volume: Volume, xyz_mm: Sequence[float]) -> tuple[EvidenceSlice, ...]:
    """The image whose slice lies nearest to a point in LPS mm; empty when the volume does not name its instances.

    Args:
        volume: as loaded; its series names one instance per slice k, in the array's order.
    """
    series = volume.series
    if len(series.instance_uids) != volume.geometry.shape[0]:
        return ()
    k = int(np.clip(np.rint(volume.geometry.to_index(xyz_mm)[0]), 0, volume.geometry.shape[0] - 1))
    number = series.instance_numbers[k] if k < len(series.instance_numbers) else None
    return (
        EvidenceSlice(
            series_uid=series.series_uid,
            series_number=series.series_number,
            instance_uid=series.instance_uids[k],
            instance_number=number,
        ),
    )
