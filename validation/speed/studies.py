"""The studies of the speed trial: one of growing length, and a small export of several."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from tomoscribe.core import Volume
from tomoscribe.encoders.dicom import load_volume, scan
from tomoscribe.validation.findings_trial.sources import write_study

EXPORT_SEED = 1_870_000
"""Of the small studies of the export; held out like all of the trials' phantoms."""
_BRAIN_MM = 3.5


def study_of(folder: Path, num_slices: int, place: Path) -> Path:
    """The CT of a folder with so many slices over the same length of the patient, as DICOM in ``place``.

    Slices are left out or repeated, so that the same chest is read with little and with much data.
    """
    study = scan(folder)[0]
    volume = load_volume(study, study.readable[0])
    depth = volume.geometry.shape[0]
    picked = np.floor(np.arange(num_slices) * depth / num_slices).astype(int)
    k, j, i = volume.geometry.spacing_mm.tolist()
    geometry = type(volume.geometry).from_parts(
        spacing_mm=(k * depth / num_slices, j, i),
        origin_mm=volume.geometry.origin_mm.tolist(),
        shape=(num_slices, *volume.geometry.shape[1:]),
        direction=volume.geometry.direction,
        frame_of_reference_uid=volume.geometry.frame_of_reference_uid,
    )
    series = replace(
        volume.series,
        instance_uids=tuple(f"{volume.series.series_uid}.{n + 1}" for n in range(num_slices)),
        instance_numbers=tuple(range(1, num_slices + 1)),
        frame_numbers=(),
    )
    thickness = float(geometry.spacing_mm[0])
    scaled = Volume(
        array=volume.array[picked],
        geometry=geometry,
        modality=volume.modality,
        value_unit=volume.value_unit,
        series=series,
        acquisition=replace(volume.acquisition, slice_thickness_mm=thickness),
    )
    return write_study({"CT": scaled}, place, f"slices {num_slices}")


def export_of(num_studies: int, place: Path) -> Path:
    """So many small head MRs of different patients in one folder."""
    from tomoscribe.phantoms.brain.case import brain_case

    for n in range(num_studies):
        volumes = brain_case(EXPORT_SEED + n, spacing_mm=_BRAIN_MM, contrasts=("T1",)).volumes
        write_study(dict(volumes), place / f"study {n}", f"speed {n}")
    return place
