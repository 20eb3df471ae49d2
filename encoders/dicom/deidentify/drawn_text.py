"""Where text was drawn into an ultrasound picture: letters are thin, sharp, alike in height and stand in a line.

Echoes are blurred by the beam. What is found may be more than text (a scale, a caliper, a sharp echo); what stands on
bright tissue, is rotated or a single letter is not found. A person has to look at the pictures.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

STROKE_PIXELS = 9
"""Strokes of letters are thinner."""
CONTRAST = 40
"""How much brighter than what surrounds it a stroke is, of 255."""
HEIGHTS = (5, 48)
"""Of letters, in pixels."""
SHARPNESS = 0.84
"""How far the brightness falls within two pixels around a letter, as a share of it, on average. Letters over black and
over echoes of a third of their brightness fall by 0.91 and more, 95 % of speckle by 0.83 at most; docs/log.md."""
EVEN_SHARE = 0.45
"""Share of the pixels of a letter that have at least 0.6 of its largest brightness."""
_WIDEST = 14
"""A word whose letters touch is at most this many times as wide as high."""
_MARGIN = 3


def drawn_text(picture: NDArray[Any]) -> NDArray[np.bool_]:
    """Mask (rows, columns) of the boxes around the words in a picture (rows, columns[, samples]) of bytes."""
    gray = picture if picture.ndim == 2 else picture.max(axis=2)
    strokes = ndimage.white_tophat(gray, size=(STROKE_PIXELS, STROKE_PIXELS)) > CONTRAST
    letters = _letters(gray, strokes)
    found = np.zeros(gray.shape, dtype=bool)
    for rows, columns in _words(letters, gray.shape):
        beside = rows.stop - rows.start  # a letter at either end may touch something and have been missed
        found[
            max(0, rows.start - _MARGIN) : rows.stop + _MARGIN, max(0, columns.start - beside) : columns.stop + beside
        ] = True
    return found


def _letters(gray: NDArray[Any], strokes: NDArray[np.bool_]) -> list[tuple[slice, slice]]:
    """Boxes of the parts that are of a letter's size, sharp and evenly bright."""
    falls = gray - ndimage.grey_erosion(gray, size=(5, 5))
    labels, _ = ndimage.label(strokes, structure=np.ones((3, 3)))
    out = []
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        height, width = (part.stop - part.start for part in box)
        if not HEIGHTS[0] <= height <= HEIGHTS[1] or width > _WIDEST * height:
            continue
        inside = labels[box] == number
        values = gray[box][inside].astype(np.float32)
        is_sharp = (falls[box][inside] / values).mean() >= SHARPNESS
        if is_sharp and (values >= 0.6 * values.max()).mean() >= EVEN_SHARE:
            out.append(box)
    return out


def _words(letters: list[tuple[slice, slice]], shape: tuple[int, ...]) -> list[tuple[slice, slice]]:
    """Boxes of the lines that letters form which are near each other, alike in height and level."""
    joined = np.zeros(shape, dtype=bool)
    for rows, columns in letters:
        reach = round(0.6 * (rows.stop - rows.start))
        middle = (rows.start + rows.stop) // 2
        joined[middle - 1 : middle + 2, max(0, columns.start - reach) : columns.stop + reach] = True
    labels, count = ndimage.label(joined, structure=np.ones((3, 3)))
    members: list[list[tuple[slice, slice]]] = [[] for _ in range(count + 1)]
    for rows, columns in letters:
        members[labels[(rows.start + rows.stop) // 2, (columns.start + columns.stop) // 2]].append((rows, columns))
    return [_around(group) for group in members if group and _is_line(group)]


def _is_line(group: list[tuple[slice, slice]]) -> bool:
    """Two letters or more, or one part as wide as three."""
    rows, columns = _around(group)
    return columns.stop - columns.start >= (1.2 if len(group) > 1 else 2.4) * (rows.stop - rows.start)


def _around(group: list[tuple[slice, slice]]) -> tuple[slice, slice]:
    first, last = (
        [f([getattr(box[axis], end) for box in group]) for axis in (0, 1)] for f, end in ((min, "start"), (max, "stop"))
    )
    return slice(first[0], last[0]), slice(first[1], last[1])
