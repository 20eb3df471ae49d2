"""Tools for the mouse on the images: outline under a click, ruler, ellipse, probe. What is drawn comes out in LPS mm.

They work on napari's own canvas and on any widget that tells which place its pixels show (the linked views).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QEvent, QObject, Qt, Signal
from qtpy.QtWidgets import QWidget

from tomoscribe.core import Point
from tomoscribe.encoders.conversions import napari_point, point_from_napari
from tomoscribe.plugin.layers import KEY, UNITS
from tomoscribe.plugin.navigate import our_layers

if TYPE_CHECKING:
    from napari.components import ViewerModel

Zyx = tuple[float, float, float]
PlaceAt = Callable[[float, float], Zyx | None]
"""Place in napari's world of a pixel (x, y) of a widget, None where it shows no image."""
_DRAWING = "Drawing"
_COLOR = "#fff34d"
_LINE_MM = 0.6
_CLICK_MM = 1.0


class Tool(StrEnum):
    OUTLINE = "outline"
    RULER = "ruler"
    ELLIPSE = "ellipse"
    PROBE = "probe"


_ONE_POINT = (Tool.OUTLINE, Tool.PROBE)


@dataclass(frozen=True, kw_only=True)
class Stroke:
    """One drawing of a tool, LPS mm.

    Args:
        start_mm, stop_mm: where the button went down and up; the same for a click. Opposite corners of the rectangle
            around an ellipse.
        axis: world axis (0 z, 1 y, 2 x) that the drawn plane is perpendicular to.
    """

    tool: Tool
    start_mm: Point
    stop_mm: Point
    axis: int

    def half_axes_mm(self) -> tuple[Point, Point, Point]:
        """Center of the ellipse in the rectangle, and the vectors from it to the rim along either side."""
        start, stop = napari_point(self.start_mm), napari_point(self.stop_mm)
        sides = [n for n in range(3) if n != self.axis]
        vectors = []
        for side in sides:
            vector = np.zeros(3)
            vector[side] = abs(stop[side] - start[side]) / 2
            vectors.append(_lps(vector))
        return _lps((start + stop) / 2), vectors[0], vectors[1]


class CanvasTools(QObject):
    """The tool in hand on one viewer.

    Signals:
        drawn: a finished Stroke.
        picked: LPS mm of a click without a tool.
        taken: the tool that is in hand now, or None.
    """

    drawn = Signal(object)
    picked = Signal(object)
    taken = Signal(object)

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._viewer = viewer
        self._tool: Tool | None = None
        self._panes: dict[QWidget, tuple[PlaceAt, int]] = {}
        self._start: Zyx | None = None
        self._could_pan = True
        viewer.mouse_drag_callbacks.append(self._on_canvas)

    @property
    def tool(self) -> Tool | None:
        return self._tool

    def let_go(self) -> None:
        """Ends listening to the viewer."""
        if self._on_canvas in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.remove(self._on_canvas)

    def take(self, tool: Tool | None) -> None:
        """Takes a tool into the hand; None, or the same one again, puts it back."""
        tool = None if tool is self._tool else tool
        camera = self._viewer.scene.camera
        if tool is not None and self._tool is None:
            self._could_pan = camera.mouse_pan
        self._tool, self._start = tool, None
        camera.mouse_pan = self._could_pan if tool is None else False
        if tool is not None:
            self.clear()
        self.taken.emit(tool)

    def clear(self) -> None:
        """Takes the drawing off the screen."""
        for layer, _ in our_layers(self._viewer, "drawing"):
            self._viewer.layers.remove(layer)

    def listen_to(self, pane: QWidget, place_at: PlaceAt, axis: int) -> None:
        """Lets the tools work on a widget, too.

        Args:
            axis: world axis (0 z, 1 y, 2 x) perpendicular to the plane that the widget shows.
        """
        self._panes[pane] = (place_at, axis)
        pane.installEventFilter(self)

    # napari's canvas

    def _on_canvas(self, viewer: ViewerModel, event: Any) -> Iterator[None]:
        if event.button not in (1, None) or viewer.dims.ndisplay != 2 or viewer.dims.ndim != 3:
            return
        axis = viewer.dims.order[-3]
        start = _zyx(event.position)
        place = start
        yield
        while event.type == "mouse_move":
            place = _zyx(event.position)
            self._show(start, place, axis)
            yield
        self._finish(start, place, axis)

    # Widgets

    def eventFilter(self, watched: Any, event: Any) -> bool:
        known = self._panes.get(watched)
        kinds = (QEvent.Type.MouseButtonPress, QEvent.Type.MouseMove, QEvent.Type.MouseButtonRelease)
        if known is None or event.type() not in kinds:
            return False
        place_at, axis = known
        position = event.position()
        place = place_at(position.x(), position.y())
        if event.type() == QEvent.Type.MouseButtonPress:
            is_left = event.button() == Qt.MouseButton.LeftButton
            self._start = place if is_left else None
            return is_left and self._tool is not None
        if event.type() == QEvent.Type.MouseMove:
            if self._tool is not None and self._start is not None and place is not None:
                self._show(self._start, place, axis)
            return self._tool is not None and self._start is not None
        start, self._start = self._start, None
        had_tool = self._tool is not None and start is not None
        if start is not None and place is not None:
            self._finish(start, place, axis)
        return had_tool

    # Both

    def _finish(self, start: Zyx, stop: Zyx, axis: int) -> None:
        tool = self._tool
        moved_mm = float(np.linalg.norm(np.subtract(stop, start)))
        if tool is None:
            if moved_mm < _CLICK_MM:
                self.picked.emit(_lps(np.array(start)))
            return
        if tool not in _ONE_POINT and moved_mm < _CLICK_MM:
            return
        if tool in _ONE_POINT:
            stop = start
        self.drawn.emit(Stroke(tool=tool, start_mm=_lps(np.array(start)), stop_mm=_lps(np.array(stop)), axis=axis))
        self.take(None)

    def _show(self, start: Zyx, stop: Zyx, axis: int) -> None:
        """The drawing as it grows."""
        if self._tool not in (Tool.RULER, Tool.ELLIPSE):
            return
        data, kind = (
            (np.array([start, stop]), "line") if self._tool is Tool.RULER else (_corners(start, stop, axis), "ellipse")
        )
        affine = self._grid()
        layer = self._drawing(affine)
        layer.data = [_in_voxels(data, affine)]
        layer.shape_type = [kind]

    def _grid(self) -> np.ndarray:
        """4 x 4 of the image that is shown. The drawing is kept on its grid: another one would change the dims' steps,
        and with them the slice on the screen."""
        shown = [layer for layer, _ in our_layers(self._viewer, "image") if layer.visible]
        return np.asarray(shown[-1].affine.affine_matrix) if shown else np.eye(4)

    def _drawing(self, affine: np.ndarray) -> Any:
        from napari.layers import Shapes

        for layer, _ in our_layers(self._viewer, "drawing"):
            return layer
        layer = Shapes(
            ndim=3,
            name=_DRAWING,
            edge_color=_COLOR,
            face_color="transparent",
            edge_width=_LINE_MM / float(np.abs(np.diag(affine)[:3]).min()),
            affine=affine,
            units=UNITS,
            metadata={KEY: {"kind": "drawing", "study": None}},
        )
        active = self._viewer.layers.selection.active
        self._viewer.add_layer(layer)
        self._viewer.layers.selection.active = active
        return layer


def _in_voxels(places: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """(N, 3) places of napari's world on the grid of that affine."""
    return (places - affine[:3, 3]) @ np.linalg.inv(affine[:3, :3]).T


def _corners(start: Zyx, stop: Zyx, axis: int) -> np.ndarray:
    """(4, 3) corners of the rectangle between two places, in the plane through the first one."""
    a, b = (n for n in range(3) if n != axis)
    corners = np.tile(np.array(start, float), (4, 1))
    corners[[1, 2], a] = stop[a]
    corners[[2, 3], b] = stop[b]
    return corners


def _zyx(position: Any) -> Zyx:
    z, y, x = (float(v) for v in position[-3:])
    return z, y, x


def _lps(zyx: Any) -> Point:
    x, y, z = (float(v) for v in point_from_napari(zyx))
    return x, y, z
