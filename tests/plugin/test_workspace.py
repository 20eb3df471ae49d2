"""The panel in a real viewer under the virtual display."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tomoscribe.core.errors import MemoryPlanError
from tomoscribe.plugin.layers import image_layer
from tomoscribe.plugin.planes import Plane

pytestmark = pytest.mark.gui

TIMEOUT_MS = 60_000


@pytest.fixture
def panel(napari_viewer: Any, case: Any, reader: Any, qtbot: Any) -> Any:
    """The panel with the case's image open."""
    from tomoscribe.plugin.workspace import Workspace

    workspace = Workspace(napari_viewer, lambda device: reader)
    napari_viewer.window.add_dock_widget(workspace, name="Tomoscribe", area="right")
    add_image(napari_viewer, case)
    qtbot.waitUntil(lambda: workspace.study is not None, timeout=TIMEOUT_MS)
    return workspace


@pytest.fixture
def read_panel(panel: Any, qtbot: Any) -> Any:
    """The panel after reading."""
    panel.run_bar.read.click()
    qtbot.waitUntil(lambda: panel.reading is not None, timeout=TIMEOUT_MS)
    return panel


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What napari is asked to show as an error."""
    from tomoscribe.plugin import notices

    words: list[str] = []
    monkeypatch.setattr(notices, "show_error", words.append)
    return words


def add_image(viewer: Any, case: Any) -> None:
    from napari.layers import Layer

    viewer.add_layer(Layer.create(*image_layer(case.volume, case.study)))


def row_of(panel: Any, uid: str) -> int:
    return next(n for n in range(panel.table.rowCount()) if panel.table.uid_of_row(n) == uid)


def away_from(viewer: Any) -> None:
    viewer.dims.set_point((0, 1, 2), (-90.0, -30.0, -40.0))


def assert_at(viewer: Any, xyz_mm: tuple[float, float, float]) -> None:
    """The dims stand within one voxel of a place."""
    off = np.abs(np.array(viewer.dims.point) - np.array(xyz_mm)[[2, 1, 0]])
    assert (off <= np.array((2.0, 1.5, 1.8))).all(), off


def click_row(panel: Any, qtbot: Any, number: int) -> None:
    from qtpy.QtCore import Qt

    where = panel.table.visualRect(panel.table.model().index(number, 0)).center()
    qtbot.mouseClick(panel.table.viewport(), Qt.MouseButton.LeftButton, pos=where)


def click_sentence(panel: Any, qtbot: Any, number: int) -> None:
    """A mouse click on the words of a sentence, wherever the text stands."""
    from qtpy.QtCore import QPoint, Qt

    panel.report.scrollToAnchor(f"s{number}")
    area = panel.report.viewport()
    spots = (QPoint(x, y) for y in range(4, area.height(), 4) for x in (20, 60))
    spot = next(p for p in spots if panel.report.anchorAt(p) == f"statement:{number}")
    qtbot.mouseClick(area, Qt.MouseButton.LeftButton, pos=spot)


def test_reading_fills_layers_table_and_report(read_panel: Any, case: Any) -> None:
    names = [layer.name for layer in read_panel.viewer.layers]
    assert names == [
        "CT 4 thin", "3D findings", "3D lung right", "3D lung left", "Anatomy", "Findings", "Calipers",
    ]  # fmt: skip
    assert read_panel.table.rowCount() == len(case.reading.report.findings)
    shown = read_panel.report.toPlainText()
    assert all(s.text in shown for s in case.reading.report.statements)


def test_reading_again_replaces_the_marks(read_panel: Any, qtbot: Any) -> None:
    before = len(read_panel.viewer.layers)
    first = read_panel.reading
    read_panel.desk.end()
    read_panel.start_reading()
    qtbot.waitUntil(lambda: read_panel.reading is not None, timeout=TIMEOUT_MS)
    assert read_panel.reading is first
    assert len(read_panel.viewer.layers) == before


def test_a_click_on_a_row_moves_the_viewer(read_panel: Any, qtbot: Any, kit: Any) -> None:
    away_from(read_panel.viewer)
    click_row(read_panel, qtbot, row_of(read_panel, kit.uid("nodule")))
    assert_at(read_panel.viewer, kit.nodule_mm)
    assert read_panel.viewer.layers.selection.active.name == "Findings"


def test_a_click_on_a_sentence_moves_the_viewer(read_panel: Any, qtbot: Any, kit: Any, case: Any) -> None:
    statements = case.reading.report.statements
    number = next(n for n, s in enumerate(statements) if s.finding_uids == (kit.uid("nodule"),))
    away_from(read_panel.viewer)
    click_sentence(read_panel, qtbot, number)
    qtbot.waitUntil(lambda: bool(read_panel.table.selectionModel().selectedRows()), timeout=TIMEOUT_MS)
    assert_at(read_panel.viewer, kit.nodule_mm)
    selected = read_panel.table.selectionModel().selectedRows()[0].row()
    assert read_panel.table.uid_of_row(selected) == kit.uid("nodule")


def test_a_region_without_a_mask_gets_a_box(read_panel: Any, qtbot: Any, kit: Any) -> None:
    click_row(read_panel, qtbot, row_of(read_panel, kit.uid("effusion")))
    assert_at(read_panel.viewer, kit.region_mm)
    assert "Region" in [layer.name for layer in read_panel.viewer.layers]
    click_row(read_panel, qtbot, row_of(read_panel, kit.uid("nodule")))
    assert "Region" not in [layer.name for layer in read_panel.viewer.layers]


def test_a_finding_without_a_place_leaves_the_viewer_where_it_is(read_panel: Any, qtbot: Any, kit: Any) -> None:
    away_from(read_panel.viewer)
    before = read_panel.viewer.dims.point
    click_row(read_panel, qtbot, row_of(read_panel, kit.uid("emphysema")))
    assert read_panel.viewer.dims.point == before
    assert "without a single place" in read_panel.viewer.status


def test_cancel_stops_and_leaves_nothing(panel: Any, reader: Any, qtbot: Any) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def during() -> None:
        entered.set()
        go_on.wait(30)

    reader.during = during
    panel.run_bar.read.click()
    qtbot.waitUntil(entered.is_set, timeout=TIMEOUT_MS)
    assert panel.run_bar.stop.isEnabled()
    panel.run_bar.stop.click()
    go_on.set()
    qtbot.waitUntil(lambda: panel.run_bar.words.text() == "Cancelled", timeout=TIMEOUT_MS)
    assert panel.reading is None
    assert len(panel.viewer.layers) == 1
    assert panel.run_bar.read.isEnabled()


def test_work_runs_off_the_gui_thread(panel: Any, reader: Any, qtbot: Any) -> None:
    threads: list[int] = []
    reader.during = lambda: threads.append(threading.get_ident())
    panel.run_bar.read.click()
    qtbot.waitUntil(lambda: panel.reading is not None, timeout=TIMEOUT_MS)
    assert threads
    assert threads[0] != threading.get_ident()


def raising(error: Exception) -> Callable[[], None]:
    def during() -> None:
        raise error

    return during


def test_an_error_is_told_with_its_remedy(panel: Any, reader: Any, qtbot: Any, told: list[str]) -> None:
    reader.during = raising(MemoryPlanError("8 GB are needed", where="1.2.3", remedy="close other programs"))
    panel.run_bar.read.click()
    qtbot.waitUntil(lambda: panel.run_bar.words.text() == "Failed", timeout=TIMEOUT_MS)
    assert told == ["8 GB are needed (1.2.3). close other programs."]
    assert panel.reading is None


def test_a_bug_is_told_with_its_traceback(panel: Any, reader: Any, qtbot: Any, monkeypatch: Any) -> None:
    from tomoscribe.plugin import notices

    seen: list[Any] = []
    monkeypatch.setattr(notices.notification_manager, "dispatch", seen.append)
    reader.during = raising(ZeroDivisionError("a bug"))
    panel.run_bar.read.click()
    qtbot.waitUntil(lambda: panel.run_bar.words.text() == "Failed", timeout=TIMEOUT_MS)
    assert [type(n.exception) for n in seen] == [ZeroDivisionError]


def test_opening_nonsense_is_told(panel: Any, qtbot: Any, told: list[str], tmp_path: Any) -> None:
    panel.open_path(tmp_path / "absent")
    qtbot.waitUntil(lambda: panel.run_bar.words.text() == "Failed", timeout=TIMEOUT_MS)
    assert len(told) == 1


def test_notice_and_banner_are_always_there(napari_viewer: Any, read_panel: Any, qtbot: Any) -> None:
    overlays = napari_viewer.canvas.overlays
    for show in (lambda: read_panel.set_plane(Plane.CORONAL), read_panel.view_bar.three_d.click):
        show()
        assert overlays["tomoscribe_notice"].visible
        assert overlays["tomoscribe_notice"].text == "Not a medical device"
        assert "61 years" in overlays["tomoscribe_study"].text
    assert "Not a medical device" in read_panel.banner.notice.text()
    assert read_panel.banner.notice.isVisible()
    assert "CT chest" in read_panel.banner.study.text()


def test_3d_shows_surfaces_and_2d_the_images(read_panel: Any) -> None:
    viewer = read_panel.viewer
    read_panel.view_bar.three_d.click()
    assert [layer.name for layer in viewer.layers if layer.visible] == ["3D findings", "3D lung right", "3D lung left"]
    read_panel.view_bar.planes[Plane.AXIAL].click()
    assert [layer.name for layer in viewer.layers if layer.visible] == ["CT 4 thin", "Anatomy", "Findings", "Calipers"]


def test_one_key_hides_all_marks(read_panel: Any, qtbot: Any) -> None:
    viewer = read_panel.viewer
    viewer.layers["Anatomy"].visible = False
    read_panel.view_bar.marks.click()
    assert [layer.name for layer in viewer.layers if layer.visible] == ["CT 4 thin"]
    read_panel.view_bar.marks.click()
    assert [layer.name for layer in viewer.layers if layer.visible] == ["CT 4 thin", "Findings", "Calipers"]
    assert "H" in [str(k) for k in viewer.keymap]


def test_a_window_preset_changes_the_gray_levels(read_panel: Any) -> None:
    read_panel.view_bar.window_chosen.emit("Bone")
    assert read_panel.viewer.layers["CT 4 thin"].contrast_limits == [-500, 1300]
    assert read_panel.viewer.canvas.overlays["tomoscribe_place"].text.endswith("Bone")


def test_copy_puts_the_report_on_the_clipboard(read_panel: Any) -> None:
    from qtpy.QtGui import QGuiApplication

    read_panel.run_bar.copy.click()
    assert QGuiApplication.clipboard().text().startswith("DRAFT - NOT SIGNED")


def test_another_patient_is_turned_away(panel: Any, kit: Any, qtbot: Any, told: list[str]) -> None:
    add_image(panel.viewer, kit.case("somebody else"))
    qtbot.waitUntil(lambda: bool(told), timeout=TIMEOUT_MS)
    assert len(panel.viewer.layers) == 1
    assert "another patient" in told[0]


def test_a_dicom_folder_opened_in_napari_gives_an_image_and_the_panel(
    napari_viewer: Any, case: Any, qtbot: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a drag does: napari asks the reader, and the panel docks by itself."""
    import napari

    from tomoscribe.encoders.dicom import SyntheticIdentity, write_series

    identity = SyntheticIdentity(patient_id="P", patient_name="P^P", study_date="2031-05-04", sex="F", age_years=61)
    write_series(case.volume, tmp_path, identity=identity)
    monkeypatch.setattr(napari, "current_viewer", lambda: napari_viewer)
    layers = napari_viewer.open(str(tmp_path), plugin="tomoscribe")
    assert [type(layer).__name__ for layer in layers] == ["Image"]
    np.testing.assert_array_equal(layers[0].data, case.volume.array)
    qtbot.waitUntil(lambda: len(napari_viewer.window.dock_widgets) == 1, timeout=TIMEOUT_MS)
    panel = next(iter(napari_viewer.window.dock_widgets.values()))
    qtbot.waitUntil(lambda: panel.study is not None, timeout=TIMEOUT_MS)
    assert "2031-05-04" in panel.banner.study.text()
    assert panel.run_bar.read.isEnabled()


def test_a_folder_that_cannot_be_read_is_an_error_with_a_remedy(napari_viewer: Any, tmp_path: Any) -> None:
    from tomoscribe.core.errors import TomoscribeError

    (tmp_path / "a.dcm").write_bytes(b"no DICOM at all" * 20)
    with pytest.raises(TomoscribeError):
        napari_viewer.open(str(tmp_path), plugin="tomoscribe")


def test_a_closed_panel_is_not_called_any_more(napari_viewer: Any, read_panel: Any, qtbot: Any) -> None:
    called: list[str] = []
    read_panel.destroyed.connect(lambda: called.append("destroyed"))
    napari_viewer.window.remove_dock_widget(read_panel)
    read_panel.deleteLater()
    qtbot.waitUntil(lambda: bool(called), timeout=TIMEOUT_MS)
    napari_viewer.dims.order = (1, 0, 2)
    napari_viewer.dims.set_point(0, -50.0)
    assert called == ["destroyed"]


@pytest.mark.parametrize("plane", Plane)
def test_the_screen_shows_the_right_side_on_the_right(napari_viewer: Any, kit: Any, qtbot: Any, plane: Plane) -> None:
    """Rendered: a bright ball far to the left, back and head appears where radiologists expect it."""
    from napari.layers import Layer

    from tomoscribe.plugin import planes

    geometry = kit.geometry()
    volume = kit.volume(ball_left_back_head(geometry), geometry)
    napari_viewer.add_layer(Layer.create(*image_layer(volume, kit.study((volume,)))))
    planes.show_plane(napari_viewer, plane)
    napari_viewer.dims.set_point((0, 1, 2), (-36.0, 27.0, 36.0))
    row, column = bright_center(napari_viewer)
    assert column > 0.6, "patient's left, or back in a sagittal image, belongs on the screen's right"
    if plane is Plane.AXIAL:
        assert row > 0.55, "the back belongs at the bottom"
    else:
        assert row < 0.45, "the head belongs at the top"


def test_in_3d_the_patient_is_not_mirrored(napari_viewer: Any, kit: Any, qtbot: Any) -> None:
    """Rendered from the front: left on the screen's right and head up; seen from behind, left on the left."""
    from napari.layers import Layer

    from tomoscribe.plugin import planes

    geometry = kit.geometry()
    volume = kit.volume(ball_left_back_head(geometry), geometry)
    napari_viewer.add_layer(Layer.create(*image_layer(volume, kit.study((volume,)))))
    planes.show_3d(napari_viewer)
    row, column = bright_center(napari_viewer)
    assert column > 0.55
    assert row < 0.45
    napari_viewer.scene.camera.set_view_direction(view_direction=(0.0, -1.0, 0.0), up_direction=(1.0, 0.0, 0.0))
    row, column = bright_center(napari_viewer)
    assert column < 0.45
    assert row < 0.45


def ball_left_back_head(geometry: Any) -> np.ndarray:
    grid = geometry.to_world(np.stack(np.meshgrid(*[np.arange(n) for n in geometry.shape], indexing="ij"), axis=-1))
    array = np.full(geometry.shape, -1350, np.int16)
    array[np.linalg.norm(grid - np.array((36.0, 27.0, -36.0)), axis=-1) < 9] = 150
    return array


def bright_center(viewer: Any) -> tuple[float, float]:
    """(row, column) of the bright pixels' center, as fractions of the canvas."""
    picture = viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(float).min(axis=-1)
    rows, columns = np.nonzero(picture > 200)
    assert len(rows) > 50
    return rows.mean() / picture.shape[0], columns.mean() / picture.shape[1]
