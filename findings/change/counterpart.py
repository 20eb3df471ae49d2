"""The lesion of the present study in an earlier one: found near the aligned place, measured on the earlier grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from tomoscribe.core import Finding, Geometry, Laterality, Volume, terms
from tomoscribe.findings.chest import grid, morphology
from tomoscribe.findings.chest.blobs import Candidate, candidates
from tomoscribe.findings.chest.cubes import NoduleClassifier, patches
from tomoscribe.findings.chest.lungs import LEFT, RIGHT, Lungs, segment_lungs
from tomoscribe.findings.chest.nodules import Nodule, NoduleConfig, measured_nodule

REACH_MM = 10.0
"""How far from the aligned place a counterpart may lie, beyond the lesion's own radius."""
_SIDES = {Laterality.RIGHT: RIGHT, Laterality.LEFT: LEFT}
_DENSE_HU = {terms.GROUND_GLASS: -700.0}
_SOLID_DENSE_HU = -500.0


class Match(StrEnum):
    """What stands at the place in the earlier study."""

    FOUND = "found"
    AERATED = "aerated"
    """Lung and vessels alone: the lesion was not there."""
    UNCLEAR = "unclear"
    OUTSIDE = "outside"


@dataclass(frozen=True, kw_only=True, eq=False)
class PriorChest:
    """An earlier chest CT made ready: turned, lungs and candidates found."""

    turned: Volume
    lungs: Lungs
    places: tuple[Candidate, ...]

    @classmethod
    def of(cls, volume: Volume) -> PriorChest:
        """Raises UnsupportedError where there are no lungs."""
        turned, _ = grid.canonical(volume)
        turned = turned.with_array(np.ascontiguousarray(turned.array))
        lungs = segment_lungs(turned)
        return cls(turned=turned, lungs=lungs, places=tuple(candidates(turned, lungs)))


def counterpart(
    finding: Finding, place_mm: Sequence[float], prior: PriorChest, classifier: NoduleClassifier, config: NoduleConfig
) -> tuple[Match, Nodule | None]:
    """The lesion at a place of the earlier study.

    Args:
        finding: the present nodule or mass, with its sizes.
        place_mm: the aligned place, LPS mm.
        classifier: tells lesions from vessels, as in the present study.
    """
    long_axis = finding.measurement(terms.LONG_AXIS)
    radius_mm = (long_axis.value if long_axis else 10.0) / 2.0
    if not _covered(place_mm, radius_mm, prior):
        return Match.OUTSIDE, None
    reach_mm = REACH_MM + radius_mm / 2.0
    near = [c for c in prior.places if np.linalg.norm(np.subtract(c.center_mm, place_mm)) <= reach_mm]
    near = [c for c in near if finding.laterality is None or c.side == _SIDES.get(finding.laterality, c.side)]
    found = _lesions(near, prior, classifier, config)
    if found:
        return _nearest(found, place_mm, radius_mm)
    return (Match.UNCLEAR if _dense(finding, place_mm, radius_mm, reach_mm, prior) else Match.AERATED), None


def _lesions(
    near: Sequence[Candidate], prior: PriorChest, classifier: NoduleClassifier, config: NoduleConfig
) -> list[Nodule]:
    """What near the place the network takes for a lesion, at the threshold of the review list; one for each lesion."""
    if not near:
        return []
    scores = classifier.probability(patches(prior.turned, [c.center_mm for c in near]))
    found: list[Nodule] = []
    for n in np.argsort(-scores, kind="stable"):
        if scores[n] < config.review_share * classifier.operating_point:
            break
        nodule = measured_nodule(
            prior.turned, prior.lungs, near[n], float(scores[n]), classifier.operating_point, config
        )
        if nodule is not None and not any(_close(nodule, other) for other in found):
            found.append(nodule)
    return found


def _close(one: Nodule, other: Nodule) -> bool:
    gap_mm = float(np.linalg.norm(np.subtract(_center(one), _center(other))))
    return gap_mm < max(one.axes.long_mm, other.axes.long_mm) / 2.0


def _center(nodule: Nodule) -> tuple[float, ...]:
    at = np.argwhere(nodule.outline.mask).mean(axis=0)
    return tuple(float(v) for v in nodule.outline.geometry.to_world(at))


def _nearest(found: Sequence[Nodule], place_mm: Sequence[float], radius_mm: float) -> tuple[Match, Nodule | None]:
    """The nearest lesion; unclear where a second one lies almost as near."""
    away = sorted((float(np.linalg.norm(np.subtract(_center(n), place_mm))), k) for k, n in enumerate(found))
    if len(away) > 1 and away[1][0] - away[0][0] < max(3.0, radius_mm / 2.0):
        return Match.UNCLEAR, None
    return Match.FOUND, found[away[0][1]]


def _covered(place_mm: Sequence[float], radius_mm: float, prior: PriorChest) -> bool:
    """Whether the earlier scan shows the place and the lesion's whole height."""
    geometry = prior.turned.geometry
    k, j, i = geometry.to_index(place_mm)
    margin = radius_mm / geometry.spacing_mm[0]
    depth, height, width = geometry.shape
    return bool(margin <= k <= depth - 1 - margin and 0 <= j <= height - 1 and 0 <= i <= width - 1)


def _dense(finding: Finding, place_mm: Sequence[float], radius_mm: float, reach_mm: float, prior: PriorChest) -> bool:
    """Whether anything near the place holds a ball of half the lesion's radius: thicker than the vessels there."""
    geometry = prior.turned.geometry
    half = (reach_mm + radius_mm) / geometry.spacing_mm
    center = geometry.to_index(place_mm)
    low = np.clip(np.floor(center - half).astype(int), 0, np.array(geometry.shape) - 1)
    high = np.clip(np.ceil(center + half).astype(int) + 1, low + 1, geometry.shape)
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    density = finding.attribute(terms.ATTENUATION_CLASS)
    limit_hu = _DENSE_HU.get(density, _SOLID_DENSE_HU) if density else _SOLID_DENSE_HU
    part = geometry.crop(low, high)
    inside = _search(prior.lungs, part)
    dense = (prior.turned.array[box] > limit_hu) & inside
    depth_mm = morphology.distance_mm(np.pad(dense, 1), geometry.spacing_mm)[1:-1, 1:-1, 1:-1]
    k, j, i = np.ogrid[tuple(slice(0, n) for n in dense.shape)]
    away = sum(((g - c) * s) ** 2 for g, c, s in zip((k, j, i), center - low, geometry.spacing_mm, strict=True))
    thick_mm = float(depth_mm[np.asarray(away) <= reach_mm**2].max(initial=0.0))
    return thick_mm >= max(0.5 * radius_mm, float(geometry.spacing_mm.max()))


def _search(lungs: Lungs, part: Geometry) -> NDArray[np.bool_]:
    """The search region of both lungs on another grid (nearest)."""
    index = np.stack(np.meshgrid(*[np.arange(n) for n in part.shape], indexing="ij"), axis=-1)
    nearest = np.rint(lungs.search_geometry.to_index(part.to_world(index))).astype(int)
    nearest = np.clip(nearest, 0, np.array(lungs.search.shape) - 1)
    return np.asarray(lungs.search[tuple(np.moveaxis(nearest, -1, 0))] > 0)
