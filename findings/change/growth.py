"""Whether two measurements of one lesion differ beyond repeatability, and how fast it grows."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tomoscribe.core import Acquisition, Code, Direction, Measurement, Volume, terms
from tomoscribe.findings.chest.emphysema import THIN_MM, thickness_mm
from tomoscribe.findings.chest.kernels import Kernel, kernel_character


@dataclass(frozen=True, kw_only=True)
class Repeatability:
    """What two measurements of an unchanged lesion may differ by (95 %).

    Args:
        volume: share of the volume: coffee-break studies and the MILD trial found 25 to 27 % (de Hoop 2009,
            Marchiano 2009; the limit of the BTS guideline and of NELSON).
        diameter_mm: of the mean diameter (Fleischner 2017: 2 mm); never less than the slice thickness.
        volume_from_mm: smaller ones are compared by diameter: their volumes repeat worse.
        same_thickness: slice thicknesses may differ by this share.
    """

    volume: float = 0.25
    diameter_mm: float = 2.0
    volume_from_mm: float = 6.0
    same_thickness: float = 0.25


@dataclass(frozen=True, kw_only=True)
class DoublingTime:
    """Days in which the volume doubles, with 95 % limits from the repeatability of both volumes."""

    days: float
    low_days: float
    high_days: float
    sd_days: float

    def measurements(self) -> tuple[Measurement, ...]:
        """As three measurements in days."""
        rows = (
            (terms.VOLUME_DOUBLING_TIME, self.days, self.sd_days),
            (terms.VOLUME_DOUBLING_TIME_LOW, self.low_days, None),
            (terms.VOLUME_DOUBLING_TIME_HIGH, self.high_days, None),
        )
        return tuple(Measurement(name=n, value=v, unit=terms.DAY, uncertainty=u) for n, v, u in rows)


def objection(now: Volume, then: Volume, limits: Repeatability) -> str | None:
    """Why sizes of the two acquisitions cannot be compared, in words; None when they can (CLINICAL 10)."""
    thick, other = thickness_mm(now), thickness_mm(then)
    both_thin = max(thick, other) <= THIN_MM
    if not both_thin and abs(thick - other) > limits.same_thickness * max(thick, other):
        return "other slice thickness"
    kernels = {_kernel(v.acquisition) for v in (now, then)}
    if kernels == {Kernel.SOFT, Kernel.SHARP}:
        return "the kernels differ"
    return None


def _kernel(acquisition: Acquisition) -> Kernel:
    return kernel_character(acquisition.manufacturer, acquisition.kernel)


def compared_by(now: Measurement | None, then: Measurement | None, thickness: float, limits: Repeatability) -> Code:
    """Volume where slices are thin and both mean diameters large enough, else the mean diameter."""
    large = all(m is not None and m.value >= limits.volume_from_mm for m in (now, then))
    return terms.VOLUME if large and thickness <= THIN_MM else terms.MEAN_DIAMETER


def direction(name: Code, now: float, then: float, thickness: float, limits: Repeatability) -> Direction:
    """Increased or decreased beyond repeatability, else stable."""
    if name == terms.VOLUME:
        ratio = now / then
        moved = ratio > 1.0 + limits.volume or ratio < 1.0 - limits.volume
    else:
        moved = abs(now - then) > max(limits.diameter_mm, thickness if thickness > THIN_MM else 0.0)
    if not moved:
        return Direction.STABLE
    return Direction.INCREASED if now > then else Direction.DECREASED


def doubling_time(now_mm3: float, then_mm3: float, days: float, limits: Repeatability) -> DoublingTime | None:
    """None unless the volume grew beyond repeatability over a known time: below that the upper limit is infinite."""
    grown = math.log(now_mm3 / then_mm3)
    slack = math.log(1.0 + limits.volume)
    if days < 1 or grown <= slack:
        return None
    value = days * math.log(2.0) / grown
    return DoublingTime(
        days=value,
        low_days=days * math.log(2.0) / (grown + slack),
        high_days=days * math.log(2.0) / (grown - slack),
        sd_days=value * slack / 1.96 / grown,
    )
