"""Which views an examination is shown in: pure data.

A chest CT hangs as axial, coronal, sagittal and 3D in the lung window; a head CT as axial in the brain and in the bone
window; several MR series side by side in the plane that the examination is read in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tomoscribe.plugin.planes import Plane

SPACE = "3D"
_HEAD = ("HEAD", "BRAIN", "SKULL")
_SPINE = ("SPINE", "CSPINE", "TSPINE", "LSPINE", "SSPINE")


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A series that can be hung.

    Args:
        body_part: (0018,0015), upper case, empty if unknown.
    """

    series_uid: str
    modality: str
    body_part: str


@dataclass(frozen=True, kw_only=True)
class Slot:
    """One place of a hanging.

    Args:
        plane: None for the 3D view.
        row, column, rows, columns: its place on the grid and how many cells it takes.
        series_uid: always this series; the chosen one where None.
        preset: a window of its own; the series' window where None.
        is_prior: shows the earlier examination.
    """

    plane: Plane | None
    row: int
    column: int
    rows: int = 1
    columns: int = 1
    series_uid: str | None = None
    preset: str | None = None
    is_prior: bool = False


Hanging = tuple[Slot, ...]

FOUR: Hanging = (
    Slot(plane=Plane.AXIAL, row=0, column=0),
    Slot(plane=Plane.CORONAL, row=0, column=1),
    Slot(plane=Plane.SAGITTAL, row=1, column=0),
    Slot(plane=None, row=1, column=1),
)


def large(plane: Plane) -> Hanging:
    """One plane over the full height, the others and 3D beside it."""
    others: list[Plane | None] = [p for p in Plane if p is not plane]
    beside = [Slot(plane=other, row=row, column=2) for row, other in enumerate([*others, None])]
    return (Slot(plane=plane, row=0, column=0, rows=3, columns=2), *beside)


def two_windows(first: str, second: str) -> Hanging:
    """Axial in two windows, coronal and 3D below."""
    return (
        Slot(plane=Plane.AXIAL, row=0, column=0, preset=first),
        Slot(plane=Plane.AXIAL, row=0, column=1, preset=second),
        Slot(plane=Plane.CORONAL, row=1, column=0),
        Slot(plane=None, row=1, column=1),
    )


def two_series(first: str, second: str, plane: Plane) -> Hanging:
    """Two series in the plane that is read, the other planes of the first below."""
    below = [Slot(plane=p, row=1, column=n, series_uid=first) for n, p in enumerate(p for p in Plane if p is not plane)]
    return (
        Slot(plane=plane, row=0, column=0, series_uid=first),
        Slot(plane=plane, row=0, column=1, series_uid=second),
        *below,
    )


def with_prior() -> Hanging:
    """Now on the left, before on the right, axial and coronal."""
    return tuple(
        Slot(plane=plane, row=row, column=column, is_prior=is_prior)
        for row, plane in enumerate((Plane.AXIAL, Plane.CORONAL))
        for column, is_prior in enumerate((False, True))
    )


def hangings(series: Sequence[Shown]) -> dict[str, Hanging]:
    """What can be chosen for an examination, by name; the first one is shown first.

    Args:
        series: those that are open, the main one first.
    """
    offered = {"Four views": FOUR, "Axial large": large(Plane.AXIAL), "Sagittal large": large(Plane.SAGITTAL)}
    if not series:
        return offered
    main = series[0]
    if main.modality == "CT":
        pair = ("Brain", "Bone") if main.body_part in _HEAD else ("Lung", "Mediastinum")
        offered[f"{pair[0]} and {pair[1].lower()}"] = two_windows(*pair)
    others = [s for s in series[1:] if s.series_uid != main.series_uid]
    if others:
        plane = Plane.SAGITTAL if main.body_part in _SPINE else Plane.AXIAL
        offered["Two series"] = two_series(main.series_uid, others[0].series_uid, plane)
    first = _first_for(main, offered)
    return {first: offered[first]} | offered


def _first_for(main: Shown, offered: dict[str, Hanging]) -> str:
    if main.modality == "MR":
        if "Two series" in offered:
            return "Two series"
        return "Sagittal large" if main.body_part in _SPINE else "Axial large"
    return "Brain and bone" if main.modality == "CT" and main.body_part in _HEAD else "Four views"
