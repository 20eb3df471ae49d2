"""Radiological viewing: which plane is on the screen, which way up, and the letters at its edges.

napari's world is (z, y, x) in LPS mm (encoders/conversions.py): z grows to the head, y to the back, x to the patient's
left. What napari shows is decided by the order of the dims and by the direction in which the camera lets each shown
axis grow; voxels are never turned for it. Axial and coronal: the patient's left on the screen's right; sagittal:
anterior on the screen's left; head up (CLINICAL 15).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari.components import ViewerModel

Z, Y, X = 0, 1, 2
"""Axes of napari's world."""
_TOWARDS = {Z: ("F", "H"), Y: ("A", "P"), X: ("R", "L")}
"""Letter at the low and at the high end of each axis."""


class Plane(StrEnum):
    AXIAL = "Axial"
    CORONAL = "Coronal"
    SAGITTAL = "Sagittal"


@dataclass(frozen=True, kw_only=True)
class View:
    """How a plane is shown.

    Args:
        order: dims order; the last two axes are on the screen, vertical first.
        vertical: whether the vertical axis grows ``up`` or ``down``; the horizontal one always grows to the right.
    """

    order: tuple[int, int, int]
    vertical: str


VIEWS = {
    Plane.AXIAL: View(order=(Z, Y, X), vertical="down"),
    Plane.CORONAL: View(order=(Y, Z, X), vertical="up"),
    Plane.SAGITTAL: View(order=(X, Z, Y), vertical="up"),
}
DEPTH_3D = "away"
"""With y down and x to the right, z away from the viewer keeps the patient's handedness: no mirrored patients."""


@dataclass(frozen=True, kw_only=True)
class Edges:
    """The letters at the four edges of the screen."""

    top: str
    bottom: str
    left: str
    right: str


def plane_of(order: Sequence[int]) -> Plane:
    """The plane that a dims order shows, whichever way it is turned: the one perpendicular to the axis not shown."""
    return {Z: Plane.AXIAL, Y: Plane.CORONAL, X: Plane.SAGITTAL}[order[-3]]


def edges_of(order: Sequence[int], orientation: tuple[str, str]) -> Edges:
    """The letters at the edges, from what is really on the screen.

    Args:
        order: dims order; its last two axes are vertical and horizontal.
        orientation: (``up`` or ``down``, ``left`` or ``right``): where the shown axes grow to.
    """
    vertical, horizontal = _TOWARDS[order[-2]], _TOWARDS[order[-1]]
    up, right = str(orientation[0]) == "up", str(orientation[1]) == "right"
    return Edges(top=vertical[up], bottom=vertical[not up], left=horizontal[not right], right=horizontal[right])


def show_plane(viewer: ViewerModel, plane: Plane) -> None:
    """Shows a plane in radiological orientation, in 2D."""
    view = VIEWS[plane]
    viewer.dims.ndisplay = 2
    viewer.scene.camera.orientation = (DEPTH_3D, view.vertical, "right")
    if tuple(viewer.dims.order) != view.order:
        viewer.dims.order = view.order
    viewer.fit_to_view()


def show_3d(viewer: ViewerModel) -> None:
    """Shows three dimensions from the front, head up, the patient's left on the screen's right."""
    viewer.dims.order = VIEWS[Plane.AXIAL].order
    viewer.scene.camera.orientation = (DEPTH_3D, "down", "right")
    viewer.dims.ndisplay = 3
    viewer.scene.camera.set_view_direction(view_direction=(0.0, 1.0, 0.0), up_direction=(1.0, 0.0, 0.0))
    viewer.fit_to_view()


def keep_radiological(viewer: ViewerModel) -> None:
    """After napari's own buttons changed the order of the dims or the number shown: the right way round again."""
    if viewer.dims.ndim != 3:
        return
    if viewer.dims.ndisplay == 3:
        viewer.scene.camera.orientation = (DEPTH_3D, "down", "right")
        return
    view = VIEWS[plane_of(viewer.dims.order)]
    viewer.scene.camera.orientation = (DEPTH_3D, view.vertical, "right")
    if tuple(viewer.dims.order) != view.order:
        viewer.dims.order = view.order
