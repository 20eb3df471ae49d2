"""Content items of an SR from the core's codes and values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tomoscribe.core import Code
from tomoscribe.reports.export import concepts as c


def with_children(item: Any, children: Sequence[Any]) -> Any:
    """The item with the children below it."""
    from highdicom.sr import ContentSequence

    if children:
        item.ContentSequence = ContentSequence(list(children))
    return item


def container(name: Code, children: Sequence[Any]) -> Any:
    """CONTAINER."""
    from highdicom.sr import ContainerContentItem

    item = ContainerContentItem(name=c.to_dicom(name), relationship_type="CONTAINS")
    return with_children(item, children)


def code(name: Code, value: Code, relationship: str) -> Any:
    """CODE."""
    from highdicom.sr import CodeContentItem

    return CodeContentItem(name=c.to_dicom(name), value=c.to_dicom(value), relationship_type=relationship)


def text(name: Code, value: str, relationship: str) -> Any:
    """TEXT."""
    from highdicom.sr import TextContentItem

    return TextContentItem(name=c.to_dicom(name), value=value, relationship_type=relationship)


def uid(name: Code, value: str, relationship: str) -> Any:
    """UIDREF."""
    from highdicom.sr import UIDRefContentItem

    return UIDRefContentItem(name=c.to_dicom(name), value=value, relationship_type=relationship)


def num(name: Code, value: float, unit: Code, relationship: str) -> Any:
    """NUM; the value as 64-bit float beside the decimal string."""
    from highdicom.sr import NumContentItem

    return NumContentItem(
        name=c.to_dicom(name), value=float(value), unit=c.to_dicom(unit), relationship_type=relationship
    )


def points(name: Code, points_mm: Sequence[Sequence[float]], frame_uid: str, relationship: str) -> Any:
    """SCOORD3D of one point or of a line between two, LPS mm, 32-bit floats."""
    from highdicom.sr import Scoord3DContentItem

    kind = {1: "POINT", 2: "POLYLINE"}[len(points_mm)]
    return Scoord3DContentItem(
        name=c.to_dicom(name),
        graphic_type=kind,
        graphic_data=np.array(points_mm, dtype=float),
        frame_of_reference_uid=frame_uid,
        relationship_type=relationship,
    )
