"""A 10 mm sphere at a known place, through DICOM, measuring, SEG and SR and back: 24 orientations x 3 spacings."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.uid import ExplicitVRLittleEndian

from tests.factories import IDENTITY
from tomoscribe.core import (
    Acquisition,
    Algorithm,
    EvidenceSlice,
    Finding,
    Geometry,
    LabelMap,
    Laterality,
    Measurement,
    Presence,
    Provenance,
    Reading,
    Report,
    ReportStatus,
    Segment,
    SeriesRef,
    Volume,
    terms,
)
from tomoscribe.core.uids import derive_uid
from tomoscribe.encoders.dicom import load_volume, read_headers, scan, write_series
from tomoscribe.findings.measuring import axes, region
from tomoscribe.reports.export.seg import build_seg, read_seg
from tomoscribe.reports.export.source_grid import source_grid
from tomoscribe.reports.export.sr_read import read_report
from tomoscribe.reports.export.sr_write import Evidence, build_sr

CENTER_MM = np.array([31.7, -42.3, 118.9])
DIAMETER_MM = 10.0
SPACINGS_MM = ((1.0, 1.0, 1.0), (2.5, 0.7, 0.9), (0.625, 1.3, 0.8))
AXES = [
    np.array(signs)[None, :] * np.eye(3)[:, list(order)]
    for order in itertools.permutations(range(3))
    for signs in itertools.product((1, -1), repeat=3)
]
ORIENTATIONS = [a for a in AXES if np.linalg.det(a) < 0]
"""All 24 turns of a grid (k, j, i): row x column is the direction of k, as in a stack of DICOM slices."""


def sphere(direction: NDArray[np.float64], spacing_mm: tuple[float, float, float]) -> Volume:
    """The sphere in fat, its edge voxels filled by share, off the grid's center by some tenths of a voxel."""
    shape = tuple(int(np.ceil(24.0 / s)) + (n % 2) for n, s in enumerate(spacing_mm))
    middle = (np.array(shape) - 1) / 2 + np.array([0.3, -0.2, 0.4])
    affine = np.eye(4)
    affine[:3, :3] = direction * np.array(spacing_mm)
    affine[:3, 3] = CENTER_MM - affine[:3, :3] @ middle
    geometry = Geometry(affine=affine, shape=shape, frame_of_reference_uid=derive_uid("frame", "sphere"))  # type: ignore[arg-type]
    fine = (np.arange(5) - 2) / 5
    offsets = np.stack(np.meshgrid(fine, fine, fine, indexing="ij"), -1).reshape(-1, 3)
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), -1)
    share = np.mean(
        [np.linalg.norm(geometry.to_world(grid + o) - CENTER_MM, axis=-1) <= DIAMETER_MM / 2 for o in offsets], axis=0
    )
    noise = np.random.default_rng(2).normal(0, 6, shape)
    return Volume(
        array=np.rint(-100 + 140 * share + noise).astype(np.int16),
        geometry=geometry,
        modality="CT",
        value_unit="hu",
        series=SeriesRef(
            study_uid=derive_uid("study", "sphere"),
            series_uid=derive_uid("series", "sphere"),
            series_number=1,
            description="sphere",
            instance_uids=(),
            instance_numbers=(),
        ),
        acquisition=Acquisition(kvp=120.0),
    )


def measured(volume: Volume) -> tuple[LabelMap, Finding]:
    """The sphere found by its HU, its mask and its two axes."""
    occupied = (volume.array.astype(np.float32) + 100) / 140
    mask = occupied > 0.5
    found = axes(np.where(mask | (occupied > 0.2), occupied, 0), volume.geometry)
    assert found is not None
    place = region(mask, volume.geometry, label_map="findings", segment="nodule_1")
    uid, ref = derive_uid("finding", "sphere"), volume.series
    k = round(float(volume.geometry.to_index(place.center_mm)[0]))
    finding = Finding(
        tracking_uid=uid,
        type=terms.NODULE,
        site=terms.LUNG,
        presence=Presence.PRESENT,
        laterality=Laterality.LEFT,
        provenance=Provenance(version="0", model="test", weights_sha256=None, config_sha256="0" * 64, device="cpu"),
        region=place,
        measurements=(
            Measurement(name=terms.LONG_AXIS, value=found.long_mm, unit=terms.MM, endpoints_mm=found.long_ends_mm),
            Measurement(name=terms.MEAN_DIAMETER, value=found.mean_mm, unit=terms.MM),
        ),
        evidence=(
            EvidenceSlice(
                series_uid=ref.series_uid,
                series_number=ref.series_number,
                instance_uid=ref.instance_uids[k],
                instance_number=ref.instance_numbers[k],
            ),
        ),
    )
    segment = Segment(number=1, name="nodule_1", category=terms.ABNORMAL_STRUCTURE, type=terms.NODULE, tracking_uid=uid)
    label_map = LabelMap(
        name="findings",
        array=mask.astype(np.uint8),
        geometry=volume.geometry,
        segments=(segment,),
        algorithm=Algorithm(name="threshold", version="1"),
        series_uid=ref.series_uid,
    )
    return label_map, finding


@pytest.mark.parametrize("spacing_mm", SPACINGS_MM)
@pytest.mark.parametrize("number", range(24))
def test_a_sphere_keeps_its_place_and_size(tmp_path, number, spacing_mm):
    written = sphere(ORIENTATIONS[number], spacing_mm)
    write_series(written, tmp_path, identity=IDENTITY, transfer_syntax=ExplicitVRLittleEndian)
    (study,) = scan(tmp_path)
    (series,) = study.series
    volume = load_volume(study, series)
    label_map, finding = measured(volume)
    headers = read_headers(series)
    seg = build_seg(label_map, source_grid(headers), {finding.tracking_uid: finding}, "0")
    report = Report(
        sections=(), findings=(finding,), status=ReportStatus.DRAFT, language="en", provenance=finding.provenance
    )
    evidence = Evidence(seg=seg, seg_map="findings", headers={str(h.SOPInstanceUID): h for h in headers}, version="0")
    sr = build_sr(Reading(study=study, report=report, label_maps=(label_map,)), evidence)
    back, mask = read_report(sr).findings[0], read_seg(seg)
    again = region(mask.mask("nodule_1"), mask.geometry, label_map=None, segment=None)
    by_name = {m.name: m.value for m in back.measurements}
    half_voxel = np.abs(written.geometry.direction) @ (np.array(spacing_mm) / 2)  # of the grid, along x, y, z
    for center in (finding.region.center_mm, back.region.center_mm, again.center_mm):
        assert (np.abs(np.array(center) - CENTER_MM) < half_voxel).all()
    assert abs(by_name[terms.LONG_AXIS] - DIAMETER_MM) < max(spacing_mm) / 2
    assert abs(by_name[terms.MEAN_DIAMETER] - DIAMETER_MM) < max(spacing_mm) / 2
    volume_mm3 = mask.array.sum() * mask.geometry.voxel_volume_mm3
    assert abs((6 * volume_mm3 / np.pi) ** (1 / 3) - DIAMETER_MM) < min(spacing_mm) / 2
