"""Adapters on tiny copies of the layouts they are for: cases, truth, splits, and everything that was left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.factories import phantom
from tests.validation import layouts
from tomoscribe.core.errors import InputError
from tomoscribe.validation.datasets import NAMES, Opened, detect, load_case, open_dataset, read_mask, verify
from tomoscribe.validation.records import Case, TruthMask


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every layout once."""
    return {name: maker(tmp_path_factory.mktemp(name)) for name, maker in layouts.MAKERS.items()}


def opened(made: dict[str, Path], name: str) -> Opened:
    return open_dataset("auto", made[name])


def case(found: Opened, name: str) -> Case:
    return next(c for c in found.cases if c.case_id == name)


def test_every_adapter_has_a_tiny_copy_and_each_is_recognized_as_itself(made: dict[str, Path]) -> None:
    assert set(made) == set(NAMES)
    assert {name: detect(folder) for name, folder in made.items()} == {name: name for name in NAMES}


@pytest.mark.parametrize("name", sorted(layouts.MAKERS))
def test_every_image_of_every_layout_lies_where_it_was_written(made: dict[str, Path], name: str) -> None:
    for found in opened(made, name).cases:
        for volume in load_case(found).values():
            assert volume.array.shape == layouts.SHAPE
            assert volume.geometry.orientation == "HPL"
            assert volume.geometry.spacing_mm[0] == pytest.approx(2.5)
            # air at the corner, whatever the offset: nothing was flipped into the body
            assert volume.array[0, 0, 0] < np.median(volume.array[:, 10:14, 8:12])


def test_ct_rate_by_patient_scan_and_reconstruction(made: dict[str, Path]) -> None:
    found = opened(made, "ct-rate")
    assert [c.case_id for c in found.cases] == [
        "train_1_a_1", "train_1_a_2", "train_1_b_1", "train_2_a_1", "valid_1_a_1"
    ]  # fmt: skip
    first = case(found, "train_1_a_1")
    assert first.patient_key == case(found, "train_1_b_1").patient_key != case(found, "train_2_a_1").patient_key
    assert (first.split, case(found, "valid_1_a_1").split) == ("train", "validation")
    assert len(first.labels) == 18
    # 11 characters: class c is true where (c + 11) is a multiple of 3
    assert [n for n, key in enumerate(layouts.CT_RATE) if first.labels[key]] == [1, 4, 7, 10, 13, 16]
    assert first.report == "A 7 mm nodule in train_1_a_1.\nNodule."
    assert first.strata.groups()["kernel"] == "Br40f"
    assert (first.strata.sex, first.strata.age_years, first.strata.slice_thickness_mm) == ("F", 58.0, 1.5)
    volume = load_case(first)["CT"]
    assert np.array_equal(volume.array, layouts.hu(0))
    # to the right and to the front in RAS are negative in LPS
    assert volume.geometry.origin_mm == pytest.approx([-30.0, -40.0, -100.0])


def test_a_volume_that_was_rescaled_twice_is_found_by_its_tissues_and_told(made: dict[str, Path]) -> None:
    found = verify(opened(made, "ct-rate"))
    assert "train_2_a_1" not in {c.case_id for c in found.cases}
    told = [e for e in found.excluded if e.where == "train_2_a_1"]
    assert [e.what for e in told] == ["volume not in Hounsfield units"]
    assert "rescaled twice" in told[0].why
    assert "air at about -20" in told[0].why
    assert all(c.image_print is not None for c in found.cases)


def test_radgenome_joins_regions_and_reads_both_spellings_of_a_name(made: dict[str, Path]) -> None:
    found = opened(made, "radgenome")
    first = case(found, "train_1a_1")
    assert first.report == "lung: A nodule.\nheart: Normal heart.\nSee above."
    assert [m.name for m in first.masks] == ["lung"]
    assert case(found, "valid_3a_1").report == "lung: Clear lungs."
    assert case(found, "valid_3a_1").split == "validation"
    assert found.counts() == {"report without images": 1}
    assert first.patient_key == case(opened(made, "ct-rate"), "train_1_a_1").patient_key


def test_merlin_takes_what_is_not_known_for_no_label(made: dict[str, Path]) -> None:
    found = opened(made, "merlin")
    assert case(found, "AC42a").labels == {"renal_cyst": True, "fracture": False}
    assert case(found, "AC42b").labels == {"renal_cyst": False, "ascites": True}
    assert [c.split for c in found.cases] == ["train", "test"]
    assert case(found, "AC42a").report == "Liver: a cyst in AC42a."
    assert found.counts() == {"report without images": 1}


def test_msd_reads_channels_and_names_what_the_index_promises_in_vain(made: dict[str, Path]) -> None:
    found = opened(made, "msd")
    volumes = load_case(case(found, "BRATS_001"))
    assert sorted(volumes) == ["FLAIR", "T1"]
    assert volumes["FLAIR"].modality == "MR"
    assert np.array_equal(volumes["T1"].array, 2 * volumes["FLAIR"].array)
    mask = read_mask(case(found, "BRATS_001").masks[0], volumes["T1"].geometry)
    assert np.array_equal(mask, layouts.hu(0) > 0)
    assert found.counts() == {"image that the index names and nobody can read": 1, "image without a mask": 1}


def test_brats_in_old_and_new_names(made: dict[str, Path]) -> None:
    found = opened(made, "brats")
    old, new, later = (case(found, n) for n in ("BraTS2021_00003", "BraTS-GLI-00005-000", "BraTS-GLI-00005-001"))
    assert sorted(old.images) == sorted(new.images) == ["FLAIR", "T1", "T1c", "T2"]
    assert new.patient_key == later.patient_key != old.patient_key
    enhancing = {c.case_id: next(m for m in c.masks if m.name == "enhancing tumor") for c in (old, new)}
    assert [m.value for m in enhancing.values()] == [4, 3]
    geometry = load_case(new)["T1"].geometry
    assert read_mask(enhancing["BraTS-GLI-00005-000"], geometry).sum() == 4
    assert found.counts() == {"missing sequence": 1}


def test_totalsegmentator_reads_its_table_with_semicolons_and_a_mark(made: dict[str, Path]) -> None:
    found = opened(made, "totalsegmentator")
    first, second = found.cases
    assert (first.split, first.strata.sex, first.strata.age_years) == ("train", "M", 61.0)
    assert (second.split, second.strata.age_years, second.strata.groups()["age"]) == ("validation", None, "unknown")
    assert [m.name for m in first.masks] == ["liver", "lung_upper_lobe_left"]
    assert found.counts() == {"row without images": 1}


def test_bids_sessions_runs_and_segmentations(made: dict[str, Path]) -> None:
    found = opened(made, "bids")
    assert [c.case_id for c in found.cases] == ["sub-01_ses-1", "sub-01_ses-2", "sub-02"]
    first = found.cases[0]
    assert first.patient_key == found.cases[1].patient_key != found.cases[2].patient_key
    assert (first.strata.sex, first.strata.age_years, first.strata.manufacturer) == ("F", 34.0, "Philips")
    assert [(m.name, m.value) for m in first.masks] == [("lesion", 2)]
    assert np.array_equal(read_mask(first.masks[0], load_case(first)["T1"].geometry), layouts.hu(1) < -600)
    assert found.counts() == {"further run": 1, "row without images": 1}


def test_luna16_coordinates_are_lps_and_excluded_findings_count_for_nothing(made: dict[str, Path]) -> None:
    found = opened(made, "luna16")
    (only,) = found.cases
    assert only.nodules is not None
    relevant, excluded = only.nodules
    assert only.labels == {"nodule": True}
    assert (relevant.center_mm, relevant.diameter_mm, relevant.relevant) == ((-12.5, -21.0, -285.0), 6.5, True)
    assert (excluded.diameter_mm, excluded.relevant) == (10.0, False)
    # (k, j, i) = (6, 12, 10) of the image
    assert load_case(only)["CT"].geometry.to_index(relevant.center_mm) == pytest.approx([6, 12, 10])
    assert found.counts() == {"annotations without images": 1}


def test_lidc_outlines_become_a_nodule_in_millimeters(made: dict[str, Path]) -> None:
    found = opened(made, "lidc")
    (only,) = found.cases
    assert only.nodules is not None
    nodule = only.nodules[0]
    assert (nodule.num_readers, nodule.relevant) == (4, True)
    assert only.labels == {"nodule": True}
    # at least two of four readers: 3 x 3 pixels on two slices, each 0.75 x 0.625 x 2.5 mm
    assert nodule.volume_mm3 == pytest.approx(18 * 0.75 * 0.625 * 2.5)
    geometry = load_case(only)["CT"].geometry
    k, j, i = layouts.LIDC_NODULE
    assert geometry.to_index(nodule.center_mm) == pytest.approx([k + 0.5, j, i])
    # pixel centers of the 3 x 3 square, corner to corner
    assert nodule.long_axis_mm == pytest.approx(float(np.hypot(2 * 0.75, 2 * 0.625)))
    assert [n.relevant for n in only.nodules[1:]] == [False] * 4
    assert sorted(n.diameter_mm for n in only.nodules[1:]) == [3.0, 10.0, 10.0, 10.0]


def test_a_sites_folder_with_reports_in_other_encodings(made: dict[str, Path]) -> None:
    found = opened(made, "site")
    first, second, third = (case(found, phantom(name=n).series.study_uid) for n in "abc")
    assert first.report == "A 7 mm nodule in the right upper lobe."
    assert first.labels == {"nodule": True, "emphysema": False}
    assert (second.report, second.language) == ("右肺上叶见7毫米结节。", "zh")
    assert third.report is None
    assert len({c.patient_key for c in found.cases}) == 3
    assert (first.strata.sex, first.strata.kernel) == ("F", "B30f")
    assert found.counts() == {
        "unknown column": 1, "images without report": 1, "report without images": 1, "labels without images": 1
    }  # fmt: skip
    assert found.warnings == ("reports were read as gb18030",)


@pytest.mark.real
def test_real_lidc_patients_against_their_truth(shared_data: Path) -> None:
    import json

    folder = shared_data / "lidc"
    truth = json.loads((folder / "truth" / "nodules.json").read_text())
    found = open_dataset("auto", folder)
    assert found.name == "lidc"
    assert found.excluded == ()
    axes = {23.4: (31.1, 24.9), 21.84: (30.2, 21.9), 9.43: (11.7, 7.6), 13.13: (13.5, 12.7), 20.14: (29.9, 21.7)}
    for name, expected in truth.items():
        one = next(c for c in found.cases if c.case_id.startswith(name))
        assert expected["series_uid"] in one.uids
        assert one.nodules is not None
        drawn = [n for n in one.nodules if n.volume_mm3 is not None]
        assert len(drawn) == len(expected["nodules"])
        for row in expected["nodules"]:
            nodule = min(
                drawn, key=lambda n: float(np.linalg.norm(np.subtract(n.center_mm, row["center_world_mm_lps"])))
            )
            assert nodule.center_mm == pytest.approx(row["center_world_mm_lps"], abs=0.05)
            assert nodule.num_readers == row["readers"]
            assert nodule.volume_mm3 == pytest.approx(row["volume_mm3"], rel=1e-3)
            assert (nodule.long_axis_mm, nodule.short_axis_mm) == pytest.approx(
                axes[row["equiv_diameter_mm"]], abs=0.06
            )
        mask = TruthMask(name="nodules", path=folder / "truth" / f"{name}_nodules_consensus.nii.gz")
        volume = load_case(one)["CT"]
        assert read_mask(mask, volume.geometry).sum() > 0
        inside = volume.geometry.to_index([n.center_mm for n in drawn]).round().astype(int)
        assert read_mask(mask, volume.geometry)[tuple(inside.T)].sum() >= len(drawn) - 1


def test_no_folder_an_unknown_name_and_an_unknown_layout_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a folder"):
        open_dataset("auto", tmp_path / "nowhere")
    with pytest.raises(InputError, match="found 'kitti'"):
        open_dataset("kitti", tmp_path)
    with pytest.raises(InputError, match="layout of a known data set"):
        open_dataset("auto", tmp_path)
    with pytest.raises(InputError, match="at least one usable case of 'luna16', found 2 x missing table"):
        open_dataset("luna16", tmp_path)
