"""Mouse, wheel and keys in the linked views of the panel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent

from tomoscribe.plugin.layers import KEY
from tomoscribe.plugin.planes import Plane

pytestmark = pytest.mark.gui

TIMEOUT_MS = 60_000


def screen_of(pane: Any, xyz_mm: tuple[float, float, float]) -> QPoint:
    """Where a place in the patient lies in a pane."""
    x, y, z = xyz_mm
    mm = {Plane.AXIAL: (y, x), Plane.CORONAL: (z, x), Plane.SAGITTAL: (z, y)}[pane.plane]
    return QPoint(*(round(v) for v in pane.frame.to_screen(*mm)))


def wheel(widget: Any, notches: int, modifiers: Any = Qt.KeyboardModifier.NoModifier) -> None:
    from qtpy.QtWidgets import QApplication

    where = QPointF(widget.width() / 2, widget.height() / 2)
    event = QWheelEvent(
        where, widget.mapToGlobal(where), QPoint(), QPoint(0, 120 * notches), Qt.MouseButton.NoButton, modifiers,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(widget, event)


def drag(qtbot: Any, pane: Any, button: Any, start: QPoint, stop: QPoint) -> None:
    from qtpy.QtCore import QEvent
    from qtpy.QtGui import QMouseEvent
    from qtpy.QtWidgets import QApplication

    qtbot.mousePress(pane, button, pos=start)
    there = QPointF(stop)
    none = Qt.KeyboardModifier.NoModifier
    moved = QMouseEvent(QEvent.Type.MouseMove, there, pane.mapToGlobal(there), Qt.MouseButton.NoButton, button, none)
    QApplication.sendEvent(pane, moved)
    qtbot.mouseRelease(pane, button, pos=stop)


def assert_at(point_zyx: Any, xyz_mm: tuple[float, float, float]) -> None:
    off = np.abs(np.array(point_zyx) - np.array(xyz_mm)[[2, 1, 0]])
    assert (off <= np.array((2.0, 1.5, 1.8))).all(), off


def pixels(widget: Any) -> np.ndarray:
    from qtpy.QtGui import QImage

    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).astype(int)


def near(picture: np.ndarray, color: str) -> int:
    wanted = [int(color[n : n + 2], 16) for n in (1, 3, 5)]
    return int((np.abs(picture - wanted).max(axis=-1) <= 30).sum())


def test_a_click_in_one_plane_moves_the_others_and_napari(panel: Any, qtbot: Any, kit: Any) -> None:
    x, _, z = kit.nodule_mm
    panel.linked.scene.move_to((z, 0.0, 0.0))
    axial = panel.linked.panes[Plane.AXIAL]
    qtbot.mouseClick(axial, Qt.MouseButton.LeftButton, pos=screen_of(axial, kit.nodule_mm))
    assert_at(panel.linked.scene.point_mm, kit.nodule_mm)
    assert f"x = {panel.linked.scene.point_mm[2]:.1f} mm" in panel.linked.panes[Plane.SAGITTAL].words()[0]
    qtbot.waitUntil(lambda: abs(panel.viewer.dims.point[2] - x) < 1.8, timeout=TIMEOUT_MS)
    assert_at(panel.viewer.dims.point, kit.nodule_mm)


def test_a_drag_takes_the_crosshair_along(panel: Any, qtbot: Any, kit: Any) -> None:
    x, y, z = kit.nodule_mm
    panel.linked.scene.move_to((z, y, x))
    coronal = panel.linked.panes[Plane.CORONAL]
    drag(
        qtbot,
        coronal,
        Qt.MouseButton.LeftButton,
        screen_of(coronal, (x, y, z)),
        screen_of(coronal, (x - 20, y, z + 10)),
    )
    assert_at(panel.linked.scene.point_mm, (x - 20, y, z + 10))


def test_the_dims_of_napari_move_the_panes(panel: Any, kit: Any) -> None:
    panel.viewer.dims.set_point((0, 1, 2), (-40.0, 3.0, -21.0))
    assert_at(panel.linked.scene.point_mm, (-21.0, 3.0, -40.0))


def test_the_wheel_and_the_keys_scroll_slice_by_slice(panel: Any, qtbot: Any) -> None:
    scene = panel.linked.scene
    scene.move_to((-60.0, 0.0, 0.0))
    axial, sagittal = panel.linked.panes[Plane.AXIAL], panel.linked.panes[Plane.SAGITTAL]
    wheel(axial, 1)
    assert scene.point_mm[0] == pytest.approx(-58.0)
    wheel(axial, -2)
    assert scene.point_mm[0] == pytest.approx(-62.0)
    assert "20 / 40" in axial.words()[0]
    qtbot.keyClick(panel.linked, Qt.Key.Key_Up)
    assert scene.point_mm[0] == pytest.approx(-60.0)
    qtbot.mouseClick(sagittal, Qt.MouseButton.LeftButton, pos=QPoint(60, 60))
    x = scene.point_mm[2]
    qtbot.keyClick(sagittal, Qt.Key.Key_PageDown)
    assert scene.point_mm[2] == pytest.approx(min(x + 18.0, 56.4), abs=1.0)
    wheel(axial, 500)
    assert scene.point_mm[0] == pytest.approx(-22.0)


def test_control_and_wheel_magnify_and_f_fits(panel: Any, qtbot: Any) -> None:
    axial = panel.linked.panes[Plane.AXIAL]
    before = axial.frame.zoom
    wheel(axial, 2, Qt.KeyboardModifier.ControlModifier)
    assert axial.frame.zoom == pytest.approx(before * 1.15**2)
    drag(qtbot, axial, Qt.MouseButton.MiddleButton, QPoint(50, 50), QPoint(80, 70))
    qtbot.keyClick(axial, Qt.Key.Key_F)
    assert axial.frame.zoom == pytest.approx(before)


def test_number_keys_are_the_presets(panel: Any, qtbot: Any) -> None:
    image = panel.linked.scene.base()
    qtbot.keyClick(panel.linked, Qt.Key.Key_3)
    assert image.contrast_limits == [-500, 1300]
    assert "Bone   W 1800  L 400" in panel.linked.panes[Plane.CORONAL].words()
    qtbot.keyClick(panel.linked.panes[Plane.AXIAL], Qt.Key.Key_2)
    assert image.contrast_limits == [-160, 240]
    assert panel.view_bar.windows.currentText() == "Mediastinum"


def test_a_right_drag_changes_width_and_level(panel: Any, qtbot: Any) -> None:
    image = panel.linked.scene.base()
    qtbot.keyClick(panel.linked, Qt.Key.Key_2)
    axial = panel.linked.panes[Plane.AXIAL]
    drag(qtbot, axial, Qt.MouseButton.RightButton, QPoint(100, 100), QPoint(130, 100))
    low, high = image.contrast_limits
    assert high - low == pytest.approx(480.0)
    assert (high + low) / 2 == pytest.approx(40.0)
    drag(qtbot, axial, Qt.MouseButton.RightButton, QPoint(100, 100), QPoint(100, 90))
    assert sum(image.contrast_limits) / 2 == pytest.approx(56.0)
    assert image.metadata[KEY]["preset"] == "Window"


def test_h_hides_every_mark_in_every_pane(panel: Any, qtbot: Any, kit: Any) -> None:
    x, y, z = kit.nodule_mm
    panel.linked.scene.move_to((z, y, x))
    panel.linked.scene.crosshair_visible = False
    orange, yellow = "#ff9f1c", "#fff34d"
    for pane in panel.linked.panes.values():
        assert near(pixels(pane), orange) > 30, f"no outline of the nodule in {pane.plane}"
    assert near(pixels(panel.linked.panes[Plane.AXIAL]), yellow) > 20, "no calipers on their slice"
    qtbot.keyClick(panel.linked, Qt.Key.Key_H)
    for pane in panel.linked.panes.values():
        assert near(pixels(pane), yellow) + near(pixels(pane), orange) < 10, f"a mark is left in {pane.plane}"


def test_the_outline_lies_around_the_nodule(panel: Any, kit: Any) -> None:
    """The middle of the rendered outline is the nodule's place on the screen, in all three planes."""
    x, y, z = kit.nodule_mm
    panel.linked.scene.move_to((z, y, x))
    panel.linked.scene.crosshair_visible = False
    panel.viewer.layers["Calipers"].visible = False
    for pane in panel.linked.panes.values():
        rows, columns = np.nonzero(np.abs(pixels(pane) - (255, 159, 28)).max(axis=-1) <= 30)
        place = screen_of(pane, kit.nodule_mm)
        assert abs((columns.min() + columns.max()) / 2 - place.x()) <= pane.frame.zoom * 1.1
        assert abs((rows.min() + rows.max()) / 2 - place.y()) <= pane.frame.zoom * 1.1


def test_a_double_click_enlarges_a_pane_and_escape_brings_all_back(panel: Any, qtbot: Any) -> None:
    panes = panel.linked.panes
    qtbot.mouseDClick(panes[Plane.CORONAL], Qt.MouseButton.LeftButton, pos=QPoint(50, 50))
    assert [p.isVisible() for p in panes.values()] == [False, True, False]
    qtbot.keyClick(panel.linked, Qt.Key.Key_Escape)
    assert [p.isVisible() for p in panes.values()] == [True, True, True]


def test_banner_and_notice_stand_on_the_images(panel: Any) -> None:
    axial = panel.linked.panes[Plane.AXIAL]
    assert "61 years" in axial.banner[1]
    assert axial.notice == "Not a medical device"
    assert near(pixels(axial)[-40:], "#ffc457") > 30


def test_a_finding_is_shown_in_all_panes(panel: Any, kit: Any) -> None:
    panel.choose_finding(kit.uid("nodule"))
    assert_at(panel.linked.scene.point_mm, kit.nodule_mm)
    for pane in panel.linked.panes.values():
        place = screen_of(pane, kit.nodule_mm)
        assert abs(place.x() - pane.width() / 2) < 10
        assert min(pane.width(), pane.height()) / pane.frame.zoom == pytest.approx(110.0, rel=0.02)


def test_s_and_plus_make_slabs(panel: Any, qtbot: Any, kit: Any) -> None:
    """A slab of 30 mm whose middle lies 14 mm above the nodule shows it as the highest value, and not as the lowest."""
    x, y, z = kit.nodule_mm
    linked = panel.linked
    panel.linked.scene.crosshair_visible = False
    qtbot.keyClick(linked, Qt.Key.Key_H)
    axial = linked.panes[Plane.AXIAL]
    linked.scene.move_to((z + 14.0, y, x))
    place = screen_of(axial, kit.nodule_mm)
    assert pixels(axial)[place.y(), place.x()].max() < 120
    qtbot.keyClick(linked, Qt.Key.Key_S)
    for _ in range(3):
        qtbot.keyClick(linked, Qt.Key.Key_Plus)
    assert "MIP 30 mm" in axial.words()
    assert pixels(axial)[place.y(), place.x()].min() > 200
    qtbot.keyClick(linked, Qt.Key.Key_S)
    assert "MinIP 30 mm" in axial.words()
    assert pixels(axial)[place.y(), place.x()].max() < 120
    qtbot.keyClick(linked, Qt.Key.Key_S)
    qtbot.keyClick(linked, Qt.Key.Key_Minus)
    assert "Mean 20 mm" in axial.words()
    qtbot.keyClick(linked, Qt.Key.Key_S)
    assert len(axial.words()) == 2


def test_space_runs_the_cine_and_turns_at_the_end(panel: Any, qtbot: Any) -> None:
    linked = panel.linked
    linked.scene.move_to((-98.0, 0.0, 0.0))
    linked.bar.rate.setValue(60)
    seen: list[float] = []
    linked.scene.moved.connect(lambda: seen.append(linked.scene.point_mm[0]))
    qtbot.keyClick(linked, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: len(seen) >= 5, timeout=10_000)
    qtbot.keyClick(linked, Qt.Key.Key_Space)
    assert not linked.cine.is_running
    assert seen[:5] == pytest.approx([-100.0, -100.0, -98.0, -96.0, -94.0])


def test_hangings_give_a_window_of_its_own(panel: Any, qtbot: Any) -> None:
    linked = panel.linked
    names = [linked.bar.hanging.itemText(n) for n in range(linked.bar.hanging.count())]
    assert names == ["Four views", "Axial large", "Sagittal large", "Lung and mediastinum"]
    linked.hang_by_name("Lung and mediastinum")
    first, second = (p for p in linked.all_panes if p.plane is Plane.AXIAL)
    assert "Lung   W 1500  L -600" in first.words()
    assert "Mediastinum   W 400  L 40" in second.words()
    qtbot.mouseClick(second, Qt.MouseButton.LeftButton, pos=QPoint(40, 40))
    qtbot.keyClick(linked, Qt.Key.Key_3)
    assert "Bone   W 1800  L 400" in second.words()
    drag(qtbot, second, Qt.MouseButton.RightButton, QPoint(100, 100), QPoint(130, 100))
    assert "Window   W 2160  L 400" in second.words()
    assert "Lung   W 1500  L -600" in first.words()
    linked.hang_by_name("Axial large")
    assert [p.plane for p in linked.all_panes if not p.isHidden()] == list(Plane)
    assert linked.panes[Plane.AXIAL].height() > 2 * linked.panes[Plane.CORONAL].height()


def test_without_images_napari_comes_back(panel: Any, qtbot: Any) -> None:
    """The last test of this file: it takes all layers away."""
    panel.view_bar.planes[Plane.AXIAL].click()
    assert not panel.linked.isVisible()
    panel.view_bar.linked.click()
    assert panel.linked.isVisible()
    panel.viewer.layers.clear()
    assert not panel.linked.isVisible()
    assert panel.stage.is_linked is False
