"""What is written on the canvas itself, so that it is always visible: study, letters at the edges, the notice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.components.overlays import TextOverlay

from tomoscribe.core import Study
from tomoscribe.plugin import planes
from tomoscribe.plugin.controls import banner_words
from tomoscribe.plugin.navigate import our_layers

if TYPE_CHECKING:
    from napari.components import ViewerModel

NOTICE = "Not a medical device"
_PREFIX = "tomoscribe_"
_TEXT_COLOR = "#d7dde3"
_NOTICE_COLOR = "#ffc457"
_EDGES = {"top": "top_center", "bottom": "bottom_center", "left": "middle_left", "right": "middle_right"}


class Screen:
    """The texts on one viewer's canvas."""

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._study: Study | None = None
        self._write("notice", NOTICE, "bottom_left", _NOTICE_COLOR, 9)
        viewer.canvas.overlays.scale_bar.visible = True
        self.refresh()

    def show_study(self, study: Study | None) -> None:
        """Writes the study's banner."""
        self._study = study
        self.refresh()

    def refresh(self, event: Any = None) -> None:
        """Writes the letters of the present view, the slice's place and the window."""
        study = self._study
        self._write("study", "" if study is None else "\n".join(banner_words(study)), "top_left", _TEXT_COLOR, 8)
        flat = self._viewer.dims.ndisplay == 2 and self._viewer.dims.ndim == 3 and study is not None
        edges = planes.edges_of(self._viewer.dims.order, self._viewer.scene.camera.orientation2d) if flat else None
        for side, position in _EDGES.items():
            self._write(side, getattr(edges, side, ""), position, _TEXT_COLOR, 13)
        self._write("place", self._place() if flat else "", "top_right", _TEXT_COLOR, 8)

    def _place(self) -> str:
        order = self._viewer.dims.order
        axis = order[-3]
        name = "zyx"[axis]
        presets = [meta["preset"] for layer, meta in our_layers(self._viewer, "image") if layer.visible]
        words = [planes.plane_of(order).value, f"{name} = {self._viewer.dims.point[axis]:.1f} mm", *presets[:1]]
        return "\n".join(words)

    def _write(self, key: str, text: str, position: str, color: str, size: float) -> None:
        overlays = self._viewer.canvas.overlays
        name = _PREFIX + key
        if name not in overlays:
            overlays[name] = TextOverlay(text=text, position=position, color=color, font_size=size, visible=bool(text))
        elif overlays[name].text != text:
            overlays[name].text = text
            overlays[name].visible = bool(text)
