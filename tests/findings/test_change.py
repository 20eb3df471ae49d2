"""Change against a prior: matched by alignment, measured on each grid, stated only beyond repeatability."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.findings.test_chest import NOISE_HU, Ball, BrightMiddle
from tomoscribe.core import (
    Acquisition,
    Algorithm,
    Attribute,
    Direction,
    Finding,
    Geometry,
    LabelMap,
    Laterality,
    Measurement,
    Presence,
    Provenance,
    Segment,
    SeriesRef,
    Study,
    Volume,
    terms,
)
from tomoscribe.findings.change import Prior, Repeatability, compare
from tomoscribe.findings.change.align import align
from tomoscribe.findings.change.growth import direction, doubling_time, objection
from tomoscribe.findings.chest import grid, segment_lungs
from tomoscribe.findings.chest.blobs import Candidate
from tomoscribe.findings.chest.lungs import LEFT, RIGHT, Lungs
from tomoscribe.findings.chest.nodule_findings import nodule_measurements, nodule_region
from tomoscribe.findings.chest.nodules import NoduleConfig, measured_nodule
from tomoscribe.findings.measured import Measured

SPACING_MM = 1.25
SHIFT_MM = np.array([7.0, -5.0, 12.0])
BREATH = np.array([1.0, 1.0, 0.9])
GROWN, STABLE, NEW = (60.0, 10.0, 12.0), (-45.0, -18.0, -20.0), (-58.0, 12.0, 20.0)
NOW = (Ball(GROWN, 12.0, 30.0), Ball(STABLE, 10.0, 30.0), Ball(NEW, 9.0, 30.0))
THEN = (Ball(GROWN, 9.0, 30.0), Ball(STABLE, 10.0, 30.0))
LIMITS = Repeatability()
PROVENANCE = Provenance(version="0", model="test")


def scan(balls, *, uid="1.2", moved=False, **acquisition) -> Volume:
    """A body with two unlike lungs; ``moved`` shifts the patient and lets the lungs breathe out."""
    scale, shift = (BREATH, SHIFT_MM) if moved else (np.ones(3), np.zeros(3))
    geometry = Geometry.from_parts(
        spacing_mm=(SPACING_MM,) * 3,
        origin_mm=(np.array([-106.0, -84.0, -72.0]) + shift).tolist(),
        shape=(116, 136, 171),
        frame_of_reference_uid=uid,
    )
    index = np.stack(np.meshgrid(*[np.arange(n) for n in geometry.shape], indexing="ij"), axis=-1)
    p = geometry.to_world(index) - shift

    def inside(center, radii, power=2.0) -> np.ndarray:
        away = np.linalg.norm(np.abs((p - center) / radii), ord=power, axis=-1)
        return np.clip(0.5 - (away - 1.0) * float(np.min(radii)) / SPACING_MM, 0.0, 1.0)

    hu = np.full(geometry.shape, -1000.0)
    hu += inside((0, 0, 0), (102.0, 80.0, 1e6)) * 1040.0
    hu -= inside(np.array([-52.0, 0.0, 3.0]) * scale, np.array([38.0, 52.0, 54.0]) * scale) * 900.0
    hu -= inside(np.array([52.0, 3.0, 0.0]) * scale, np.array([36.0, 48.0, 58.0]) * scale) * 900.0
    for ball in balls:
        share = inside(np.array(ball.center_mm) * scale, np.full(3, ball.diameter_mm / 2.0))
        hu += share * (ball.hu - hu)
    hu += np.random.default_rng(7).normal(0.0, NOISE_HU, hu.shape)
    depth = geometry.shape[0]
    series = SeriesRef(
        study_uid=uid,
        series_uid=f"{uid}.3",
        series_number=7,
        description=None,
        instance_uids=tuple(f"{uid}.3.{k + 1}" for k in range(depth)),
        instance_numbers=tuple(range(1, depth + 1)),
    )
    how = {"manufacturer": "SIEMENS", "kernel": "B30f", "contrast": False, "slice_thickness_mm": SPACING_MM}
    return Volume(
        array=np.rint(hu).astype(np.int16),
        geometry=geometry,
        modality="CT",
        value_unit="hu",
        series=series,
        acquisition=Acquisition(**(how | acquisition)),
    )


def study(uid: str, date: str | None) -> Study:
    return Study(study_uid=uid, patient_key="k", date=date, description=None, age_years=60.0, sex=None, series=())


@pytest.fixture(scope="module")
def now() -> tuple[Volume, Lungs]:
    volume = scan(NOW)
    return volume, segment_lungs(volume)


@pytest.fixture(scope="module")
def earlier() -> Volume:
    return scan(THEN, uid="1.1", moved=True)


@pytest.fixture(scope="module")
def measured(now) -> Measured:
    volume, lungs = now
    turned, _ = grid.canonical(volume)
    findings = tuple(finding(turned, lungs, ball) for ball in NOW)
    segments = tuple(
        Segment(number=n, name=name, category=terms.ANATOMICAL_STRUCTURE, type=terms.LUNG)
        for n, name in ((RIGHT, "lung_right"), (LEFT, "lung_left"))
    )
    anatomy = LabelMap(
        name="anatomy",
        array=lungs.labels,
        geometry=lungs.geometry,
        segments=segments,
        algorithm=Algorithm(name="test", version="0"),
        series_uid=volume.series.series_uid,
    )
    return Measured(findings=findings, label_maps=(anatomy,))


def finding(turned: Volume, lungs: Lungs, ball: Ball) -> Finding:
    side = LEFT if ball.center_mm[0] > 0 else RIGHT
    place = Candidate(
        center_mm=ball.center_mm,
        scale_mm=ball.diameter_mm / 2.0 / np.sqrt(3.0),
        side=side,
        response_hu=500.0,
        sphericity=1.0,
        score=500.0,
    )
    nodule = measured_nodule(turned, lungs, place, 0.9, 0.5, NoduleConfig())
    assert nodule is not None
    return Finding(
        tracking_uid=f"2.25.{abs(hash(ball.center_mm)) % 10**9}",
        type=terms.NODULE,
        site=terms.LUNG,
        laterality=Laterality.LEFT if side == LEFT else Laterality.RIGHT,
        presence=Presence.PRESENT,
        provenance=PROVENANCE,
        region=nodule_region(nodule, "n"),
        measurements=nodule_measurements(nodule, is_thin=True),
        attributes=(Attribute(name=terms.ATTENUATION_CLASS, value=terms.SOLID),),
    )


def compared(measured: Measured, volume: Volume, *priors: tuple[str, str | None, Volume]) -> list[Finding]:
    earlier = [Prior(study=study(uid, date), volume=v) for uid, date, v in priors]
    result = compare(measured, volume, study("1.2", "2024-11-10"), earlier, classifier=BrightMiddle())
    return list(result.findings)


@pytest.fixture(scope="module")
def both(measured, now, earlier) -> list[Finding]:
    return compared(measured, now[0], ("1.1", "2024-01-10", earlier))


def test_alignment_leads_to_the_same_place(now, earlier):
    turned, _ = grid.canonical(now[0])
    before, _ = grid.canonical(earlier)
    then = segment_lungs(earlier)
    found = align(turned, np.isin(now[1].labels, (1, 2)), before, np.isin(then.labels, (1, 2)))
    assert found.is_trusted
    for place in (GROWN, STABLE, NEW):
        error_mm = np.linalg.norm(np.array(place) * BREATH + SHIFT_MM - found.to_prior(place))
        assert error_mm < 4.0


def test_a_mirrored_chest_is_not_trusted(now):
    turned, _ = grid.canonical(now[0])
    lungs = np.isin(now[1].labels, (1, 2))
    half = lungs.copy()
    half[: lungs.shape[0] // 2] = False
    assert not align(turned, lungs, turned, half).is_trusted


def test_the_grown_nodule_has_grown_and_says_how_fast(both):
    found = both[0]
    change = found.change
    assert change is not None
    assert (change.measurement, change.direction, change.prior_date) == (
        terms.VOLUME,
        Direction.INCREASED,
        "2024-01-10",
    )
    assert change.prior_value == pytest.approx(np.pi / 6 * 9.0**3, rel=0.08)
    assert found.measurement(terms.VOLUME).value == pytest.approx(np.pi / 6 * 12.0**3, rel=0.05)
    truth = 305 * np.log(2.0) / (3.0 * np.log(12.0 / 9.0))
    days, low, high = (
        found.measurement(n).value
        for n in (terms.VOLUME_DOUBLING_TIME, terms.VOLUME_DOUBLING_TIME_LOW, terms.VOLUME_DOUBLING_TIME_HIGH)
    )
    assert days == pytest.approx(truth, rel=0.12)
    assert low < truth < high
    assert found.prior_uid is not None


def test_the_stable_nodule_is_stable_and_the_new_one_new(both):
    assert both[1].change.direction is Direction.STABLE
    assert both[1].measurement(terms.VOLUME_DOUBLING_TIME) is None
    assert both[2].change.direction is Direction.NEW
    assert both[2].history[0].measurements == ()


def test_sizes_of_the_prior_are_its_own(both):
    """Measured on the earlier grid: no breathing, no resampling in them."""
    then = both[1].history[0]
    assert then.date == "2024-01-10"
    assert then.measurement(terms.MEAN_DIAMETER).value == pytest.approx(10.0, abs=0.5)


@pytest.mark.parametrize(
    ("how", "reason"),
    [({"kernel": "B70f"}, "the kernels differ"), ({"slice_thickness_mm": 5.0}, "other slice thickness")],
)
def test_other_acquisitions_cannot_be_compared(now, earlier, how, reason):
    other = replace(earlier, acquisition=replace(earlier.acquisition, **how))
    assert objection(now[0], other, LIMITS) == reason
    assert objection(now[0], earlier, LIMITS) is None


@pytest.mark.parametrize(
    ("name", "now_value", "then_value", "thickness", "expected"),
    [
        (terms.VOLUME, 124.0, 100.0, 1.0, Direction.STABLE),
        (terms.VOLUME, 126.0, 100.0, 1.0, Direction.INCREASED),
        (terms.VOLUME, 76.0, 100.0, 1.0, Direction.STABLE),
        (terms.VOLUME, 74.0, 100.0, 1.0, Direction.DECREASED),
        (terms.MEAN_DIAMETER, 7.9, 6.0, 1.0, Direction.STABLE),
        (terms.MEAN_DIAMETER, 8.1, 6.0, 1.0, Direction.INCREASED),
        (terms.MEAN_DIAMETER, 14.0, 10.0, 5.0, Direction.STABLE),
        (terms.MEAN_DIAMETER, 4.9, 10.0, 5.0, Direction.DECREASED),
    ],
)
def test_change_begins_beyond_repeatability(name, now_value, then_value, thickness, expected):
    assert direction(name, now_value, then_value, thickness, LIMITS) is expected


def test_doubling_time_and_its_limits():
    time = doubling_time(800.0, 400.0, 300.0, LIMITS)
    assert time is not None
    assert time.days == pytest.approx(300.0)
    assert time.low_days == pytest.approx(300.0 / (1.0 + np.log2(1.25)))
    assert time.high_days == pytest.approx(300.0 / (1.0 - np.log2(1.25)))
    assert doubling_time(480.0, 400.0, 300.0, LIMITS) is None
    assert doubling_time(800.0, 400.0, 0.0, LIMITS) is None


def test_a_prior_without_lungs_and_one_that_does_not_show_the_place(measured, now, earlier):
    water = replace(earlier, array=np.full_like(earlier.array, 40))
    found = compared(measured, now[0], ("1.1", "2024-01-10", water))
    assert {f.change.direction for f in found} == {Direction.NOT_COMPARABLE}
    assert {f.history[0].reason for f in found} == {"no lungs were found in the earlier examination"}


def test_without_priors_nothing_changes(measured, now):
    assert compared(measured, now[0]) == list(measured.findings)


def test_a_finding_on_the_review_list_is_not_compared(measured, now, earlier):
    waiting = replace(measured, findings=tuple(replace(f, presence=Presence.UNCERTAIN) for f in measured.findings))
    assert compared(waiting, now[0], ("1.1", "2024-01-10", earlier)) == list(waiting.findings)


def test_measurements_are_days():
    assert Measurement(name=terms.VOLUME_DOUBLING_TIME, value=214.0, unit=terms.DAY).unit.value == "d"
