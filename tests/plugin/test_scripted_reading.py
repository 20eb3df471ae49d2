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
from tomoscribe.core import Finding, Presence, ReportStatus, ReviewState, terms
from tomoscribe.encoders.conversions import napari_point
from tomoscribe.reports.signing import process_identity

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

    def pane(self) -> Any:
        """The axial pane of the linked views."""
        from tomoscribe.plugin.planes import Plane

        return self.panel.linked.panes[Plane.AXIAL]

    def pixel(self, xyz_mm: Any) -> Any:
        """Pixel of the axial pane that shows a place in LPS mm."""
        from qtpy.QtCore import QPoint

        _, y, x = napari_point(xyz_mm)
        across, down = self.pane().frame.to_screen(y, x)
        return QPoint(round(across), round(down))

    def drag(self, start_mm: Any, stop_mm: Any) -> None:
        from qtpy.QtCore import Qt

        pane, a, b = self.pane(), self.pixel(start_mm), self.pixel(stop_mm)
        self.qtbot.mousePress(pane, Qt.MouseButton.LeftButton, pos=a)
        for n in range(1, 5):
            self.qtbot.mouseMove(pane, a + (b - a) * (n / 4))
            self.qtbot.wait(20)
        self.qtbot.mouseRelease(pane, Qt.MouseButton.LeftButton, pos=b)

    def click(self, xyz_mm: Any) -> None:
        from qtpy.QtCore import Qt

        self.qtbot.mouseClick(self.pane(), Qt.MouseButton.LeftButton, pos=self.pixel(xyz_mm))

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
        small = whole.resize((whole.width * 3 // 4, whole.height * 3 // 4), Image.Resampling.LANCZOS)
        small.quantize(160, dither=Image.Dither.NONE).save(Path(folder) / f"{self._step:02d}-{name}.png", optimize=True)


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
    largest = nodules(panel)[0]
    for _ in range(panel.table.rowCount()):
        room.key("J")
        if panel.table.selected == largest.tracking_uid:
            break
    off_mm = np.abs(np.array(panel.linked.scene.point_mm) - napari_point(largest.region.center_mm))
    assert (off_mm <= 3.0).all()
    room.picture("nodule")

    # Reject it, with a reason
    room.key("R")
    room.wait(lambda: panel.bench.dialog is not None and panel.bench.dialog.isVisible())
    room.picture("reject")
    panel.bench.dialog.setTextValue("outlined wrongly")
    panel.bench.dialog.accept()
    room.settled()
    assert panel.reading.report.finding(largest.tracking_uid).review.state is ReviewState.REJECTED
    assert largest.tracking_uid not in {u for s in panel.reading.report.statements for u in s.finding_uids}

    # Outline it anew with a click, and it has the same place
    panel.choose_finding(largest.tracking_uid)
    before = len(panel.reading.report.findings)
    room.key("N")
    assert panel.bench.bar.tools["outline"].isChecked()
    room.click((*np.add(largest.region.center_mm[:2], 1.0), panel.linked.scene.point_mm[0]))
    room.settled()
    assert len(panel.reading.report.findings) == before + 1
    added = panel.reading.report.findings[-1]
    assert np.linalg.norm(np.subtract(added.region.center_mm, largest.region.center_mm)) < 3.0
    assert any(added.tracking_uid in s.finding_uids for s in panel.reading.report.statements)
    panel.choose_finding(added.tracking_uid)
    room.picture("outlined")

    # Add one with the ruler beside it, then take that back
    z = panel.linked.scene.point_mm[0]
    start = np.array((*np.add(largest.region.center_mm[:2], (-8.0, 14.0)), z))
    room.key("M")
    room.drag(start, np.add(start, (9.0, 12.0, 0.0)))
    room.wait(lambda: panel.bench.menu.isVisible())
    room.picture("ruler")
    next(a for a in panel.bench.menu.actions() if a.text() == "Add as a new finding").trigger()
    panel.bench.menu.hide()
    room.settled()
    drawn = panel.reading.report.findings[-1]
    assert drawn.measurement(terms.LONG_AXIS).value == pytest.approx(15.0, abs=0.7)
    assert any(s.finding_uids == (drawn.tracking_uid,) and "15 mm" in s.text for s in panel.reading.report.statements)
    room.key("Z", "ControlModifier")
    room.settled()
    assert len(panel.reading.report.findings) == before + 1
    assert panel.linked.scene.point_mm[0] == pytest.approx(z), "drawing moves no slice"

    # Ask
    room.key("Q")
    room.qtbot.keyClicks(panel.panel.questions.question, "Is there a nodule in the left lung?")
    panel.panel.questions.ask.click()
    room.settled()
    room.picture("question")
    assert "finding:" in panel.panel.questions.answer.toHtml(), "the answer cites a finding"

    # The other language and back
    panel.setFocus()
    room.key("L")
    room.settled()
    assert "TRANSLATION" in panel.report.toPlainText()
    assert panel.desk.objections == ()
    room.picture("translation")
    room.key("L")

    # Review the rest and sign
    room.key("A", "ShiftModifier")
    room.wait(lambda: panel.bench.dialog.isVisible())
    panel.bench.dialog.accept()
    room.settled()
    panel.panel.actions["Sign (final)"].trigger()
    room.wait(lambda: panel.panel.dialog.isVisible())
    room.picture("sign")
    panel.panel.dialog.accept()
    room.settled()
    assert panel.reading.report.status is ReportStatus.FINAL
    assert panel.reading.report.verified_by == process_identity().name

    # Export, close, open again
    out = tmp_path / "results"
    panel.panel.export_to(out)
    room.settled()
    assert {"report.json", "report.html", "seg.dcm", "sr.dcm", "report.txt"} <= {p.name for p in out.iterdir()}
    signed = panel.reading.report
    study = panel.study
    panel._close_study()
    assert len(room.viewer.layers) == 0
    panel.open_study(study, (), False)
    room.settled()
    assert panel.reading is None
    assert not panel.draft_bar.isVisible(), "what was exported is no draft any more"
    panel.panel.reopen(out)
    room.settled()
    room.settled()
    report = panel.reading.report
    assert (report.status, report.verified_by) == (ReportStatus.FINAL, signed.verified_by)
    assert [s.text for s in report.statements] == [s.text for s in signed.statements]
    panel.choose_finding(added.tracking_uid)
    room.picture("reopened")
