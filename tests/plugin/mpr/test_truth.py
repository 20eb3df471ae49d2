"""Radiological truth, in pixels: a body written as DICOM in every orientation, opened, and read off the panes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtGui import QImage, QPainter

from tomoscribe.plugin.mpr import paint
from tomoscribe.plugin.planes import Plane
from tomoscribe.plugin.work import open_study

pytestmark = pytest.mark.gui

LETTERS_AT_EDGES = {Plane.AXIAL: "APRL", Plane.CORONAL: "HFRL", Plane.SAGITTAL: "HFAP"}
"""Top, bottom, left, right."""


@pytest.fixture
def linked(napari_viewer: Any, qtbot: Any) -> Any:
    """The linked views in a window of their own."""
    from tomoscribe.plugin.mpr.linked import Linked

    widget = Linked(napari_viewer)
    widget.resize(1000, 1000)
    widget.show()
    yield widget
    widget.scene.let_go()
    widget.close()
    widget.deleteLater()


def open_in(viewer: Any, folder: Any) -> Any:
    from napari.layers import Layer

    opened = open_study(folder, lambda stage, fraction: None)
    assert len(opened.layers) == 1
    return viewer.add_layer(Layer.create(*opened.layers[0]))


def pixels(widget: Any) -> np.ndarray:
    """(rows, columns, 3) of what a widget shows."""
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


def inner(picture: np.ndarray) -> np.ndarray:
    """Gray without the words at the rim."""
    height, width = picture.shape[:2]
    gray = picture.min(axis=-1)
    gray[: height // 8], gray[-height // 8 :], gray[:, : width // 12], gray[:, -width // 12 :] = 0, 0, 0, 0
    return gray


def drawn(
    letter: str, size: tuple[int, int], place: tuple[float, float], anchor: tuple[float, float], font: Any
) -> Any:
    """A letter alone on black, where a pane writes it."""
    image = QImage(*size, QImage.Format.Format_RGB888)
    image.fill(0)
    painter = QPainter(image)
    painter.setFont(font)
    painter.setRenderHint(QPainter.RenderHint.TextAntialiasing, True)
    paint.write(painter, (letter,), place, anchor, size=13)
    painter.end()
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(size[1], image.bytesPerLine())
    return rows[:, : 3 * size[0]].reshape(size[1], size[0], 3).copy()


@pytest.mark.parametrize("how", [
    "axial", "feet first", "prone", "feet first, prone", "coronal", "coronal, turned", "sagittal", "sagittal, turned",
    "oblique", "double oblique", "oblique coronal",
])  # fmt: skip
def test_letters_in_the_body_can_be_read_in_every_orientation(
    linked: Any, napari_viewer: Any, series_folder: Any, letters: Any, how: str
) -> None:
    """An R inside the body reads as an R (mirrored or upside down it does not), on its side of the screen."""
    layer = open_in(napari_viewer, series_folder(how))
    layer.contrast_limits = (400, 1100)
    linked.scene.crosshair_visible = False
    for plane, pane in linked.panes.items():
        x, y, z = letters.middle_mm[plane.value]
        linked.scene.move_to((z, y, x))
        picture = inner(pixels(pane))
        # A mirrored R differs in 10 cells, one upside down in 16; resampling an oblique series blurs corners away.
        wrong = int((letters.read(picture) != letters.cells).sum())
        assert wrong <= (4 if "oblique" in how else 0), f"{plane} of {how}"
        row, column = letters.place(picture)
        if plane is Plane.SAGITTAL:
            assert column > 0.55, "the back belongs on the screen's right"
        else:
            assert column < 0.45, "the patient's right belongs on the screen's left"
        if plane is Plane.CORONAL:
            assert row < 0.45, "what lies higher belongs higher"


@pytest.mark.parametrize("how", ["axial", "feet first, prone", "coronal, turned", "sagittal", "double oblique"])
def test_the_body_lies_as_radiologists_see_it(
    linked: Any, napari_viewer: Any, series_folder: Any, letters: Any, how: str
) -> None:
    """Liver at the screen's left and below, spine at the bottom of an axial and at the right of a sagittal image."""
    layer = open_in(napari_viewer, series_folder(how))
    linked.scene.crosshair_visible = False
    x, y, z = letters.liver_mm
    linked.scene.move_to((z, y, x))
    layer.contrast_limits = (75, 85)
    for plane in (Plane.AXIAL, Plane.CORONAL):
        row, column = letters.place(inner(pixels(linked.panes[plane])))
        assert column < 0.48, plane
        assert row > (0.45 if plane is Plane.AXIAL else 0.6), plane
    layer.contrast_limits = (200, 210)
    linked.scene.move_to((-45.0, letters.spine_mm, 0.0))
    row, column = letters.place(inner(pixels(linked.panes[Plane.AXIAL])))
    assert row > 0.65
    assert column == pytest.approx(0.5, abs=0.03)
    row, column = letters.place(inner(pixels(linked.panes[Plane.SAGITTAL])))
    assert column > 0.65


@pytest.mark.parametrize("how", ["axial", "feet first", "sagittal, turned", "oblique coronal"])
def test_the_letters_at_the_edges(linked: Any, napari_viewer: Any, series_folder: Any, how: str) -> None:
    layer = open_in(napari_viewer, series_folder(how))
    layer.contrast_limits = (5000, 6000)
    linked.scene.crosshair_visible = False
    for plane, pane in linked.panes.items():
        width, height = pane.width(), pane.height()
        places = (
            ((width / 2, 8), (0.5, 0.0)), ((width / 2, height - 8), (0.5, 1.0)),
            ((8, height / 2), (0.0, 0.5)), ((width - 8, height / 2), (1.0, 0.5)),
        )  # fmt: skip
        picture = pixels(pane)
        for letter, (place, anchor) in zip(LETTERS_AT_EDGES[plane], places, strict=True):
            wanted = drawn(letter, (width, height), place, anchor, pane.font())
            rows, columns = np.nonzero(wanted.max(axis=-1))
            box = slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)
            np.testing.assert_array_equal(picture[box], wanted[box], err_msg=f"{letter} of {plane}")
