"""Key images with their marks drawn into the pixels, for a PACS that shows nothing else, and for paper.

Outline, calipers with their lengths, side letters and scale bar as on the page; below the picture a strip that says
what it is. The words are numbers and short English, the letters those of the screen convention; no patient is named.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomoscribe.reports.key_images import TINT_RGB, KeyImage, Mark

OVERSAMPLING = 2
"""Marks are drawn this many times larger and reduced, so that slanted lines are smooth."""
ORGAN_COLORS_RGB = (
    (255, 210, 31), (53, 224, 255), (255, 122, 217), (125, 255, 138), (255, 157, 92), (185, 165, 255),
)  # fmt: skip
_COLORS_RGB = {"long": (53, 224, 255), "short": (255, 122, 217)}
_WHITE, _GREY, _BLACK = (255, 255, 255), (190, 190, 190), (0, 0, 0)


def draw_marked(image: KeyImage, lines: Sequence[str]) -> NDArray[np.uint8]:
    """(H, W, 3) 8-bit: the picture with its marks, and the lines of text below it."""
    from PIL import Image

    picture = Image.fromarray(image.pixels).convert("RGB")
    if image.tint is not None:
        picture.paste(TINT_RGB, mask=Image.fromarray(image.tint))
    large = (picture.width * OVERSAMPLING, picture.height * OVERSAMPLING)
    overlay = _Overlay(image, large)
    overlay.draw_all()
    reduced = overlay.canvas.resize(picture.size, Image.Resampling.LANCZOS)
    marked = Image.alpha_composite(picture.convert("RGBA"), reduced).convert("RGB")
    return np.asarray(_with_strip(marked, [*lines, *_legend(image)]), dtype=np.uint8)


class _Overlay:
    """A transparent picture, oversampled, on which the marks are drawn."""

    def __init__(self, image: KeyImage, size: tuple[int, int]) -> None:
        from PIL import Image, ImageDraw

        self.image = image
        self.canvas = Image.new("RGBA", size, (0, 0, 0, 0))
        self._draw = ImageDraw.Draw(self.canvas)
        self._per_mm = size[0] / image.width_mm
        self._em = min(size) * 0.04
        self._line = max(2, round(min(size) * 0.003))
        self._placed: list[tuple[float, float, float, float]] = []

    def draw_all(self) -> None:
        for mark in self.image.marks:
            self._mark(mark)
        self._sides()
        self._bar()
        for mark in self.image.marks:
            if mark.kind in _COLORS_RGB and mark.label:
                self._length(mark)

    def _at(self, points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        return [(x * self._per_mm, y * self._per_mm) for x, y in points]

    def _mark(self, mark: Mark) -> None:
        points = self._at(mark.points)
        if mark.kind == "frame":
            self._dashed([*points, points[0]], ORGAN_COLORS_RGB[0])
        elif mark.kind == "outline":
            color = ORGAN_COLORS_RGB[mark.color % len(ORGAN_COLORS_RGB)]
            self._draw.line([*points, points[0]], fill=color, width=self._line, joint="curve")
        else:
            self._caliper(points, _COLORS_RGB[mark.kind])

    def _caliper(self, points: list[tuple[float, float]], color: tuple[int, int, int]) -> None:
        """A line with a short stroke across either end, dark-edged so that it is seen on bright ground."""
        (x0, y0), (x1, y1) = points
        long = max(float(np.hypot(x1 - x0, y1 - y0)), 1.0)
        dx, dy = -(y1 - y0) / long * self._em * 0.3, (x1 - x0) / long * self._em * 0.3
        strokes = [points, *([(x - dx, y - dy), (x + dx, y + dy)] for x, y in points)]
        for ink, width in ((_BLACK, self._line + 2), (color, self._line)):
            for stroke in strokes:
                self._draw.line(stroke, fill=ink, width=width)

    def _dashed(self, points: list[tuple[float, float]], color: tuple[int, int, int]) -> None:
        for (x0, y0), (x1, y1) in itertools.pairwise(points):
            count = max(1, round(float(np.hypot(x1 - x0, y1 - y0)) / (self._em * 0.55)))
            for n in range(0, count, 2):
                a, b = n / count, min(n + 1.2, count) / count
                ends = [(x0 + (x1 - x0) * t, y0 + (y1 - y0) * t) for t in (a, b)]
                self._draw.line(ends, fill=color, width=self._line)

    def _sides(self) -> None:
        width, height = self.canvas.size
        gap = self._em * 0.35
        places = {
            "left": (gap, height / 2, "lm"),
            "right": (width - gap, height / 2, "rm"),
            "top": (width / 2, gap, "mt"),
            "bottom": (width / 2, height - gap, "mb"),
        }
        for side, (x, y, anchor) in places.items():
            self._text((x, y), self.image.sides[side], anchor, _WHITE, 1.25)

    def _bar(self) -> None:
        height, em = self.canvas.size[1], self._em
        x0, x1, y = em * 0.5, em * 0.5 + self.image.bar_mm * self._per_mm, height - em * 0.5
        line = [(x0, y - em * 0.4), (x0, y), (x1, y), (x1, y - em * 0.4)]
        self._draw.line(line, fill=_BLACK, width=self._line + 2)
        self._draw.line(line, fill=_WHITE, width=self._line)
        self._text((x0, y - em * 0.6), f"{self.image.bar_mm / 10:g} cm", "lb", _WHITE, 0.9)

    def _length(self, mark: Mark) -> None:
        """The length beside the end of its caliper that has more room, off the words that stand there already."""
        width, height = self.canvas.size
        (x0, y0), (x1, y1) = self._at(mark.points)
        middle = ((x0 + x1) / 2, (y0 + y1) / 2)
        ends = sorted(((x0, y0), (x1, y1)), key=lambda p: -min(p[0], width - p[0], p[1], height - p[1]))
        candidates = []
        for x, y in ends:
            right, below = x >= middle[0], y >= middle[1]
            for shift in (0.0, 1.1, -1.1, 2.2, -2.2):
                place = (x + self._em * (0.5 if right else -0.5), y + self._em * (shift + (0.3 if below else -0.3)))
                candidates.append((place, "lm" if right else "rm"))
        for place, anchor in candidates:
            box = self._draw.textbbox(place, mark.label, font=self._font(1.0), anchor=anchor)
            inside = box[0] >= 0 and box[1] >= 0 and box[2] <= width and box[3] <= height
            if inside and not any(_overlap(box, other) for other in self._placed):
                break
        self._text(place, mark.label, anchor, _COLORS_RGB[mark.kind], 1.0)

    def _text(self, at: tuple[float, float], words: str, anchor: str, color: tuple[int, int, int], ems: float) -> None:
        font, halo = self._font(ems), max(2, self._line)
        self._placed.append(self._draw.textbbox(at, words, font=font, anchor=anchor))
        self._draw.text(at, words, font=font, anchor=anchor, fill=color, stroke_width=halo, stroke_fill=(0, 0, 0, 210))

    def _font(self, ems: float) -> Any:
        return _font(self._em * ems)


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _font(size: float) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size=size)


def _legend(image: KeyImage) -> list[str]:
    """Names of the outlined organs, in the order of their colors; drawn in these colors by ``_with_strip``."""
    names = {m.label: m.color for m in image.marks if m.kind == "outline" and m.label}
    return [f"\x00{color}\x00{name}" for name, color in sorted(names.items(), key=lambda pair: pair[1])]


def _with_strip(picture: Any, lines: Sequence[str]) -> Any:
    """The picture over a black strip with the lines, the first one bright; organ names side by side in their colors."""
    from PIL import Image, ImageDraw

    size = max(11.0, picture.width * 0.026)
    font, step = _font(size), round(size * 1.35)
    plain = [line for line in lines if not line.startswith("\x00")]
    organs = [line for line in lines if line.startswith("\x00")]
    rows = len(plain) + bool(organs)
    whole = Image.new("RGB", (picture.width, picture.height + step * rows + round(size * 0.6)), _BLACK)
    whole.paste(picture, (0, 0))
    draw, y = ImageDraw.Draw(whole), picture.height + round(size * 0.3)
    for number, line in enumerate(plain):
        draw.text((size * 0.4, y), line, font=font, fill=_WHITE if number == 0 else _GREY)
        y += step
    x = size * 0.4
    for organ in organs:
        _, color, name = organ.split("\x00")
        draw.text((x, y), name, font=font, fill=ORGAN_COLORS_RGB[int(color) % len(ORGAN_COLORS_RGB)])
        x += draw.textlength(name, font=font) + size
    return whole
