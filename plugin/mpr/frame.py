"""Where millimetres lie on the screen of a pane: the one place where a plane is turned the way radiologists see it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tomoscribe.plugin.mpr.cut import Grid
from tomoscribe.plugin.planes import VIEWS, Edges, Plane, edges_of

_MARGIN = 0.98
ZOOM_LIMITS = (0.05, 200.0)


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Which part of a plane a pane shows.

    Args:
        center_mm: what lies in the middle of the pane, along the vertical and the horizontal axis.
        zoom: screen pixels per mm.
        size: pane's width and height in screen pixels.
    """

    plane: Plane
    center_mm: tuple[float, float]
    zoom: float
    size: tuple[int, int]

    @classmethod
    def around(cls, grid: Grid, plane: Plane, size: tuple[int, int]) -> Frame:
        """The whole grid, as large as it fits."""
        _, vertical, horizontal = VIEWS[plane].order
        spans = [grid.faces_mm(axis) for axis in (vertical, horizontal)]
        height_mm, width_mm = (high - low for low, high in spans)
        middle = ((spans[0][0] + spans[0][1]) / 2, (spans[1][0] + spans[1][1]) / 2)
        width, height = size
        zoom = _MARGIN * min(width / width_mm, height / height_mm)
        return cls(plane=plane, center_mm=middle, zoom=max(zoom, 1e-3), size=size)

    @property
    def vertical_sign(self) -> int:
        """+1 where the vertical axis grows down the screen, -1 where it grows up."""
        return 1 if VIEWS[self.plane].vertical == "down" else -1

    @property
    def edges(self) -> Edges:
        """The letters at the four edges."""
        return edges_of(VIEWS[self.plane].order, (VIEWS[self.plane].vertical, "right"))

    def to_screen(self, vertical_mm: float, horizontal_mm: float) -> tuple[float, float]:
        """Screen (x, y) of a place in the plane."""
        x = self.size[0] / 2 + (horizontal_mm - self.center_mm[1]) * self.zoom
        y = self.size[1] / 2 + (vertical_mm - self.center_mm[0]) * self.zoom * self.vertical_sign
        return x, y

    def to_mm(self, x: float, y: float) -> tuple[float, float]:
        """Place in the plane, vertical and horizontal, of a screen (x, y)."""
        horizontal = (x - self.size[0] / 2) / self.zoom + self.center_mm[1]
        vertical = (y - self.size[1] / 2) * self.vertical_sign / self.zoom + self.center_mm[0]
        return vertical, horizontal

    def with_size(self, size: tuple[int, int]) -> Frame:
        """The same field in a pane of another size."""
        old, new = min(self.size), min(size)
        return replace(self, size=size, zoom=self.zoom * new / old if old > 0 else self.zoom)

    def panned(self, dx: float, dy: float) -> Frame:
        """Moved with the mouse by screen pixels."""
        vertical, horizontal = self.center_mm
        center = (vertical - dy * self.vertical_sign / self.zoom, horizontal - dx / self.zoom)
        return replace(self, center_mm=center)

    def zoomed(self, factor: float, x: float, y: float) -> Frame:
        """Magnified about a place on the screen, which stays where it is."""
        zoom = min(max(self.zoom * factor, ZOOM_LIMITS[0]), ZOOM_LIMITS[1])
        vertical, horizontal = self.to_mm(x, y)
        moved = replace(self, zoom=zoom)
        after_vertical, after_horizontal = moved.to_mm(x, y)
        center = (
            self.center_mm[0] + vertical - after_vertical,
            self.center_mm[1] + horizontal - after_horizontal,
        )
        return replace(moved, center_mm=center)

    def centered(self, vertical_mm: float, horizontal_mm: float, field_mm: float | None = None) -> Frame:
        """A place in the middle, with a field of that many mm across the shorter side."""
        zoom = self.zoom if field_mm is None else min(self.size) / field_mm
        return replace(self, center_mm=(vertical_mm, horizontal_mm), zoom=zoom)
