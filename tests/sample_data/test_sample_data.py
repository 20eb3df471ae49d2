"""The committed sample studies: size, readability, and truth against voxels."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tomoscribe import sample_data
from tomoscribe.core import Volume
from tomoscribe.encoders.dicom import load_volume, scan
from tomoscribe.phantoms.brain.params import TRAINING as BRAIN_TRAINING
from tomoscribe.phantoms.chest.params import TRAINING as CHEST_TRAINING
from tomoscribe.sample_data import brain, chest
from tomoscribe.sample_data.generate import main


def _truth(name: str) -> dict:
    return json.loads((sample_data.path(name) / "truth.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def ct() -> Volume:
    (study,) = scan(sample_data.path("chest_ct"))
    (series,) = study.readable
    assert study.age_years == 64
    return load_volume(study, series)


@pytest.fixture(scope="module")
def mr() -> dict[str, Volume]:
    (study,) = scan(sample_data.path("brain_mr"))
    volumes = [load_volume(study, series) for series in study.readable]
    return {volume.acquisition.sequence or "": volume for volume in volumes}


def test_names_and_paths() -> None:
    assert sample_data.names() == ("brain_mr", "chest_ct")
    assert sample_data.path("chest_ct").name == "chest_ct"
    with pytest.raises(KeyError, match="no sample study 'knee'"):
        sample_data.path("knee")


def test_package_needs_the_standard_library_only() -> None:
    code = "import sys, tomoscribe.sample_data as s; s.names(); sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_all_files_together_are_at_most_eight_megabytes() -> None:
    total = sum(p.stat().st_size for name in sample_data.names() for p in sample_data.path(name).rglob("*.*"))
    assert total <= 8_000_000


@pytest.mark.parametrize(("module", "training"), [(chest, CHEST_TRAINING), (brain, BRAIN_TRAINING)])
def test_sample_lies_outside_of_what_is_trained_on(module, training) -> None:
    assert module.SEED >= 9_000_000
    assert len(module.OUTSIDE) >= 3
    for name in module.OUTSIDE:
        (low, high), (first, last) = getattr(module.SAMPLE, name), getattr(training, name)
        assert high < first or low > last, name


def test_every_nodule_is_where_the_truth_says(ct: Volume) -> None:
    truth = _truth("chest_ct")["truth"]
    assert sorted(n["attenuation"] for n in truth["nodules"]) == [
        "ground_glass",
        "part_solid",
        "solid",
        "solid",
        "solid",
    ]
    assert {n["side"] for n in truth["nodules"]} == {"left", "right"}
    for nodule in truth["nodules"]:
        assert nodule["long_axis_mm"] >= 5
        assert (nodule["center_mm"][0] > 0) == (nodule["side"] == "left")
        k, j, i = np.rint(ct.geometry.to_index(nodule["center_mm"])).astype(int)
        value = float(ct.array[k, j, i])
        assert abs(value - (-610 if nodule["attenuation"] == "ground_glass" else 38)) < 60, nodule


def test_mimics_are_there_and_the_granuloma_is_below_the_reporting_size(ct: Volume) -> None:
    mimics = {m["kind"]: m for m in _truth("chest_ct")["truth"]["mimics"]}
    assert set(mimics) == {"granuloma", "scar", "vessel_crossing", "pleural_plaque", "lymph_node"}
    assert mimics["granuloma"]["size_mm"] < 5
    k, j, i = np.rint(ct.geometry.to_index(mimics["granuloma"]["center_mm"])).astype(int)
    assert ct.array[k - 1 : k + 2, j - 1 : j + 2, i - 1 : i + 2].max() > 200


def test_scanner_facts(ct: Volume) -> None:
    assert ct.geometry.spacing_mm.tolist() == pytest.approx([1.25, 1.3, 1.3])
    assert ct.acquisition.kvp == 120
    assert ct.acquisition.kernel == "STANDARD"
    assert not ct.acquisition.contrast
    assert 8 <= _truth("chest_ct")["truth"]["laa950_total_percent"] <= 12


def test_head_series_show_the_lesions(mr: dict[str, Volume]) -> None:
    assert set(mr) == {"T1", "FLAIR"}
    assert mr["T1"].series.study_uid == mr["FLAIR"].series.study_uid
    assert mr["T1"].geometry.frame_of_reference_uid == mr["FLAIR"].geometry.frame_of_reference_uid
    flair = mr["FLAIR"]
    ordinary = np.median(flair.array[flair.array > 100])
    large = [n for n in _truth("brain_mr")["truth"]["lesions"] if n["volume_mm3"] > 300]
    assert large
    for lesion in large:
        k, j, i = np.rint(flair.geometry.to_index(lesion["center_mm"])).astype(int)
        assert flair.array[k, j - 1 : j + 2, i - 1 : i + 2].max() > 1.3 * ordinary


def test_generator_refuses_a_folder_that_holds_something(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "keep.txt").write_text("mine", encoding="utf-8")
    assert main([str(tmp_path)]) == 5
    assert "expected an empty folder" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["keep.txt"]
    assert main([]) == 2


@pytest.mark.slow
def test_committed_studies_are_what_the_generator_makes(ct: Volume, mr: dict[str, Volume]) -> None:
    volume, truth = chest.chest_study()
    assert np.mean(np.abs(volume.array.astype(int) - ct.array) > 1) < 1e-3
    stored = _truth("chest_ct")["truth"]
    assert truth.laa950_total_percent == pytest.approx(stored["laa950_total_percent"], abs=0.05)
    for nodule, entry in zip(truth.nodules, stored["nodules"], strict=True):
        assert nodule.center_mm == pytest.approx(entry["center_mm"], abs=0.01)
    volumes, brain_truth = brain.brain_study()
    for name, again in volumes.items():
        assert np.mean(np.abs(again.array.astype(int) - mr[name].array) > 1) < 1e-3
    assert brain_truth.intracranial_ml == pytest.approx(_truth("brain_mr")["truth"]["intracranial_ml"], rel=1e-3)
