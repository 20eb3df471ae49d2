"""A chest of ellipsoids with balls in it: every millimetre, millilitre and side is known on paper."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from tomoscribe.core import Acquisition, Finding, Geometry, Laterality, Presence, SeriesRef, Volume, terms
from tomoscribe.core.errors import CancelledError, UnsupportedError, WeightsError
from tomoscribe.findings.chest import NoduleConfig, candidates, measure_chest, patches, segment_lungs
from tomoscribe.findings.measured import Measured

SPACING_MM = 1.25
LUNG_RADII_MM = (38.0, 52.0, 58.0)
LUNG_CENTERS_MM = ((-52.0, 0.0, 0.0), (52.0, 0.0, 0.0))
LUNG_ML = 4 / 3 * np.pi * float(np.prod(LUNG_RADII_MM)) / 1000.0
NOISE_HU = 20.0


@dataclass(frozen=True)
class Ball:
    center_mm: tuple[float, float, float]
    diameter_mm: float
    hu: float


SOLID_LEFT = Ball((60.0, 10.0, 12.0), 9.0, 30.0)
SOLID_RIGHT = Ball((-45.0, -18.0, -20.0), 14.0, 30.0)
GLASS_RIGHT = Ball((-58.0, 12.0, 20.0), 14.0, -600.0)
PLEURAL_LEFT = Ball((85.0, 0.0, 0.0), 12.0, 30.0)
SMALL_LEFT = Ball((45.0, -22.0, -14.0), 4.0, 30.0)
HALO_LEFT = (Ball((48.0, 18.0, -24.0), 18.0, -620.0), Ball((48.0, 18.0, -24.0), 8.0, 20.0))
BALLS = (SOLID_LEFT, SOLID_RIGHT, GLASS_RIGHT, SMALL_LEFT, *HALO_LEFT)


def grid() -> Geometry:
    return Geometry.from_parts(
        spacing_mm=(SPACING_MM,) * 3,
        origin_mm=(-110.0, -87.0, -70.0),
        shape=(112, 140, 177),
        frame_of_reference_uid="1.9",
    )


def share_below(distance_mm: np.ndarray) -> np.ndarray:
    """Partial volume of a voxel whose center lies that far outside (positive) a smooth surface."""
    return np.clip(0.5 - distance_mm / SPACING_MM, 0.0, 1.0)


def render(geometry: Geometry, balls: Iterable[Ball], *, lung_hu: float = -860.0) -> np.ndarray:
    """Body 40 HU, lungs, trachea and balls with partial volumes; seeded noise."""
    index = np.stack(np.meshgrid(*[np.arange(n) for n in geometry.shape], indexing="ij"), axis=-1)
    p = geometry.to_world(index)

    def outside(center, radii) -> np.ndarray:
        scaled = np.linalg.norm((p - center) / radii, axis=-1)
        return (scaled - 1.0) * float(np.min(radii))

    hu = np.full(geometry.shape, -1000.0)
    hu += share_below(outside((0, 0, 0), (104.0, 82.0, 1e6))) * 1040.0
    for center in LUNG_CENTERS_MM:
        hu += share_below(outside(center, LUNG_RADII_MM)) * (lung_hu - hu)
    trachea = np.linalg.norm(p[..., :2] - (0.0, 20.0), axis=-1) - 8.0
    hu += share_below(trachea) * (p[..., 2] > 0.0) * (-1000.0 - hu)
    for ball in balls:
        distance = np.linalg.norm(p - ball.center_mm, axis=-1) - ball.diameter_mm / 2
        hu += share_below(distance) * (ball.hu - hu)
    noise = np.random.default_rng(7).normal(0.0, NOISE_HU, geometry.shape)
    return np.rint(hu + noise).astype(np.int16)


def volume_of(array: np.ndarray, geometry: Geometry, **acquisition: object) -> Volume:
    depth = array.shape[0]
    series = SeriesRef(
        study_uid="1.2",
        series_uid="1.2.3",
        series_number=7,
        description=None,
        instance_uids=tuple(f"1.2.3.{k + 1}" for k in range(depth)),
        instance_numbers=tuple(range(1, depth + 1)),
    )
    values = {
        "manufacturer": "SIEMENS",
        "kernel": "B30f",
        "contrast": False,
        "slice_thickness_mm": SPACING_MM,
        **acquisition,
    }
    return Volume(
        array=array,
        geometry=geometry,
        modality="CT",
        value_unit="hu",
        series=series,
        acquisition=Acquisition(**values),  # type: ignore[arg-type]
    )


FEW = NoduleConfig(max_outlined=12)


class BrightMiddle:
    """Stands for the network in these tests: a ball in the middle that is brighter than what lies around it."""

    operating_point = 0.5
    percentile = 55
    weights_sha256 = "0" * 64

    def probability(self, patches: np.ndarray) -> np.ndarray:
        axis = np.arange(32) - 15.5
        distance = np.sqrt(axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None, :] ** 2)
        middle = patches[:, 0, distance < 2.0].mean(axis=1)
        corners = patches[:, 0, distance > 19.0]
        around = np.nanpercentile(np.where(corners > 0.0, corners, 0.75), self.percentile, axis=1)
        return np.clip((middle - around) * 5.0, 0.0, 1.0).astype(np.float32)


@pytest.fixture(scope="module")
def chest() -> Volume:
    return volume_of(render(grid(), BALLS), grid())


@pytest.fixture(scope="module")
def measured(chest: Volume) -> Measured:
    return measure_chest(chest, classifier=BrightMiddle())


def at(measured: Measured, center_mm: tuple[float, float, float], within_mm: float = 2.0) -> Finding:
    """The one nodule or mass at a point."""
    found = [
        f
        for f in measured.findings
        if f.type in (terms.NODULE, terms.MASS)
        and f.region is not None
        and np.linalg.norm(np.subtract(f.region.center_mm, center_mm)) < within_mm
    ]
    assert len(found) == 1, f"{len(found)} findings at {center_mm}"
    return found[0]


def number(finding: Finding, name: object) -> float:
    return next(m.value for m in finding.measurements if m.name == name)


def organ(measured: Measured, site: object, side: Laterality | None) -> float:
    (found,) = (
        f for f in measured.findings if f.type == terms.ORGAN_MEASUREMENT and f.site == site and f.laterality == side
    )
    return number(found, terms.VOLUME)


def test_lung_and_airway_volumes(measured: Measured) -> None:
    balls_right = sum(np.pi / 6 * b.diameter_mm**3 for b in (SOLID_RIGHT,)) / 1000.0
    assert organ(measured, terms.LUNG, Laterality.RIGHT) == pytest.approx(LUNG_ML, abs=balls_right + 0.01 * LUNG_ML)
    assert organ(measured, terms.LUNG, Laterality.LEFT) == pytest.approx(LUNG_ML, rel=0.015)
    assert organ(measured, terms.LUNG, Laterality.BILATERAL) == pytest.approx(2 * LUNG_ML, rel=0.015)
    trachea_ml = np.pi * 64.0 * (70.0 - 1.25 / 2) / 1000.0
    assert organ(measured, terms.AIRWAYS, None) == pytest.approx(trachea_ml, rel=0.08)


@pytest.mark.parametrize(
    ("ball", "side"),
    [(SOLID_LEFT, Laterality.LEFT), (SOLID_RIGHT, Laterality.RIGHT), (GLASS_RIGHT, Laterality.RIGHT)],
)
def test_ball_in_the_lung_is_measured(measured: Measured, ball: Ball, side: Laterality) -> None:
    nodule = at(measured, ball.center_mm)
    assert nodule.presence is Presence.PRESENT
    assert nodule.laterality is side
    assert number(nodule, terms.LONG_AXIS) == pytest.approx(ball.diameter_mm, abs=SPACING_MM / 2)
    assert number(nodule, terms.SHORT_AXIS) == pytest.approx(ball.diameter_mm, abs=SPACING_MM / 2)
    assert number(nodule, terms.VOLUME) == pytest.approx(np.pi / 6 * ball.diameter_mm**3, rel=0.05)
    assert nodule.actionable
    expected = terms.SOLID if ball.hu > -300 else terms.GROUND_GLASS
    assert nodule.attribute(terms.ATTENUATION_CLASS) == expected
    assert nodule.attribute(terms.LOBE) == terms.NOT_DETERMINED
    k = round((ball.center_mm[2] + 70.0) / SPACING_MM)
    assert abs(nodule.evidence[0].instance_number - (k + 1)) <= 2
    assert nodule.evidence[0].instance_uid == f"1.2.3.{nodule.evidence[0].instance_number}"


def test_ball_at_the_pleura_is_found_and_measured() -> None:
    class NearWall(BrightMiddle):
        percentile = 25

    volume = volume_of(render(grid(), (PLEURAL_LEFT,)), grid())
    nodule = at(measure_chest(volume, classifier=NearWall(), config=FEW), PLEURAL_LEFT.center_mm)
    assert nodule.laterality is Laterality.LEFT
    assert nodule.presence is Presence.PRESENT
    assert number(nodule, terms.LONG_AXIS) == pytest.approx(12.0, abs=1.5 * SPACING_MM)
    assert number(nodule, terms.VOLUME) == pytest.approx(np.pi / 6 * 12.0**3, rel=0.25)


def test_part_solid_has_a_solid_diameter(measured: Measured) -> None:
    nodule = at(measured, HALO_LEFT[0].center_mm)
    assert nodule.attribute(terms.ATTENUATION_CLASS) == terms.PART_SOLID
    assert number(nodule, terms.LONG_AXIS) == pytest.approx(18.0, abs=SPACING_MM)
    assert number(nodule, terms.SOLID_DIAMETER) == pytest.approx(8.0, abs=SPACING_MM)
    assert number(nodule, terms.VOLUME) == pytest.approx(np.pi / 6 * 18.0**3, rel=0.08)


def test_below_five_mm_is_uncertain_and_not_actionable(measured: Measured) -> None:
    nodule = at(measured, SMALL_LEFT.center_mm)
    assert nodule.presence is Presence.UNCERTAIN
    assert not nodule.actionable


def test_masks_have_the_tracking_uid_and_volume_of_their_finding(measured: Measured) -> None:
    findings_map, anatomy = measured.label_maps
    assert [s.name for s in anatomy.segments] == ["lung_right", "lung_left", "airways"]
    for finding in measured.findings:
        if finding.type not in (terms.NODULE, terms.MASS):
            continue
        segment = findings_map.segment(finding.region.segment)
        assert segment.tracking_uid == finding.tracking_uid
        voxels = float(findings_map.mask(segment.name).sum()) * SPACING_MM**3
        assert voxels == pytest.approx(number(finding, terms.VOLUME), rel=0.2, abs=10.0)


def test_storage_order_changes_no_number(chest: Volume, measured: Measured) -> None:
    turned = chest.permute((2, 0, 1)).flip(0).flip(2)
    again = measure_chest(turned, classifier=BrightMiddle())
    assert again.label_maps[0].geometry == turned.geometry
    assert len(again.findings) == len(measured.findings)
    for one, other in zip(measured.findings, again.findings, strict=True):
        assert one.tracking_uid == other.tracking_uid
        assert (one.type, one.laterality, one.presence) == (other.type, other.laterality, other.presence)
        assert (one.region is None) == (other.region is None)
        if one.region is not None:
            assert np.allclose(one.region.center_mm, other.region.center_mm, atol=1e-4)
        for a, b in zip(one.measurements, other.measurements, strict=True):
            assert a.value == pytest.approx(b.value, rel=1e-6)
    back = again.label_maps[1].flip(2).flip(0).permute((1, 2, 0))
    assert np.array_equal(back.array, measured.label_maps[1].array)


def test_thick_slices_leave_the_class_open() -> None:
    geometry = grid()
    thick = Geometry.from_parts(
        spacing_mm=(3 * SPACING_MM, SPACING_MM, SPACING_MM),
        origin_mm=(-110.0, -87.0, -70.0 + SPACING_MM),
        shape=(37, 140, 177),
    )
    array = render(geometry, (SOLID_RIGHT,))[:111].reshape(37, 3, 140, 177).mean(axis=1)
    volume = volume_of(np.rint(array).astype(np.int16), thick, slice_thickness_mm=3.75)
    measured = measure_chest(volume, classifier=BrightMiddle(), config=FEW)
    nodule = at(measured, SOLID_RIGHT.center_mm)
    assert nodule.attribute(terms.ATTENUATION_CLASS) == terms.NOT_DETERMINED
    assert "thick slices" in nodule.note
    assert number(nodule, terms.LONG_AXIS) == pytest.approx(14.0, abs=SPACING_MM)
    assert number(nodule, terms.VOLUME) == pytest.approx(np.pi / 6 * 14.0**3, rel=0.1)


def test_more_than_thirty_mm_is_a_mass() -> None:
    big = Ball((-50.0, 5.0, 0.0), 36.0, 30.0)
    measured = measure_chest(volume_of(render(grid(), (big,)), grid()), classifier=BrightMiddle(), config=FEW)
    mass = at(measured, big.center_mm)
    assert mass.type == terms.MASS
    assert number(mass, terms.LONG_AXIS) == pytest.approx(36.0, abs=1.0)
    assert number(mass, terms.VOLUME) == pytest.approx(np.pi / 6 * 36.0**3, rel=0.05)


def test_candidates_hold_every_ball_and_are_few(chest: Volume) -> None:
    found = candidates(chest, segment_lungs(chest))
    assert len(found) <= 415
    for ball in BALLS:
        nearest = min(np.linalg.norm(np.subtract(c.center_mm, ball.center_mm)) for c in found)
        assert nearest < 2.5


def test_patch_is_centered_on_its_point_in_any_storage_order(chest: Volume) -> None:
    cube = patches(chest, [SOLID_RIGHT.center_mm])[0, 0]
    # Inside 30 HU, outside -860 HU, on a scale of -1000..400 to 0..1.
    assert cube[13:19, 13:19, 13:19].mean() == pytest.approx(1030 / 1400, abs=0.01)
    assert np.median(cube[2:6, 13:19, 13:19]) == pytest.approx(140 / 1400, abs=0.02)
    bright = np.argwhere(cube[5:27, 5:27, 5:27] > 585 / 1400) + 5
    assert np.allclose(bright.mean(axis=0), 15.5, atol=0.2)
    assert len(bright) == pytest.approx(np.pi / 6 * 14**3, rel=0.05)
    again = patches(chest.flip(1).permute((1, 2, 0)), [SOLID_RIGHT.center_mm])[0, 0]
    assert np.allclose(cube, again, atol=1e-5)


def test_without_weights_there_is_no_probability(chest: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    from tomoscribe.encoders import kept, nodule_net

    def missing(device: str = "cpu") -> None:
        raise WeightsError("no weights named 'nodule-net'")

    monkeypatch.setattr(kept, "_kept", {})  # as in a process that has loaded none yet
    monkeypatch.setattr(nodule_net.NoduleNet, "load", missing)
    with pytest.raises(WeightsError, match="nodule-net"):
        measure_chest(chest)


def test_cancelling_stops_the_work(chest: Volume) -> None:
    seen = []

    def progress(stage: str, fraction: float) -> None:
        seen.append(fraction)
        if fraction > 0.2:
            raise CancelledError("cancelled")

    with pytest.raises(CancelledError):
        measure_chest(chest, classifier=BrightMiddle(), progress=progress)
    assert seen == sorted(seen)


def test_a_block_of_water_is_no_chest() -> None:
    array = np.zeros(grid().shape, np.int16)
    with pytest.raises(UnsupportedError, match="no lungs"):
        measure_chest(volume_of(array, grid()), classifier=BrightMiddle())
    with pytest.raises(UnsupportedError, match="CT in HU"):
        measure_chest(replace(volume_of(array, grid()), modality="MR"), classifier=BrightMiddle())


def test_review_list_is_capped(chest: Volume) -> None:
    class Doubtful(BrightMiddle):
        def probability(self, patches: np.ndarray) -> np.ndarray:
            return np.full(len(patches), 0.4, np.float32)

    measured = measure_chest(chest, classifier=Doubtful(), config=NoduleConfig(review_cap=3, max_outlined=15))
    nodules = [f for f in measured.findings if f.type in (terms.NODULE, terms.MASS)]
    assert len(nodules) == 3
    assert {f.presence for f in nodules} == {Presence.UNCERTAIN}
