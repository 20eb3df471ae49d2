"""The npe2 reader: DICOM folders, zips and files become layers; everything else is left to other readers."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tomoscribe.core.errors import InputError, RefusedSeriesError, TomoscribeError
from tomoscribe.encoders.dicom import SyntheticIdentity, scan, write_series
from tomoscribe.plugin.layers import KEY
from tomoscribe.plugin.reader import get_reader, read_path
from tomoscribe.plugin.work import open_study

IDENTITY = SyntheticIdentity(
    patient_id="PLUGIN-1",
    patient_name="PHANTOM^PLUGIN",
    study_date="2031-05-04",
    birth_date="1970-01-02",
    sex="F",
    age_years=61,
    study_description="CT chest",
)


@pytest.fixture(scope="module")
def folder(case: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The case's CT as DICOM files."""
    place = tmp_path_factory.mktemp("dicom")
    write_series(case.volume, place, identity=IDENTITY)
    return place


def silent(stage: str, fraction: float) -> None:
    """Progress that nobody looks at."""


def test_importing_the_plugin_loads_nothing_heavy() -> None:
    code = (
        "import sys, tomoscribe.plugin;"
        "heavy = {'torch', 'transformers', 'napari', 'qtpy', 'SimpleITK'} & set(sys.modules);"
        "sys.exit(','.join(sorted(heavy)) or 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_manifest_is_valid_and_its_commands_exist() -> None:
    from npe2 import PluginManifest

    manifest = PluginManifest.from_distribution("tomoscribe")
    manifest.validate_imports()
    assert manifest.contributions.widgets[0].display_name == "Tomoscribe"
    assert manifest.contributions.readers[0].accepts_directories
    assert {s.key for s in manifest.contributions.sample_data} == {"chest_ct", "brain_mr"}


def test_a_folder_without_dicom_is_left_to_others(tmp_path: Path) -> None:
    (tmp_path / "picture.tif").write_bytes(b"II*\0" + bytes(200))
    assert get_reader(str(tmp_path)) is None
    assert get_reader(str(tmp_path / "picture.tif")) is None
    assert get_reader(str(tmp_path / "absent")) is None


def test_a_dicom_folder_is_ours_whatever_its_files_are_called(folder: Path, tmp_path: Path) -> None:
    first = next(p for p in sorted(folder.rglob("*")) if p.is_file())
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "IM0001").write_bytes(first.read_bytes())
    assert get_reader(str(tmp_path)) is read_path
    assert get_reader([str(tmp_path / "deep" / "IM0001")]) is read_path


def test_a_folder_becomes_an_image_in_hounsfield_units(folder: Path, case: Any, kit: Any) -> None:
    opened = open_study(folder, silent)
    assert len(opened.layers) == 1
    array, meta, kind = opened.layers[0]
    assert kind == "image"
    assert meta["metadata"][KEY]["series_uid"] == opened.study.series[0].series_uid
    z, y, x = (round(float(v)) for v in case.volume.geometry.to_index(kit.nodule_mm))
    assert array[z, y, x] == 60
    np.testing.assert_allclose(meta["affine"][:3, 3], (-100.0, -45.0, -57.0), atol=1e-4)
    np.testing.assert_allclose(np.diag(meta["affine"])[:3], (2.0, 1.5, 1.8), atol=1e-6)


def test_a_zip_gives_the_same_voxels(folder: Path, case: Any, tmp_path: Path) -> None:
    archive = tmp_path / "study.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in folder.rglob("*"):
            if path.is_file():
                file.write(path, path.name)
    assert get_reader(str(archive)) is read_path
    array = open_study(archive, silent).layers[0][0]
    np.testing.assert_array_equal(array, case.volume.array)


def test_cancelling_while_opening_is_not_an_error_of_the_files(folder: Path) -> None:
    from tomoscribe.core.errors import CancelledError

    def cancelled(stage: str, fraction: float) -> None:
        raise CancelledError("cancelled by the user")

    with pytest.raises(CancelledError):
        open_study(folder, cancelled)


def test_one_slice_is_refused_with_a_remedy(folder: Path, tmp_path: Path) -> None:
    first = next(p for p in sorted(folder.rglob("*")) if p.is_file())
    (tmp_path / "one.dcm").write_bytes(first.read_bytes())
    with pytest.raises(RefusedSeriesError) as caught:
        open_study(tmp_path / "one.dcm", silent)
    assert caught.value.remedy


def test_two_patients_are_not_mixed(folder: Path, case: Any, kit: Any, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for n, patient in enumerate(("PLUGIN-1", "PLUGIN-2")):
        identity = SyntheticIdentity(**{**vars(IDENTITY), "patient_id": patient})
        volume = case.volume if n == 0 else _of_another_study(case.volume, kit)
        write_series(volume, other / str(n), identity=identity)
    assert len(scan(other)) == 2
    with pytest.raises(InputError, match="several patients"):
        open_study(other, silent)


def _of_another_study(volume: Any, kit: Any) -> Any:
    from dataclasses import replace

    depth = volume.geometry.shape[0]
    series = replace(
        volume.series,
        study_uid=kit.uid("study", "2"),
        series_uid=kit.uid("series", "2"),
        instance_uids=tuple(kit.uid("instance", "2", str(k)) for k in range(depth)),
    )
    return replace(volume, series=series)


def test_garbage_with_the_right_name_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(b"no DICOM at all" * 20)
    with pytest.raises(TomoscribeError) as caught:
        open_study(tmp_path, silent)
    assert "\n" not in caught.value.line()
