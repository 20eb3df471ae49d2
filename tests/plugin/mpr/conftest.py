"""A body that is the same on no two sides, with letters in it that can be read only from the right side."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tomoscribe.core import Geometry, Volume
from tomoscribe.encoders.resample import resample

LETTER = np.array(
    [
        [1, 1, 1, 1, 0],
        [1, 0, 0, 0, 1],
        [1, 0, 0, 0, 1],
        [1, 1, 1, 1, 0],
        [1, 0, 1, 0, 0],
        [1, 0, 0, 1, 0],
        [1, 0, 0, 0, 1],
    ]
)
"""An R, as it is read."""
CELL_MM = 5.0
LETTERS_MM = {"Axial": (-30.0, 5.0, -30.0), "Coronal": (-30.0, -15.0, 25.0), "Sagittal": (38.0, 18.0, 8.0)}
"""Middle of each letter, LPS mm: two to the patient's right, one to the left."""
LIVER_MM = (-35.0, 0.0, -45.0)
SPINE_MM = 38.0


@pytest.fixture(scope="session")
def body(kit: Any) -> Volume:
    """An axial CT of 2 mm voxels, head first and supine."""
    geometry = Geometry.from_parts(
        spacing_mm=(2.0, 2.0, 2.0),
        origin_mm=(-79.0, -65.0, -69.0),
        shape=(70, 66, 80),
        frame_of_reference_uid=kit.frame_uid,
    )
    grid = geometry.to_world(np.stack(np.meshgrid(*[np.arange(n) for n in geometry.shape], indexing="ij"), axis=-1))
    x, y, z = np.moveaxis(grid, -1, 0)
    array = np.full(geometry.shape, -1000.0)
    outside = (x / 74) ** 2 + (y / 60) ** 2
    array[outside <= 1] = -100
    array[outside <= 0.8] = 50
    for side in (-1, 1):
        array[((x - side * 32) / 26) ** 2 + ((y + 5) / 34) ** 2 + ((z - 10) / 50) ** 2 <= 1] = -860
    array[np.linalg.norm(grid - np.array(LIVER_MM), axis=-1) < 22] = 110
    array[(np.hypot(x, y - SPINE_MM) < 9)] = 300
    array += np.random.default_rng(3).normal(0, 12, array.shape)
    for plane, middle in LETTERS_MM.items():
        _write_letter(array, grid - np.array(middle), plane)
    return kit.volume(np.clip(np.round(array), -1024, 3071).astype(np.int16), geometry)


def _write_letter(array: np.ndarray, from_middle: np.ndarray, plane: str) -> None:
    """Read with the patient's left on the right hand (axial, coronal) or the back on it (sagittal), the head up."""
    x, y, z = np.moveaxis(from_middle, -1, 0)
    right, down, deep = {"Axial": (x, y, z), "Coronal": (x, -z, y), "Sagittal": (y, -z, x)}[plane]
    rows, columns = LETTER.shape
    row = np.floor(down / CELL_MM + rows / 2).astype(int)
    column = np.floor(right / CELL_MM + columns / 2).astype(int)
    inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns) & (np.abs(deep) <= 5)
    array[inside] = np.where(LETTER[row[inside], column[inside]] == 1, 1500, 50)


ORIENTATIONS = (
    "axial",
    "feet first",
    "prone",
    "feet first, prone",
    "coronal",
    "coronal, turned",
    "sagittal",
    "sagittal, turned",
    "oblique",
    "double oblique",
    "oblique coronal",
)


def acquired(volume: Volume, how: str) -> Volume:
    """The same patient as another series holds it: other axes, other directions, other planes."""
    return {
        "axial": lambda: volume,
        "feet first": lambda: volume.flip(0).flip(2),
        "prone": lambda: volume.flip(1).flip(2),
        "feet first, prone": lambda: volume.flip(0).flip(1),
        "coronal": lambda: volume.permute((1, 0, 2)).flip(1),
        "coronal, turned": lambda: volume.permute((1, 2, 0)).flip(0),
        "sagittal": lambda: volume.permute((2, 0, 1)).flip(1),
        "sagittal, turned": lambda: volume.permute((2, 1, 0)).flip(2),
        "oblique": lambda: resample(volume, turned(volume.geometry, (20.0, 0.0, 0.0))),
        "double oblique": lambda: resample(volume, turned(volume.geometry, (15.0, -12.0, 10.0))),
        "oblique coronal": lambda: resample(
            volume, turned(volume.geometry.permute((1, 0, 2)).flip(1), (25.0, 0.0, 0.0))
        ),
    }[how]()


def turned(geometry: Geometry, degrees: tuple[float, float, float]) -> Geometry:
    """The grid turned about its middle, by angles around x, y and z."""
    turn = np.eye(3)
    for axis, angle in enumerate(np.radians(degrees)):
        one = np.eye(3)
        a, b = (n for n in range(3) if n != axis)
        one[a, a] = one[b, b] = np.cos(angle)
        one[a, b], one[b, a] = -np.sin(angle), np.sin(angle)
        turn = turn @ one
    affine = geometry.affine.copy()
    affine[:3, :3] = turn @ affine[:3, :3]
    affine[:3, 3] = geometry.center_mm + turn @ (geometry.origin_mm - geometry.center_mm)
    return Geometry(affine=affine, shape=geometry.shape, frame_of_reference_uid=geometry.frame_of_reference_uid)


@pytest.fixture
def series_folder(body: Volume, tmp_path: Path) -> Any:
    """Writes the body as a DICOM series of an orientation; the folder."""
    from tomoscribe.encoders.dicom import SyntheticIdentity, write_series

    def write(how: str) -> Path:
        identity = SyntheticIdentity(patient_id="P", patient_name="P^P", study_date="2031-05-04", sex="F", age_years=61)
        write_series(acquired(body, how), tmp_path / "series", identity=identity)
        return tmp_path / "series"

    return write


class Letters:
    """Where the letters stand, and reading them in a picture."""

    middle_mm = LETTERS_MM
    liver_mm = LIVER_MM
    spine_mm = SPINE_MM
    orientations = ORIENTATIONS
    cells = LETTER

    @staticmethod
    def read(picture: np.ndarray) -> np.ndarray:
        """The 7 x 5 cells of the white letter in (rows, columns) gray: 1 where white."""
        rows, columns = np.nonzero(picture > 200)
        part = picture[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].astype(float)
        cells = np.zeros(LETTER.shape)
        for row, column in np.ndindex(LETTER.shape):
            height, width = part.shape[0] / LETTER.shape[0], part.shape[1] / LETTER.shape[1]
            inner = part[
                int((row + 0.25) * height) : int((row + 0.75) * height) + 1,
                int((column + 0.25) * width) : int((column + 0.75) * width) + 1,
            ]
            cells[row, column] = inner.mean()
        return (cells > 127).astype(int)

    @staticmethod
    def place(picture: np.ndarray) -> tuple[float, float]:
        """(row, column) of the middle of what is white, as fractions of the picture."""
        rows, columns = np.nonzero(picture > 200)
        return float(rows.mean() / picture.shape[0]), float(columns.mean() / picture.shape[1])


@pytest.fixture(scope="session")
def letters() -> Letters:
    """Where the letters stand, and reading them in a picture."""
    return Letters()


TIMEOUT_MS = 60_000


def wait_for(happened: Callable[[], bool]) -> None:
    """As qtbot.waitUntil, which lives for one test only."""
    from qtpy.QtTest import QTest

    deadline = time.monotonic() + TIMEOUT_MS / 1000
    while not happened():
        assert time.monotonic() < deadline
        QTest.qWait(10)


@pytest.fixture(scope="module")
def window(one_viewer: Any, case: Any, kit: Any) -> Iterator[Any]:
    """The panel with the case's image, its reading and the linked views shown; one for the tests of a file."""
    from napari.layers import Layer

    from tomoscribe.plugin.layers import image_layer
    from tomoscribe.plugin.workspace import Workspace

    workspace = Workspace(one_viewer, lambda device: kit.reader(case))
    one_viewer.window.add_dock_widget(workspace, name="Tomoscribe", area="right")
    one_viewer.add_layer(Layer.create(*image_layer(case.volume, case.study)))
    wait_for(lambda: workspace.study is not None)
    workspace.run_bar.read.click()
    wait_for(lambda: workspace.reading is not None)
    yield workspace
    one_viewer.window.remove_dock_widget("all")
    # A panel that is still alive would turn the patients of later tests away.
    workspace._listeners.let_go()
    workspace.linked.scene.let_go()
    workspace.stage.let_go()
    workspace.deleteLater()
    one_viewer.layers.clear()
    one_viewer.dims.ndisplay = 2


@pytest.fixture
def panel(window: Any, qtbot: Any) -> Any:
    """The window as it is after opening, whatever a test before did."""
    from tomoscribe.plugin.mpr.hanging import FOUR

    linked = window.linked
    window.view_bar.linked.click()
    linked.bar.projection.setCurrentIndex(0)
    linked.bar.cine.setChecked(False)
    linked.scene.crosshair_visible = True
    linked.hang(FOUR)
    for layer in window.viewer.layers:
        layer.visible = not layer.name.startswith("3D")
    window.set_window("Lung")
    linked.scene.move_to((-60.0, 0.0, 0.0))
    linked.setFocus()
    qtbot.waitUntil(lambda: linked.isVisible(), timeout=TIMEOUT_MS)
    return window
