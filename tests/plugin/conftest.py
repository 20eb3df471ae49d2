"""A generated chest with known places, its reading, and a reader that returns it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tomoscribe.core import (
    Acquisition,
    Algorithm,
    Attribute,
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
    Segment,
    Series,
    SeriesRef,
    Study,
    Verdict,
    Volume,
    terms,
)
from tomoscribe.core.uids import derive_uid
from tomoscribe.reports.examinations import select
from tomoscribe.reports.plan import Plan, make_plan
from tomoscribe.reports.questions import GroundedAnswer
from tomoscribe.reports.writer import write_report

PROVENANCE = Provenance(version="0.1.0", model="chest-ct/test")
NODULE_MM = (30.0, 9.0, -60.0)
"""In the left lung: +x is the patient's left."""
HEAD_MM = (-30.0, 15.0, -80.0)
SPACING_MM = (2.0, 1.5, 1.8)
SHAPE = (40, 60, 64)
ORIGIN_MM = (-57.0, -45.0, -100.0)


def uid(*parts: str) -> str:
    return derive_uid("plugin tests", *parts)


def make_geometry() -> Geometry:
    return Geometry.from_parts(
        spacing_mm=SPACING_MM, origin_mm=ORIGIN_MM, shape=SHAPE, frame_of_reference_uid=uid("frame")
    )


def coordinates_mm(geometry: Geometry) -> np.ndarray:
    """(D, H, W, 3) LPS mm of each voxel center."""
    return geometry.to_world(np.stack(np.meshgrid(*[np.arange(n) for n in geometry.shape], indexing="ij"), axis=-1))


def ball(geometry: Geometry, center_mm: tuple[float, float, float], radius_mm: float) -> np.ndarray:
    return np.linalg.norm(coordinates_mm(geometry) - np.array(center_mm), axis=-1) <= radius_mm


def make_volume(array: np.ndarray, geometry: Geometry, *, name: str = "CT", modality: str = "CT") -> Volume:
    depth = geometry.shape[0]
    return Volume(
        array=array,
        geometry=geometry,
        modality=modality,
        value_unit="hu" if modality == "CT" else "arbitrary",
        series=SeriesRef(
            study_uid=uid("study"),
            series_uid=uid("series", name),
            series_number=4,
            description="thin",
            instance_uids=tuple(uid("instance", name, str(k)) for k in range(depth)),
            instance_numbers=tuple(k + 1 for k in range(depth)),
        ),
        acquisition=Acquisition(slice_thickness_mm=2.0, body_part="CHEST", sequence="T1"),
    )


def chest_array(geometry: Geometry) -> np.ndarray:
    x, y, _ = np.moveaxis(coordinates_mm(geometry), -1, 0)
    array = np.full(geometry.shape, -1000, np.int16)
    array[(x / 54) ** 2 + (y / 42) ** 2 <= 1] = 40
    for side in (-1, 1):
        array[((x - side * 26) / 20) ** 2 + (y / 30) ** 2 <= 1] = -850
    array[ball(geometry, NODULE_MM, 7.0)] = 60
    return array


def make_label_maps(volume: Volume) -> tuple[LabelMap, LabelMap]:
    geometry = volume.geometry
    x, y, _ = np.moveaxis(coordinates_mm(geometry), -1, 0)
    nodule = np.zeros(geometry.shape, np.uint8)
    nodule[ball(geometry, NODULE_MM, 7.0)] = 1
    lungs = np.zeros(geometry.shape, np.uint8)
    for number, side in ((1, -1), (2, 1)):
        lungs[((x - side * 26) / 20) ** 2 + (y / 30) ** 2 <= 1] = number
    common: dict[str, Any] = {
        "geometry": geometry,
        "algorithm": Algorithm(name="test", version="1"),
        "series_uid": volume.series.series_uid,
    }
    lesion = {"category": terms.ABNORMAL_STRUCTURE, "type": terms.NODULE}
    organ = {"category": terms.ANATOMICAL_STRUCTURE, "type": terms.LUNG}
    segments = (
        Segment(number=1, name="lung_right", laterality="right", **organ),
        Segment(number=2, name="lung_left", laterality="left", **organ),
    )
    return (
        LabelMap(
            name="findings",
            array=nodule,
            segments=(Segment(number=1, name="nodule_1", tracking_uid=uid("nodule"), **lesion),),
            **common,
        ),
        LabelMap(name="anatomy", array=lungs, segments=segments, **common),
    )


def region(center: tuple[float, float, float], radius: float, label_map: str | None, segment: str | None) -> Region:
    x, y, z = center
    return Region(
        center_mm=center,
        box_min_mm=(x - radius, y - radius, z - radius),
        box_max_mm=(x + radius, y + radius, z + radius),
        frame_of_reference_uid=uid("frame"),
        label_map=label_map,
        segment=segment,
    )


def make_findings(volume: Volume) -> tuple[Finding, ...]:
    x, y, z = NODULE_MM
    k = round(float(volume.geometry.to_index(NODULE_MM)[0]))
    ref = volume.series
    evidence = EvidenceSlice(
        series_uid=ref.series_uid,
        series_number=ref.series_number,
        instance_uid=ref.instance_uids[k],
        instance_number=ref.instance_numbers[k],
    )
    nodule = Finding(
        tracking_uid=uid("nodule"),
        type=terms.NODULE,
        site=terms.LUNG,
        laterality=Laterality.LEFT,
        presence=Presence.PRESENT,
        probability=0.91,
        actionable=True,
        region=region(NODULE_MM, 7.0, "findings", "nodule_1"),
        measurements=(
            Measurement(
                name=terms.LONG_AXIS, value=14.2, unit=terms.MM, endpoints_mm=((x - 7.1, y, z), (x + 7.1, y, z))
            ),
            Measurement(
                name=terms.SHORT_AXIS, value=13.0, unit=terms.MM, endpoints_mm=((x, y - 6.5, z), (x, y + 6.5, z))
            ),
            Measurement(name=terms.MEAN_DIAMETER, value=13.6, unit=terms.MM),
            Measurement(name=terms.VOLUME, value=1437.0, unit=terms.MM3),
        ),
        attributes=(Attribute(name=terms.ATTENUATION_CLASS, value=terms.SOLID),),
        evidence=(evidence,),
        provenance=PROVENANCE,
    )
    organs = tuple(
        Finding(
            tracking_uid=uid("organ", side.value),
            type=terms.ORGAN_MEASUREMENT,
            site=terms.LUNG,
            laterality=side,
            presence=Presence.PRESENT,
            region=region((26.0 * sign, 0.0, -61.0), 50.0, "anatomy", f"lung_{side.value}"),
            measurements=(Measurement(name=terms.VOLUME, value=2310.4, unit=terms.ML),),
            provenance=PROVENANCE,
        )
        for side, sign in ((Laterality.RIGHT, -1), (Laterality.LEFT, 1))
    )
    head = Finding(
        tracking_uid=uid("effusion"),
        type=terms.PLEURAL_EFFUSION,
        site=terms.PLEURA,
        laterality=Laterality.RIGHT,
        presence=Presence.UNCERTAIN,
        probability=0.4,
        region=region(HEAD_MM, 12.0, None, None),
        evidence=(evidence,),
        provenance=PROVENANCE,
    )
    emphysema = Finding(
        tracking_uid=uid("emphysema"),
        type=terms.EMPHYSEMA,
        site=terms.LUNG,
        laterality=Laterality.BILATERAL,
        presence=Presence.NOT_ASSESSED,
        note="slices are thicker than 1.5 mm",
        provenance=PROVENANCE,
    )
    return (*organs, nodule, head, emphysema)


def make_study(volumes: tuple[Volume, ...], *, patient: str = "patient", date: str = "2031-05-04") -> Study:
    series = tuple(
        Series(
            series_uid=v.series.series_uid,
            modality=v.modality,
            number=v.series.series_number,
            description=v.series.description,
            files=(),
            verdict=Verdict.ACCEPTED,
            acquisition=v.acquisition,
            shape=v.geometry.shape,
        )
        for v in volumes
    )
    return Study(
        study_uid=uid("study", patient),
        patient_key=patient,
        date=date,
        description="CT chest",
        age_years=61.0,
        sex="F",
        series=series,
    )


class Kit:
    """What tests may make themselves."""

    nodule_mm = NODULE_MM
    region_mm = HEAD_MM
    frame_uid = uid("frame")
    uid = staticmethod(uid)
    geometry = staticmethod(make_geometry)
    array = staticmethod(chest_array)
    volume = staticmethod(make_volume)
    study = staticmethod(make_study)
    label_maps = staticmethod(make_label_maps)
    findings = staticmethod(lambda volume: make_findings(volume))
    case = staticmethod(lambda patient: make_case(patient))
    reader = staticmethod(lambda case: StandInReader(case))


@dataclass
class StandInReader:
    """Returns a made reading; ``during`` is called between two reports of progress."""

    case: Case
    during: Callable[[], None] = lambda: None

    def plan(self, study: Study) -> Plan:
        return make_plan(select(study), "cpu", "writer")

    def read(self, study: Study, progress: Any = None) -> Reading:
        progress("measuring", 0.2)
        self.during()
        progress("writing", 0.8)
        return self.case.reading

    def ask(self, reading: Reading, question: str) -> GroundedAnswer:
        return GroundedAnswer(text="The nodule is on the left.", finding_uids=(uid("nodule"),))

    def volumes(self, study: Study) -> dict[str, Volume]:
        return {self.case.volume.series.series_uid: self.case.volume}


@dataclass(frozen=True)
class Case:
    volume: Volume
    study: Study
    reading: Reading


def make_case(patient: str = "patient") -> Case:
    geometry = make_geometry()
    volume = make_volume(chest_array(geometry), geometry)
    study = make_study((volume,), patient=patient)
    report = write_report(study, make_findings(volume), provenance=PROVENANCE)
    reading = Reading(study=study, report=report, label_maps=make_label_maps(volume))
    return Case(volume=volume, study=study, reading=reading)


@pytest.fixture(autouse=True)
def own_state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Drafts and settings of each test in a folder of its own."""
    folder = tmp_path_factory.mktemp("state")
    monkeypatch.setenv("TOMOSCRIBE_STATE", str(folder))
    return folder


@pytest.fixture(scope="session")
def case() -> Case:
    """Two lungs, a nodule in the left one, a possible effusion on the right."""
    return make_case()


@pytest.fixture
def reader(case: Case) -> StandInReader:
    """Returns the case's reading."""
    return StandInReader(case)


@pytest.fixture(scope="session")
def kit() -> Kit:
    """The makers of this file, for tests that need other cases."""
    return Kit()


@pytest.fixture(scope="session")
def one_viewer(qapp: Any) -> Iterator[Any]:
    """One real window under the virtual display for all tests; opening one takes seconds."""
    import napari

    viewer = napari.Viewer(show=True)
    viewer.window.resize(1000, 600)
    yield viewer
    viewer.close()


@pytest.fixture
def napari_viewer(one_viewer: Any, qtbot: Any) -> Iterator[Any]:
    """The window, empty before and after a test."""
    yield one_viewer
    one_viewer.window.remove_dock_widget("all")
    one_viewer.layers.clear()
    one_viewer.dims.ndisplay = 2
    qtbot.wait(10)
