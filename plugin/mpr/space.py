"""The 3D view among the linked views: structures, cuts at the crosshair, lengths, margins, files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from tomoscribe.core import LabelMap
from tomoscribe.encoders.conversions import napari_point, point_from_napari
from tomoscribe.findings.mesh_files import write_meshes
from tomoscribe.findings.planning import margin_shell, nearest_gap
from tomoscribe.findings.surfaces import Mesh
from tomoscribe.plugin import notices
from tomoscribe.plugin.mpr.scene import Scene
from tomoscribe.plugin.mpr.solid import DIRECTIONS, Point, Solid
from tomoscribe.plugin.mpr.structure_list import StructureList
from tomoscribe.plugin.mpr.structures import Half, Structure, pick, structures_of
from tomoscribe.plugin.navigate import our_layers
from tomoscribe.plugin.work import Job

_LATER_MS = 200
_EMPTY = "Read the study to see its structures in 3D"
_NO_CUT = "No cut"
CUTS = {
    "Cut: front off": (0.0, 1.0, 0.0),
    "Cut: back off": (0.0, -1.0, 0.0),
    "Cut: left off": (-1.0, 0.0, 0.0),
    "Cut: right off": (1.0, 0.0, 0.0),
    "Cut: head side off": (0.0, 0.0, -1.0),
    "Cut: feet side off": (0.0, 0.0, 1.0),
}
"""What is taken off at the crosshair, and the direction (LPS) of what is left."""
_FILES = "glTF, with colors (*.glb);;STL (*.stl);;OBJ (*.obj)"
_SHELL_RGBA = (0.24, 0.86, 0.85, 1.0)
_SHELL_OPACITY_PERCENT = 30
_SIDE_PX, _LIST_FROM_PX = 168, 330


class Space(QWidget):
    """Surfaces of what was read. The canvas is made with the first structure: many readings never look at 3D.

    Signals:
        activated: the mouse was used here.
    """

    activated = Signal(object)

    def __init__(self, scene: Scene) -> None:
        super().__init__()
        self.scene = scene
        self.solid: Solid | None = None
        self.structures: dict[tuple[str, str], Structure] = {}
        self.ends_mm: list[Point] = []
        self._shells: dict[tuple[str, str], Structure] = {}
        self._job: Job | None = None
        self._lay_out()
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(_LATER_MS)
        self._later.timeout.connect(self._follow)
        scene.moved.connect(self._later.start)
        scene.layers_changed.connect(self._later.start)
        self._seen: list[int] = []

    # Structures

    def refresh(self) -> None:
        """Shows the surfaces of the viewer's layers."""
        layers = [layer for layer, _ in our_layers(self.scene.viewer, "surface")]
        if [id(layer) for layer in layers] == self._seen:
            return
        self._seen = [id(layer) for layer in layers]
        found = {s.key: s for layer in layers for s in structures_of(layer)}
        self._shells = {key: shell for key, shell in self._shells.items() if found}
        self.structures = dict(sorted(found.items(), key=lambda kv: kv[1].is_hull)) | self._shells
        self._show_all()

    def _show_all(self) -> None:
        self.empty.setVisible(not self.structures)
        for widget in self._tools:
            widget.setEnabled(bool(self.structures))
        if not self.structures and self.solid is None:
            return
        solid = self._solid()
        solid.widget.setVisible(bool(self.structures))
        for key in list(solid.keys):
            if key not in self.structures:
                solid.remove(key)
        for key, structure in self.structures.items():
            if solid.keys.get(key) is not structure:
                solid.show(structure, 1.0)
        self.list.show_structures(list(self.structures.values()))
        if self.structures:
            vertices = [s.mesh.vertices_mm for s in self.structures.values()]
            solid.frame(
                np.min([v.min(axis=0) for v in vertices], axis=0), np.max([v.max(axis=0) for v in vertices], axis=0)
            )
        self._follow_crosshair()

    def _solid(self) -> Solid:
        if self.solid is None:
            self.solid = Solid(self, self._on_click)
            self._body.insertWidget(0, self.solid.widget, 1)
        return self.solid

    # Crosshair and cuts

    @property
    def crosshair_mm(self) -> Point:
        """The crosshair, LPS mm."""
        x, y, z = (float(v) for v in point_from_napari(self.scene.point_mm))
        return x, y, z

    @property
    def halves(self) -> tuple[Half, ...]:
        """What the chosen cut leaves."""
        towards = CUTS.get(self.cut.currentText())
        return () if towards is None else (Half(point_mm=self.crosshair_mm, towards=towards),)

    def _follow(self) -> None:
        if self.isVisible():
            self.refresh()
            self._follow_crosshair()

    def _follow_crosshair(self) -> None:
        if self.solid is not None and self.structures:
            self.solid.show_cross(self.crosshair_mm if self.scene.crosshair_visible else None)
            self.solid.cut(self.halves)

    def showEvent(self, event: Any) -> None:
        super().showEvent(event)
        self._later.start()

    def resizeEvent(self, event: Any) -> None:
        super().resizeEvent(event)
        self.side.setVisible(self.width() >= _LIST_FROM_PX)

    # Lengths

    def _on_click(self, start_mm: Point, direction: Point) -> None:
        self.activated.emit(self)
        shown = [s for s in self.structures.values() if self.list.opacity(s.key) > 0]
        solid_first = [s for s in shown if not s.is_hull] or shown
        hit = pick(solid_first, start_mm, direction, self.halves) or pick(shown, start_mm, direction, self.halves)
        if hit is None:
            return
        if self.measure.isChecked():
            self._add_end(hit.point_mm)
        else:
            self.scene.move_to(napari_point(hit.point_mm).tolist())

    def _add_end(self, point_mm: Point) -> None:
        self.ends_mm = [point_mm] if len(self.ends_mm) != 1 else [*self.ends_mm, point_mm]
        self._show_length()

    def measure_between(self) -> None:
        """The shortest way between two selected structures, or lengths by clicks from now on."""
        chosen = [self.structures[key] for key in self.list.chosen()]
        self.ends_mm = []
        if self.measure.isChecked() and len(chosen) == 2:
            gap = nearest_gap(chosen[0].mesh, chosen[1].mesh)
            self.ends_mm = list(gap.ends_mm)
            self.measure.setChecked(False)
        self._show_length()

    @property
    def length_words(self) -> str:
        """The measured length, or what to do for one."""
        if len(self.ends_mm) == 2:
            start, stop = self.ends_mm
            return f"{np.linalg.norm(np.subtract(start, stop)):.1f} mm"
        return "click the second point" if self.ends_mm else "click two points" if self.measure.isChecked() else ""

    def _show_length(self) -> None:
        self.words.setText(self.length_words)
        if self.solid is not None:
            self.solid.show_line(self.ends_mm, self.length_words)

    # Margins

    def add_margin(self) -> None:
        """A shell around the selected structure, made off the GUI thread."""
        chosen = [key for key in self.list.chosen() if key not in self._shells]
        source = self._label_map_of(chosen[0][0]) if chosen else None
        if source is None or self._job is not None:
            notices.status(self.scene.viewer, "Select one structure in the list first.")
            return
        key, margin_mm = chosen[0], float(self.margin.value())
        self._job = Job(lambda progress: margin_shell(source, key[1], margin_mm))
        self.words.setText("making the shell ...")
        self.destroyed.connect(self._job.abandon)
        self._job.done.connect(lambda mesh: self._add_shell((key[0], f"{key[1]} + {margin_mm:.0f} mm"), mesh))
        self._job.failed.connect(self._fail)
        self._job.start()

    def _add_shell(self, key: tuple[str, str], mesh: Mesh) -> None:
        self._job = None
        self._show_length()
        colors = np.tile(np.array(_SHELL_RGBA, np.float32), (len(mesh.vertices_mm), 1))
        self._shells[key] = Structure(key=key, mesh=mesh, colors=colors, is_hull=False)
        self.structures[key] = self._shells[key]
        self._show_all()
        self.list.set_percent(key, _SHELL_OPACITY_PERCENT)

    def _fail(self, error: Exception) -> None:
        self._job = None
        self._show_length()
        notices.failure(error)

    def _label_map_of(self, name: str) -> LabelMap | None:
        for _, meta in our_layers(self.scene.viewer, "labels"):
            if meta["label_map"] == name:
                found: LabelMap = meta["source"]
                return found
        return None

    # Files

    def save(self, path: Path) -> None:
        """Writes what is shown into one file."""
        shown = {s.title: s for s in self.structures.values() if self.list.opacity(s.key) > 0}
        colors = {
            title: (s.swatch[0] / 255, s.swatch[1] / 255, s.swatch[2] / 255, self.list.opacity(s.key))
            for title, s in shown.items()
        }
        write_meshes({title: s.mesh for title, s in shown.items()}, path, colors)

    def _ask_and_save(self) -> None:
        name, chosen = QFileDialog.getSaveFileName(self, "Save the structures that are shown", "structures.glb", _FILES)
        if name:
            path = Path(name)
            ending = chosen.split("*")[-1].rstrip(")")
            try:
                self.save(path if path.suffix else path.with_suffix(ending))
            except Exception as error:  # noqa: BLE001 (told to the user, whatever it is)
                notices.failure(error)

    # Layout

    def _lay_out(self) -> None:
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setStyleSheet("Space { background: black; }")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self.direction, self.cut = QComboBox(), QComboBox()
        self.direction.addItems(list(DIRECTIONS))
        self.cut.addItems([_NO_CUT, *CUTS])
        self.measure, self.shell, self.export = QPushButton("Measure"), QPushButton("Margin"), QPushButton("Save ...")
        self.measure.setCheckable(True)
        self.measure.setToolTip("Two clicks on surfaces, or the shortest way between two selected structures")
        self.shell.setToolTip("A shell around the selected structure")
        self.margin = QSpinBox()
        self.margin.setRange(1, 50)
        self.margin.setValue(5)
        self.margin.setSuffix(" mm")
        self.words = QLabel("")
        self.list = StructureList()
        self.empty = QLabel(_EMPTY)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.empty.setStyleSheet("color: #8a93a6;")
        self._tools = (self.direction, self.cut, self.measure, self.margin, self.shell, self.export, self.list)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(_row(self.direction, self.cut, self.measure, self.words))
        self._body = QHBoxLayout()
        self._body.setSpacing(0)
        self._body.addWidget(self.empty, 1)
        self.side = self._side()
        self._body.addWidget(self.side)
        column.addLayout(self._body, 1)
        self._connect()

    def _side(self) -> QWidget:
        """The list, and what is done with a structure of it."""
        side = QWidget()
        side.setFixedWidth(_SIDE_PX)
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.list, 1)
        column.addLayout(_row(self.margin, self.shell))
        column.addLayout(_row(self.export))
        return side

    def _connect(self) -> None:
        self.direction.textActivated.connect(lambda name: self.solid.look_from(name) if self.solid else None)
        self.cut.textActivated.connect(lambda _: self._follow_crosshair())
        self.measure.clicked.connect(self.measure_between)
        self.shell.clicked.connect(self.add_margin)
        self.export.clicked.connect(self._ask_and_save)
        self.list.opacity_changed.connect(self._set_opacity)
        for widget in self._tools:
            widget.setEnabled(False)

    def _set_opacity(self, key: tuple[str, str], opacity: float) -> None:
        if self.solid is not None and key in self.solid.keys:
            self.solid.set_opacity(key, opacity)


def _row(*widgets: QWidget) -> QHBoxLayout:
    """Side by side; none keeps the view from becoming narrow."""
    row = QHBoxLayout()
    row.setContentsMargins(3, 2, 3, 2)
    row.setSpacing(3)
    for widget in widgets:
        widget.setMinimumWidth(20)
        row.addWidget(widget, 1)
    return row
