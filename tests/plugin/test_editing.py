"""Findings and sentences edited in a real window, by mouse and keys."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from tomoscribe.core import Presence, ReportStatus, ReviewState, Source, terms
from tomoscribe.encoders.conversions import napari_point
from tomoscribe.plugin.layers import image_layer
from tomoscribe.plugin.navigate import our_layers
from tomoscribe.reports.signing import process_identity

pytestmark = pytest.mark.gui

TIMEOUT_MS = 60_000


@pytest.fixture
def panel(napari_viewer: Any, case: Any, reader: Any, qtbot: Any) -> Any:
    """The panel with the case read."""
    from napari.layers import Layer

    from tomoscribe.plugin.workspace import Workspace

    workspace = Workspace(napari_viewer, lambda device: reader)
    napari_viewer.window.add_dock_widget(workspace, name="Tomoscribe", area="right")
    napari_viewer.add_layer(Layer.create(*image_layer(case.volume, case.study)))
    qtbot.waitUntil(lambda: workspace.study is not None, timeout=TIMEOUT_MS)
    workspace.run_bar.read.click()
    qtbot.waitUntil(lambda: workspace.reading is not None, timeout=TIMEOUT_MS)
    settle(workspace, qtbot)
    return workspace


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What napari is asked to show as an error."""
    from tomoscribe.plugin import notices

    words: list[str] = []
    monkeypatch.setattr(notices, "show_error", words.append)
    return words


def settle(panel: Any, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: panel._job is None and panel.desk._job is None, timeout=TIMEOUT_MS)


def press(panel: Any, qtbot: Any, key: str, modifier: str = "NoModifier") -> None:
    from qtpy.QtCore import Qt

    window = panel.window()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=TIMEOUT_MS)
    qtbot.keyClick(window, getattr(Qt.Key, f"Key_{key}"), getattr(Qt.KeyboardModifier, modifier))


def click_row(panel: Any, qtbot: Any, uid: str) -> None:
    from qtpy.QtCore import Qt

    row = next(n for n in range(panel.table.rowCount()) if panel.table.uid_of_row(n) == uid)
    panel.table.scrollTo(panel.table.model().index(row, 0))
    where = panel.table.visualRect(panel.table.model().index(row, 0)).center()
    qtbot.mouseClick(panel.table.viewport(), Qt.MouseButton.LeftButton, pos=where)


def canvas_of(panel: Any) -> Any:
    return panel.viewer.window._qt_viewer.canvas.native


def pixel(panel: Any, xyz_mm: Any) -> Any:
    from qtpy.QtCore import QPoint

    canvas, world, camera = canvas_of(panel), napari_point(xyz_mm), panel.viewer.scene.camera
    vertical, horizontal = panel.viewer.dims.order[-2:]
    x = (world[horizontal] - camera.center[-1]) * camera.zoom + canvas.width() / 2
    y = (world[vertical] - camera.center[-2]) * camera.zoom + canvas.height() / 2
    return QPoint(round(x), round(y))


def drag(panel: Any, qtbot: Any, start_mm: Any, stop_mm: Any) -> None:
    from qtpy.QtCore import Qt

    canvas, a, b = canvas_of(panel), pixel(panel, start_mm), pixel(panel, stop_mm)
    qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=a)
    for n in (1, 2, 3):
        qtbot.mouseMove(canvas, a + (b - a) * (n / 3))
        qtbot.wait(10)
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=b)


def finding(panel: Any, uid: str) -> Any:
    return panel.reading.report.finding(uid)


def number_of(panel: Any, uid: str) -> int:
    return next(n for n, s in enumerate(panel.reading.report.statements) if s.finding_uids == (uid,))


def double_click_sentence(panel: Any, qtbot: Any, number: int) -> None:
    from qtpy.QtCore import QPoint, Qt

    panel.report.scrollToAnchor(f"s{number}")
    area = panel.report.viewport()
    spots = (QPoint(x, y) for y in range(4, area.height(), 4) for x in (20, 60))
    spot = next(p for p in spots if panel.report.anchorAt(p) == f"statement:{number}")
    qtbot.mouseDClick(area, Qt.MouseButton.LeftButton, pos=spot)


def accept_all(panel: Any, qtbot: Any) -> None:
    press(panel, qtbot, "A", "ShiftModifier")
    panel.bench.dialog.accept()
    settle(panel, qtbot)


def test_accept_reject_and_undo_by_keys(panel: Any, kit: Any, qtbot: Any) -> None:
    nodule = kit.uid("nodule")
    click_row(panel, qtbot, nodule)
    press(panel, qtbot, "A")
    settle(panel, qtbot)
    review = finding(panel, nodule).review
    assert (review.state, review.reviewer) == (ReviewState.ACCEPTED, process_identity().name)
    assert panel.table.selected != nodule, "the next finding that waits is chosen"

    click_row(panel, qtbot, nodule)
    press(panel, qtbot, "R")
    panel.bench.dialog.setTextValue("a vessel")
    panel.bench.dialog.accept()
    settle(panel, qtbot)
    assert finding(panel, nodule).review.reason == "a vessel"
    assert not any(nodule in s.finding_uids for s in panel.reading.report.statements)
    assert "nodule" not in panel.report.toPlainText().split("NOT ASSESSED")[0].lower()
    masks = [layer for layer, meta in our_layers(panel.viewer, "labels") if meta["label_map"] == "findings"]
    assert [int(layer.data.max()) for layer in masks] == [0], "a rejected finding has no outline"

    press(panel, qtbot, "Z", "ControlModifier")
    settle(panel, qtbot)
    assert finding(panel, nodule).review.state is ReviewState.ACCEPTED
    assert any(nodule in s.finding_uids for s in panel.reading.report.statements)
    panel.bench.bar.deeds["redo"].click()
    settle(panel, qtbot)
    assert finding(panel, nodule).review.state is ReviewState.REJECTED


def test_the_form_measures_again_and_the_sentence_follows(panel: Any, kit: Any, qtbot: Any, told: list[str]) -> None:
    nodule = kit.uid("nodule")
    click_row(panel, qtbot, nodule)
    press(panel, qtbot, "E")
    form = panel.bench.dialog
    form.long.setValue(21.0)
    form._accept()
    settle(panel, qtbot)
    assert told == []
    assert finding(panel, nodule).measurement(terms.MEAN_DIAMETER).value == pytest.approx((21.0 + 13.0) / 2)
    assert "21 x 13 mm" in panel.report.toPlainText()
    assert panel.desk.objections == ()

    click_row(panel, qtbot, nodule)
    press(panel, qtbot, "E")
    panel.bench.dialog.long.setValue(5.0)
    panel.bench.dialog._accept()
    settle(panel, qtbot)
    assert "not shorter" in told[-1]
    assert finding(panel, nodule).measurement(terms.LONG_AXIS).value == pytest.approx(21.0)


def test_a_ruler_drawn_with_the_mouse_becomes_a_finding(panel: Any, kit: Any, qtbot: Any, told: list[str]) -> None:
    viewer = panel.viewer
    viewer.dims.set_point((0, 1, 2), (-60.0, 9.0, 20.0))
    before, point = len(panel.reading.report.findings), tuple(viewer.dims.point)
    press(panel, qtbot, "M")
    assert panel.bench.bar.tools["ruler"].isChecked()
    drag(panel, qtbot, (20.0, -8.0, -60.0), (26.0, 0.0, -60.0))
    qtbot.waitUntil(panel.bench.menu.isVisible, timeout=TIMEOUT_MS)
    assert [layer.name for layer, _ in our_layers(viewer, "drawing")] == ["Drawing"]
    add = next(a for a in panel.bench.menu.actions() if "new finding" in a.text())
    add.trigger()
    panel.bench.menu.hide()
    settle(panel, qtbot)
    assert told == []
    assert [layer.name for layer, _ in our_layers(viewer, "drawing")] == []
    assert tuple(viewer.dims.point) == point, "drawing moves no slice"
    assert len(panel.reading.report.findings) == before + 1
    new = panel.reading.report.findings[-1]
    assert new.measurement(terms.LONG_AXIS).value == pytest.approx(10.0, abs=0.8)
    assert new.laterality.value == "left"
    assert any(s.finding_uids == (new.tracking_uid,) for s in panel.reading.report.statements)
    assert "2 nodules" in panel.report.toPlainText()
    assert viewer.scene.camera.mouse_pan, "the tool is out of the hand again"


def test_a_probe_shows_hounsfield_units_and_changes_nothing(panel: Any, qtbot: Any) -> None:
    from qtpy.QtCore import Qt

    panel.viewer.dims.set_point((0, 1, 2), (-60.0, 0.0, 26.0))
    before = panel.reading
    press(panel, qtbot, "B")
    qtbot.mouseClick(canvas_of(panel), Qt.MouseButton.LeftButton, pos=pixel(panel, (26.0, -10.0, -60.0)))
    qtbot.waitUntil(panel.bench.menu.isVisible, timeout=TIMEOUT_MS)
    assert "-850.0 HU" in panel.bench.menu.actions()[0].text()
    panel.bench.menu.hide()
    assert panel.reading is before


def test_a_click_on_a_mask_selects_its_row_and_sentences(panel: Any, kit: Any, qtbot: Any) -> None:
    from qtpy.QtCore import Qt

    panel.viewer.dims.set_point(0, -60.0)
    panel.table.clearSelection()
    qtbot.mouseClick(canvas_of(panel), Qt.MouseButton.LeftButton, pos=pixel(panel, kit.nodule_mm))
    qtbot.waitUntil(lambda: panel.table.selected == kit.uid("nodule"), timeout=TIMEOUT_MS)
    assert panel.report._focus


def test_a_sentence_that_contradicts_needs_a_reason_and_is_audited(
    panel: Any, kit: Any, qtbot: Any, audit_folder: Any
) -> None:
    number = number_of(panel, kit.uid("nodule"))
    double_click_sentence(panel, qtbot, number)
    dialog = panel.panel.dialog
    dialog.words.setPlainText("Nodule of 40 mm in the right lung.")
    dialog._accept()
    assert dialog.isVisible(), "it is not taken without a reason"
    assert "40 mm" in dialog.objections.text()
    dialog.reason.setText("seen on the coronal images")
    dialog._accept()
    settle(panel, qtbot)
    statement = panel.reading.report.statements[number]
    assert (statement.source, statement.override.reason) == (Source.CLINICIAN, "seen on the coronal images")
    assert panel.desk.objections == ()
    assert "seen on the coronal images" in (audit_folder / "audit.jsonl").read_text()
    assert "Stood here before" in panel.report.tip_at(number)


def test_an_objection_stands_under_its_sentence(panel: Any, kit: Any, qtbot: Any) -> None:
    from tomoscribe.reports import editing

    number = number_of(panel, kit.uid("nodule"))
    panel.desk.apply("say", lambda r, _: editing.say(r, number, "Nodule of 40 mm in the right lung."))
    settle(panel, qtbot)
    assert panel.desk.objections
    assert "✗ 40 mm, measured 14 mm" in panel.report.toPlainText()


def test_signing_is_refused_until_all_is_reviewed_then_sealed(
    panel: Any, kit: Any, qtbot: Any, told: list[str]
) -> None:
    panel.panel.actions["Sign (final)"].trigger()
    panel.panel.dialog.accept()
    settle(panel, qtbot)
    assert "not reviewed" in told[-1]
    assert panel.reading.report.status is ReportStatus.DRAFT
    accept_all(panel, qtbot)
    panel.panel.actions["Sign (final)"].trigger()
    panel.panel.dialog.accept()
    settle(panel, qtbot)
    report = panel.reading.report
    assert (report.status, report.verified_by) == (ReportStatus.FINAL, process_identity().name)
    assert not panel.bench.bar.deeds["undo"].isEnabled(), "a signature is not undone"

    panel.panel.actions["Addendum"].trigger()
    panel.panel.dialog.first.setText("The referring physician was informed.")
    panel.panel.dialog.second.setCurrentText("asked by telephone")
    panel.panel.dialog._accept()
    settle(panel, qtbot)
    assert panel.reading.report.status is ReportStatus.APPENDED

    click_row(panel, qtbot, kit.uid("nodule"))
    press(panel, qtbot, "E")
    panel.bench.dialog.long.setValue(16.0)
    panel.bench.dialog._accept()
    panel.bench.dialog.setTextValue("measured again")
    panel.bench.dialog.accept()
    settle(panel, qtbot)
    assert panel.reading.report.status is ReportStatus.AMENDED
    assert panel.reading.report.history[-1].reason == "measured again"


def test_the_translation_is_marked_and_not_edited(panel: Any, qtbot: Any, told: list[str]) -> None:
    press(panel, qtbot, "L")
    settle(panel, qtbot)
    shown = panel.report.toPlainText()
    assert "TRANSLATION" in shown
    assert "translation" in panel.panel.status.text(), "marked wherever the text is scrolled to"
    assert "印象" in shown
    assert panel.desk.objections == ()
    panel.panel.edit_sentence(0)
    assert "signed text" in told[-1]
    press(panel, qtbot, "L")
    assert "IMPRESSION" in panel.report.toPlainText()


def test_a_question_is_answered_with_links(panel: Any, kit: Any, qtbot: Any) -> None:
    from qtpy.QtCore import QUrl

    press(panel, qtbot, "Q")
    qtbot.keyClicks(panel.panel.questions.question, "Where is the nodule?")
    panel.panel.questions.question.returnPressed.emit()
    settle(panel, qtbot)
    box = panel.panel.questions
    assert "The nodule is on the left." in box.answer.toPlainText()
    panel.viewer.dims.set_point((0, 1, 2), (-90.0, 0.0, 0.0))
    box.answer.anchorClicked.emit(QUrl(f"finding:{kit.uid('nodule')}"))
    off = np.abs(np.array(panel.viewer.dims.point) - napari_point(kit.nodule_mm))
    assert (off <= np.array((2.0, 1.5, 1.8))).all()


def test_who_was_told_is_kept(panel: Any, kit: Any, qtbot: Any) -> None:
    click_row(panel, qtbot, kit.uid("nodule"))
    panel.panel.actions["Critical finding told"].trigger()
    panel.panel.dialog.first.setText("ward 3")
    panel.panel.dialog._accept()
    settle(panel, qtbot)
    told = panel.reading.report.communications[0]
    assert (told.told, told.how, told.by) == ("ward 3", "by telephone", process_identity().name)
    assert "ward 3" in panel.report.toPlainText()


def test_an_edit_is_drafted_on_disk_and_offered_again(panel: Any, kit: Any, qtbot: Any, case: Any) -> None:
    from tomoscribe.plugin.editing import draft

    assert draft.saved_at(case.study) is None, "nothing was edited yet"
    click_row(panel, qtbot, kit.uid("nodule"))
    press(panel, qtbot, "A")
    settle(panel, qtbot)
    kept = draft.load(case.study)
    assert kept.reading.report == panel.reading.report
    for name in ("findings", "anatomy"):
        one, other = kept.reading.label_map(name), panel.reading.label_map(name)
        np.testing.assert_array_equal(one.array, other.array)
        assert (one.geometry, one.segments) == (other.geometry, other.segments)
    assert kept.first == case.reading.report
    assert draft.folder_of(case.study).stat().st_mode & 0o077 == 0
    panel.desk.end()
    panel.draft_bar.offer(case.study)
    assert panel.draft_bar.isVisible()
    panel.draft_bar.discard.click()
    assert draft.saved_at(case.study) is None
    assert not panel.draft_bar.isVisible()


def test_presence_of_the_review_list_can_be_raised(panel: Any, kit: Any, qtbot: Any) -> None:
    uid = kit.uid("effusion")
    click_row(panel, qtbot, uid)
    press(panel, qtbot, "E")
    form = panel.bench.dialog
    form.presence.choose(Presence.PRESENT)
    form._accept()
    settle(panel, qtbot)
    assert finding(panel, uid).presence is Presence.PRESENT
    assert panel.desk.objections == ()
    assert "pleural effusion" in panel.report.toPlainText().split("REVIEW LIST")[0].lower()


def test_a_reading_is_not_shown_on_another_study(
    napari_viewer: Any, case: Any, kit: Any, reader: Any, qtbot: Any, told: list[str]
) -> None:
    """A later study of the patient is opened while the first one is read."""
    from dataclasses import replace
    from pathlib import Path

    from napari.layers import Layer

    from tomoscribe.plugin.workspace import Workspace

    panel = Workspace(napari_viewer, lambda device: reader)
    napari_viewer.window.add_dock_widget(panel, name="Tomoscribe", area="right")
    napari_viewer.add_layer(Layer.create(*image_layer(case.volume, case.study)))
    qtbot.waitUntil(lambda: panel.study is not None, timeout=TIMEOUT_MS)
    go_on, begun = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        go_on.wait(30)

    reader.during = wait
    panel.run_bar.read.click()
    qtbot.waitUntil(begun.is_set, timeout=TIMEOUT_MS)
    panel.open_path(Path("elsewhere"))
    assert "still running" in told[-1]
    later = replace(case.study, study_uid=kit.uid("study", "later"), date="2032-01-01")
    napari_viewer.add_layer(Layer.create(*image_layer(case.volume, later)))
    qtbot.waitUntil(lambda: panel.study is later, timeout=TIMEOUT_MS)
    go_on.set()
    settle(panel, qtbot)
    assert panel.reading is None
    assert "another study" in told[-1]
    assert not list(our_layers(napari_viewer, "labels", "calipers", "surface"))
