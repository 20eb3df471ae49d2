"""The font of the PDF: Noto Sans SC (SIL OFL), Latin and Chinese, cut down to the characters that are used.

The package brings OpenType outlines (cubic), the PDF library embeds TrueType (quadratic) ones: the needed glyphs are
converted here, within a thousandth of the em. Nothing is looked for on the system or fetched.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tomoscribe.core.errors import MissingExtraError

MAX_ERROR_UNITS = 1.0
"""Largest distance between the two outlines, in thousandths of the em."""


def font_path() -> Path:
    """Where the font file is.

    Raises:
        MissingExtraError: the package that brings it is not installed.
    """
    if find_spec("pylopdf_fonts_zh_cn") is None or find_spec("fontTools") is None or find_spec("reportlab") is None:
        raise MissingExtraError("a PDF report", "documents")
    from pylopdf_fonts_zh_cn import sans_path

    return Path(sans_path())


def spelled(text: str, known: Iterable[int]) -> str:
    """The text with each character that the font lacks written as its code point, so that none is lost unseen."""
    characters = known if isinstance(known, (set, dict)) else set(known)
    return "".join(c if ord(c) in characters or c in "\n\t" else f"[U+{ord(c):04X}]" for c in text)


def known_characters() -> set[int]:
    """Code points that the font has a glyph for."""
    from fontTools.ttLib import TTFont

    with TTFont(font_path(), lazy=True) as font:
        return set(font.getBestCmap())


def subset_truetype(text: str, name: str) -> io.BytesIO:
    """A TrueType font file with the glyphs of the text.

    Args:
        name: PostScript name it goes by; the PDF library keeps one font for each, so another text needs another name.
    """
    from fontTools.subset import Options, Subsetter
    from fontTools.ttLib import TTFont

    font = TTFont(font_path(), lazy=True, recalcTimestamp=False)
    options = Options(layout_features=[], hinting=False, notdef_outline=True, name_IDs=[1, 2, 3, 4, 6, 13, 14])
    options.drop_tables += ["BASE", "GSUB", "GPOS", "VORG", "vhea", "vmtx"]
    subsetter = Subsetter(options)
    subsetter.populate(unicodes={*range(0x20, 0x7F), *map(ord, text)})
    subsetter.subset(font)
    _to_truetype(font)
    for record in font["name"].names:
        if record.nameID == 6:
            record.string = name
    out = io.BytesIO()
    font.save(out, reorderTables=False)
    out.seek(0)
    return out


def _to_truetype(font: Any) -> None:
    """Replaces the cubic outlines of a font by quadratic ones."""
    from fontTools.pens.cu2quPen import Cu2QuPen
    from fontTools.pens.ttGlyphPen import TTGlyphPen
    from fontTools.ttLib import newTable

    order, outlines, glyphs = font.getGlyphOrder(), font.getGlyphSet(), {}
    for name in order:
        pen = TTGlyphPen(None)
        outlines[name].draw(Cu2QuPen(pen, MAX_ERROR_UNITS, reverse_direction=True))
        glyphs[name] = pen.glyph()
    font["loca"], font["glyf"] = newTable("loca"), newTable("glyf")
    font["glyf"].glyphOrder, font["glyf"].glyphs = order, glyphs
    del font["CFF "]
    maxp = font["maxp"] = newTable("maxp")
    maxp.tableVersion, maxp.numGlyphs = 0x00010000, len(order)
    for field in ("Zones", "TwilightPoints", "Storage", "FunctionDefs", "InstructionDefs", "StackElements",
                  "SizeOfInstructions", "ComponentElements"):  # fmt: skip
        setattr(maxp, field if field == "SizeOfInstructions" else f"max{field}", 0)
    maxp.maxSizeOfInstructions, maxp.maxZones = 0, 1
    font["post"].formatType = 3.0
    font["head"].glyphDataFormat = 0
    font.sfntVersion = "\000\001\000\000"
