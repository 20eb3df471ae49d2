"""The canvas of the 3D view: meshes, cuts, letters, the crosshair and measured lines, drawn by vispy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from qtpy.QtWidgets import QWidget

from tomoscribe.plugin.mpr.structures import Half, Structure

Point = tuple[float, float, float]
DIRECTIONS = {
    "Front": (0.0, 0.0),
    "Back": (180.0, 0.0),
    "Left": (90.0, 0.0),
    "Right": (-90.0, 0.0),
    "Head": (0.0, 90.0),
    "Feet": (0.0, -90.0),
}
"""From where the patient is looked at: azimuth and elevation of the camera, degrees; z is up, the front is at -y."""
_LETTERS = (
    ("L", (1, 0, 0)),
    ("R", (-1, 0, 0)),
    ("P", (0, 1, 0)),
    ("A", (0, -1, 0)),
    ("H", (0, 0, 1)),
    ("F", (0, 0, -1)),
)
_CLICK_PX = 4
_IN_SIGHT = 0.93
_LINE = "#fff34d"
_TEXT = "#d7dde3"


class Solid:
    """Meshes in LPS mm under a camera without perspective, so that lengths can be compared.

    Args:
        clicked: called with a ray (start, direction), LPS mm, when the mouse was pressed and released in one place.
    """

    def __init__(self, parent: QWidget, clicked: Callable[[Point, Point], None]) -> None:
        from vispy import scene

        self._canvas = scene.SceneCanvas(keys=None, show=False, parent=parent, bgcolor="black")
        self._view = self._canvas.central_widget.add_view()
        self._view.camera = scene.TurntableCamera(fov=0, up="+z", azimuth=0, elevation=0)
        self.keys: dict[tuple[str, str], Structure] = {}
        self._meshes: dict[tuple[str, str], Any] = {}
        self._clippers: dict[tuple[str, str], Any] = {}
        self._letters: list[Any] = []
        self._halves: Sequence[Half] = ()
        self._cross = scene.visuals.Line(parent=self._view.scene, connect="segments", color="#3ddbd9", method="gl")
        self._cross.set_gl_state(depth_test=False)
        self._cross.order = 20
        self._line = scene.visuals.Line(parent=self._view.scene, connect="segments", color=_LINE, width=2, method="gl")
        self._line.set_gl_state(depth_test=False)
        self._line.order = 21
        self._words = scene.visuals.Text(parent=self._view.scene, color=_LINE, font_size=9, anchor_x="left")
        self._words.order = 22
        self._cross.visible = self._line.visible = self._words.visible = False
        self._pressed_at: tuple[float, float] | None = None
        self._clicked = clicked
        self._canvas.events.draw.connect(self._before_draw, position="first")
        self._canvas.events.mouse_press.connect(self._on_press)
        self._canvas.events.mouse_release.connect(self._on_release)

    @property
    def widget(self) -> QWidget:
        """What is laid out."""
        return self._canvas.native

    @property
    def camera(self) -> Any:
        """vispy's camera."""
        return self._view.camera

    def show(self, structure: Structure, opacity: float) -> None:
        """Adds a mesh, or replaces the one of the same key."""
        from vispy import scene
        from vispy.visuals.filters.clipping_planes import PlanesClipper

        self.remove(structure.key)
        mesh = scene.visuals.Mesh(
            vertices=structure.mesh.vertices_mm,
            faces=structure.mesh.faces.astype(np.uint32),
            vertex_colors=structure.colors,
            shading=None,
            parent=self._view.scene,
        )
        clipper = PlanesClipper()
        mesh.attach(clipper)
        self._clippers[structure.key] = clipper
        self._meshes[structure.key] = mesh
        self.keys[structure.key] = structure
        self.set_opacity(structure.key, opacity)
        self._clip()

    def remove(self, key: tuple[str, str]) -> None:
        """Takes a mesh away, if it is there."""
        self.keys.pop(key, None)
        self._clippers.pop(key, None)
        mesh = self._meshes.pop(key, None)
        if mesh is not None:
            mesh.parent = None

    def set_opacity(self, key: tuple[str, str], opacity: float) -> None:
        """0 hides, 1 is solid; what can be looked through is drawn after what cannot."""
        mesh = self._meshes[key]
        solid = opacity >= 0.995
        mesh.visible = opacity > 0.005
        mesh.opacity = opacity
        mesh.order = 0 if solid else 10
        mesh.set_gl_state("opaque" if solid else "translucent", depth_test=True, cull_face=False, depth_mask=solid)
        self._canvas.update()

    def cut(self, halves: Sequence[Half]) -> None:
        """Leaves only what lies in all these halves of space."""
        self._halves = halves
        self._clip()
        self._canvas.update()

    def frame(self, low: Sequence[float], high: Sequence[float]) -> None:
        """The camera on a box, LPS mm, and the letters on its six sides."""
        from vispy import scene

        low_mm, high_mm = np.asarray(low, float), np.asarray(high, float)
        middle, half = (low_mm + high_mm) / 2, (high_mm - low_mm) / 2
        camera = self._view.camera
        camera.center = tuple(middle)
        camera.scale_factor = float(2.5 * half.max())
        for old in self._letters:
            old.parent = None
        reach = half + 0.1 * half.max()
        self._letters = [
            scene.visuals.Text(
                letter, parent=self._view.scene, color=_TEXT, font_size=11, pos=middle + np.array(side) * reach
            )
            for letter, side in _LETTERS
        ]
        for letter in self._letters:
            # Drawn last of all, and with this mask the next picture's depths can be cleared.
            letter.set_gl_state("translucent", depth_test=False, depth_mask=True)
            letter.order = 23
        self._canvas.update()

    def look_from(self, name: str) -> None:
        """Turns the camera to one of ``DIRECTIONS``."""
        self._view.camera.azimuth, self._view.camera.elevation = DIRECTIONS[name]

    def show_cross(self, point_mm: Point | None, arm_mm: float = 12.0) -> None:
        """Three short lines through a point."""
        self._cross.visible = point_mm is not None
        if point_mm is not None:
            arms = np.repeat(np.asarray(point_mm, float)[None], 6, axis=0)
            for axis in range(3):
                arms[2 * axis, axis] -= arm_mm
                arms[2 * axis + 1, axis] += arm_mm
            self._cross.set_data(pos=arms.astype(np.float32))
        self._canvas.update()

    def show_line(self, ends_mm: Sequence[Point], words: str) -> None:
        """A measured line with its words; none without two ends."""
        self._line.visible = self._words.visible = len(ends_mm) == 2
        if len(ends_mm) == 2:
            ends = np.asarray(ends_mm, np.float32)
            self._line.set_data(pos=ends)
            self._words.text = words
            self._words.pos = ends.mean(axis=0)
        self._canvas.update()

    def picture(self) -> Any:
        """(rows, columns, RGBA) of what is drawn."""
        return self._canvas.render()

    def screen_of(self, point_mm: Point) -> tuple[float, float]:
        """Where a place lies on the canvas, in its pixels."""
        x, y, _, w = self._view.scene.transform.map((*point_mm, 1.0))
        return float(x / w), float(y / w)

    def ray(self, x: float, y: float) -> tuple[Point, Point]:
        """Start, before everything, and direction of the line of sight through a point of the canvas."""
        inverse = self._view.scene.transform.imap
        near, far = (np.asarray(inverse((x, y, depth, 1.0)), float) for depth in (0.0, 1.0))
        place, other = near[:3] / near[3], far[:3] / far[3]
        direction = (other - place) / np.linalg.norm(other - place)
        if np.dot(direction, self._looking()) < 0:
            direction = -direction
        start = place - 5000.0 * direction
        return _point(start), _point(direction)

    def close(self) -> None:
        """Gives the canvas back."""
        self._canvas.close()

    def _looking(self) -> np.ndarray:
        """Where the camera looks to; at azimuth and elevation 0 from the front to the back."""
        azimuth, elevation = np.radians((self._view.camera.azimuth, self._view.camera.elevation))
        return np.array((-np.sin(azimuth) * np.cos(elevation), np.cos(azimuth) * np.cos(elevation), -np.sin(elevation)))

    def _clip(self) -> None:
        planes = np.array([(h.point_mm, h.towards) for h in self._halves], np.float32).reshape(-1, 2, 3)
        for clipper in self._clippers.values():
            clipper.clipping_planes = planes

    def _before_draw(self, event: Any) -> None:
        """A letter on the line of sight would stand in the middle of the picture."""
        looking = self._looking()
        for letter, (_, side) in zip(self._letters, _LETTERS, strict=False):
            letter.visible = bool(abs(np.dot(looking, side)) < _IN_SIGHT)

    def _on_press(self, event: Any) -> None:
        self._pressed_at = (float(event.pos[0]), float(event.pos[1]))

    def _on_release(self, event: Any) -> None:
        start, self._pressed_at = self._pressed_at, None
        if start is None or event.button != 1:
            return
        x, y = (float(v) for v in event.pos[:2])
        if abs(x - start[0]) + abs(y - start[1]) <= _CLICK_PX:
            self._clicked(*self.ray(x, y))


def _point(xyz: np.ndarray) -> Point:
    x, y, z = (float(v) for v in xyz)
    return x, y, z
