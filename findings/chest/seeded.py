"""A nodule outlined at a place that a person points to: the same outline and numbers as for one found by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version

import numpy as np

from tomoscribe.core import (
    Algorithm,
    Attribute,
    Finding,
    LabelMap,
    Point,
    Presence,
    Provenance,
    Segment,
    Volume,
    terms,
)
from tomoscribe.core.errors import InputError
from tomoscribe.core.uids import derive_uid
from tomoscribe.findings import measuring
from tomoscribe.findings.chest import emphysema, grid
from tomoscribe.findings.chest.blobs import Candidate
from tomoscribe.findings.chest.lungs import LEFT, RIGHT, Lungs, segment_lungs
from tomoscribe.findings.chest.measure import SIDES, THICK_NOTE, nodule_measurements
from tomoscribe.findings.chest.nodules import MASS_MM, Nodule, NoduleConfig, attenuation_class
from tomoscribe.findings.chest.outline import Outline, outline
from tomoscribe.findings.evidence import evidence_at

MODEL = "seeded-outline"
"""What the provenance of such a finding names; a person pointed, the software outlined and measured."""
_FIRST_RADIUS_MM = 3.0
_ROUNDS = 4
_NEAR_LUNG_MM = 12.0
_SAME_MM = 0.5


@dataclass(frozen=True, kw_only=True, eq=False)
class PreparedChest:
    """A chest CT with its lungs, made once for any number of places."""

    volume: Volume
    turned: Volume
    turn: grid.Turn
    lungs: Lungs


def prepare(volume: Volume) -> PreparedChest:
    """Turns the volume and segments its lungs; takes seconds.

    Raises:
        InputError: no CT in HU.
        UnsupportedError: no lungs in it.
    """
    if volume.modality != "CT" or volume.value_unit != "hu":
        raise InputError(
            f"expected a CT in HU to outline in, found {volume.modality} in {volume.value_unit}",
            where=volume.series.series_uid,
            remedy="measure with the ruler or the ellipse",
        )
    turned, turn = grid.canonical(volume)
    turned = turned.with_array(np.ascontiguousarray(turned.array))
    return PreparedChest(volume=volume, turned=turned, turn=turn, lungs=segment_lungs(turned))


def nodule_at(chest: PreparedChest, xyz_mm: Sequence[float], config: NoduleConfig | None = None) -> Nodule:
    """The nodule under a point in LPS mm.

    A first outline around the point gives center and radius of the next one, until both stand still: so the point need
    not be the center.

    Raises:
        InputError: the point is not in a lung or near one, nothing there stands out, or it is below 3 mm.
    """
    config = config or NoduleConfig()
    side = _side_at(chest, xyz_mm)
    candidate = _candidate(measuring.point(np.asarray(xyz_mm, float)), _FIRST_RADIUS_MM, side)
    cut: Outline | None = None
    for _ in range(_ROUNDS):
        found = outline(chest.turned, chest.lungs, candidate, config.outline)
        if found is None:
            break
        cut = found
        center = found.geometry.to_world(np.argwhere(found.mask).mean(axis=0))
        radius_mm = float(np.cbrt(3.0 * found.volume_mm3 / (4.0 * np.pi)))
        moved_mm = float(np.linalg.norm(center - np.array(candidate.center_mm))) + abs(radius_mm - candidate.radius_mm)
        candidate = _candidate(measuring.point(center), radius_mm, side)
        if moved_mm < _SAME_MM:
            break
    size = None if cut is None else measuring.axes(cut.occupied, cut.geometry, level=cut.level)
    if cut is None or size is None:
        raise InputError(
            "nothing under this place stands out from the lung",
            remedy="click into the middle of it, or measure it with the ruler or the ellipse",
        )
    if size.long_mm < config.min_long_mm:
        raise InputError(
            f"what is under this place is {size.long_mm:.1f} mm long; below {config.min_long_mm:.0f} mm nothing is "
            "measured"
        )
    attenuation, solid_mm = attenuation_class(cut, size, config)
    return Nodule(
        candidate=candidate,
        probability=1.0,
        outline=cut,
        axes=size,
        solid_mm=solid_mm,
        attenuation=attenuation,
        present=True,
    )


def finding_of(chest: PreparedChest, nodule: Nodule, segment: str, config: NoduleConfig | None = None) -> Finding:
    """The nodule as a present finding without a probability: a person says that it is there.

    Args:
        segment: name of its mask in the label map ``findings``.
    """
    config = config or NoduleConfig()
    series, size, cut = chest.volume.series, nodule.axes, nodule.outline
    is_thin = emphysema.thickness_mm(chest.volume) <= emphysema.THIN_MM
    region = measuring.region(cut.mask, cut.geometry, label_map="findings", segment=segment)
    middle = np.mean([*size.long_ends_mm], axis=0)
    return Finding(
        tracking_uid=derive_uid(series.study_uid, series.series_uid, MODEL, *(f"{v:.1f}" for v in region.center_mm)),
        type=terms.MASS if size.long_mm > MASS_MM else terms.NODULE,
        site=terms.LUNG,
        laterality=SIDES[nodule.candidate.side],
        presence=Presence.PRESENT,
        provenance=Provenance(version=version("tomoscribe"), model=MODEL),
        actionable=size.mean_mm >= config.actionable_mean_mm,
        region=replace(region, frame_of_reference_uid=chest.volume.geometry.frame_of_reference_uid),
        measurements=nodule_measurements(nodule, is_thin),
        attributes=(
            Attribute(name=terms.ATTENUATION_CLASS, value=nodule.attenuation if is_thin else terms.NOT_DETERMINED),
            Attribute(name=terms.LOBE, value=terms.NOT_DETERMINED),
        ),
        evidence=evidence_at(chest.volume, middle),
        note=None if is_thin else THICK_NOTE,
    )


def outlined(chest: PreparedChest, nodule: Nodule, finding: Finding) -> LabelMap:
    """The mask of the nodule on the grid of the volume as it was loaded: one segment, named as the finding says."""
    cut = nodule.outline
    array = np.zeros(chest.turned.geometry.shape, np.uint8)
    array[tuple(slice(s, s + n) for s, n in zip(cut.start, cut.mask.shape, strict=True))] = cut.mask
    segment = Segment(
        number=1,
        name=(finding.region and finding.region.segment) or "nodule",
        category=terms.ABNORMAL_STRUCTURE,
        type=finding.type,
        laterality=finding.laterality.value if finding.laterality else None,
        tracking_uid=finding.tracking_uid,
    )
    return chest.turn.back(
        LabelMap(
            name="findings",
            array=array,
            geometry=chest.turned.geometry,
            segments=(segment,),
            algorithm=Algorithm(name=MODEL, version=version("tomoscribe")),
            series_uid=chest.volume.series.series_uid,
        )
    )


def _side_at(chest: PreparedChest, xyz_mm: Sequence[float]) -> int:
    """The side whose search region holds the point or comes nearest, within ``_NEAR_LUNG_MM``."""
    lungs = chest.lungs
    at = np.rint(lungs.search_geometry.to_index(xyz_mm)).astype(int)
    reach = np.ceil(_NEAR_LUNG_MM / lungs.search_geometry.spacing_mm).astype(int)
    low = np.clip(at - reach, 0, np.array(lungs.search.shape))
    high = np.clip(at + reach + 1, 0, np.array(lungs.search.shape))
    box = lungs.search[tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))]
    nearest: dict[float, int] = {}
    for side in (RIGHT, LEFT):
        places = np.argwhere(box == side)
        if len(places):
            off_mm = (places + low - at) * lungs.search_geometry.spacing_mm
            nearest[float(np.linalg.norm(off_mm, axis=1).min())] = side
    if not nearest or min(nearest) > _NEAR_LUNG_MM:
        raise InputError(
            "expected a place in a lung", remedy="click into the lung; elsewhere measure with the ruler or the ellipse"
        )
    return nearest[min(nearest)]


def _candidate(center_mm: Point, radius_mm: float, side: int) -> Candidate:
    return Candidate(
        center_mm=center_mm,
        scale_mm=radius_mm / float(np.sqrt(3.0)),
        side=side,
        response_hu=0.0,
        sphericity=1.0,
        score=0.0,
    )
