"""The middle of napari's window: its own canvas, or the linked views in the canvas's place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.compat import isalive
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

from tomoscribe.plugin.listeners import Listeners

if TYPE_CHECKING:
    import napari


class Stage:
    """Shows one of the two. Without a layer napari's canvas comes back, for it says how to open something.

    Args:
        panel: a widget docked in the viewer's window; through it the window is found with Qt's own interface.
    """

    def __init__(self, viewer: napari.Viewer, panel: QWidget, linked: QWidget) -> None:
        self._viewer, self._panel, self._linked = viewer, panel, linked
        self._window: QMainWindow | None = None
        self._middle: QWidget | None = None
        self._tools: list[QDockWidget] = []
        self._others: list[QWidget] = []
        self._listeners = Listeners()
        self._listeners.on(viewer.layers.events.removed, self._on_removed)
        linked.hide()

    @property
    def is_linked(self) -> bool:
        """Whether the linked views are shown."""
        return self._middle is not None and not self._linked.isHidden()

    def show_linked(self) -> bool:
        """The linked views instead of napari's canvas; False where the panel is not docked in a window of napari."""
        if self._middle is None and not self._move_in():
            return False
        for other in self._others:
            other.hide()
        self._put_tools_away()
        self._linked.show()
        self._linked.setFocus()
        return True

    def show_canvas(self) -> None:
        """napari's canvas instead of the linked views."""
        if self._middle is not None and isalive(self._middle):
            self._linked.hide()
            for other in (*self._others, *self._tools):
                if isalive(other):
                    other.show()
            self._tools = []

    def let_go(self) -> None:
        """Gives the middle of the window back for good."""
        self._listeners.let_go()
        if isalive(self._linked):
            self.show_canvas()
            self._linked.setParent(None)
            self._linked.deleteLater()
        self._middle = None

    def _move_in(self) -> bool:
        widget = self._panel.parentWidget()
        while widget is not None and not isinstance(widget, QMainWindow):
            widget = widget.parentWidget()
        if widget is None:
            return False
        middle: Any = widget.centralWidget()
        self._others = [w for w in middle.findChildren(QWidget) if w.parent() is middle]
        middle.layout().addWidget(self._linked)
        self._window, self._middle = widget, middle
        return True

    def _put_tools_away(self) -> None:
        """napari's layer list and controls make room; they come back with its canvas, or from its Window menu."""
        window = self._window
        if window is not None:
            docks = window.findChildren(QDockWidget)
            left = [d for d in docks if window.dockWidgetArea(d) == Qt.DockWidgetArea.LeftDockWidgetArea]
            self._tools += [d for d in left if d.isVisible()]
            for dock in left:
                dock.hide()

    def _on_removed(self, event: Any) -> None:
        if not len(self._viewer.layers) and self.is_linked:
            self.show_canvas()
