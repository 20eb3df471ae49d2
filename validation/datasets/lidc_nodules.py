"""Outlines of several readers -> nodules in millimetres: who means the same one, and its consensus.

Marks of different readers whose masks touch are one nodule. Its consensus holds the voxels that at least half of those
who drew it included (pylidc's rule, Hancock and Magnan 2016).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tomoscribe.core import Geometry
from tomoscribe.validation.datasets.lidc_xml import Drawn, Outline
from tomoscribe.validation.records import TrueNodule

RELEVANT_READERS = 3
"""LUNA16's rule: a nodule counts when at least three of four readers drew it."""
OTHER_DIAMETER_MM = 10.0
SMALL_DIAMETER_MM = 3.0
Voxels = frozenset[tuple[int, int, int]]


@dataclass(frozen=True, kw_only=True)
class _Mark:
    reader: int
    voxels: Voxels


def nodules(drawn: Sequence[Drawn], geometry: Geometry, instance_uids: Sequence[str]) -> tuple[TrueNodule, ...]:
    """All marks of a scan as reference findings, nodules first.

    Args:
        geometry: of the series, slices in the order of ``instance_uids``.
    """
    slices = {uid: k for k, uid in enumerate(instance_uids)}
    marks = [_Mark(reader=d.reader, voxels=_voxels(d, slices, geometry)) for d in drawn if d.kind == "nodule"]
    groups = _grouped([m for m in marks if m.voxels])
    found = [_nodule(group, geometry, n) for n, group in enumerate(groups, start=1)]
    found.sort(key=lambda n: (-(n.num_readers or 0), -n.diameter_mm))
    others = [d for d in drawn if d.kind != "nodule"]
    return (*found, *(o for d in others if (o := _point(d, geometry, slices)) is not None))


def unknown_slices(drawn: Sequence[Drawn], instance_uids: Sequence[str]) -> int:
    """How many outlines lie on images that the series does not hold."""
    known = set(instance_uids)
    return sum(o.instance_uid not in known for d in drawn for o in d.outlines)


def _voxels(drawn: Drawn, slices: dict[str, int], geometry: Geometry) -> Voxels:
    inside: set[tuple[int, int, int]] = set()
    holes: set[tuple[int, int, int]] = set()
    for outline in drawn.outlines:
        k = slices.get(outline.instance_uid)
        if k is not None:
            (holes if outline.is_hole else inside).update((k, j, i) for j, i in _filled(outline, geometry.shape))
    return frozenset(inside - holes)


def _filled(outline: Outline, shape: tuple[int, int, int]) -> list[tuple[int, int]]:
    """(row, column) of what a line encloses; the line is outside, unless it encloses nothing."""
    from skimage.draw import polygon

    columns, rows = (np.array(axis) for axis in zip(*outline.points, strict=True))
    j, i = polygon(rows, columns, shape=shape[1:])
    line = {(int(r), int(c)) for c, r in outline.points}
    inner = [(int(a), int(b)) for a, b in zip(j, i, strict=True) if (int(a), int(b)) not in line]
    return inner or [p for p in line if p[0] < shape[1] and p[1] < shape[2]]


def _grouped(marks: Sequence[_Mark]) -> list[list[_Mark]]:
    """Marks that touch, directly or through others."""
    groups: list[list[_Mark]] = []
    for mark in marks:
        touching = [g for g in groups if any(_touch(mark.voxels, m.voxels) for m in g)]
        groups = [g for g in groups if all(g is not t for t in touching)]
        groups.append([mark, *(m for g in touching for m in g)])
    return groups


def _touch(first: Voxels, second: Voxels) -> bool:
    return not first.isdisjoint(second)


def _nodule(group: Sequence[_Mark], geometry: Geometry, number: int) -> TrueNodule:
    readers = {m.reader for m in group}
    by_reader = [frozenset().union(*(m.voxels for m in group if m.reader == r)) for r in readers]
    counts: dict[tuple[int, int, int], int] = {}
    for voxels in by_reader:
        for voxel in voxels:
            counts[voxel] = counts.get(voxel, 0) + 1
    kept = np.array(sorted(v for v, n in counts.items() if 2 * n >= len(by_reader)))
    volume = len(kept) * geometry.voxel_volume_mm3
    long, short = axes_mm(kept, geometry)
    x, y, z = geometry.to_world(kept.mean(axis=0))
    return TrueNodule(
        center_mm=(float(x), float(y), float(z)),
        diameter_mm=float((6 * volume / np.pi) ** (1 / 3)),
        source="equivalent sphere of the voxels that at least half of its readers drew",
        num_readers=len(readers),
        relevant=len(readers) >= RELEVANT_READERS,
        long_axis_mm=long,
        short_axis_mm=short,
        volume_mm3=float(volume),
        name=f"nodule {number}",
    )


def axes_mm(voxels: NDArray[np.int64], geometry: Geometry) -> tuple[float, float]:
    """Longest distance of two pixel centers of one slice, and the extent across it, on the slice where it is longest.

    Args:
        voxels: (N, 3) of (k, j, i).
    """
    best = (0.0, 0.0)
    for k in np.unique(voxels[:, 0]):
        points = geometry.to_world(voxels[voxels[:, 0] == k])
        apart = np.linalg.norm(points[:, None] - points[None], axis=2)
        first, second = np.unravel_index(int(apart.argmax()), apart.shape)
        long = float(apart[first, second])
        if long > best[0]:
            best = (long, _across(points, points[second] - points[first], geometry))
    return best


def _across(points: NDArray[np.float64], along: NDArray[np.float64], geometry: Geometry) -> float:
    normal = geometry.direction[:, 0]
    side = np.cross(normal, along / np.linalg.norm(along))
    reach = points @ (side / np.linalg.norm(side))
    return float(reach.max() - reach.min())


def _point(drawn: Drawn, geometry: Geometry, slices: dict[str, int]) -> TrueNodule | None:
    """A mark without an outline: counts neither for nor against a detector."""
    outline = drawn.outlines[0] if drawn.outlines else None
    if outline is None or not outline.points or outline.instance_uid not in slices:
        return None
    column, row = outline.points[0]
    x, y, z = geometry.to_world([slices[outline.instance_uid], row, column])
    is_small = drawn.kind == "small"
    return TrueNodule(
        center_mm=(float(x), float(y), float(z)),
        diameter_mm=SMALL_DIAMETER_MM if is_small else OTHER_DIAMETER_MM,
        source="below 3 mm, not measured" if is_small else "no nodule; LUNA16's 10 mm for what has no diameter",
        num_readers=1,
        relevant=False,
        name="small nodule" if is_small else "no nodule",
    )
