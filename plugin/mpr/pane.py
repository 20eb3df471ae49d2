"""One plane on the screen: painted from the scene, with the mouse and the wheel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from qtpy.QtCore import QEvent, QPointF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QImage, QPainter
from qtpy.QtWidgets import QSizePolicy, QWidget

from tomoscribe.plugin.layers import KEY
from tomoscribe.plugin.mpr import paint
from tomoscribe.plugin.mpr.cut import Cut, Vector, cut, gray, outlines
from tomoscribe.plugin.mpr.frame import Frame
from tomoscribe.plugin.mpr.prior import PriorScene
from tomoscribe.plugin.mpr.scene import Scene
from tomoscribe.plugin.planes import VIEWS, Plane

_PAD = 8
_WHEEL_NOTCH = 120
_ZOOM_PER_NOTCH = 1.15
_SMALL, _LARGE = 8.5, 13.0
_NO_IMAGE = "outside of this series"


class Pane(QWidget):
    """A plane of the scene.

    The left button puts the crosshair, the wheel scrolls, Ctrl and the wheel magnify, the middle button moves the
    image, the right button changes the window (right-left: width, up-down: level), a double click enlarges the pane.

    Args:
        series_uid: always this series; the topmost visible one where None.

    Attributes:
        own_window: a window of this pane alone, its name and its lower and upper end; that of the image where None.

    Signals:
        pressed: left button on a place, (z, y, x) in LPS mm, and this pane.
        windowed: the window's lower and upper end were changed by hand.
        enlarged: a double click.
        activated: the mouse was used here.
    """

    pressed = Signal(object, object)
    windowed = Signal(object, float, float)
    enlarged = Signal(object)
    activated = Signal(object)

    def __init__(self, scene: Scene | PriorScene, plane: Plane, series_uid: str | None = None) -> None:
        super().__init__()
        self.scene, self.plane, self.series_uid = scene, plane, series_uid
        self.own_window: tuple[str, float, float] | None = None
        self.banner: Sequence[str] = ()
        self.heading = self.notice = ""
        self.is_active = False
        self._frame: Frame | None = None
        self._framed_grid: Any = None
        self._pictures: dict[str, tuple[Any, Any]] = {}
        self._grip: tuple[Qt.MouseButton, QPointF] | None = None
        self._wheel = 0
        self.setMinimumSize(120, 90)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self.setFocusPolicy(Qt.FocusPolicy.WheelFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setCursor(Qt.CursorShape.CrossCursor)

    def sizeHint(self) -> QSize:
        return QSize(400, 400)

    # Where things are

    @property
    def frame(self) -> Frame | None:
        """Which part of the plane is shown; None without an image."""
        layer = self.scene.base(self.series_uid)
        if layer is None:
            return None
        grid, size = self.scene.grid(layer), (max(1, self.width()), max(1, self.height()))
        if self._frame is None or self._framed_grid != grid or self._frame.plane is not self.plane:
            self._frame, self._framed_grid = Frame.around(grid, self.plane, size), grid
        elif self._frame.size != size:
            self._frame = self._frame.with_size(size)
        return self._frame

    def fit(self) -> None:
        """Shows the whole image."""
        self._frame = None
        self.update()

    def look_at(self, point_mm: Vector, field_mm: float | None) -> None:
        """A place in the middle, with a field of that many mm; the whole image without one."""
        if field_mm is None:
            self.fit()
            return
        frame = self.frame
        if frame is not None:
            _, vertical, horizontal = VIEWS[self.plane].order
            self._frame = frame.centered(point_mm[vertical], point_mm[horizontal], field_mm)
            self.update()

    def place_at(self, x: float, y: float) -> Vector | None:
        """The place in the patient under a point of the screen, on the slice that is shown."""
        frame = self.frame
        if frame is None:
            return None
        point = list(self.scene.point_mm)
        _, vertical, horizontal = VIEWS[self.plane].order
        point[vertical], point[horizontal] = frame.to_mm(x, y)
        return point[0], point[1], point[2]

    def limits(self, layer: Any) -> tuple[float, float]:
        """The values shown black and white."""
        low, high = layer.contrast_limits if self.own_window is None else self.own_window[1:]
        return float(low), float(high)

    # Painting

    def paintEvent(self, event: Any) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), Qt.GlobalColor.black)
        frame, layer = self.frame, self.scene.base(self.series_uid)
        if frame is not None and layer is not None:
            shown = self._cut_of(layer, "image", slab=True)
            if shown is not None:
                self._draw_layers(painter, frame, layer, shown)
            self._draw_crosshair(painter, frame)
            self._write(painter, frame, layer, shown)
        if self.is_active:
            painter.fillRect(0, 0, self.width(), 2, QColor(paint.PLANE_COLORS[self.plane]))
        painter.end()

    def _draw_layers(self, painter: QPainter, frame: Frame, layer: Any, shown: Cut) -> None:
        limits = self.limits(layer)
        picture = self._kept("gray", (shown, limits), lambda: paint.gray_image(gray(shown.pixels, limits)))
        paint.draw_image(painter, frame, shown, picture)
        for heat in self.scene.heats():
            part = self._cut_of(heat, f"heat {id(heat)}")
            if part is not None:
                paint.draw_image(painter, frame, part, _heat(heat, part), float(heat.opacity))
        for mask in self.scene.masks():
            part = self._cut_of(mask, f"mask {id(mask)}")
            if part is not None:
                found = part
                lines = self._kept(f"lines {id(mask)}", part, lambda found=found: outlines(found.pixels))
                paint.draw_outlines(painter, frame, part, lines, _colors(mask, lines))
        for drawing in self.scene.drawings():
            self._draw_drawing(painter, frame, layer, drawing)

    def _draw_drawing(self, painter: QPainter, frame: Frame, layer: Any, drawing: Any) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        across, vertical, horizontal = VIEWS[self.plane].order
        position, grid = self.scene.point_mm[across], self.scene.grid(layer)
        if type(drawing).__name__ == "Points":
            matrix = drawing.affine.affine_matrix[-4:, -4:]
            for place in np.asarray(drawing.data, float) @ matrix[:3, :3].T + matrix[:3, 3]:
                if grid.index(across, float(place[across])) == grid.index(across, position):
                    color = QColor(paint.PLANE_COLORS[Plane.SAGITTAL])
                    paint.draw_cross(painter, frame, (float(place[vertical]), float(place[horizontal])), color)
            return
        words = _words_of(drawing)
        for number, kind, corners in paint.shapes_in_plane(drawing, grid, self.plane, position):
            color = QColor.fromRgbF(*(float(c) for c in drawing.edge_color[number]))
            paint.draw_shape(painter, frame, corners, kind, color)
            if words[number]:
                x, y = frame.to_screen(*corners[int(corners[:, 1].argmax())])
                beside = (x + 6, y) if x < 0.7 * self.width() else (x - 6, y + 24)
                anchor = (0, 0.5) if x < 0.7 * self.width() else (1, 0.5)
                paint.write(painter, (words[number],), beside, anchor, size=10, color=color)

    def _draw_crosshair(self, painter: QPainter, frame: Frame) -> None:
        if self.scene.crosshair_visible:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
            _, vertical, horizontal = VIEWS[self.plane].order
            point = self.scene.point_mm
            paint.draw_crosshair(painter, frame, (point[vertical], point[horizontal]))

    def _write(self, painter: QPainter, frame: Frame, layer: Any, shown: Cut | None) -> None:
        painter.setRenderHint(QPainter.RenderHint.TextAntialiasing, True)
        width, height = self.width(), self.height()
        edges = frame.edges
        for letter, place, anchor in (
            (edges.top, (width / 2, _PAD), (0.5, 0.0)),
            (edges.bottom, (width / 2, height - _PAD), (0.5, 1.0)),
            (edges.left, (_PAD, height / 2), (0.0, 0.5)),
            (edges.right, (width - _PAD, height / 2), (1.0, 0.5)),
        ):
            paint.write(painter, (letter,), place, anchor, size=_LARGE)
        color = QColor(paint.PLANE_COLORS[self.plane])
        paint.write(painter, (self.plane.value,), (width - _PAD, _PAD), (1, 0), size=_SMALL + 1, color=color)
        paint.write(painter, self.words(), (width - _PAD, _PAD + 19), (1, 0), size=_SMALL)
        if self.heading:
            paint.write(painter, (self.heading,), (_PAD, _PAD), (0, 0), size=_SMALL + 1, color=QColor("#ffc457"))
        top = _PAD + (19 if self.heading else 0)
        paint.write(painter, (*self.banner, layer.name), (_PAD, top), (0, 0), size=_SMALL)
        paint.write(painter, (self.notice,), (_PAD, height - _PAD), (0, 1), size=9, color=QColor("#ffc457"))
        if shown is None:
            paint.write(painter, (_NO_IMAGE,), (width / 2, height / 2), (0.5, 0.5), size=10)
        paint.draw_scale(painter, frame)

    def words(self) -> tuple[str, ...]:
        """Where the slice lies, and how it is shown."""
        layer = self.scene.base(self.series_uid)
        if layer is None:
            return ()
        axis = VIEWS[self.plane].order[0]
        grid, position = self.scene.grid(layer), self.scene.point_mm[axis]
        low, high = self.limits(layer)
        place = f"{'zyx'[axis]} = {position:.1f} mm   {grid.index(axis, position) + 1} / {grid.shape[axis]}"
        preset = self.own_window[0] if self.own_window else layer.metadata.get(KEY, {}).get("preset") or "Window"
        window = f"{preset}   W {high - low:.0f}  L {(high + low) / 2:.0f}"
        slab = self.scene.slab
        return (place, window) if slab is None else (place, window, f"{slab.projection} {slab.thickness_mm:.0f} mm")

    # Cutting, remembered until something changes

    def _cut_of(self, layer: Any, name: str, *, slab: bool = False) -> Cut | None:
        grid = self.scene.grid(layer)
        axis = VIEWS[self.plane].order[0]
        position = self.scene.point_mm[axis]
        thick = self.scene.slab if slab else None
        key = (self.scene.version(layer), self.plane, grid.index(axis, position), thick)
        found: Cut | None = self._kept(name, key, lambda: cut(layer.data, grid, self.plane, position, thick))
        return found

    def _kept(self, name: str, key: Any, make: Any) -> Any:
        """What was made for the same key, or made now. A cut is its own key, by identity."""
        known = self._pictures.get(name)
        if known is None or known[0] != key:
            known = (key, make())
            self._pictures[name] = known
        return known[1]

    def forget(self) -> None:
        """Drops what is remembered of layers, because some are gone."""
        self._pictures.clear()
        self.update()

    # Mouse

    def mousePressEvent(self, event: Any) -> None:
        self.activated.emit(self)
        self._grip = (event.button(), event.position())
        if event.button() == Qt.MouseButton.LeftButton:
            self._put_crosshair(event.position(), is_press=True)

    def mouseMoveEvent(self, event: Any) -> None:
        if self._grip is None:
            return
        button, last = self._grip
        place = event.position()
        self._grip = (button, place)
        if button == Qt.MouseButton.LeftButton:
            self._put_crosshair(place)
        elif button == Qt.MouseButton.MiddleButton and self.frame is not None:
            self._frame = self.frame.panned(place.x() - last.x(), place.y() - last.y())
            self.update()
        elif button == Qt.MouseButton.RightButton:
            self._drag_window(place.x() - last.x(), place.y() - last.y())

    def mouseReleaseEvent(self, event: Any) -> None:
        self._grip = None

    def mouseDoubleClickEvent(self, event: Any) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.enlarged.emit(self)

    def wheelEvent(self, event: Any) -> None:
        self.activated.emit(self)
        turned = event.angleDelta().y()
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.magnify(_ZOOM_PER_NOTCH ** (turned / _WHEEL_NOTCH), event.position().x(), event.position().y())
        else:
            self._wheel += turned
            notches = int(self._wheel / _WHEEL_NOTCH)
            self._wheel -= notches * _WHEEL_NOTCH
            if notches:
                self.scene.step(self.plane, notches if self.plane is Plane.AXIAL else -notches)
        event.accept()

    def magnify(self, factor: float, x: float, y: float) -> None:
        """Magnifies about a place of the screen."""
        if self.frame is not None:
            self._frame = self.frame.zoomed(factor, x, y)
            self.update()

    def _put_crosshair(self, place: QPointF, *, is_press: bool = False) -> None:
        point = self.place_at(place.x(), place.y())
        if point is not None:
            self.scene.move_to(point)
            if is_press:
                self.pressed.emit(point, self)

    def _drag_window(self, dx: float, dy: float) -> None:
        layer = self.scene.base(self.series_uid)
        if layer is None:
            return
        low, high = self.limits(layer)
        # Half the width over the pane's height, so that a narrow window is as easy to set as a wide one.
        unit = max(high - low, 1e-3) / 300.0
        width = max(high - low + 2 * dx * unit, unit)
        level = (low + high) / 2 - dy * unit
        if self.own_window is None:
            self.windowed.emit(layer, level - width / 2, level + width / 2)
        else:
            self.own_window = ("Window", level - width / 2, level + width / 2)
            self.update()

    def changeEvent(self, event: Any) -> None:
        if event.type() == QEvent.Type.FontChange:
            self.update()
        super().changeEvent(event)


def _heat(layer: Any, part: Cut) -> QImage:
    low, high = (float(v) for v in layer.contrast_limits)
    share = np.clip((part.pixels.astype(np.float32) - low) / max(high - low, 1e-6), 0.0, 1.0)
    rgba = layer.colormap.map(share.ravel()).reshape(*share.shape, 4)
    # What is lowest hides nothing.
    rgba[..., 3] *= share
    return paint.color_image((rgba * 255).astype(np.uint8))


def _colors(layer: Any, lines: dict[int, Any]) -> dict[int, QColor]:
    colors = {}
    for number in lines:
        r, g, b, a = (float(v) for v in np.atleast_2d(layer.colormap.map(number))[0])
        colors[number] = QColor.fromRgbF(r, g, b, a * float(layer.opacity))
    return colors


def _words_of(drawing: Any) -> list[str]:
    """What stands beside each shape."""
    features = drawing.features
    for name in ("value", "label"):
        if name in features:
            return [str(v) for v in features[name]]
    return [""] * len(drawing.data)
