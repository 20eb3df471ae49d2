"""Plots as inline SVG: no library, no network, readable on light and dark ground and on paper.

Colors come from the page's style sheet (classes ``s0`` to ``s5``); each series has a shape of its own too, so that the
plot can be read without colors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from tomoscribe.validation.report.model import Plot, Row, Series

WIDTH, HEIGHT = 560, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 18, 14, 46
_CHARACTER = 6.3
"""Width of a letter of the labels in pixels, roughly."""


@dataclass(frozen=True, kw_only=True)
class _Axis:
    """Values from ``low`` to ``high`` onto pixels from ``start`` to ``stop``, or their logarithms."""

    low: float
    high: float
    start: float
    stop: float
    is_log: bool = False

    def __call__(self, value: float) -> float:
        low, high, at = (math.log10(v) if self.is_log else v for v in (self.low, self.high, value))
        return self.start + (at - low) / (high - low) * (self.stop - self.start)

    def ticks(self) -> list[float]:
        """About five round values; powers of ten and their doubles and halves on a logarithmic axis."""
        if self.is_log:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            return [m * 10.0**p for p in powers for m in (1, 3) if self.low <= m * 10.0**p <= self.high]
        step = _round_step((self.high - self.low) / 5)
        first = math.ceil(self.low / step - 1e-9)
        return [n * step for n in range(first, math.floor(self.high / step + 1e-9) + 1)]


def svg(plot: Plot) -> str:
    """The plot with axes, series and legend."""
    across, up = _axes(plot)
    height = HEIGHT + 18 * len(plot.series)
    parts = [
        f'<svg class="plot" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(plot.title)}">',
        *_frame(plot, across, up),
    ]
    for at, words in plot.marks:
        if up.low <= at <= up.high:
            y = up(at)
            parts.append(f'<line class="mark" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
            parts.append(
                f'<text class="small" x="{WIDTH - _RIGHT}" y="{y - 3:.1f}" text-anchor="end">{escape(words)}</text>'
            )
    for n, series in enumerate(plot.series):
        parts += _drawn(plot.kind, series, n, across, up)
    parts += [_legend(series, n) for n, series in enumerate(plot.series)]
    return "\n".join([*parts, "</svg>"])


def intervals(rows: Sequence[Row], label: str) -> str:
    """Rows of one unit as dots with their intervals, chance as a tick; the label names the axis."""
    shown = [r for r in rows if math.isfinite(r.score.value)]
    if not shown:
        return ""
    names = [r.score.subgroup.partition("=")[2] or r.score.subgroup for r in shown]
    left = min(240, 20 + _CHARACTER * max(map(len, names)))
    values = [v for r in shown for v in _known(r)]
    across = _Axis(low=min(0.0, *values), high=max(values) * 1.05 or 1.0, start=left, stop=WIDTH - _RIGHT)
    height = 26 * len(shown) + 44
    parts = [f'<svg class="plot" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(label)}">']
    for tick in across.ticks():
        x = across(tick)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="6" y2="{height - 38}"/>')
        parts.append(f'<text class="small" x="{x:.1f}" y="{height - 24}" text-anchor="middle">{tick:g}</text>')
    for n, (row, name) in enumerate(zip(shown, names, strict=True)):
        parts += _interval(row, name, 20 + 26 * n, across, left)
    middle = (left + WIDTH - _RIGHT) / 2
    parts.append(f'<text class="axis" x="{middle:.0f}" y="{height - 6}" text-anchor="middle">{escape(label)}</text>')
    return "\n".join([*parts, "</svg>"])


def _interval(row: Row, name: str, y: float, across: _Axis, left: float) -> list[str]:
    score = row.score
    parts = [f'<text class="small" x="{left - 8:.0f}" y="{y + 4:.0f}" text-anchor="end">{escape(name)}</text>']
    if math.isfinite(score.low):
        parts.append(f'<line class="s0" x1="{across(score.low):.1f}" x2="{across(score.high):.1f}" y1="{y}" y2="{y}"/>')
    parts.append(f'<circle class="s0 dot" cx="{across(score.value):.1f}" cy="{y}" r="4.5"/>')
    for value, style in ((score.chance, "chance"), (score.always_normal, "normal")):
        if value is not None and math.isfinite(value):
            x = across(value)
            parts.append(f'<line class="{style}" x1="{x:.1f}" x2="{x:.1f}" y1="{y - 8}" y2="{y + 8}"/>')
    return parts


def _known(row: Row) -> list[float]:
    score = row.score
    values = (score.value, score.low, score.high, score.chance, score.always_normal)
    return [v for v in values if v is not None and math.isfinite(v)]


def _axes(plot: Plot) -> tuple[_Axis, _Axis]:
    x = [v for s in plot.series for v in s.x if math.isfinite(v)]
    y = [v for s in plot.series for v in (*s.y, *s.low, *s.high) if math.isfinite(v)]
    y += [at for at, _ in plot.marks]
    low, high = min(y, default=0.0), max(y, default=1.0)
    low, high = (min(0.0, low), max(1.0, high)) if plot.kind == "steps" else (min(0.0, low), max(0.0, high))
    room = 0.06 * (high - low) or 1.0
    left = 0.8 * min(x) if plot.is_log_x else 0.0
    right = (max(x, default=1.0) or 1.0) * (1.25 if plot.is_log_x else 1.02)
    across = _Axis(low=left, high=right, start=_LEFT, stop=WIDTH - _RIGHT, is_log=plot.is_log_x)
    bottom = low - room if low < 0 else low
    return across, _Axis(low=bottom, high=high + room, start=HEIGHT - _BOTTOM, stop=_TOP)


def _frame(plot: Plot, across: _Axis, up: _Axis) -> list[str]:
    parts = []
    for tick in up.ticks():
        y = up(tick)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="small" x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for tick in across.ticks():
        x = across(tick)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{HEIGHT - _BOTTOM}"/>')
        parts.append(
            f'<text class="small" x="{x:.1f}" y="{HEIGHT - _BOTTOM + 15}" text-anchor="middle">{tick:g}</text>'
        )
    middle, center = (_LEFT + WIDTH - _RIGHT) / 2, (_TOP + HEIGHT - _BOTTOM) / 2
    parts.append(
        f'<text class="axis" x="{middle:.0f}" y="{HEIGHT - 10}" text-anchor="middle">{escape(plot.x_label)}</text>'
    )
    parts.append(
        f'<text class="axis" transform="translate(14 {center:.0f}) rotate(-90)" text-anchor="middle">'
        f"{escape(plot.y_label)}</text>"
    )
    return parts


def _drawn(kind: str, series: Series, n: int, across: _Axis, up: _Axis) -> list[str]:
    points = [(across(x), up(y)) for x, y in zip(series.x, series.y, strict=True) if math.isfinite(x + y)]
    parts = []
    if kind in ("steps", "lines"):
        path = _steps(points) if kind == "steps" else points
        dashes = f' stroke-dasharray="{_DASHES[n % len(_DASHES)]}"' if n else ""
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in path)
        parts.append(f'<polyline class="s{n % 6}" points="{line}"{dashes}/>')
    for x, low, high in zip(series.x, series.low, series.high, strict=False):
        if math.isfinite(low + high):
            at = across(x)
            parts.append(f'<line class="s{n % 6}" x1="{at:.1f}" x2="{at:.1f}" y1="{up(low):.1f}" y2="{up(high):.1f}"/>')
    if kind != "steps":
        parts += [_shape(n, x, y) for x, y in points]
    return parts


_DASHES = ("", "7 3", "2 3", "9 3 2 3", "5 5", "1 2")


def _steps(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Along x first, then up: a curve of a decision that changes at thresholds."""
    path = list(points[:1])
    for x, y in points[1:]:
        path += [(x, path[-1][1]), (x, y)]
    return path


def _shape(n: int, x: float, y: float) -> str:
    kind = n % 4
    if kind == 0:
        return f'<circle class="s{n % 6} dot" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
    if kind == 1:
        return f'<rect class="s{n % 6} dot" x="{x - 3.6:.1f}" y="{y - 3.6:.1f}" width="7.2" height="7.2"/>'
    corners = ((0, -5), (4.6, 4), (-4.6, 4)) if kind == 2 else ((0, -5), (5, 0), (0, 5), (-5, 0))
    points = " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in corners)
    return f'<polygon class="s{n % 6} dot" points="{points}"/>'


def _legend(series: Series, n: int) -> str:
    y = HEIGHT + 4 + 18 * n
    dashes = f' stroke-dasharray="{_DASHES[n % len(_DASHES)]}"' if n else ""
    return (
        f'<line class="s{n % 6}" x1="{_LEFT}" x2="{_LEFT + 24}" y1="{y}" y2="{y}"{dashes}/>{_shape(n, _LEFT + 12, y)}'
        f'<text class="small" x="{_LEFT + 32}" y="{y + 4}">{escape(series.name)}</text>'
    )


def _round_step(raw: float) -> float:
    """1, 2 or 5 times a power of ten, at least ``raw``."""
    if not raw > 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(raw))
    return next(m * power for m in (1.0, 2.0, 5.0, 10.0) if m * power >= raw * (1 - 1e-9))
