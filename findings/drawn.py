"""What a person draws on an image, measured: ruler, ellipse and probe (``method`` is ``user``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from tomoscribe.core import (
    Code,
    Finding,
    LabelMap,
    Laterality,
    Measurement,
    Point,
    Presence,
    Provenance,
    Region,
    Volume,
    terms,
)
from tomoscribe.core.errors import InputError
from tomoscribe.core.uids import derive_uid
from tomoscribe.findings.evidence import evidence_at
from tomoscribe.findings.measuring import point

MODEL = "drawn-by-hand"
"""What the provenance of a drawn finding names."""
PROBE_MM = 2.5
REACH_MM = 12.0
MASS_MM = 30.0
ACTIONABLE_MM = 6.0
_SAMPLE_MM = 0.5
_MIN_MM = 1.0
_SITES: dict[Code, Code] = {terms.NODULE: terms.LUNG, terms.MASS: terms.LUNG, terms.BRAIN_MASS: terms.BRAIN}


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """One drawing with its numbers.

    Args:
        measurements: all of them by a person.
        box_mm: corners that hold the drawing, LPS mm.
        samples: how many voxels a mean rests on, 0 without one.
        deviation: their standard deviation, in the image's unit.
    """

    measurements: tuple[Measurement, ...]
    box_mm: tuple[Point, Point]
    samples: int = 0
    deviation: float | None = None


def ruler(start_mm: Sequence[float], stop_mm: Sequence[float]) -> Drawn:
    """A length between two points in LPS mm, as a long axis.

    Raises:
        InputError: shorter than 1 mm.
    """
    start, stop = np.asarray(start_mm, float), np.asarray(stop_mm, float)
    long = _length(terms.LONG_AXIS, start, stop)
    return Drawn(measurements=(long,), box_mm=_box([start, stop]))


def ellipse(volume: Volume, center_mm: Sequence[float], u_mm: Sequence[float], v_mm: Sequence[float]) -> Drawn:
    """The axes of an ellipse and the mean of what is in it (CT in HU only).

    Args:
        center_mm: LPS mm.
        u_mm, v_mm: from the center to the rim along either axis, perpendicular to each other, LPS mm.
    """
    center = np.asarray(center_mm, float)
    long, short = sorted((np.asarray(u_mm, float), np.asarray(v_mm, float)), key=lambda a: -float(np.linalg.norm(a)))
    axes = (
        _length(terms.LONG_AXIS, center - long, center + long),
        _length(terms.SHORT_AXIS, center - short, center + short),
    )
    mean_mm = (axes[0].value + axes[1].value) / 2.0
    rows = [*axes, Measurement(name=terms.MEAN_DIAMETER, value=mean_mm, unit=terms.MM, method="user")]
    steps = [np.linspace(-1.0, 1.0, max(3, int(np.ceil(2 * np.linalg.norm(a) / _SAMPLE_MM)))) for a in (long, short)]
    a, b = np.meshgrid(*steps, indexing="ij")
    inside = a**2 + b**2 <= 1.0
    places = center + a[inside][:, None] * long + b[inside][:, None] * short
    values = _values(volume, places)
    box = _box([center - long, center + long, center - short, center + short])
    return _with_mean(volume, rows, values, box)


def probe(volume: Volume, xyz_mm: Sequence[float], radius_mm: float = PROBE_MM) -> Drawn:
    """The mean of the voxels in a small ball around a point, CT in HU only.

    Raises:
        InputError: the volume is not in HU, or the point lies outside it.
    """
    if volume.value_unit != "hu":
        raise InputError(f"expected an image in HU to probe, found one in {volume.value_unit}")
    center = np.asarray(xyz_mm, float)
    step = np.arange(-radius_mm, radius_mm + 1e-9, _SAMPLE_MM)
    ball = np.stack(np.meshgrid(step, step, step, indexing="ij"), axis=-1).reshape(-1, 3)
    ball = ball[np.linalg.norm(ball, axis=1) <= radius_mm]
    return _with_mean(volume, [], _values(volume, center + ball), _box([center - radius_mm, center + radius_mm]))


def side_near(anatomy: LabelMap, xyz_mm: Sequence[float], reach_mm: float = REACH_MM) -> Laterality | None:
    """The side of the paired organ whose mask holds a point in LPS mm or comes nearest to it; None within no reach."""
    geometry = anatomy.geometry
    at = np.rint(geometry.to_index(xyz_mm)).astype(int)
    reach = np.ceil(reach_mm / geometry.spacing_mm).astype(int)
    low, high = (np.clip(at + step, 0, geometry.shape) for step in (-reach, reach + 1))
    part = anatomy.array[tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))]
    nearest: dict[float, str] = {}
    for segment in anatomy.segments:
        places = np.argwhere(part == segment.number) if segment.laterality else ()
        if len(places) and segment.laterality:
            off_mm = np.linalg.norm((np.asarray(places) + low - at) * geometry.spacing_mm, axis=1)
            nearest[float(off_mm.min())] = segment.laterality
    closest = min(nearest, default=np.inf)
    return Laterality(nearest[closest]) if closest <= reach_mm else None


def drawn_finding(volume: Volume, drawn: Drawn, kind: Code, side: Laterality | None) -> Finding:
    """A drawing as a present finding; a person says that it is there.

    Args:
        kind: nodule or mass of the lung (which of the two its length decides), or a brain mass.

    Raises:
        InputError: another type, which no sentence has words for.
    """
    if kind not in _SITES:
        raise InputError(f"expected a nodule, a mass or a brain mass, found {kind.meaning}")
    low, high = drawn.box_mm
    center = point((np.array(low) + np.array(high)) / 2.0)
    long = next((m.value for m in drawn.measurements if m.name == terms.LONG_AXIS), 0.0)
    mean = next((m.value for m in drawn.measurements if m.name == terms.MEAN_DIAMETER), long)
    if kind in (terms.NODULE, terms.MASS):
        kind = terms.MASS if long > MASS_MM else terms.NODULE
    series = volume.series
    return Finding(
        tracking_uid=derive_uid(series.study_uid, series.series_uid, MODEL, *(f"{v:.1f}" for v in (*low, *high))),
        type=kind,
        site=_SITES[kind],
        laterality=side,
        presence=Presence.PRESENT,
        provenance=Provenance(version=version("tomoscribe"), model=MODEL),
        actionable=mean >= ACTIONABLE_MM,
        region=Region(
            center_mm=center,
            box_min_mm=low,
            box_max_mm=high,
            frame_of_reference_uid=volume.geometry.frame_of_reference_uid,
        ),
        measurements=drawn.measurements,
        evidence=evidence_at(volume, center),
    )


def remeasured(finding: Finding, new: Sequence[Measurement]) -> Finding:
    """The finding with some measurements replaced, and what follows from them: mean diameter, nodule or mass.

    A volume and a solid diameter that were taken from a mask stay: they are the mask's, not the calipers'.
    """
    replaced = {m.name: m for m in new}
    long, short = (replaced.get(n) or finding.measurement(n) for n in (terms.LONG_AXIS, terms.SHORT_AXIS))
    sized = {terms.LONG_AXIS, terms.SHORT_AXIS} & replaced.keys()
    if sized and long is not None and short is not None:
        if long.value < short.value:
            raise InputError("expected a long axis that is not shorter than the short axis")
        mean_mm = (long.value + short.value) / 2.0
        replaced[terms.MEAN_DIAMETER] = Measurement(
            name=terms.MEAN_DIAMETER, value=mean_mm, unit=terms.MM, method="user"
        )
    kept = [replaced.pop(m.name, m) for m in finding.measurements]
    changed = replace(finding, measurements=(*kept, *replaced.values()))
    if changed.type in (terms.NODULE, terms.MASS) and long is not None and sized:
        mean = changed.measurement(terms.MEAN_DIAMETER)
        at_least = (mean.value if mean is not None else long.value) >= ACTIONABLE_MM
        kind = terms.MASS if long.value > MASS_MM else terms.NODULE
        changed = replace(changed, type=kind, actionable=changed.presence is Presence.PRESENT and at_least)
    return changed


def _length(name: Code, start: NDArray[np.float64], stop: NDArray[np.float64]) -> Measurement:
    long_mm = float(np.linalg.norm(stop - start))
    if long_mm < _MIN_MM:
        raise InputError(
            f"expected a length of at least {_MIN_MM:.0f} mm, found {long_mm:.1f} mm", remedy="drag farther"
        )
    return Measurement(name=name, value=long_mm, unit=terms.MM, method="user", endpoints_mm=(point(start), point(stop)))


def _with_mean(
    volume: Volume, rows: Sequence[Measurement], values: NDArray[np.float64], box: tuple[Point, Point]
) -> Drawn:
    if volume.value_unit != "hu":
        return Drawn(measurements=tuple(rows), box_mm=box)
    if not values.size:
        raise InputError("expected a place inside the images, found one outside")
    mean = Measurement(name=terms.MEAN_ATTENUATION, value=float(values.mean()), unit=terms.HU, method="user")
    return Drawn(measurements=(*rows, mean), box_mm=box, samples=int(values.size), deviation=float(values.std()))


def _values(volume: Volume, places_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """The different voxels at these places, each once; those outside the volume are left out."""
    index = np.unique(np.rint(volume.geometry.to_index(places_mm)).astype(int), axis=0)
    inside = ((index >= 0) & (index < np.array(volume.geometry.shape))).all(axis=1)
    return np.asarray(volume.array[tuple(index[inside].T)], dtype=np.float64)


def _box(places: Sequence[NDArray[np.float64]]) -> tuple[Point, Point]:
    stacked = np.stack(places)
    return point(stacked.min(axis=0)), point(stacked.max(axis=0))
