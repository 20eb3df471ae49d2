"""A chest CT measured: organ volumes, emphysema, nodules and masses as Findings with their masks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version

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
from tomoscribe.findings import measuring
from tomoscribe.findings.chest import emphysema, grid, vertebrae
from tomoscribe.findings.chest.cubes import NoduleClassifier
from tomoscribe.findings.chest.lungs import AIRWAYS, LEFT, RIGHT, Lungs, segment_lungs
from tomoscribe.findings.chest.nodule_findings import (
    nodule_attributes,
    nodule_measurements,
    nodule_region,
    nodule_uid,
)
from tomoscribe.findings.chest.nodules import MASS_MM, Nodule, NoduleConfig, find_nodules
from tomoscribe.findings.chest.vertebrae import measure_vertebrae
from tomoscribe.findings.evidence import evidence_at
from tomoscribe.findings.measured import Measured, Progress

SIDES = {RIGHT: Laterality.RIGHT, LEFT: Laterality.LEFT}
_ANATOMY = {
    RIGHT: ("lung_right", terms.LUNG, "right"),
    LEFT: ("lung_left", terms.LUNG, "left"),
    AIRWAYS: ("airways", terms.AIRWAYS, None),
}
THICK_NOTE = "size approximate because of thick slices"


@dataclass(frozen=True, kw_only=True, eq=False)
class _Scan:
    """What every step needs: the volume as loaded and as turned, the way back, the lungs, and what to sign with."""

    volume: Volume
    turned: Volume
    turn: grid.Turn
    lungs: Lungs
    provenance: Provenance
    thickness_mm: float

    def uid(self, *parts: str) -> str:
        series = self.volume.series
        return derive_uid(series.study_uid, series.series_uid, *parts)

    @property
    def is_thin(self) -> bool:
        return self.thickness_mm <= emphysema.THIN_MM


def measure_chest(
    volume: Volume,
    *,
    progress: Progress | None = None,
    device: str = "cpu",
    classifier: NoduleClassifier | None = None,
    config: NoduleConfig | None = None,
) -> Measured:
    """Everything this version measures in a chest CT.

    Args:
        volume: CT in HU, any orientation.
        progress: called with the stage and the fraction done; cancelling is raising CancelledError.
        device: for the nodule network.
        classifier: instead of the one that ships.
        config: thresholds of nodule finding.

    Raises:
        UnsupportedError: not a CT in HU, or no lungs in it.
        WeightsError: the weights of the nodule network are missing or altered.
    """
    if volume.modality != "CT" or volume.value_unit != "hu":
        raise UnsupportedError(
            f"expected a CT in HU, found {volume.modality} in {volume.value_unit}", where=volume.series.series_uid
        )
    step = progress or _silent
    step("loading the nodule network", 0.0)
    classifier = classifier or _shipped(device)
    config = config or NoduleConfig()
    step("segmenting lungs and airways", 0.05)
    scan = _scan(volume, classifier, config, device)
    step("measuring lungs and emphysema", 0.35)
    organs = [*_organs(scan), _vertebrae(scan), _emphysema(scan)]
    step("looking for nodules", 0.45)
    found = find_nodules(scan.turned, scan.lungs, classifier, config)
    step("measuring nodules", 0.9)
    lesions = [_nodule_finding(scan, n, number, config) for number, n in enumerate(found, start=1)]
    maps = (_findings_map(scan, found, lesions), _anatomy_map(scan))
    step("measuring nodules", 1.0)
    return Measured(findings=(*organs, *lesions), label_maps=maps, warnings=_warnings(scan))


def _silent(stage: str, fraction: float) -> None:
    """No progress is wanted."""


def _shipped(device: str) -> NoduleClassifier:
    from tomoscribe.encoders.nodule_net import NoduleNet

    return NoduleNet.shared(device)


def _scan(volume: Volume, classifier: NoduleClassifier, config: NoduleConfig, device: str) -> _Scan:
    turned, turn = grid.canonical(volume)
    turned = turned.with_array(np.ascontiguousarray(turned.array))
    digest = hashlib.sha256(json.dumps(asdict(config), sort_keys=True).encode()).hexdigest()
    return _Scan(
        volume=volume,
        turned=turned,
        turn=turn,
        lungs=segment_lungs(turned),
        provenance=Provenance(
            version=version("tomoscribe"),
            model="chest-ct",
            weights_sha256=classifier.weights_sha256,
            config_sha256=digest,
            device=device,
        ),
        thickness_mm=emphysema.thickness_mm(volume),
    )


def _organs(scan: _Scan) -> list[Finding]:
    """Lung and airway volumes; lungs that the scan cuts off are said to be."""
    plain = replace(scan.provenance, weights_sha256=None)
    note = "the scan does not cover the lungs entirely" if _cut_off(scan.lungs) else None
    rows: list[tuple[str, Code, Laterality | None, tuple[int, ...], str | None]] = [
        ("lung_right", terms.LUNG, Laterality.RIGHT, (RIGHT,), note),
        ("lung_left", terms.LUNG, Laterality.LEFT, (LEFT,), note),
        ("lungs", terms.LUNG, Laterality.BILATERAL, (RIGHT, LEFT), note),
        ("airways", terms.AIRWAYS, None, (AIRWAYS,), None),
    ]
    found = []
    for name, site, side, labels, words in rows:
        present = [n for n in labels if (scan.lungs.labels == n).any()]
        if len(present) < len(labels):
            continue
        segment = None if len(labels) > 1 else name
        value = scan.lungs.volume_ml(*labels)
        found.append(
            Finding(
                tracking_uid=scan.uid("organ", name),
                type=terms.ORGAN_MEASUREMENT,
                site=site,
                laterality=side,
                presence=Presence.PRESENT,
                provenance=plain,
                region=_region(scan.lungs.labels, labels, scan.lungs.geometry, segment),
                measurements=(Measurement(name=terms.VOLUME, value=value, unit=terms.ML),),
                note=words,
            )
        )
    return found


def _vertebrae(scan: _Scan) -> Finding:
    """Trabecular attenuation of the spine, or why it is not assessed."""
    acquisition = scan.volume.acquisition
    against = vertebrae.objections(acquisition)
    found = measure_vertebrae(scan.turned, scan.lungs)
    reason = found if isinstance(found, str) else f"not reliable because of {_listed(against)}" if against else None
    center = None if isinstance(found, str) else found.centers_mm[len(found.centers_mm) // 2]
    measured: tuple[Measurement, ...] = ()
    if not isinstance(found, str) and reason is None:
        value, spread = found.median_hu, found.sd_hu
        measured = (Measurement(name=terms.MEAN_ATTENUATION, value=value, unit=terms.HU, uncertainty=spread),)
    return Finding(
        tracking_uid=scan.uid("vertebrae"),
        type=terms.ORGAN_MEASUREMENT,
        site=terms.THORACIC_VERTEBRAE,
        presence=Presence.PRESENT if measured else Presence.NOT_ASSESSED,
        provenance=replace(scan.provenance, weights_sha256=None),
        region=None if isinstance(found, str) else _vertebra_region(found, scan),
        measurements=measured,
        evidence=() if center is None else evidence_at(scan.volume, center),
        note=reason or vertebrae.note(acquisition),
    )


def _vertebra_region(found: vertebrae.Vertebrae, scan: _Scan) -> Region:
    places = np.array(found.centers_mm)
    return Region(
        center_mm=found.centers_mm[len(places) // 2],
        box_min_mm=measuring.point(places.min(axis=0)),
        box_max_mm=measuring.point(places.max(axis=0)),
        frame_of_reference_uid=scan.volume.geometry.frame_of_reference_uid,
    )


def _region(labels: NDArray[np.uint8], numbers: Sequence[int], geometry: Geometry, segment: str | None) -> Region:
    mask = np.isin(labels, numbers)
    return measuring.region(mask, geometry, label_map="anatomy" if segment else None, segment=segment)


def _cut_off(lungs: Lungs) -> bool:
    """Whether lung reaches the first or last slice over more than 5 cm2: the scan ends inside the lungs."""
    area_mm2 = float(np.prod(lungs.geometry.spacing_mm[1:]))
    ends = (lungs.labels[0], lungs.labels[-1])
    return any(float(np.isin(e, (RIGHT, LEFT)).sum()) * area_mm2 > 500.0 for e in ends)


def _emphysema(scan: _Scan) -> Finding:
    """Densitometry as a finding: present from 5 % on, not assessed where the acquisition forbids it (CLINICAL 11)."""
    measured = emphysema.measure_emphysema(scan.turned, scan.lungs)
    against = emphysema.objections(scan.volume.acquisition, scan.thickness_mm)
    unknown = emphysema.doubts(scan.volume.acquisition)
    if against:
        presence, note = Presence.NOT_ASSESSED, f"not reliable because of {_listed(against)}"
    else:
        high = measured.laa950_percent >= emphysema.PRESENT_PERCENT
        presence = Presence.PRESENT if high else Presence.UNCERTAIN
        note = f"{_listed(unknown)} not known"
    return Finding(
        tracking_uid=scan.uid("emphysema"),
        type=terms.EMPHYSEMA,
        site=terms.LUNG,
        laterality=Laterality.BILATERAL,
        presence=presence,
        provenance=replace(scan.provenance, weights_sha256=None),
        region=_emphysema_region(measured, scan),
        measurements=(
            Measurement(name=terms.LAA_950, value=measured.laa950_percent, unit=terms.PERCENT),
            Measurement(name=terms.PERC15, value=measured.perc15_hu, unit=terms.HU),
        ),
        evidence=() if measured.densest_mm is None else evidence_at(scan.volume, measured.densest_mm),
        note=note,
    )


def _emphysema_region(measured: emphysema.Emphysema, scan: _Scan) -> Region:
    low, high = measured.box_mm
    center = measured.densest_mm or measuring.point((np.array(low) + np.array(high)) / 2.0)
    frame = scan.volume.geometry.frame_of_reference_uid
    return Region(center_mm=center, box_min_mm=low, box_max_mm=high, frame_of_reference_uid=frame)


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _nodule_finding(scan: _Scan, nodule: Nodule, number: int, config: NoduleConfig) -> Finding:
    size = nodule.axes
    name = f"nodule_{number}"
    middle = np.mean([*size.long_ends_mm], axis=0)
    return Finding(
        tracking_uid=nodule_uid(scan.volume, nodule),
        type=terms.MASS if size.long_mm > MASS_MM else terms.NODULE,
        site=terms.LUNG,
        laterality=SIDES[nodule.candidate.side],
        presence=Presence.PRESENT if nodule.present else Presence.UNCERTAIN,
        provenance=scan.provenance,
        probability=min(1.0, max(0.0, nodule.probability)),
        actionable=nodule.present and size.mean_mm >= config.actionable_mean_mm,
        region=nodule_region(nodule, name),
        measurements=nodule_measurements(nodule, scan.is_thin),
        attributes=nodule_attributes(nodule, scan.turned, scan.lungs, scan.is_thin),
        evidence=evidence_at(scan.volume, middle),
        note=None if scan.is_thin else THICK_NOTE,
    )


def _findings_map(scan: _Scan, found: Sequence[Nodule], lesions: Sequence[Finding]) -> LabelMap:
    """One segment per nodule on the native grid; where two touch, the first one keeps the voxel."""
    array = np.zeros(scan.turned.geometry.shape, np.uint8)
    segments = []
    for number, (nodule, finding) in enumerate(zip(found, lesions, strict=True), start=1):
        cut = nodule.outline
        box = array[tuple(slice(s, s + n) for s, n in zip(cut.start, cut.mask.shape, strict=True))]
        box[cut.mask & (box == 0)] = number
        side = None if finding.laterality is None else finding.laterality.value
        segments.append(
            Segment(
                number=number,
                name=f"nodule_{number}",
                category=terms.ABNORMAL_STRUCTURE,
                type=finding.type,
                laterality=side,
                tracking_uid=finding.tracking_uid,
            )
        )
    return _native(scan, "findings", array, segments, scan.provenance.weights_sha256)


def _anatomy_map(scan: _Scan) -> LabelMap:
    segments = [
        Segment(number=number, name=name, category=terms.ANATOMICAL_STRUCTURE, type=kind, laterality=side)
        for number, (name, kind, side) in _ANATOMY.items()
        if (scan.lungs.labels == number).any()
    ]
    return _native(scan, "anatomy", scan.lungs.labels, segments, None)


def _native(
    scan: _Scan, name: str, array: NDArray[np.uint8], segments: Sequence[Segment], weights: str | None
) -> LabelMap:
    turned = LabelMap(
        name=name,
        array=array,
        geometry=scan.turned.geometry,
        segments=tuple(segments),
        algorithm=Algorithm(name=scan.provenance.model, version=scan.provenance.version, weights_sha256=weights),
        series_uid=scan.volume.series.series_uid,
    )
    return scan.turn.back(turned)


def _warnings(scan: _Scan) -> tuple[str, ...]:
    found = list(scan.lungs.warnings)
    if _cut_off(scan.lungs):
        found.append("the scan does not cover the lungs entirely")
    return tuple(found)
