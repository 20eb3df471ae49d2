"""LIDC-IDRI's reading files: what four radiologists outlined, as points of image columns and rows.

An outline runs through the first pixels outside of the nodule; ``inclusion`` FALSE marks a hole. ``xCoord`` is a
column, ``yCoord`` a row. A nodule of one point in one slice is smaller than 3 mm. Source: Armato et al. 2011, The Lung
Image Database Consortium; the collection's own documentation of its XML.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

from tomoscribe.core.errors import InputError

MAX_BYTES = 64 << 20


@dataclass(frozen=True, kw_only=True)
class Outline:
    """One closed line in one slice.

    Args:
        points: (column, row) in pixels of the image.
        is_hole: whether it is cut out of the nodule.
    """

    instance_uid: str
    points: tuple[tuple[int, int], ...]
    is_hole: bool


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """What one reader marked once.

    Args:
        reader: number of the reading session, from 0.
        kind: ``nodule`` (3 mm and more), ``small`` (below 3 mm) or ``other`` (no nodule).
        malignancy: 1 to 5, None where it was not rated.
    """

    reader: int
    kind: str
    outlines: tuple[Outline, ...]
    malignancy: int | None = None


@dataclass(frozen=True, kw_only=True)
class ReadingFile:
    """One XML file: the series it reads, and all marks."""

    series_uid: str
    num_readers: int
    drawn: tuple[Drawn, ...]


def read_xml(path: Path) -> ReadingFile | None:
    """A CT reading file; None for other XML (the collection has X-ray readings as well).

    Raises:
        InputError: broken, too large, or with a document type of its own.
    """
    root = _root(path)
    if _name(root) != "LidcReadMessage":
        return None
    series = _text(root, "ResponseHeader", "SeriesInstanceUid")
    if not series:
        raise InputError("expected a SeriesInstanceUid in the reading file, found none", where=path.name)
    sessions = [e for e in root if _name(e) == "readingSession"]
    drawn: list[Drawn] = []
    try:
        for number, session in enumerate(sessions):
            drawn += [d for e in session if (d := _drawn(e, number)) is not None]
    except ValueError as error:
        raise InputError(f"expected whole numbers as coordinates ({error})", where=path.name) from error
    return ReadingFile(series_uid=series, num_readers=len(sessions), drawn=tuple(drawn))


def _root(path: Path) -> ElementTree.Element:
    data = path.read_bytes()[: MAX_BYTES + 1]
    if len(data) > MAX_BYTES or b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise InputError("expected a plain reading file of at most 64 MiB", where=path.name)
    try:
        return ElementTree.fromstring(data)  # entities are refused above
    except ElementTree.ParseError as error:
        raise InputError(f"expected XML ({error})", where=path.name) from error


def _drawn(element: ElementTree.Element, reader: int) -> Drawn | None:
    name = _name(element)
    if name == "nonNodule":
        return Drawn(reader=reader, kind="other", outlines=(_outline(element, "locus"),))
    if name != "unblindedReadNodule":
        return None
    outlines = tuple(_outline(roi, "edgeMap") for roi in element if _name(roi) == "roi")
    is_small = sum(len(o.points) for o in outlines) <= 1
    rating = _text(element, "characteristics", "malignancy")
    return Drawn(
        reader=reader,
        kind="small" if is_small else "nodule",
        outlines=outlines,
        malignancy=int(rating) if rating else None,
    )


def _outline(roi: ElementTree.Element, point: str) -> Outline:
    points = [(int(float(_text(p, "xCoord"))), int(float(_text(p, "yCoord")))) for p in roi if _name(p) == point]
    return Outline(
        instance_uid=_text(roi, "imageSOP_UID"),
        points=tuple(points),
        is_hole=_text(roi, "inclusion").upper() == "FALSE",
    )


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _text(element: ElementTree.Element, *path: str) -> str:
    """Text at a path of names without their namespace, blank where there is none."""
    here: ElementTree.Element | None = element
    for name in path:
        here = next((e for e in here if _name(e) == name), None) if here is not None else None
    return (here.text or "").strip() if here is not None else ""
