"""All marks over the images: shown and hidden together, masks and lines in 2D, surfaces in 3D."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tomoscribe.plugin.navigate import our_layers

if TYPE_CHECKING:
    from napari.components import ViewerModel

_KINDS = ("labels", "calipers", "surface", "marker")


class Marks:
    """The marks of one viewer. What the user hid by hand stays hidden when all are shown again."""

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._hidden: list[Any] = []
        self._flat: list[Any] = []

    def toggle(self) -> None:
        """Hides all marks, or shows again those that it hid: read first, then look."""
        shown = [layer for layer, _ in our_layers(self._viewer, *_KINDS) if layer.visible]
        if shown:
            self._hidden = shown
        for layer in self._hidden:
            layer.visible = not shown

    def show_dimensions(self) -> None:
        """In 3D the surfaces stand for images and masks; in 2D the other way round."""
        surfaces = [layer for layer, _ in our_layers(self._viewer, "surface")]
        if not surfaces:
            return
        if self._viewer.dims.ndisplay == 3:
            flat = [layer for layer, _ in our_layers(self._viewer, "image", "labels", "calipers", "marker")]
            self._flat = [layer for layer in flat if layer.visible]
            for layer in flat:
                layer.visible = False
        else:
            for layer in self._flat:
                layer.visible = True
            self._flat = []
        for layer in surfaces:
            layer.visible = self._viewer.dims.ndisplay == 3

    def remove(self) -> None:
        """Takes all marks away, before those of a new reading come."""
        for layer, _ in our_layers(self._viewer, *_KINDS):
            self._viewer.layers.remove(layer)
        self._hidden, self._flat = [], []

    def remove_findings(self) -> None:
        """Takes away the marks of findings; those of organs stay."""
        for layer, known in our_layers(self._viewer, *_KINDS):
            if known["kind"] in ("calipers", "marker") or known.get("label_map") == "findings":
                self._viewer.layers.remove(layer)
                self._hidden = [one for one in self._hidden if one is not layer]
                self._flat = [one for one in self._flat if one is not layer]
