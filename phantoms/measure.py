"""Measuring generated shapes on fine grids."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DIRECTIONS = 180


def extents_mm(mask: NDArray[np.bool_], step_mm: float) -> tuple[float, float]:
    """Largest in-plane extent over all slices (axis 0), and the extent across it on that slice.

    Args:
        mask: (D, H, W) on a cubic grid of ``step_mm``.
    """
    best = (0.0, 0.0)
    for plane in mask[mask.any(axis=(1, 2))]:
        long_mm, short_mm = plane_extents_mm(plane, step_mm)
        if long_mm > best[0]:
            best = (long_mm, short_mm)
    return best


def plane_extents_mm(plane: NDArray[np.bool_], step_mm: float) -> tuple[float, float]:
    """Largest extent of a 2D mask over 180 directions, and the extent at a right angle to it."""
    rows, columns = np.nonzero(plane)
    if not len(rows):
        return 0.0, 0.0
    edge = _outline(rows, columns)
    angles = np.arange(DIRECTIONS) * np.pi / DIRECTIONS
    along = edge @ np.stack([np.sin(angles), np.cos(angles)])
    widths = (along.max(axis=0) - along.min(axis=0) + 1.0) * step_mm
    n = int(np.argmax(widths))
    return float(widths[n]), float(widths[(n + DIRECTIONS // 2) % DIRECTIONS])


def _outline(rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.float64]:
    """(N, 2): first and last pixel of each row; they hold the convex hull."""
    order = np.lexsort((columns, rows))
    rows, columns = rows[order], columns[order]
    first = np.r_[True, rows[1:] != rows[:-1]]
    last = np.r_[rows[1:] != rows[:-1], True]
    keep = first | last
    return np.stack([rows[keep], columns[keep]], axis=1).astype(float)
