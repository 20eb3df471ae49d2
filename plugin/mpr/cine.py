"""Running through the slices of a plane by itself, to the end and back."""

from __future__ import annotations

from qtpy.QtCore import QTimer

from tomoscribe.plugin.mpr.scene import Scene
from tomoscribe.plugin.planes import VIEWS, Plane


class Cine:
    """Steps a scene's crosshair; turns round at the ends."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._plane = Plane.AXIAL
        self._way = -1
        self._timer = QTimer(scene)
        self._timer.timeout.connect(self.step)

    @property
    def is_running(self) -> bool:
        return self._timer.isActive()

    def start(self, plane: Plane, per_s: float) -> None:
        """Runs through a plane with so many slices per second."""
        self._plane = plane
        self._timer.start(round(1000 / per_s))

    def stop(self) -> None:
        """Stays where it is."""
        self._timer.stop()

    def step(self) -> None:
        """One slice on."""
        axis = VIEWS[self._plane].order[0]
        before = self._scene.point_mm[axis]
        self._scene.step(self._plane, self._way)
        if self._scene.point_mm[axis] == before:
            self._way = -self._way
            self._scene.step(self._plane, self._way)
