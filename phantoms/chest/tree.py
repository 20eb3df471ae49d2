"""Space-filling trees of vessels and airways: the set of end points is split in two again and again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tomoscribe.phantoms.shapes import Tube

Points = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class TreeStyle:
    """How a tree grows.

    Args:
        leaf_radius_mm: radius of a branch that feeds one end point.
        power: radius = leaf_radius * (number of end points) ** power, cut at ``max_radius_mm``.
        reach: how far each branch goes towards the centre of its end points.
        jitter: sideways bend of each branch as a share of its length.
        min_radius_mm: branches below are left out.
    """

    leaf_radius_mm: float
    power: float
    max_radius_mm: float
    reach: float = 0.45
    jitter: float = 0.12
    min_radius_mm: float = 0.0


def grow(rng: Generator, root: Points, ends: Points, style: TreeStyle) -> list[Tube]:
    """Branches from ``root`` (3,) to all ``ends`` (N, 3), anatomical mm."""
    tubes: list[Tube] = []
    stack: list[tuple[Points, Points, float]] = [(np.asarray(root, float), np.asarray(ends, float), np.inf)]
    while stack:
        start, group, parent = stack.pop()
        radius = min(style.leaf_radius_mm * len(group) ** style.power, style.max_radius_mm, parent)
        if radius < style.min_radius_mm or not len(group):
            continue
        last = len(group) == 1
        end = group[0] if last else start + style.reach * (group.mean(axis=0) - start)
        tip = style.leaf_radius_mm * max(len(group) / 2, 0.5) ** style.power
        tubes += _bent(rng, start, end, (radius, min(radius, tip)), style.jitter)
        if not last:
            low, high = _split(group, end)
            stack += [(end, low, radius), (end, high, radius)]
    return tubes


def _split(group: Points, fork: Points) -> tuple[Points, Points]:
    """Two halves on either side of a plane through the median, across the group's longest axis off the branch."""
    centered = group - group.mean(axis=0)
    _, _, axes = np.linalg.svd(centered, full_matrices=False)
    side = centered @ axes[0]
    order = np.argsort(side, kind="stable")
    half = len(group) // 2
    return group[order[:half]], group[order[half:]]


def _bent(rng: Generator, start: Points, end: Points, radii: tuple[float, float], jitter: float) -> list[Tube]:
    """The branch as two pieces with a bend between them; short ones stay straight."""
    length = float(np.linalg.norm(end - start))
    if length < 6.0:
        return [_tube(start, end, radii)]
    middle = (start + end) / 2 + rng.normal(size=3) * jitter * length * 0.5
    half = (radii[0] + radii[1]) / 2
    return [_tube(start, middle, (radii[0], half)), _tube(middle, end, (half, radii[1]))]


def _tube(start: Points, end: Points, radii: tuple[float, float]) -> Tube:
    (a, b, c), (d, e, f) = start.tolist(), end.tolist()
    return Tube(start=(a, b, c), end=(d, e, f), radius_start_mm=radii[0], radius_end_mm=radii[1])
