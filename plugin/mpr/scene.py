"""What all panes of a viewer share: its layers, one crosshair, one slab. napari's own model stays the only truth.

The crosshair is napari's ``dims.point``; what is visible, its window and its colors are the layers' own. A step of the
crosshair reaches the panes at once and napari's dims a moment later, because napari cuts every layer anew for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from tomoscribe.plugin.listeners import Listeners
from tomoscribe.plugin.mpr.cut import Grid, Slab, Vector
from tomoscribe.plugin.navigate import our_layers
from tomoscribe.plugin.planes import VIEWS, Plane

if TYPE_CHECKING:
    from napari.components import ViewerModel

_DIMS_AFTER_MS = 120
_LOOK = ("visible", "opacity", "contrast_limits", "colormap", "data", "labels_update", "paint", "features", "contour")
_CHANGES_DATA = ("data", "labels_update", "paint")


class Scene(QObject):
    """The layers of a viewer, read for drawing, and the crosshair.

    Signals:
        moved: the crosshair stands elsewhere.
        changed: something else looks different.
        layers_changed: a layer came or went.
    """

    moved = Signal()
    changed = Signal()
    layers_changed = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self.viewer = viewer
        self.slab: Slab | None = None
        self.crosshair_visible = True
        self._point: Vector = (0.0, 0.0, 0.0)
        self._versions: dict[int, int] = {}
        self._grids: dict[int, tuple[Any, Grid]] = {}
        self._listeners = Listeners()
        self._of_layers: dict[int, Listeners] = {}
        self._telling_dims = False
        self._dims_later = QTimer(self)
        self._dims_later.setSingleShot(True)
        self._dims_later.setInterval(_DIMS_AFTER_MS)
        self._dims_later.timeout.connect(self.tell_dims)
        self._listeners.on(viewer.dims.events.point, self._on_dims)
        self._listeners.on(viewer.layers.events.inserted, self._on_inserted)
        self._listeners.on(viewer.layers.events.removed, self._on_removed)
        self._listeners.on(viewer.layers.events.reordered, self._on_look)
        for layer in list(viewer.layers):
            self._watch(layer)
        self._on_dims()

    def let_go(self) -> None:
        """Listens to nothing any more."""
        self._dims_later.stop()
        self._listeners.let_go()
        for listeners in self._of_layers.values():
            listeners.let_go()
        self._of_layers.clear()

    # The crosshair

    @property
    def point_mm(self) -> Vector:
        """Where the crosshair stands, (z, y, x) in LPS mm."""
        return self._point

    def move_to(self, point_mm: Sequence[float]) -> None:
        """Moves the crosshair, not beyond the image that is shown."""
        layer = self.base()
        wanted: Vector = (float(point_mm[0]), float(point_mm[1]), float(point_mm[2]))
        self._point = wanted if layer is None else self.grid(layer).clamped(wanted)
        self.moved.emit()
        self._dims_later.start()

    def step(self, plane: Plane, slices: int) -> None:
        """Moves the crosshair by whole slices across a plane."""
        layer = self.base()
        if layer is None:
            return
        axis = VIEWS[plane].order[0]
        grid = self.grid(layer)
        index = min(max(grid.index(axis, self._point[axis]) + slices, 0), grid.shape[axis] - 1)
        point = list(self._point)
        point[axis] = grid.position_mm(axis, index)
        self.move_to(point)

    def tell_dims(self) -> None:
        """napari's dims follow the crosshair."""
        self._dims_later.stop()
        if self.viewer.dims.ndim != 3:
            return
        self._telling_dims = True
        try:
            self.viewer.dims.set_point((0, 1, 2), self._point)
        finally:
            self._telling_dims = False

    def _on_dims(self, event: Any = None) -> None:
        if self._telling_dims or self.viewer.dims.ndim != 3:
            return
        z, y, x = (float(v) for v in self.viewer.dims.point)
        self._dims_later.stop()
        if (z, y, x) != self._point:
            self._point = (z, y, x)
            self.moved.emit()

    # The layers

    def base(self, series_uid: str | None = None) -> Any | None:
        """The image of a series; without a name, the topmost visible one, or any if none is visible."""
        images = [(layer, meta) for layer, meta in our_layers(self.viewer, "image") if layer.ndim == 3]
        if series_uid is not None:
            return next((layer for layer, meta in images if meta["series_uid"] == series_uid), None)
        shown = [layer for layer, _ in images if layer.visible]
        return shown[-1] if shown else None

    def heats(self) -> Iterator[Any]:
        """Visible images that are laid over others: all that are not a series."""
        series = [layer for layer, _ in our_layers(self.viewer, "image")]
        for layer in list(self.viewer.layers):
            if _kind(layer) == "image" and layer.visible and layer.ndim == 3 and not layer.rgb and layer not in series:
                yield layer

    def masks(self) -> Iterator[Any]:
        """Visible label layers."""
        return (la for la in list(self.viewer.layers) if _kind(la) == "labels" and la.visible and la.ndim == 3)

    def drawings(self) -> Iterator[Any]:
        """Visible layers of shapes and points."""
        kinds = ("shapes", "points")
        return (la for la in list(self.viewer.layers) if _kind(la) in kinds and la.visible and la.ndim == 3)

    def grid(self, layer: Any) -> Grid:
        """Where a layer's voxels lie."""
        known = self._grids.get(id(layer))
        if known is None or known[0] is not layer.data:
            known = (layer.data, Grid.of_affine(layer.affine.affine_matrix, layer.data.shape))
            self._grids[id(layer)] = known
        return known[1]

    def version(self, layer: Any) -> tuple[int, int]:
        """Another value whenever a layer's voxels changed."""
        return id(layer), self._versions.get(id(layer), 0)

    def _watch(self, layer: Any) -> None:
        listeners = Listeners()
        for name in _LOOK:
            emitter = getattr(layer.events, name, None)
            if emitter is not None:
                callback = self._on_data if name in _CHANGES_DATA else self._on_look
                listeners.on(emitter, callback)
        self._of_layers[id(layer)] = listeners

    def _on_inserted(self, event: Any) -> None:
        self._watch(event.value)
        self.layers_changed.emit()

    def _on_removed(self, event: Any) -> None:
        gone = id(event.value)
        self._versions.pop(gone, None)
        self._grids.pop(gone, None)
        listeners = self._of_layers.pop(gone, None)
        if listeners is not None:
            listeners.let_go()
        self.layers_changed.emit()

    def _on_data(self, event: Any) -> None:
        layer = event.source
        self._versions[id(layer)] = self._versions.get(id(layer), 0) + 1
        self.changed.emit()

    def _on_look(self, event: Any = None) -> None:
        self.changed.emit()


def _kind(layer: Any) -> str:
    return type(layer).__name__.lower()
