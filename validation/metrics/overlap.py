"""Agreement of two masks in patient space: Dice, Hausdorff distance (95th percentile), normalized surface Dice.

Sources: Dice 1945; Huttenlocher et al. 1993; Nikolov et al. 2021, Clinically applicable segmentation of head and neck
anatomy (surface elements weighted with their area), in its authors' implementation.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomoscribe.core import Geometry
from tomoscribe.core.errors import GeometryError
from tomoscribe.training import scores as primitives
from tomoscribe.validation.metrics.extras import need

Mask = NDArray[np.bool_]


def dice(first: Mask, second: Mask) -> float:
    """2 |A and B| / (|A| + |B|), 0 to 1; NaN when both are empty."""
    _check(first, second)
    return primitives.dice(first, second)


def volume_error_percent(found: Mask, truth: Mask) -> float:
    """(found - truth) / truth in percent; NaN when the truth is empty."""
    _check(found, truth)
    volume = int(truth.sum())
    return 100.0 * (int(found.sum()) - volume) / volume if volume else float("nan")


def hausdorff95_mm(first: Mask, second: Mask, geometry: Geometry) -> float:
    """The larger of both directions' 95th percentile of surface distances, in mm.

    NaN when both masks are empty, infinite when one is.
    """
    if not first.any() or not second.any():
        return float("inf") if first.any() or second.any() else float("nan")
    library, distances = _distances(first, second, geometry)
    return float(library.compute_robust_hausdorff(distances, 95.0))


def surface_dice(first: Mask, second: Mask, geometry: Geometry, *, tolerance_mm: float) -> float:
    """Share of both surfaces within ``tolerance_mm`` of the other one; NaN when both masks are empty, 0 when one is."""
    if not first.any() or not second.any():
        return 0.0 if first.any() or second.any() else float("nan")
    library, distances = _distances(first, second, geometry)
    return float(library.compute_surface_dice_at_tolerance(distances, tolerance_mm))


def mean_surface_distance_mm(first: Mask, second: Mask, geometry: Geometry) -> float:
    """Mean of both directions' area-weighted mean distances, in mm; NaN when a mask is empty."""
    if not first.any() or not second.any():
        return float("nan")
    library, distances = _distances(first, second, geometry)
    return float(np.mean(library.compute_average_surface_distance(distances)))


def _distances(first: Mask, second: Mask, geometry: Geometry) -> tuple[Any, Any]:
    _check(first, second)
    if first.shape != geometry.shape:
        raise GeometryError(f"expected masks of the geometry's shape {geometry.shape}, found {first.shape}")
    library = need("surface_distance", "surface distances")
    return library, library.compute_surface_distances(first, second, tuple(geometry.spacing_mm))


def _check(first: Mask, second: Mask) -> None:
    if first.shape != second.shape or first.dtype != np.bool_ or second.dtype != np.bool_:
        raise GeometryError(
            f"expected two boolean masks of one shape, "
            f"found {first.shape} {first.dtype} and {second.shape} {second.dtype}"
        )
