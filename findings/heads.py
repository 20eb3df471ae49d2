"""What the tower's finding heads say, as Findings for the review list.

No head's sensitivity on real patients is documented: their findings are uncertain, never present, never absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np

from tomoscribe.core import Code, Finding, Laterality, Presence, Provenance, Region, Volume, terms
from tomoscribe.core.errors import InvalidValueError
from tomoscribe.core.uids import derive_uid
from tomoscribe.encoders.types import HeadOutput, SoftMasks, TowerOutput
from tomoscribe.findings.evidence import evidence_at

if TYPE_CHECKING:
    from tomoscribe.encoders.towers import Tower

TYPES: dict[str, tuple[Code, Code]] = {
    "EMPHYSEMA": (terms.EMPHYSEMA, terms.LUNG),
    "NODULE": (terms.NODULE, terms.LUNG),
    "PLEURAL_EFFUSION": (terms.PLEURAL_EFFUSION, terms.PLEURA),
    "CONSOLIDATION": (terms.CONSOLIDATION, terms.LUNG),
    "WHITE_MATTER_LESIONS": (terms.WHITE_MATTER_LESIONS, terms.CEREBRAL_WHITE_MATTER),
    "VENTRICULAR_ENLARGEMENT": (terms.VENTRICULAR_ENLARGEMENT, terms.VENTRICLES),
    "BRAIN_MASS": (terms.BRAIN_MASS, terms.BRAIN),
}
"""Finding type and site of each head."""
_ONLY_IN: dict[str, tuple[str, ...]] = {"WHITE_MATTER_LESIONS": ("FLAIR",)}
"""Sequences in which a finding may be seen at all (CLINICAL 14)."""
_LEAST_ORGAN_ML: dict[str, tuple[tuple[str, ...], float]] = {
    "CT": (("lung_right", "lung_left"), 500.0),
    "MR": (("brain",), 500.0),
}
"""Without so much of the organ in view its heads say nothing."""
NOTE = "seen by a network that was trained on generated patients only"


def head_findings(output: TowerOutput, tower: Tower, volumes: Mapping[str, Volume]) -> tuple[Finding, ...]:
    """Findings of the heads at or above their thresholds, most probable first; one for each type and side.

    Args:
        output: of ``tower.encode(volumes)``.
        tower: the one that made it, for the thresholds.
        volumes: by the names in ``output.masks``.

    Raises:
        InvalidValueError: a head spoke of a volume that is not among ``volumes``.
    """
    thresholds = {name: row.threshold for name, row in tower.calibration.items()}
    strongest: dict[tuple[str, str | None], HeadOutput] = {}
    for head in output.heads:
        if head.source not in volumes:
            raise InvalidValueError(f"a head spoke of volume '{head.source}', which was not given")
        if not _may_speak(head, output.masks[head.source], volumes[head.source]):
            continue
        key = (head.name, head.laterality)
        if key not in strongest or head.probability > strongest[key].probability:
            strongest[key] = head
    found = [h for h in strongest.values() if h.probability >= thresholds.get(h.name, 0.5)]
    found.sort(key=lambda h: (-h.probability, h.name, h.laterality or ""))
    return tuple(_finding(h, volumes[h.source], output.weights_sha256, tower.device) for h in found)


def _may_speak(head: HeadOutput, masks: SoftMasks, volume: Volume) -> bool:
    if head.name not in TYPES or head.source not in _ONLY_IN.get(head.name, (head.source,)):
        return False
    names, least_ml = _LEAST_ORGAN_ML[volume.modality]
    ml = sum(float(masks.probability(n).sum(dtype=np.float64)) for n in names if n in masks.names)
    return ml * masks.geometry.voxel_volume_mm3 / 1000.0 >= least_ml


def _finding(head: HeadOutput, volume: Volume, weights_sha256: str | None, device: str) -> Finding:
    kind, site = TYPES[head.name]
    series = volume.series
    method = f"head:{head.name}"
    return Finding(
        tracking_uid=derive_uid(series.study_uid, series.series_uid, method, head.laterality or ""),
        type=kind,
        site=site,
        laterality=Laterality(head.laterality) if head.laterality else None,
        presence=Presence.UNCERTAIN,
        probability=head.probability,
        provenance=Provenance(
            version=version("tomoscribe"), model=method, weights_sha256=weights_sha256, device=device
        ),
        region=Region(
            center_mm=head.center_mm,
            box_min_mm=head.box_min_mm,
            box_max_mm=head.box_max_mm,
            frame_of_reference_uid=volume.geometry.frame_of_reference_uid,
        ),
        evidence=evidence_at(volume, head.center_mm),
        note=NOTE,
    )
