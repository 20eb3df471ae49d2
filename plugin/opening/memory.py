"""How much memory showing a study takes, and a plan that fits: all of it, coarser in plane, or some series left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tomoscribe.core import Series
from tomoscribe.core.errors import MemoryPlanError
from tomoscribe.plugin.words import tr

BYTES_PER_VOXEL = 2.5
"""int16 voxels, and what loading and showing them adds."""
RESERVE = 0.7
"""Share of the free memory that showing may take: reading needs some as well."""
FACTORS = (1, 2, 4)
MAX_VOXELS = 500_000_000
"""Of all series together; more is slow to look at whatever the memory."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One series of the plan.

    Args:
        factor: in-plane pixels that become one; 1 is all of them.
    """

    series: Series
    factor: int


@dataclass(frozen=True, kw_only=True)
class ShowPlan:
    """What is loaded.

    Args:
        estimated_bytes: of everything in it.
        notes: what was given up to make it fit, in words.
    """

    shown: tuple[Shown, ...]
    estimated_bytes: float
    notes: tuple[str, ...]

    def line(self) -> str:
        """The estimate in words."""
        return tr("about {size} GB of memory", size=f"{self.estimated_bytes / 1e9:.2f}")


def free_bytes() -> int:
    """Memory that is free now."""
    import psutil

    return int(psutil.virtual_memory().available)


def estimate(series: Series, factor: int = 1) -> float:
    """Bytes that a series takes when it is shown; 0 for one that cannot be."""
    if series.shape is None:
        return 0.0
    depth, height, width = series.shape
    return BYTES_PER_VOXEL * depth * (height // factor) * (width // factor)


def make_show_plan(series: Sequence[Series], free: int) -> ShowPlan:
    """The largest plan that fits; the first series come first.

    Raises:
        MemoryPlanError: not even the first series fits, at a quarter of its pixels along each side.
    """
    shown: list[Shown] = []
    notes: list[str] = []
    used = voxels = 0.0
    for number, one in enumerate(series):
        name = f"{one.modality} {'' if one.number is None else one.number}".strip()
        factor = _factor(one, RESERVE * free - used, MAX_VOXELS - voxels)
        if factor is None and number == 0:
            raise MemoryPlanError(
                f"showing {name} takes about {estimate(one, FACTORS[-1]) / 1e9:.1f} GB even at a quarter of its pixels "
                f"along each side, and {free / 1e9:.1f} GB are free",
                where=one.series_uid,
                remedy="close other programs, or look at it slice by slice in the study browser",
            )
        if factor is None:
            notes.append(tr("{series} is not opened: too large beside the others", series=name))
            continue
        if factor > 1:
            notes.append(tr("{series} is shown with {factor} x {factor} pixels made one: it does not fit whole",
                            series=name, factor=factor))  # fmt: skip
        shown.append(Shown(series=one, factor=factor))
        used += estimate(one, factor)
        voxels += estimate(one, factor) / BYTES_PER_VOXEL
    return ShowPlan(shown=tuple(shown), estimated_bytes=used, notes=tuple(notes))


def _factor(series: Series, room: float, voxels: float) -> int | None:
    """The smallest factor with which a series fits, None for none; only whole ones where the grid is resampled."""
    factors = FACTORS if series.verdict.value == "accepted" else FACTORS[:1]
    for factor in factors:
        needed = estimate(series, factor)
        if needed <= room and needed / BYTES_PER_VOXEL <= voxels:
            return factor
    return None
