"""Small generated series with known voxels, and ways to break them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, settings
from pydicom.dataset import Dataset

from tomoscribe.core import Acquisition, Geometry, SeriesRef, Volume
from tomoscribe.core.uids import derive_uid
from tomoscribe.encoders.dicom import SyntheticIdentity, write_series

settings.register_profile(
    "steady", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("steady")

AXES = {
    "axial": ((0, 0, 1), (0, 1, 0), (1, 0, 0)),
    "coronal": ((0, 1, 0), (0, 0, -1), (1, 0, 0)),
    "sagittal": ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
    "flipped": ((0, 0, -1), (0, -1, 0), (-1, 0, 0)),
    "left-handed": ((0, 0, -1), (0, 1, 0), (1, 0, 0)),
}


def direction(name: str) -> np.ndarray:
    """Columns k, j, i; ``oblique`` turns the axial axes about all three world axes."""
    if name != "oblique":
        return np.array(AXES[name], float).T
    c, s = np.cos(0.3), np.sin(0.3)
    about_x = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    about_z = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    return about_z @ about_x @ np.array(AXES["axial"], float).T


@pytest.fixture
def make_volume() -> Callable[..., Volume]:
    """A volume whose voxel values differ everywhere: HU = 100 k + 10 j + i - 1000 (CT), without the 1000 for MR."""

    def make(
        orientation: str = "axial", *, modality: str = "CT", shape=(6, 5, 7), name: str = "a", **acquired
    ) -> Volume:
        k, j, i = np.indices(shape)
        array = (100 * k + 10 * j + i).astype(np.int16) - (1000 if modality == "CT" else 0)
        geometry = Geometry.from_parts(
            spacing_mm=(2.5, 0.75, 0.625),
            origin_mm=(-12.345678, 23.456789, -301.5),
            shape=shape,
            direction=direction(orientation),
            frame_of_reference_uid=derive_uid("frame", name),
        )
        acquired.setdefault("kvp", 120.0)
        return Volume(
            array=array.astype(np.int16),
            geometry=geometry,
            modality=modality,
            value_unit="hu" if modality == "CT" else "arbitrary",
            series=SeriesRef(
                study_uid=derive_uid("study", name),
                series_uid=derive_uid("series", name, modality),
                series_number=3,
                description="generated",
                instance_uids=(),
                instance_numbers=(),
            ),
            acquisition=Acquisition(**acquired),
        )

    return make


@pytest.fixture
def identity() -> SyntheticIdentity:
    return SyntheticIdentity(
        patient_id="SECRET-4711",
        patient_name="Nobody^Known",
        study_date="2024-05-06",
        birth_date="1960-07-08",
        sex="F",
        age_years=63,
        study_description="generated study",
    )


@pytest.fixture
def series_folder(tmp_path: Path, make_volume, identity) -> Path:
    """A folder with one good CT series of six slices, files 0001.dcm to 0006.dcm."""
    write_series(make_volume(), tmp_path / "ct", identity=identity)
    return tmp_path / "ct"


@pytest.fixture
def edit() -> Callable[[Path, Callable[[Dataset], object]], None]:
    """Changes one file's data set in place."""

    def change(path: Path, action: Callable[[Dataset], object]) -> None:
        ds = pydicom.dcmread(path)
        action(ds)
        ds.save_as(path, overwrite=True)

    return change
