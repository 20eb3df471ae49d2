"""The linked views of a viewer, in the place of napari's own canvas, and their keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QGridLayout, QWidget

from tomoscribe.core import Study
from tomoscribe.plugin.controls import banner_words
from tomoscribe.plugin.layers import KEY
from tomoscribe.plugin.mpr.pane import Pane
from tomoscribe.plugin.mpr.scene import Scene
from tomoscribe.plugin.navigate import Target
from tomoscribe.plugin.planes import Plane
from tomoscribe.plugin.screen import NOTICE

if TYPE_CHECKING:
    from napari.components import ViewerModel

_GAP_PX = 2


class Linked(QWidget):
    """Axial, coronal and sagittal at once.

    Signals:
        preset_wanted: the number key of a window preset, from 0.
    """

    preset_wanted = Signal(int)

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self.scene = Scene(viewer)
        self.active: Pane | None = None
        self._enlarged: Pane | None = None
        self._study: Study | None = None
        self.setStyleSheet("Linked { background: #2a2f36; }")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(_GAP_PX)
        self.panes = {plane: self._pane(plane) for plane in Plane}
        self._place()
        self.scene.moved.connect(self._repaint)
        self.scene.changed.connect(self._repaint)
        self.scene.layers_changed.connect(self._forget)
        self._keys = self._key_table()

    def show_study(self, study: Study | None) -> None:
        """Writes the study's banner into the first pane."""
        self._study = study
        first = self.panes[Plane.AXIAL]
        first.banner = () if study is None else banner_words(study)
        first.notice = NOTICE
        self._repaint()

    def look_at(self, target: Target) -> None:
        """All panes at a finding."""
        self.scene.move_to(target.point_zyx_mm)
        for pane in self.panes.values():
            pane.look_at(target.point_zyx_mm, target.field_mm)

    def enlarge(self, pane: Pane | None) -> None:
        """One pane alone; all of them again when it was."""
        self._enlarged = None if pane is self._enlarged else pane
        for one in self.panes.values():
            one.setVisible(self._enlarged in (None, one))

    def set_window(self, layer: Any, low: float, high: float) -> None:
        """A window set by hand."""
        known = layer.metadata.get(KEY)
        if isinstance(known, dict):
            known["preset"] = "Window"
        layer.contrast_limits = (low, high)

    # Keys

    def keyPressEvent(self, event: Any) -> None:
        action = self._keys.get(event.key())
        if action is None or self.scene.base() is None:
            super().keyPressEvent(event)
            return
        action()
        event.accept()

    def _key_table(self) -> dict[int, Callable[[], None]]:
        key = Qt.Key
        table: dict[int, Callable[[], None]] = {
            key.Key_Up: lambda: self._step(1),
            key.Key_Down: lambda: self._step(-1),
            key.Key_PageUp: lambda: self._step(10),
            key.Key_PageDown: lambda: self._step(-10),
            key.Key_Home: lambda: self._step(10**6),
            key.Key_End: lambda: self._step(-(10**6)),
            key.Key_F: self.fit,
            key.Key_X: self.toggle_crosshair,
            key.Key_Escape: lambda: self.enlarge(self._enlarged),
        }
        for number in range(9):
            digit = getattr(key, f"Key_{number + 1}")
            table[digit] = lambda n=number: self.preset_wanted.emit(n)  # type: ignore[misc]
        return table

    def _step(self, slices: int) -> None:
        """Up is towards the head, the front or the right: what lies higher, nearer or first in the usual order."""
        plane = Plane.AXIAL if self.active is None else self.active.plane
        self.scene.step(plane, slices if plane is Plane.AXIAL else -slices)

    def fit(self) -> None:
        """Every pane shows its whole image."""
        for pane in self.panes.values():
            pane.fit()

    def toggle_crosshair(self) -> None:
        """Hides the crosshair, or shows it again."""
        self.scene.crosshair_visible = not self.scene.crosshair_visible
        self._repaint()

    # Plumbing

    def _pane(self, plane: Plane) -> Pane:
        pane = Pane(self.scene, plane)
        pane.activated.connect(self._activate)
        pane.enlarged.connect(self.enlarge)
        pane.windowed.connect(self.set_window)
        return pane

    def _place(self) -> None:
        places: Sequence[tuple[Plane, int, int]] = (
            (Plane.AXIAL, 0, 0),
            (Plane.CORONAL, 0, 1),
            (Plane.SAGITTAL, 1, 0),
        )
        for plane, row, column in places:
            self._grid.addWidget(self.panes[plane], row, column)
        for n in range(2):
            self._grid.setRowStretch(n, 1)
            self._grid.setColumnStretch(n, 1)

    def _activate(self, pane: Pane) -> None:
        if pane is not self.active:
            self.active = pane
            for one in self.panes.values():
                one.is_active = one is pane
                one.update()

    def _repaint(self) -> None:
        for pane in self.panes.values():
            pane.update()

    def _forget(self) -> None:
        for pane in self.panes.values():
            pane.forget()
