"""The sample chest CT, read for real and shown in a real window; the picture in the README is taken here."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tomoscribe import sample_data
from tomoscribe.core import Finding, Presence, terms
from tomoscribe.plugin.layers import segment_colors
from tomoscribe.plugin.planes import Plane

pytestmark = [pytest.mark.gui, pytest.mark.slow]

TIMEOUT_MS = 600_000


@pytest.fixture
def shown(qapp: Any, qtbot: Any) -> Iterator[Any]:
    """The panel of a window of README size with the sample chest CT read."""
    import napari

    from tomoscribe.plugin.launch import WINDOW_SIZE, open_panel

    viewer = napari.Viewer(show=True)
    viewer.window.resize(*WINDOW_SIZE)
    panel = open_panel(viewer)
    panel.device = "cpu"
    panel.open_path(sample_data.path("chest_ct"), then_read=True)
    qtbot.waitUntil(lambda: panel.reading is not None or panel.run_bar.words.text() == "Failed", timeout=TIMEOUT_MS)
    assert panel.reading is not None
    yield panel
    viewer.close()


def largest_nodule(findings: tuple[Finding, ...]) -> Finding:
    nodules = [f for f in findings if f.type == terms.NODULE and f.presence is Presence.PRESENT]
    return max(nodules, key=lambda f: f.measurement(terms.LONG_AXIS).value)


def save(picture: np.ndarray) -> None:
    """To the place named by TOMOSCRIBE_SCREENSHOT, if it is set."""
    from PIL import Image

    place = os.environ.get("TOMOSCRIBE_SCREENSHOT")
    if place:
        Path(place).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture[..., :3]).save(place, optimize=True)


def pane_picture(pane: Any) -> np.ndarray:
    """(rows, columns, 3) of one of the linked views."""
    from qtpy.QtGui import QImage

    image = pane.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


def close_to(picture: np.ndarray, color: str, tolerance: int = 40) -> np.ndarray:
    wanted = [int(color[n : n + 2], 16) for n in (1, 3, 5)]
    return np.abs(picture[..., :3].astype(int) - wanted).max(axis=-1) <= tolerance


def test_screenshot(shown: Any, qtbot: Any) -> None:
    viewer, report = shown.viewer, shown.reading.report
    nodule = largest_nodule(report.findings)
    shown.choose_finding(nodule.tracking_uid)
    qtbot.wait(1500)

    off_mm = np.abs(np.array(viewer.dims.point) - np.array(nodule.region.center_mm)[[2, 1, 0]])
    assert (off_mm <= 2 * viewer.layers[0].extent.step).all()

    picture = viewer.screenshot(canvas_only=False, flash=False)
    save(picture)
    canvas = pane_picture(shown.linked.panes[Plane.AXIAL])
    middle = canvas[canvas.shape[0] // 4 : -canvas.shape[0] // 4, canvas.shape[1] // 4 : -canvas.shape[1] // 4]
    label_map = shown.reading.label_map(nodule.region.label_map)
    assert close_to(middle, segment_colors(label_map)[nodule.region.segment]).sum() > 30, "no outline at the nodule"
    assert middle[..., :3].std() > 20, "the image is blank"
    assert close_to(canvas[-canvas.shape[0] // 5 :], "#ffc457").sum() > 50, "the notice is not on the canvas"
    assert close_to(picture, "#ffc457", 8).sum() > 2000, "the notice is not on the panel"
    text = shown.report.toPlainText()
    assert "IMPRESSION" in text
    assert "NOT ASSESSED" in text
    assert nodule.laterality is not None
    assert nodule.laterality.value in text
