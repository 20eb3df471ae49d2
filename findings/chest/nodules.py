"""Nodules: candidates, their probabilities, outlines and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tomoscribe.core import Code, Volume, terms
from tomoscribe.findings.chest import morphology
from tomoscribe.findings.chest.blobs import Candidate, CandidateConfig, candidates
from tomoscribe.findings.chest.cubes import NoduleClassifier, patches
from tomoscribe.findings.chest.lungs import Lungs
from tomoscribe.findings.chest.outline import Outline, OutlineConfig, outline
from tomoscribe.findings.measuring import Axes, axes

MASS_MM = 30.0


@dataclass(frozen=True, kw_only=True)
class NoduleConfig:
    """From candidates to measured nodules.

    Args:
        review_share: candidates from this share of the operating point on are outlined and measured.
        max_outlined: the most candidates that are outlined, most probable first.
        min_long_mm: smaller ones are not measured (CLINICAL 7).
        present_long_mm: from this long axis on, and from the operating point on, a nodule is present.
        actionable_mean_mm: from this mean diameter on a present nodule stands in the impression.
        present_compact: twice the radius of the largest ball inside over the long axis; below it is a plate or a tube
            (scar, vessel), which goes to the review list.
        review_cap: the most uncertain nodules that are kept.
        core_mm: a solid part smaller than this does not make a nodule part-solid.
        solid_share: from this share of solid voxels on a nodule is solid.
    """

    candidates: CandidateConfig = field(default_factory=CandidateConfig)
    outline: OutlineConfig = field(default_factory=OutlineConfig)
    review_share: float = 0.3
    max_outlined: int = 40
    min_long_mm: float = 3.0
    present_long_mm: float = 5.0
    actionable_mean_mm: float = 6.0
    present_compact: float = 0.3
    review_cap: int = 10
    core_mm: float = 3.0
    solid_share: float = 0.7


@dataclass(frozen=True, kw_only=True, eq=False)
class Nodule:
    """One measured nodule, not yet a Finding."""

    candidate: Candidate
    probability: float
    outline: Outline
    axes: Axes
    solid_mm: float
    attenuation: Code
    present: bool


def find_nodules(
    turned: Volume, lungs: Lungs, classifier: NoduleClassifier, config: NoduleConfig | None = None
) -> list[Nodule]:
    """Nodules and masses, present ones first and large to small, then the review list by probability.

    Args:
        turned: CT in HU in the canonical orientation (``grid.canonical``).
        lungs: of the same volume.
        classifier: trained; its operating point decides what is present.
    """
    config = config or NoduleConfig()
    places = candidates(turned, lungs, config.candidates)
    if not places:
        return []
    probabilities = classifier.probability(patches(turned, [c.center_mm for c in places]))
    least = config.review_share * classifier.operating_point
    order = [int(n) for n in np.argsort(-probabilities, kind="stable") if probabilities[n] >= least]
    measured: list[Nodule] = []
    for n in order[: config.max_outlined]:
        nodule = measured_nodule(turned, lungs, places[n], float(probabilities[n]), classifier.operating_point, config)
        if nodule is not None and not any(_same_lesion(nodule, other) for other in measured):
            measured.append(nodule)
    present = sorted((n for n in measured if n.present), key=lambda n: -n.axes.long_mm)
    return present + [n for n in measured if not n.present][: config.review_cap]


def measured_nodule(
    turned: Volume,
    lungs: Lungs,
    candidate: Candidate,
    probability: float,
    operating_point: float,
    config: NoduleConfig,
) -> Nodule | None:
    """A candidate cut out and measured; None where nothing large enough can be cut out."""
    cut = outline(turned, lungs, candidate, config.outline)
    if cut is None:
        return None
    size = axes(cut.occupied, cut.geometry, level=cut.level)
    if size is None or size.long_mm < config.min_long_mm:
        return None
    attenuation, solid_mm = attenuation_class(cut, size, config)
    return Nodule(
        candidate=candidate,
        probability=probability,
        outline=cut,
        axes=size,
        solid_mm=solid_mm,
        attenuation=attenuation,
        present=probability >= operating_point
        and size.long_mm >= config.present_long_mm
        and compactness(cut, size) >= config.present_compact,
    )


def compactness(cut: Outline, size: Axes) -> float:
    """Diameter of the largest ball inside over the long axis: 1 for a ball, near 0 for plates and tubes."""
    spacing = cut.geometry.spacing_mm
    depth = morphology.distance_mm(np.pad(cut.mask, 1), spacing)
    return min(1.0, (2.0 * float(depth.max()) - float(spacing.min())) / size.long_mm)


def attenuation_class(cut: Outline, size: Axes, config: NoduleConfig) -> tuple[Code, float]:
    """Solid, part-solid or ground-glass, and the long axis of the solid part in mm (0 for ground-glass).

    The rim, where partial volumes mix nodule and lung, does not vote.
    """
    depth = morphology.distance_mm(np.pad(cut.mask, 1), cut.geometry.spacing_mm)[1:-1, 1:-1, 1:-1]
    inner = depth > min(float(cut.geometry.spacing_mm.max()) + 0.6, 0.7 * float(depth.max()))
    share = float(cut.solid[inner].mean())
    if share >= config.solid_share:
        return terms.SOLID, size.long_mm
    core = morphology.largest(cut.solid & _thick(cut.solid, cut))
    solid = axes(core, cut.geometry) if core.any() else None
    if solid is None or solid.long_mm < config.core_mm:
        return terms.GROUND_GLASS, 0.0
    return terms.PART_SOLID, min(solid.long_mm, size.long_mm)


def _thick(mask: NDArray[np.bool_], cut: Outline) -> NDArray[np.bool_]:
    """The mask without single voxels and thin vessels."""
    spacing = cut.geometry.spacing_mm
    return np.asarray(ndimage.binary_opening(mask, _ball(1.0, spacing)))


def _ball(radius_mm: float, spacing_mm: NDArray[np.float64]) -> NDArray[np.bool_]:
    """A ball in voxels, at least one voxel to each side in a plane finer than its radius."""
    reach = [int(np.floor(radius_mm / s + 1e-6)) for s in spacing_mm]
    k, j, i = np.ogrid[tuple(slice(-r, r + 1) for r in reach)]
    squared = (k * spacing_mm[0]) ** 2 + (j * spacing_mm[1]) ** 2 + (i * spacing_mm[2]) ** 2
    return np.asarray(squared <= radius_mm**2 + 1e-6)


def _same_lesion(one: Nodule, other: Nodule) -> bool:
    """Whether two outlines share more than a third of the smaller one."""
    low = np.maximum(one.outline.start, other.outline.start)
    high = np.minimum(_stop(one.outline), _stop(other.outline))
    if (low >= high).any():
        return False
    shared = np.count_nonzero(_part(one.outline, low, high) & _part(other.outline, low, high))
    return bool(shared > min(one.outline.mask.sum(), other.outline.mask.sum()) / 3)


def _stop(cut: Outline) -> NDArray[np.int_]:
    return np.asarray(cut.start) + cut.mask.shape


def _part(cut: Outline, low: Sequence[int] | NDArray[np.int_], high: NDArray[np.int_]) -> NDArray[np.bool_]:
    box = tuple(slice(int(a - s), int(b - s)) for a, b, s in zip(low, high, cut.start, strict=True))
    return cut.mask[box]
