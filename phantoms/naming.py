"""UIDs, series references and the algorithm entry of generated images."""

from __future__ import annotations

from importlib.metadata import version

from tomoscribe.core import Algorithm, SeriesRef
from tomoscribe.core.uids import derive_uid

ALGORITHM = Algorithm(name="tomoscribe phantom", version=version("tomoscribe"))


def series_ref(organ: str, seed: int, name: str, num_slices: int, *, number: int = 1) -> SeriesRef:
    """References derived from the organ, the seed and the series' name."""
    parts = ("phantom", organ, str(seed))
    return SeriesRef(
        study_uid=derive_uid(*parts),
        series_uid=derive_uid(*parts, name),
        series_number=number,
        description=name,
        instance_uids=tuple(derive_uid(*parts, name, str(k)) for k in range(num_slices)),
        instance_numbers=tuple(range(1, num_slices + 1)),
    )
