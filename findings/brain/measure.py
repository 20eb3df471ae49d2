"""A head MR measured: skull, brain and ventricle volumes, white-matter lesions, as Findings with their masks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tomoscribe.core import (
    Algorithm,
    Code,
    Finding,
    Geometry,
    LabelMap,
    Laterality,
    Measurement,
    Presence,
    Provenance,
    Region,
    Segment,
    Volume,
    terms,
)
from tomoscribe.core.errors import UnsupportedError
from tomoscribe.core.uids import derive_uid
from tomoscribe.encoders.types import SoftMasks
from tomoscribe.findings import measuring
from tomoscribe.findings.brain import plausible, tissue
from tomoscribe.findings.brain.lesions import MAX_COUNT, MAX_ONE_ML, Lesions, find_lesions
from tomoscribe.findings.brain.skull import cranium
from tomoscribe.findings.evidence import evidence_at
from tomoscribe.findings.measured import Measured, Progress

if TYPE_CHECKING:
    from tomoscribe.encoders.towers import Tower

TOWER = "unet-mr"
SEQUENCES = ("T1", "FLAIR")
"""Volumes are measured on T1, lesions on FLAIR; in both, fluid is darker than brain."""
_ORGANS: tuple[tuple[str, Code], ...] = (
    ("intracranial", terms.INTRACRANIAL),
    ("brain", terms.BRAIN),
    ("ventricles", terms.VENTRICLES),
)
_TOO_LARGE = "a bright region on FLAIR is too large for a white-matter lesion and needs a look"
_TOO_MANY = "too many bright places on FLAIR to tell lesions from artifact"
_NO_LESION = "none was outlined, and how many the software misses in real patients is not documented"


@dataclass(frozen=True, kw_only=True, eq=False)
class _Head:
    """The volumes with the tower's masks, and what to sign with."""

    volumes: Mapping[str, Volume]
    masks: Mapping[str, SoftMasks]
    provenance: Provenance

    def uid(self, volume: Volume, *parts: str) -> str:
        return derive_uid(volume.series.study_uid, volume.series.series_uid, *parts)


def measure_brain(
    volumes: Mapping[str, Volume],
    *,
    progress: Progress | None = None,
    device: str = "cpu",
    tower: Tower | None = None,
) -> Measured:
    """Everything this version measures in a head MR.

    Args:
        volumes: by sequence, ``T1`` and/or ``FLAIR`` (others are not measured), any orientation.
        progress: called with the stage and the fraction done; cancelling is raising CancelledError.
        device: for the tower.
        tower: instead of the one that ships.

    Raises:
        UnsupportedError: neither T1 nor FLAIR is there, or a volume is no MR.
        WeightsError: the tower's weights are missing or altered.
    """
    step = progress or _silent
    used = {name: volumes[name] for name in SEQUENCES if name in volumes}
    if not used or any(v.modality != "MR" for v in used.values()):
        found = ", ".join(f"{name} ({v.modality})" for name, v in volumes.items()) or "no volume"
        raise UnsupportedError(f"expected a T1 or FLAIR MR of the head, found {found}")
    step("loading the MR tower", 0.0)
    tower = tower or _shipped(device)
    step("segmenting the brain", 0.1)
    provenance = Provenance(
        version=version("tomoscribe"), model="brain-mr", weights_sha256=tower.weights_sha256, device=device
    )
    head = _Head(volumes=used, masks=tower.encode(used).masks, provenance=provenance)
    step("measuring brain and ventricles", 0.4)
    organs, anatomy = _organs(head)
    step("measuring white-matter lesions", 0.7)
    lesions, marks = _lesions(head)
    step("measuring white-matter lesions", 1.0)
    return Measured(findings=(*organs, *lesions), label_maps=(*marks, *anatomy))


def _silent(stage: str, fraction: float) -> None:
    """No progress is wanted."""


def _shipped(device: str) -> Tower:
    from tomoscribe.encoders.towers import shared_tower

    return shared_tower(TOWER, device=device)


def _organs(head: _Head) -> tuple[list[Finding], list[LabelMap]]:
    """Volumes from T1 or not at all: on FLAIR fluid is as dark as bone, and the skull's inner table cannot be seen."""
    if "T1" not in head.volumes:
        return _not_assessed(head, next(iter(head.volumes.values())), "a T1 series is needed"), []
    volume, masks = head.volumes["T1"], head.masks["T1"]
    native = tissue.flattened(tissue.to_native(volume, masks), white_is_brighter=True)
    levels = tissue.levels_of(native, white_is_brighter=True)
    if not levels.plausible:
        return _not_assessed(head, volume, "brain and fluid could not be told apart on T1"), []
    found = tissue.tissues(native, levels, cranium(native, levels))
    against = plausible.objection(
        plausible.Volumes(
            intracranial_ml=found.intracranial_ml, brain_ml=found.brain_ml, ventricles_ml=found.ventricles_ml
        )
    )
    if against is None and plausible.is_stripped(native.image, native.geometry, found.cranium, levels):
        against = "the skull and scalp are missing from the images"
    if against is None and plausible.is_cut(masks, volume.geometry):
        against = "the scan does not cover the whole brain"
    if against is not None:
        return _not_assessed(head, volume, against), []
    anatomy = _anatomy_map(head, volume, found)
    values = {"intracranial": found.intracranial_ml, "brain": found.brain_ml, "ventricles": found.ventricles_ml}
    return [_organ(head, volume, key, site, values[key], anatomy) for key, site in _ORGANS], [anatomy]


def _organ(head: _Head, volume: Volume, key: str, site: Code, value_ml: float, anatomy: LabelMap) -> Finding:
    names = [key] if key != "intracranial" else [s.name for s in anatomy.segments]
    mask = np.isin(anatomy.array, [anatomy.segment(n).number for n in names])
    segment = key if key != "intracranial" else None
    return Finding(
        tracking_uid=head.uid(volume, "organ", key),
        type=terms.ORGAN_MEASUREMENT,
        site=site,
        presence=Presence.PRESENT,
        provenance=head.provenance,
        region=measuring.region(mask, anatomy.geometry, label_map=anatomy.name if segment else None, segment=segment),
        measurements=(Measurement(name=terms.VOLUME, value=value_ml, unit=terms.ML),),
    )


def _not_assessed(head: _Head, volume: Volume, note: str) -> list[Finding]:
    return [
        Finding(
            tracking_uid=head.uid(volume, "organ", key),
            type=terms.ORGAN_MEASUREMENT,
            site=site,
            presence=Presence.NOT_ASSESSED,
            provenance=head.provenance,
            note=note,
        )
        for key, site in _ORGANS
    ]


def _anatomy_map(head: _Head, volume: Volume, found: tissue.Tissues) -> LabelMap:
    """Brain, ventricles and the fluid around the brain, each voxel what it holds the most of."""
    labels = np.where(found.cranium, 3, 0).astype(np.uint8)
    labels[found.brain >= 0.5] = 1
    labels[found.ventricles >= 0.5] = 2
    rows = ((1, "brain", terms.BRAIN), (2, "ventricles", terms.VENTRICLES), (3, "csf", terms.INTRACRANIAL))
    segments = tuple(
        Segment(number=n, name=name, category=terms.ANATOMICAL_STRUCTURE, type=code) for n, name, code in rows
    )
    return _map(head, volume, "anatomy", _placed(labels, found.masks.geometry, volume.geometry), segments)


def _lesions(head: _Head) -> tuple[list[Finding], list[LabelMap]]:
    """White-matter lesions: from FLAIR or not at all (CLINICAL 14)."""
    if "FLAIR" not in head.volumes:
        return [_no_lesions(head, next(iter(head.volumes.values())), "a FLAIR series is needed")], []
    volume = head.volumes["FLAIR"]
    native = tissue.flattened(tissue.to_native(volume, head.masks["FLAIR"]), white_is_brighter=False)
    levels = tissue.levels_of(native, white_is_brighter=False)
    if not levels.plausible:
        return [_no_lesions(head, volume, "brain and fluid could not be told apart on FLAIR")], []
    found = find_lesions(native, white=levels.white, gray=levels.gray)
    if not found.lesions:
        return [_no_lesions(head, volume, _NO_LESION)], []
    if len(found.lesions) > MAX_COUNT:
        return [_no_lesions(head, volume, _TOO_MANY)], []
    if found.lesions[0].volume_ml > MAX_ONE_ML:
        return [_no_lesions(head, volume, _TOO_LARGE)], []
    finding = _lesion_finding(head, volume, found, head.masks["FLAIR"])
    labels = _placed(found.mask.astype(np.uint8), native.geometry, volume.geometry)
    segment = Segment(
        number=1,
        name="white_matter_lesions",
        category=terms.ABNORMAL_STRUCTURE,
        type=terms.WHITE_MATTER_LESIONS,
        tracking_uid=finding.tracking_uid,
    )
    return [finding], [_map(head, volume, "findings", labels, (segment,))]


def _lesion_finding(head: _Head, volume: Volume, found: Lesions, masks: SoftMasks) -> Finding:
    largest = found.lesions[0]
    boxes = np.array([[n.box_min_mm, n.box_max_mm] for n in found.lesions])
    return Finding(
        tracking_uid=head.uid(volume, "white-matter-lesions"),
        type=terms.WHITE_MATTER_LESIONS,
        site=terms.CEREBRAL_WHITE_MATTER,
        laterality=_laterality(found, masks),
        presence=Presence.PRESENT,
        provenance=head.provenance,
        region=Region(
            center_mm=largest.center_mm,
            box_min_mm=measuring.point(boxes[:, 0].min(axis=0)),
            box_max_mm=measuring.point(boxes[:, 1].max(axis=0)),
            frame_of_reference_uid=volume.geometry.frame_of_reference_uid,
            label_map="findings",
            segment="white_matter_lesions",
        ),
        measurements=(
            Measurement(name=terms.COUNT, value=float(len(found.lesions)), unit=terms.ONE),
            Measurement(name=terms.VOLUME, value=found.volume_ml, unit=terms.ML),
        ),
        evidence=evidence_at(volume, largest.center_mm),
    )


def _laterality(found: Lesions, masks: SoftMasks) -> Laterality:
    """Bilateral when each side of the head's middle holds a tenth of the volume, else the side that holds it."""
    inside = tissue.intracranial(masks)
    i = float((inside.sum(axis=(0, 1)) * np.arange(inside.shape[2])).sum() / inside.sum())
    middle_mm = float(masks.geometry.to_world((0.0, 0.0, i))[0])
    left = sum(n.volume_ml for n in found.lesions if n.center_mm[0] > middle_mm) / found.volume_ml
    if left > 0.9:
        return Laterality.LEFT
    return Laterality.RIGHT if left < 0.1 else Laterality.BILATERAL


def _no_lesions(head: _Head, volume: Volume, note: str) -> Finding:
    return Finding(
        tracking_uid=head.uid(volume, "white-matter-lesions"),
        type=terms.WHITE_MATTER_LESIONS,
        site=terms.CEREBRAL_WHITE_MATTER,
        presence=Presence.NOT_ASSESSED,
        provenance=head.provenance,
        note=note,
    )


def _placed(labels: NDArray[np.uint8], box: Geometry, whole: Geometry) -> NDArray[np.uint8]:
    """Labels of a box of the grid on the whole grid."""
    start = np.rint(whole.to_index(box.origin_mm)).astype(int)
    out = np.zeros(whole.shape, np.uint8)
    out[tuple(slice(a, a + n) for a, n in zip(start, labels.shape, strict=True))] = labels
    return out


def _map(head: _Head, volume: Volume, name: str, labels: NDArray[np.uint8], segments: tuple[Segment, ...]) -> LabelMap:
    return LabelMap(
        name=name,
        array=labels,
        geometry=volume.geometry,
        segments=segments,
        algorithm=Algorithm(
            name=head.provenance.model,
            version=head.provenance.version,
            weights_sha256=head.provenance.weights_sha256,
        ),
        series_uid=volume.series.series_uid,
    )
