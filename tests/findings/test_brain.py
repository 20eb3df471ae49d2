"""Volumes of the brain against analytic heads, with masks made by hand in place of the tower's."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tomoscribe.core import Acquisition, Geometry, Presence, SeriesRef, Volume, terms
from tomoscribe.core.errors import UnsupportedError
from tomoscribe.encoders.dicom import load_volume, scan
from tomoscribe.encoders.processor import Processor, ProcessorConfig, grid_points_mm
from tomoscribe.encoders.types import SoftMasks
from tomoscribe.findings.brain import measure_brain, plausible, tissue
from tomoscribe.findings.brain.lesions import find_lesions
from tomoscribe.findings.brain.skull import cranium

SKULL_MM, BRAIN_MM, CORTEX_MM, VENTRICLE_MM = 68.0, 64.0, 3.0, 14.0
LESIONS = ((30.0, 5.0, 10.0, 5.0), (-28.0, -8.0, 12.0, 4.0), (25.0, -20.0, -6.0, 3.0))
"""x, y, z and radius, mm."""
SCALP = 180.0
SIGNALS = {"T1": (40.0, 110.0, 150.0, 100.0), "FLAIR": (15.0, 180.0, 140.0, 330.0)}
"""Fluid, gray, white, lesion."""


def sphere_ml(radius_mm: float) -> float:
    return 4 / 3 * np.pi * radius_mm**3 / 1000.0


def ball(
    points: NDArray[np.float64], radius: float, center: tuple[float, ...] = (0.0, 0.0, 0.0)
) -> NDArray[np.float64]:
    """Share of the voxel inside, one voxel of partial volume (1 mm)."""
    return np.clip(radius - np.linalg.norm(points - center, axis=-1) + 0.5, 0.0, 1.0)


@dataclass(frozen=True)
class Head:
    volume: Volume
    masks: SoftMasks


def head(name: str, *, bias: float = 0.0, noise: float = 0.0, grid: Geometry | None = None) -> Head:
    """Shells of fluid, cortex and white matter around a spherical ventricle, in air."""
    fluid, gray, white, lesion = SIGNALS[name]
    geometry = grid or Geometry.from_parts(
        spacing_mm=(1.5, 1, 1), origin_mm=(-89.5, -89.5, -89.5), shape=(120, 180, 180)
    )
    points = grid_points_mm(geometry).reshape(*geometry.shape, 3)
    scalp = ball(points, SKULL_MM + 12.0) - ball(points, SKULL_MM + 3.0)
    image = fluid * ball(points, SKULL_MM) + SCALP * scalp
    for share, value in (
        (ball(points, BRAIN_MM), gray),
        (ball(points, BRAIN_MM - CORTEX_MM), white),
        (ball(points, VENTRICLE_MM), fluid),
        *((ball(points, r, (x, y, z)), lesion) for x, y, z, r in LESIONS),
    ):
        image = image * (1 - share) + value * share
    image = image * np.exp(bias * points[..., 1] / 70.0)
    image = image + noise * np.random.default_rng(0).standard_normal(image.shape)
    ref = SeriesRef(
        study_uid="1.2",
        series_uid=f"1.2.{len(name)}",
        series_number=1,
        description=None,
        instance_uids=(),
        instance_numbers=(),
    )
    volume = Volume(
        array=np.maximum(image, 0).astype(np.float32),
        geometry=geometry,
        modality="MR",
        value_unit="arbitrary",
        series=ref,
        acquisition=Acquisition(sequence=name),
    )
    return Head(volume=volume, masks=masks_on(Processor(ProcessorConfig(modality="MR", spacing_mm=3.0)).grid(geometry)))


def masks_on(model: Geometry) -> SoftMasks:
    """What a good tower would say, on its 3 mm grid: soft borders of one voxel."""
    points = grid_points_mm(model).reshape(*model.shape, 3)

    def soft(radius: float, center: tuple[float, ...] = (0.0, 0.0, 0.0)) -> NDArray[np.float64]:
        return np.clip((radius - np.linalg.norm(points - center, axis=-1)) / 3.0 + 0.5, 0.0, 1.0)

    ventricles, inner, skull = soft(VENTRICLE_MM), soft(BRAIN_MM), soft(SKULL_MM)
    lesions = sum(soft(r, (x, y, z)) for x, y, z, r in LESIONS)
    brain = np.clip(inner - ventricles - lesions, 0, 1)
    rows = (brain, ventricles, np.clip(skull - inner, 0, 1), lesions, np.zeros(model.shape))
    return SoftMasks(
        names=("brain", "ventricles", "csf", "lesions", "mass"),
        probabilities=np.stack(rows).astype(np.float32),
        geometry=model,
    )


class FixedTower:
    """Stands in for the trained tower: hands out the masks made by hand."""

    weights_sha256 = "0" * 64

    def __init__(self, masks: dict[str, SoftMasks]) -> None:
        self.masks = masks

    def encode(self, volumes: object) -> FixedTower:
        return self


def test_brain_and_ventricles_of_a_spherical_head_with_bias_and_noise() -> None:
    one = head("T1", bias=0.15, noise=4.0)
    native = tissue.flattened(tissue.to_native(one.volume, one.masks), white_is_brighter=True)
    levels = tissue.levels_of(native, white_is_brighter=True)
    assert levels.white / levels.gray == pytest.approx(150 / 110, rel=0.04)
    assert levels.fluid / levels.white == pytest.approx(40 / 150, rel=0.1)
    found = tissue.tissues(native, levels, cranium(native, levels))
    assert found.intracranial_ml == pytest.approx(sphere_ml(SKULL_MM), rel=0.02)
    assert found.ventricles_ml == pytest.approx(sphere_ml(VENTRICLE_MM), rel=0.03)
    assert found.brain_ml == pytest.approx(sphere_ml(BRAIN_MM) - sphere_ml(VENTRICLE_MM), rel=0.02)


def test_lesions_are_counted_and_measured_on_flair() -> None:
    one = head("FLAIR", noise=4.0)
    native = tissue.flattened(tissue.to_native(one.volume, one.masks), white_is_brighter=False)
    levels = tissue.levels_of(native, white_is_brighter=False)
    found = find_lesions(native, white=levels.white, gray=levels.gray)
    assert len(found.lesions) == 3
    assert found.volume_ml == pytest.approx(sum(sphere_ml(r) for *_, r in LESIONS), rel=0.05)
    x, y, z, _ = LESIONS[0]
    assert found.lesions[0].center_mm == pytest.approx((x, y, z), abs=0.3)


def test_a_share_near_a_level_is_that_level() -> None:
    assert tissue.share_of(np.array([-0.3, 0.1, 0.5, 0.9, 1.4])).tolist() == [0.0, 0.0, 0.5, 1.0, 1.0]


def measured(**volumes: Head) -> dict[str, object]:
    tower = FixedTower({name: one.masks for name, one in volumes.items()})
    result = measure_brain({name: one.volume for name, one in volumes.items()}, tower=tower)  # type: ignore[arg-type]
    return {"result": result, "by_site": {f.site: f for f in result.findings}}


def test_findings_name_their_masks_and_the_masks_hold_the_volumes() -> None:
    result = measured(T1=head("T1"), FLAIR=head("FLAIR"))
    found, maps = result["by_site"], {m.name: m for m in result["result"].label_maps}  # type: ignore[attr-defined]
    ventricles = found[terms.VENTRICLES]  # type: ignore[index]
    volume = ventricles.measurement(terms.VOLUME).value
    assert volume == pytest.approx(sphere_ml(VENTRICLE_MM), rel=0.02)
    mask = maps["anatomy"].mask("ventricles")
    assert mask.sum() * maps["anatomy"].geometry.voxel_volume_mm3 / 1000 == pytest.approx(volume, rel=0.03)
    assert ventricles.region.center_mm == pytest.approx((0, 0, 0), abs=0.3)
    icv = found[terms.INTRACRANIAL].measurement(terms.VOLUME).value  # type: ignore[index]
    assert icv == pytest.approx(sphere_ml(SKULL_MM), rel=0.02)
    lesions = found[terms.CEREBRAL_WHITE_MATTER]  # type: ignore[index]
    assert lesions.measurement(terms.COUNT).value == 3
    assert lesions.laterality == "bilateral"


def test_storage_order_changes_no_volume() -> None:
    straight = head("T1")
    turned = Head(volume=straight.volume.flip(1).permute((2, 0, 1)), masks=straight.masks)
    values = [
        [f.measurements[0].value for f in measured(T1=one)["result"].findings if f.measurements]  # type: ignore[attr-defined]
        for one in (straight, turned)
    ]
    assert values[0] == pytest.approx(values[1], rel=1e-4)


def test_without_flair_lesions_are_not_assessed() -> None:
    found = measured(T1=head("T1"))["by_site"][terms.CEREBRAL_WHITE_MATTER]  # type: ignore[index]
    assert found.presence is Presence.NOT_ASSESSED
    assert "FLAIR" in found.note


@pytest.mark.parametrize(
    ("icv", "brain", "ventricles", "words"),
    [
        (700.0, 600.0, 20.0, "intracranial"),
        (2300.0, 1500.0, 20.0, "intracranial"),
        (1400.0, 500.0, 20.0, "brain tissue"),
        (1400.0, 1100.0, 1.0, "ventricles"),
    ],
)
def test_implausible_volumes_are_objected_to(icv: float, brain: float, ventricles: float, words: str) -> None:
    sizes = plausible.Volumes(intracranial_ml=icv, brain_ml=brain, ventricles_ml=ventricles)
    assert words in str(plausible.objection(sizes))
    good = plausible.Volumes(intracranial_ml=1400.0, brain_ml=1150.0, ventricles_ml=25.0)
    assert plausible.objection(good) is None


def test_a_scan_that_ends_in_the_brain_gives_notes_instead_of_numbers() -> None:
    whole = head("T1")
    part = whole.volume.crop((0, 0, 0), (66, 180, 180))
    masks = masks_on(Processor(ProcessorConfig(modality="MR", spacing_mm=3.0)).grid(part.geometry))
    result = measured(T1=Head(volume=part, masks=masks))["result"]
    organs = [f for f in result.findings if f.type == terms.ORGAN_MEASUREMENT]  # type: ignore[attr-defined]
    assert {f.presence for f in organs} == {Presence.NOT_ASSESSED}
    assert all(not f.measurements for f in organs)


def test_a_skull_stripped_head_gives_notes_instead_of_numbers() -> None:
    whole = head("T1")
    points = grid_points_mm(whole.volume.geometry).reshape(*whole.volume.geometry.shape, 3)
    bare = whole.volume.with_array(np.where(np.linalg.norm(points, axis=-1) < SKULL_MM, whole.volume.array, 0.0))
    result = measured(T1=Head(volume=bare, masks=whole.masks))["result"]
    assert "skull" in result.findings[0].note  # type: ignore[attr-defined]
    assert not result.label_maps  # type: ignore[attr-defined]


def test_the_sample_study_is_measured_near_its_truth() -> None:
    """Tower, skull, partial volumes together."""
    root = Path(__file__).resolve().parents[2] / "sample_data" / "brain_mr"
    truth = json.loads((root / "truth.json").read_text())["truth"]
    volumes = {}
    for study in scan(root):
        for series in study.readable:
            volume = load_volume(study, series)
            volumes[str(volume.acquisition.sequence)] = volume
    found = {f.site: f.measurement(terms.VOLUME).value for f in measure_brain(volumes).findings}  # type: ignore[union-attr]
    assert found[terms.INTRACRANIAL] == pytest.approx(truth["intracranial_ml"], rel=0.03)
    assert found[terms.BRAIN] == pytest.approx(truth["brain_ml"], rel=0.03)
    assert found[terms.VENTRICLES] == pytest.approx(truth["ventricles_ml"], rel=0.03)
    assert found[terms.CEREBRAL_WHITE_MATTER] == pytest.approx(truth["lesion_ml"], rel=0.03)


def test_other_sequences_are_refused() -> None:
    with pytest.raises(UnsupportedError, match=r"expected a T1 or FLAIR MR of the head, found T2 \(MR\)"):
        measure_brain({"T2": head("T1").volume})
