"""Splits by patient, and test patients that hide in training: by key, by UID, by voxels, by nearly equal voxels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.factories import phantom
from tomoscribe.core import Geometry, Volume
from tomoscribe.core.errors import ConfigError
from tomoscribe.phantoms import chest_case
from tomoscribe.validation.datasets import LeakKind, find_leaks, split_by_patient
from tomoscribe.validation.datasets.prints import NEAR, likeness, print_of
from tomoscribe.validation.records import Case


def case(name: str, *, patient: str | None = None, volume: Volume | None = None, **known: object) -> Case:
    made = Case(dataset="tiny", case_id=name, patient_key=patient or f"key {name}", **known)  # type: ignore[arg-type]
    return replace(made, image_print=print_of(volume)) if volume is not None else made


@pytest.fixture(scope="module")
def chests() -> list[Volume]:
    return [chest_case(seed).volumes["CT"] for seed in (5000, 5001, 5003)]


def resaved(volume: Volume, how: str) -> Volume:
    """A copy as people make them."""
    if how == "stored in another order":
        return volume.flip(0).flip(2).permute((2, 0, 1))
    if how == "as floating point with noise":
        noise = np.random.default_rng(0).normal(0, 10, volume.array.shape)
        return volume.with_array((volume.array + noise).astype(np.float32))
    if how == "in a lung window of 8 bits":
        return volume.with_array(np.rint((np.clip(volume.array, -1350, 150) + 1350) / 1500 * 255).astype(np.int16))
    if how == "scaled to 0 to 1":
        return volume.with_array(((np.clip(volume.array, -1000, 1000) + 1000) / 2000).astype(np.float32))
    grid = volume.geometry
    spacing = grid.spacing_mm * np.array([2, 1, 1])
    half = volume.array[::2]
    coarser = Geometry.from_parts(
        spacing_mm=spacing, origin_mm=grid.origin_mm, shape=half.shape, direction=grid.direction
    )
    return replace(volume, array=half, geometry=coarser)


def test_the_same_voxels_have_one_print_in_any_order_and_type() -> None:
    volume = phantom()
    assert print_of(volume.flip(1).permute((1, 2, 0))) == print_of(volume)
    assert print_of(volume.with_array(volume.array.astype(np.float32))).sha256 == print_of(volume).sha256
    moved = volume.array.copy()
    moved[3, 3, 3] += 1
    assert print_of(volume.with_array(moved)).sha256 != print_of(volume).sha256


@pytest.mark.parametrize(
    "how",
    [
        "stored in another order",
        "as floating point with noise",
        "in a lung window of 8 bits",
        "scaled to 0 to 1",
        "every second slice",
    ],
)
def test_copies_are_alike_and_strangers_are_not(chests: list[Volume], how: str) -> None:
    first = print_of(chests[0])
    assert likeness(first, print_of(resaved(chests[0], how))) > NEAR
    assert max(likeness(first, print_of(resaved(c, how))) for c in chests[1:]) < NEAR


def test_a_hidden_patient_is_found_in_each_of_five_ways(chests: list[Volume]) -> None:
    report = "A solid nodule of 14 x 11 mm in the left lower lobe, mean diameter 13 mm, series 3, image 45."
    train = [
        case("patient", patient="p1"),
        case("uid", uids=("1.2.3",)),
        case("voxels", volume=chests[0]),
        case("near", volume=chests[1]),
        case("report", report=report),
    ]
    test = [
        case("t-patient", patient="p1"),
        case("t-uid", uids=("9.9", "1.2.3")),
        case("t-voxels", volume=resaved(chests[0], "stored in another order")),
        case("t-near", volume=resaved(chests[1], "in a lung window of 8 bits")),
        case("t-report", report=report.upper().replace(",", " ,")),
        case("t-none", volume=chests[2], report="No nodule."),
    ]
    leaks = {leak.test_case: (leak.train_case, leak.kind) for leak in find_leaks(train, test)}
    assert leaks == {
        "t-patient": ("patient", LeakKind.PATIENT),
        "t-uid": ("uid", LeakKind.UID),
        "t-voxels": ("voxels", LeakKind.VOXELS),
        "t-near": ("near", LeakKind.NEAR_VOXELS),
        "t-report": ("report", LeakKind.REPORT),
    }


def test_short_and_normal_reports_are_no_leak() -> None:
    normal = "The lungs are clear. No pleural effusion. The heart is not enlarged. No nodule. No emphysema seen."
    assert find_leaks([case("a", report=normal)], [case("b", report=normal)]) == ()


def test_a_patient_stays_on_one_side_however_the_set_grows() -> None:
    cases = [case(f"{n}-{scan}", patient=f"p{n}") for n in range(400) for scan in range(2)]
    split = split_by_patient(cases, seed=1)
    sides: dict[str, set[str]] = {}
    for one in split:
        sides.setdefault(one.patient_key, set()).add(one.split)
    assert all(len(s) == 1 for s in sides.values())
    shares = [sum(s == {name} for s in sides.values()) / 400 for name in ("train", "validation", "test")]
    assert shares == pytest.approx([0.7, 0.1, 0.2], abs=0.06)
    fewer = {c.case_id: c.split for c in split_by_patient(cases[:100], seed=1)}
    assert fewer.items() <= {c.case_id: c.split for c in split}.items()
    assert find_leaks([c for c in split if c.split == "train"], [c for c in split if c.split == "test"]) == ()


def test_given_splits_are_kept_and_the_patients_other_scans_follow() -> None:
    given = [case("a", patient="p", split="test"), case("b", patient="p")]
    assert [c.split for c in split_by_patient(given)] == ["test", "test"]
    with pytest.raises(ConfigError, match="add up to 1"):
        split_by_patient(given, shares=(0.5, 0.1, 0.1))


@pytest.mark.real
def test_four_real_chests_are_strangers_and_their_copies_are_not(shared_data: Path) -> None:
    from tomoscribe.encoders.dicom import load_volume, scan

    names = ("lidc/LIDC-IDRI-0001", "lidc/LIDC-IDRI-0003", "chest_more/lungdx_A0001")
    pairs = [next((s, e) for s in scan(shared_data / n) for e in s.readable if e.modality == "CT") for n in names]
    volumes = [load_volume(study, series) for study, series in pairs]
    prints = [print_of(v) for v in volumes]
    assert max(likeness(prints[a], prints[b]) for a in range(3) for b in range(a)) < 0.9
    copy = resaved(volumes[2], "in a lung window of 8 bits")
    assert likeness(prints[2], print_of(copy)) > NEAR
