"""The 3D view: structures, directions, cuts, lengths, margins, files; rendered pixels and real clicks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt

from tomoscribe.plugin.mpr.structures import Half, Structure, pick, structures_of

pytestmark = pytest.mark.gui

TIMEOUT_MS = 60_000
NODULE, LEFT, RIGHT = ("findings", "nodule_1"), ("anatomy", "lung_left"), ("anatomy", "lung_right")


@pytest.fixture
def space(panel: Any, qtbot: Any) -> Any:
    """The 3D view with its structures, all of them shown."""
    view = panel.linked.space
    view.cut.setCurrentIndex(0)
    view.measure.setChecked(False)
    view.ends_mm = []
    view._show_length()
    view.list.clearSelection()
    view._follow_crosshair()
    qtbot.waitUntil(lambda: view.solid is not None, timeout=TIMEOUT_MS)
    for key in list(view.structures):
        view.list.item(view.list.row_of(key), 0).setCheckState(Qt.CheckState.Checked)
    view.solid.look_from("Front")
    qtbot.wait(50)
    return view


def place_of(picture: np.ndarray, channel: int) -> tuple[float, float]:
    """(row, column) of the middle of what is mostly of one color, as fractions."""
    others = [n for n in range(3) if n != channel]
    strong = picture[..., channel].astype(int) - picture[..., others].max(axis=-1)
    rows, columns = np.nonzero(strong > 25)
    assert len(rows) > 30
    return float(rows.mean() / picture.shape[0]), float(columns.mean() / picture.shape[1])


def orange(picture: np.ndarray) -> int:
    """Pixels of the nodule."""
    return int((picture[..., 0].astype(int) - picture[..., 2] > 60).sum())


def only(space: Any, key: tuple[str, str]) -> None:
    """Unchecks all others in the list."""
    for other in space.structures:
        state = Qt.CheckState.Checked if other == key else Qt.CheckState.Unchecked
        space.list.item(space.list.row_of(other), 0).setCheckState(state)


def click(qtbot: Any, space: Any, point_mm: tuple[float, float, float]) -> None:
    x, y = space.solid.screen_of(point_mm)
    qtbot.mouseClick(space.solid.widget, Qt.MouseButton.LeftButton, pos=QPoint(round(x), round(y)))


def test_each_structure_is_one_row_and_one_mesh(space: Any) -> None:
    assert {NODULE, LEFT, RIGHT} <= set(space.structures)
    assert space.list.rowCount() == len(space.structures)
    assert space.list.opacity(NODULE) == 1.0
    assert space.list.opacity(LEFT) == pytest.approx(0.35)
    nodule = space.structures[NODULE].mesh
    np.testing.assert_allclose(nodule.vertices_mm.mean(axis=0), (30.0, 9.0, -60.0), atol=0.5)


def test_the_patient_is_not_mirrored_from_any_side(space: Any) -> None:
    """The nodule lies to the left and somewhat to the back: where it is seen from six sides."""
    only(space, NODULE)
    space.solid.show_cross(None)
    to_the_right = {"Front": True, "Back": False, "Left": True, "Right": False, "Head": True, "Feet": True}
    for name, wanted in to_the_right.items():
        space.solid.look_from(name)
        row, column = place_of(space.solid.picture(), 0)
        assert (column > 0.5) is wanted, name
        if name in ("Head", "Feet"):
            # From the feet, as in an axial image, the back is below; from the head it is above.
            assert (row > 0.5) is (name == "Feet"), name
    space.solid.look_from("Front")


def test_opacity_and_visibility_act_on_one_structure(space: Any) -> None:
    before = space.solid.picture()[..., :3].astype(int)
    row = space.list.row_of(LEFT)
    space.list.cellWidget(row, 1).setValue(90)
    after = space.solid.picture()[..., :3].astype(int)
    half = before.shape[1] // 2
    assert np.abs(after - before)[:, half + 20 :].sum() > 10 * np.abs(after - before)[:, : half - 20].sum()
    only(space, RIGHT)
    picture = space.solid.picture()[..., :3].astype(int)
    assert (picture[:, half + 30 :, 2] > 60).sum() < 200


def test_a_click_on_a_structure_moves_the_crosshair(space: Any, panel: Any, qtbot: Any, kit: Any) -> None:
    panel.linked.scene.move_to((-40.0, 0.0, 0.0))
    click(qtbot, space, kit.nodule_mm)
    x, y, z = kit.nodule_mm
    np.testing.assert_allclose(space.crosshair_mm, (x, y - 7.0, z), atol=1.5)


def test_two_clicks_measure(space: Any, qtbot: Any, kit: Any) -> None:
    only(space, NODULE)
    x, y, z = kit.nodule_mm
    qtbot.mouseClick(space.measure, Qt.MouseButton.LeftButton)
    assert space.length_words == "click two points"
    click(qtbot, space, (x - 4.0, y, z))
    click(qtbot, space, (x + 4.0, y, z))
    assert space.length_words == f"{np.linalg.norm(np.subtract(*space.ends_mm)):.1f} mm"
    assert float(space.length_words.split()[0]) == pytest.approx(8.0, abs=0.8)


def test_the_shortest_way_between_two_selected_structures(space: Any, qtbot: Any) -> None:
    for key, modifier in ((LEFT, Qt.KeyboardModifier.NoModifier), (RIGHT, Qt.KeyboardModifier.ControlModifier)):
        where = space.list.visualItemRect(space.list.item(space.list.row_of(key), 0)).center()
        qtbot.mouseClick(space.list.viewport(), Qt.MouseButton.LeftButton, modifier, pos=where)
    qtbot.mouseClick(space.measure, Qt.MouseButton.LeftButton)
    # The lungs are ellipses about x = 26 and -26 with a half axis of 20 mm.
    assert float(space.length_words.split()[0]) == pytest.approx(12.0, abs=1.5)


def test_a_cut_at_the_crosshair_takes_one_side_off(space: Any, panel: Any, qtbot: Any, kit: Any) -> None:
    x, y, z = kit.nodule_mm
    panel.linked.scene.move_to((z, y, x))
    only(space, NODULE)
    space.solid.show_cross(None)
    whole = orange(space.solid.picture())
    space.cut.setCurrentText("Cut: left off")
    space.cut.textActivated.emit("Cut: left off")
    space.solid.show_cross(None)
    half = orange(space.solid.picture())
    assert half == pytest.approx(whole / 2, rel=0.15)
    assert space.halves == (Half(point_mm=space.crosshair_mm, towards=(-1.0, 0.0, 0.0)),)


def test_a_margin_becomes_a_structure_of_its_own(space: Any, qtbot: Any) -> None:
    space.list.selectRow(space.list.row_of(NODULE))
    space.margin.setValue(5)
    qtbot.mouseClick(space.shell, Qt.MouseButton.LeftButton)
    key = ("findings", "nodule_1 + 5 mm")
    qtbot.waitUntil(lambda: key in space.structures, timeout=TIMEOUT_MS)
    shell = space.structures[key].mesh
    radius = np.linalg.norm(shell.vertices_mm - (30.0, 9.0, -60.0), axis=1)
    assert radius.mean() == pytest.approx(12.0, abs=0.4)
    assert space.list.opacity(key) == pytest.approx(0.3)


def test_what_is_shown_is_saved(space: Any, tmp_path: Path) -> None:
    only(space, NODULE)
    space.save(tmp_path / "lesion.obj")
    text = (tmp_path / "lesion.obj").read_text()
    assert text.count("\no ") == 1
    assert "o Nodule_1" in text


def test_a_ray_meets_the_nearest_and_respects_cuts(case: Any) -> None:
    from tomoscribe.findings.surfaces import surface

    meshes = {name: surface(case.reading.label_maps[1], name) for name in ("lung_right", "lung_left")}
    structures = [
        Structure(
            key=("anatomy", name), mesh=mesh, colors=np.ones((len(mesh.vertices_mm), 4), np.float32), is_hull=True
        )
        for name, mesh in meshes.items()
    ]
    from_left = pick(structures, (500.0, 0.0, -60.0), (-1.0, 0.0, 0.0))
    assert from_left is not None
    assert from_left.key == LEFT
    assert from_left.point_mm[0] == pytest.approx(46.0, abs=1.0)
    cut = Half(point_mm=(0.0, 0.0, 0.0), towards=(-1.0, 0.0, 0.0))
    behind = pick(structures, (500.0, 0.0, -60.0), (-1.0, 0.0, 0.0), (cut,))
    assert behind is not None
    assert behind.key == RIGHT
    assert behind.point_mm[0] == pytest.approx(-6.0, abs=1.0)
    assert pick(structures, (500.0, 300.0, -60.0), (-1.0, 0.0, 0.0)) is None


def test_a_layer_gives_its_structures_back(panel: Any) -> None:
    found = [s for layer in panel.viewer.layers if layer.name.startswith("3D") for s in structures_of(layer)]
    assert {s.key for s in found} == {NODULE, LEFT, RIGHT}
    nodule = next(s for s in found if s.key == NODULE)
    # Within the grid's clipping of its own vertices, the volume of a ball of 7 mm.
    assert nodule.mesh.volume_mm3 == pytest.approx(4 / 3 * np.pi * 7.0**3, rel=0.05)
