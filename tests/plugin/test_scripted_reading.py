"""One reading of the sample chest CT from opening to reopening, by mouse and keys; the pictures of getting started.

With ``TOMOSCRIBE_PICTURES`` a picture of each step goes into that folder; with ``TOMOSCRIBE_READ_STUDY`` another study
is read in the same steps (its pictures are for looking at, never for the repository).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tomoscribe import sample_data
from tomoscribe.core import Finding, Presence, ReviewState, terms
from tomoscribe.encoders.conversions import napari_point

pytestmark = [pytest.mark.gui, pytest.mark.slow]
TIMEOUT_MS = 300_000


class Reading:
    """The window, and what a reader does in it."""

    def __init__(self, viewer: Any, panel: Any, qtbot: Any) -> None:
        self.viewer, self.panel, self.qtbot = viewer, panel, qtbot
        self._step = 0

    def wait(self, until: Any) -> None:
        self.qtbot.waitUntil(until, timeout=TIMEOUT_MS)
        self.qtbot.wait(50)

    def settled(self) -> None:
        desk = self.panel.desk
        self.wait(lambda: not desk.is_working and self.panel._job is None and desk._job is None)

    def key(self, name: str, modifier: str = "NoModifier") -> None:
        from qtpy.QtCore import Qt

        window = self.viewer.window._qt_window
        window.activateWindow()
        self.qtbot.waitUntil(window.isActiveWindow, timeout=TIMEOUT_MS)
        self.qtbot.keyClick(window, getattr(Qt.Key, f"Key_{name}"), getattr(Qt.KeyboardModifier, modifier))

    def canvas(self) -> Any:
        return self.viewer.window._qt_viewer.canvas.native

    def pixel(self, xyz_mm: Any) -> Any:
        """Pixel of napari's canvas that shows a place in LPS mm."""
        from qtpy.QtCore import QPoint

        canvas = self.canvas()
        world = napari_point(xyz_mm)
        camera = self.viewer.scene.camera
        vertical, horizontal = self.viewer.dims.order[-2:]
        x = (world[horizontal] - camera.center[-1]) * camera.zoom + canvas.width() / 2
        y = (world[vertical] - camera.center[-2]) * camera.zoom + canvas.height() / 2
        return QPoint(round(x), round(y))

    def drag(self, start_mm: Any, stop_mm: Any) -> None:
        from qtpy.QtCore import Qt

        canvas, a, b = self.canvas(), self.pixel(start_mm), self.pixel(stop_mm)
        self.qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=a)
        for n in range(1, 5):
            self.qtbot.mouseMove(canvas, a + (b - a) * (n / 4))
            self.qtbot.wait(20)
        self.qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=b)

    def click(self, xyz_mm: Any) -> None:
        from qtpy.QtCore import Qt

        self.qtbot.mouseClick(self.canvas(), Qt.MouseButton.LeftButton, pos=self.pixel(xyz_mm))

    def picture(self, name: str) -> None:
        """The window as it is, dialogs in front of it included."""
        folder = os.environ.get("TOMOSCRIBE_PICTURES")
        if not folder:
            return
        from PIL import Image
        from qtpy.QtWidgets import QApplication

        self.qtbot.wait(400)
        self._step += 1
        window = self.viewer.window._qt_window
        shot = self.viewer.screenshot(canvas_only=False, flash=False)[..., :3]
        whole = Image.fromarray(np.ascontiguousarray(shot))
        for front in QApplication.topLevelWidgets():
            if front is window or not front.isVisible() or front.window() is not front or front.width() < 40:
                continue
            place = window.mapFromGlobal(front.mapToGlobal(front.rect().topLeft()))
            grabbed = front.grab().toImage().convertToFormat(_rgb())
            data = np.frombuffer(grabbed.constBits(), np.uint8).reshape(grabbed.height(), grabbed.bytesPerLine())
            image = data[:, : grabbed.width() * 3].reshape(grabbed.height(), grabbed.width(), 3)
            whole.paste(Image.fromarray(np.ascontiguousarray(image)), (place.x(), place.y()))
        Path(folder).mkdir(parents=True, exist_ok=True)
        small = whole.resize((whole.width * 4 // 5, whole.height * 4 // 5), Image.Resampling.LANCZOS)
        small.quantize(96).save(Path(folder) / f"{self._step:02d}-{name}.png", optimize=True)


def _rgb() -> Any:
    from qtpy.QtGui import QImage

    return QImage.Format.Format_RGB888


@pytest.fixture
def study_path() -> Path:
    named = os.environ.get("TOMOSCRIBE_READ_STUDY")
    return Path(named) if named else sample_data.path("chest_ct")


@pytest.fixture
def room(qapp: Any, qtbot: Any, study_path: Path) -> Iterator[Reading]:
    import napari

    from tomoscribe.plugin.launch import WINDOW_SIZE, open_panel

    viewer = napari.Viewer(show=True)
    viewer.window.resize(*WINDOW_SIZE)
    viewer.window._qt_window.activateWindow()
    panel = open_panel(viewer)
    panel.device = "cpu"
    yield Reading(viewer, panel, qtbot)
    viewer.close()


def nodules(panel: Any) -> list[Finding]:
    """Present nodules and masses that nobody rejected, largest first."""
    kinds = (terms.NODULE, terms.MASS)
    found = [f for f in panel.reading.report.findings if f.type in kinds and f.presence is Presence.PRESENT]
    kept = [f for f in found if f.review.state is not ReviewState.REJECTED]
    return sorted(kept, key=lambda f: -f.measurement(terms.LONG_AXIS).value)


def test_a_reading_from_opening_to_reopening(room: Reading, study_path: Path, tmp_path: Path) -> None:
    panel = room.panel

    # Open and read
    panel.open_path(study_path, then_read=True)
    room.wait(lambda: panel.reading is not None or panel.run_bar.words.text() == "Failed")
    assert panel.reading is not None
    room.settled()
    assert panel.desk.objections == ()
    room.picture("read")

    # Jump to the nodule with the keys
    room.key("J")
    largest = nodules(panel)[0]
    panel.choose_finding(largest.tracking_uid)
    off_mm = np.abs(np.array(room.viewer.dims.point) - napari_point(largest.region.center_mm))
    assert (off_mm <= 3.0).all()
    room.picture("nodule")

    # Reject it, with a reason
    room.key("R")
    room.wait(lambda: panel.bench.dialog is not None and panel.bench.dialog.isVisible())
    room.picture("reject")
    panel.bench.dialog.setTextValue("vessel")
    panel.bench.dialog.accept()
    room.settled()
    assert panel.reading.report.finding(largest.tracking_uid).review.state is ReviewState.REJECTED
    assert largest.tracking_uid not in {u for s in panel.reading.report.statements for u in s.finding_uids}

    # Take that back
    room.key("Z", "ControlModifier")
    room.settled()
    assert panel.reading.report.finding(largest.tracking_uid).review.state is ReviewState.UNREVIEWED
    room.key("Z", "ControlModifier")
    room.settled()

    # Add one with the ruler beside it
    panel.choose_finding(largest.tracking_uid)
    room.qtbot.wait(300)
    before = len(panel.reading.report.findings)
    start = np.add(largest.region.center_mm, (12.0, 0.0, 0.0))
    point = room.viewer.dims.point
    start[2] = point[0]
    room.key("M")
    assert panel.bench.bar.tools["ruler"].isChecked()
    room.drag(start, np.add(start, (9.0, 12.0, 0.0)))
    room.wait(lambda: panel.bench.menu.isVisible())
    room.picture("ruler")
    add = next(a for a in panel.bench.menu.actions() if a.text() == "Add as a new finding")
    add.trigger()
    panel.bench.menu.hide()
    room.settled()
    assert len(panel.reading.report.findings) == before + 1
    drawn = panel.reading.report.findings[-1]
    assert drawn.measurement(terms.LONG_AXIS).value == pytest.approx(15.0, abs=0.7)
    assert any(s.finding_uids == (drawn.tracking_uid,) and "15 mm" in s.text for s in panel.reading.report.statements)
    room.picture("added")
