"""Drawing of one plane with Qt's painter: image, masks, lines, crosshair, words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QLineF, QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter, QPen, QTransform

from tomoscribe.plugin.mpr.cut import Cut, Grid
from tomoscribe.plugin.mpr.frame import Frame
from tomoscribe.plugin.planes import VIEWS, Plane

PLANE_COLORS = {Plane.AXIAL: "#ff6b5e", Plane.CORONAL: "#6fd08c", Plane.SAGITTAL: "#ffd166"}
"""Each plane's own color: of its name, and of the line it cuts into the others."""
TEXT = QColor("#d7dde3")
_SHADOW = QColor(0, 0, 0, 200)
_BACKDROP = QColor(0, 0, 0, 120)
_GAP_PX = 14
_LINE_PX = 1.4
_PAD_PX = 8


def transform_of(frame: Frame, cut: Cut) -> QTransform:
    """From pixels of a cut, each reaching from its number to the next, to the screen."""
    x, y = frame.to_screen(cut.origin_mm[0] - cut.step_mm[0] / 2, cut.origin_mm[1] - cut.step_mm[1] / 2)
    across, down = cut.step_mm[1] * frame.zoom, cut.step_mm[0] * frame.zoom * frame.vertical_sign
    return QTransform(across, 0.0, 0.0, down, x, y)


def gray_image(pixels: NDArray[np.uint8]) -> QImage:
    """A gray image that holds its own pixels."""
    height, width = pixels.shape
    return QImage(pixels.data, width, height, width, QImage.Format.Format_Grayscale8).copy()


def color_image(pixels: NDArray[np.uint8]) -> QImage:
    """An image of (rows, columns, RGBA) that holds its own pixels."""
    height, width, _ = pixels.shape
    packed = np.ascontiguousarray(pixels)
    return QImage(packed.data, width, height, 4 * width, QImage.Format.Format_RGBA8888).copy()


def draw_image(painter: QPainter, frame: Frame, cut: Cut, image: QImage, opacity: float = 1.0) -> None:
    """The image of a cut at its place, smoothed between pixels."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, True)
    painter.setTransform(transform_of(frame, cut))
    painter.setOpacity(opacity)
    painter.drawImage(0, 0, image)
    painter.restore()


def draw_outlines(
    painter: QPainter, frame: Frame, cut: Cut, lines: dict[int, NDArray[np.float64]], colors: dict[int, QColor]
) -> None:
    """Outlines of masks, as thick at every magnification."""
    transform = transform_of(frame, cut)
    painter.save()
    for number, ends in lines.items():
        color = colors.get(number)
        if color is None or color.alpha() == 0:
            continue
        x0, y0, x1, y1 = (ends + 0.5).T
        sx, sy, dx, dy = transform.m11(), transform.m22(), transform.dx(), transform.dy()
        screen = np.stack((x0 * sx + dx, y0 * sy + dy, x1 * sx + dx, y1 * sy + dy), axis=1)
        painter.setPen(QPen(color, _LINE_PX))
        painter.drawLines([QLineF(*line) for line in screen.tolist()])
    painter.restore()


def draw_shape(painter: QPainter, frame: Frame, corners_mm: NDArray[np.float64], kind: str, color: QColor) -> None:
    """A line, path, polygon or ellipse of napari, its corners as (vertical, horizontal) mm."""
    points = [QPointF(*frame.to_screen(float(v), float(h))) for v, h in corners_mm]
    painter.setPen(QPen(color, 2.0))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if kind == "ellipse":
        painter.drawEllipse(QRectF(points[0], points[2]).normalized())
    elif kind in ("line", "path"):
        painter.drawPolyline(points)
    else:
        painter.drawPolygon(points)


def draw_cross(painter: QPainter, frame: Frame, place_mm: tuple[float, float], color: QColor) -> None:
    """A small cross at a point."""
    x, y = frame.to_screen(*place_mm)
    painter.setPen(QPen(color, 2.0))
    painter.drawLines([QLineF(x - 5, y, x + 5, y), QLineF(x, y - 5, x, y + 5)])


def draw_crosshair(painter: QPainter, frame: Frame, place_mm: tuple[float, float]) -> None:
    """The lines in which the two other planes cut this one, open in the middle, in those planes' colors."""
    width, height = frame.size
    x, y = frame.to_screen(*place_mm)
    _, vertical, horizontal = VIEWS[frame.plane].order
    level, upright = (_color(_plane_across(axis), 170) for axis in (vertical, horizontal))
    painter.setPen(QPen(level, 1.0))
    painter.drawLines([QLineF(0, y, x - _GAP_PX, y), QLineF(x + _GAP_PX, y, width, y)])
    painter.setPen(QPen(upright, 1.0))
    painter.drawLines([QLineF(x, 0, x, y - _GAP_PX), QLineF(x, y + _GAP_PX, x, height)])


def draw_scale(painter: QPainter, frame: Frame) -> None:
    """A ruler at the lower right: the longest round length that fits a quarter of the pane."""
    width, height = frame.size
    fits = [mm for mm in (5, 10, 20, 50, 100, 200) if mm * frame.zoom <= width / 4]
    if not fits:
        return
    length = fits[-1] * frame.zoom
    right, base = width - _PAD_PX - 0.5, height - _PAD_PX - 0.5
    words = f"{fits[-1] // 10} cm" if fits[-1] >= 10 else f"{fits[-1]} mm"
    ticks = [QLineF(right - length, base, right, base)]
    ticks += [QLineF(x, base - 5, x, base) for x in (right - length, right - length / 2, right)]
    for pen in (QPen(_SHADOW, 3.0), QPen(TEXT, 1.0)):
        painter.setPen(pen)
        painter.drawLines(ticks)
    write(painter, (words,), (right - length / 2, base - 7), (0.5, 1.0), size=8)


def write(
    painter: QPainter,
    lines: Sequence[str],
    place: tuple[float, float],
    anchor: tuple[float, float],
    *,
    size: float,
    color: QColor = TEXT,
) -> None:
    """Words with a shadow on a dark ground, so that they can be read on white and on black.

    Args:
        place: screen (x, y) of the point of the block that ``anchor`` names: (0, 0) its upper left, (1, 1) lower right.
        size: in points.
    """
    shown = [line for line in lines if line]
    if not shown:
        return
    font = QFont(painter.font())
    font.setPointSizeF(size)
    painter.setFont(font)
    metrics = QFontMetricsF(font)
    widths = [metrics.horizontalAdvance(line) for line in shown]
    height = metrics.lineSpacing() * len(shown)
    left, top = place[0] - anchor[0] * max(widths), place[1] - anchor[1] * height
    painter.fillRect(QRectF(left - 3, top, max(widths) + 6, height), _BACKDROP)
    for number, line in enumerate(shown):
        x = place[0] - anchor[0] * widths[number]
        y = top + metrics.ascent() + number * metrics.lineSpacing()
        painter.setPen(_SHADOW)
        for dx, dy in ((1, 1), (-1, 0), (0, -1)):
            painter.drawText(QPointF(x + dx, y + dy), line)
        painter.setPen(color)
        painter.drawText(QPointF(x, y), line)


def shapes_in_plane(layer: Any, grid_of_base: Grid | None, plane: Plane, position_mm: float) -> list[Any]:
    """(number, kind, corners as (vertical, horizontal) mm) of a layer's shapes that lie in a slice."""
    across, vertical, horizontal = VIEWS[plane].order
    matrix = layer.affine.affine_matrix[-4:, -4:]
    half = 0.5 * (grid_of_base.step_mm[across] if grid_of_base else 1.0) + 1e-6
    found = []
    for number, (corners, kind) in enumerate(zip(layer.data, layer.shape_type, strict=True)):
        world = np.asarray(corners, float) @ matrix[:3, :3].T + matrix[:3, 3]
        if np.abs(world[:, across] - position_mm).max() <= half:
            found.append((number, kind, world[:, [vertical, horizontal]]))
    return found


def _plane_across(axis: int) -> Plane:
    return next(plane for plane, view in VIEWS.items() if view.order[0] == axis)


def _color(plane: Plane, alpha: int) -> QColor:
    color = QColor(PLANE_COLORS[plane])
    color.setAlpha(alpha)
    return color
