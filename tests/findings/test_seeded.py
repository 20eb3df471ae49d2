"""Pointing at a nodule of the sample chest CT, whose truth is known, and drawing on an image of plain numbers."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from tomoscribe import sample_data
from tomoscribe.core import Acquisition, Geometry, Laterality, SeriesRef, Volume, terms
from tomoscribe.core.errors import InputError
from tomoscribe.encoders.dicom import load_volume, scan
from tomoscribe.findings import drawn
from tomoscribe.findings.chest.seeded import PreparedChest, finding_of, nodule_at, outlined, prepare


@pytest.fixture(scope="module")
def chest() -> PreparedChest:
    study = scan(sample_data.path("chest_ct"))[0]
    return prepare(load_volume(study, study.readable[0]))


@pytest.fixture(scope="module")
def nodules() -> list[dict[str, Any]]:
    truth = json.loads((sample_data.path("chest_ct") / "truth.json").read_text())["truth"]
    return list(truth["nodules"])


def plain() -> Volume:
    """40 HU where x < 0, 100 HU elsewhere; 1 mm voxels around the origin."""
    geometry = Geometry.from_parts(
        spacing_mm=(1.0, 1.0, 1.0), origin_mm=(-20.0, -20.0, -10.0), shape=(21, 41, 41), frame_of_reference_uid="1.9"
    )
    array = np.full(geometry.shape, 100, np.int16)
    array[:, :, :20] = 40
    series = SeriesRef(
        study_uid="1.2",
        series_uid="1.3",
        series_number=1,
        description=None,
        instance_uids=tuple(f"1.4.{k}" for k in range(21)),
        instance_numbers=tuple(range(1, 22)),
    )
    return Volume(
        array=array, geometry=geometry, modality="CT", value_unit="hu", series=series, acquisition=Acquisition()
    )


def test_a_click_beside_the_center_gives_the_nodule_of_the_truth(chest: PreparedChest, nodules: Any) -> None:
    largest = max(nodules, key=lambda n: n["long_axis_mm"])
    point = np.add(largest["center_mm"], (2.0, -1.5, 1.0))
    nodule = nodule_at(chest, point)
    finding = finding_of(chest, nodule, "added_1")
    assert finding.region is not None
    off_mm = np.linalg.norm(np.array(finding.region.center_mm) - largest["center_mm"])
    assert off_mm < 1.0
    assert finding.laterality is (Laterality.LEFT if largest["center_mm"][0] > 0 else Laterality.RIGHT)
    mean = finding.measurement(terms.MEAN_DIAMETER)
    assert mean is not None
    assert mean.value == pytest.approx((largest["long_axis_mm"] + largest["short_axis_mm"]) / 2, rel=0.1)
    assert finding.evidence[0].instance_uid in chest.volume.series.instance_uids
    label_map = outlined(chest, nodule, finding)
    assert label_map.geometry == chest.volume.geometry
    middle = label_map.geometry.to_world(np.argwhere(label_map.array).mean(axis=0))
    assert np.linalg.norm(middle - finding.region.center_mm) < 0.1


def test_a_click_into_plain_lung_or_beside_the_patient_is_refused_with_a_remedy(chest: PreparedChest) -> None:
    empty = next(p for p in np.argwhere(chest.lungs.labels == 1)[::5000] if _is_plain(chest, p))
    for place in (chest.turned.geometry.to_world(empty), (0.0, 400.0, 0.0)):
        with pytest.raises(InputError) as caught:
            nodule_at(chest, place)
        assert caught.value.remedy


def _is_plain(chest: PreparedChest, place: Any) -> bool:
    box = chest.turned.array[tuple(slice(max(0, p - 4), p + 5) for p in place)]
    return bool(box.max() < -700)


def test_a_ruler_is_as_long_as_it_was_drawn() -> None:
    measured = drawn.ruler((1.0, 2.0, 3.0), (4.0, 6.0, 3.0))
    assert measured.measurements[0].value == pytest.approx(5.0)
    assert measured.measurements[0].method == "user"
    assert measured.measurements[0].endpoints_mm == ((1.0, 2.0, 3.0), (4.0, 6.0, 3.0))
    with pytest.raises(InputError, match="at least 1 mm"):
        drawn.ruler((0.0, 0.0, 0.0), (0.5, 0.0, 0.0))


def test_an_ellipse_has_two_axes_and_the_mean_of_its_inside() -> None:
    measured = drawn.ellipse(plain(), (10.0, 0.0, 0.0), (0.0, 4.0, 0.0), (6.0, 0.0, 0.0))
    values = {m.name: m.value for m in measured.measurements}
    assert values[terms.LONG_AXIS] == pytest.approx(12.0)
    assert values[terms.SHORT_AXIS] == pytest.approx(8.0)
    assert values[terms.MEAN_DIAMETER] == pytest.approx(10.0)
    assert values[terms.MEAN_ATTENUATION] == pytest.approx(100.0)
    assert measured.samples == pytest.approx(np.pi * 6 * 4, rel=0.15)
    assert measured.deviation == pytest.approx(0.0)


def test_a_probe_on_the_border_sees_both_sides() -> None:
    measured = drawn.probe(plain(), (-0.5, 0.0, 0.0))
    assert measured.measurements[0].value == pytest.approx(70.0, abs=5.0)
    assert drawn.probe(plain(), (-10.0, 0.0, 0.0)).measurements[0].value == pytest.approx(40.0)
    with pytest.raises(InputError, match="outside"):
        drawn.probe(plain(), (500.0, 0.0, 0.0))


def test_a_new_long_axis_changes_the_mean_and_makes_a_mass_of_a_nodule() -> None:
    small = drawn.drawn_finding(
        plain(), drawn.ellipse(plain(), (0.0, 0.0, 0.0), (8.0, 0.0, 0.0), (0.0, 5.0, 0.0)), terms.NODULE, None
    )
    assert small.type == terms.NODULE
    changed = drawn.remeasured(small, drawn.ruler((-18.0, 0.0, 0.0), (18.0, 0.0, 0.0)).measurements)
    assert changed.type == terms.MASS
    assert changed.measurement(terms.MEAN_DIAMETER).value == pytest.approx((36.0 + 10.0) / 2)
    assert changed.measurement(terms.SHORT_AXIS) == small.measurement(terms.SHORT_AXIS)
    with pytest.raises(InputError, match="not shorter"):
        drawn.remeasured(small, drawn.ruler((0.0, 0.0, 0.0), (4.0, 0.0, 0.0)).measurements)
