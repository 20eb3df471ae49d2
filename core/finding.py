"""What was found, where, how large and how it is known. A Finding carries millimetres and UIDs, never arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tomoscribe.core.code import Code
from tomoscribe.core.errors import InvalidValueError
from tomoscribe.core.provenance import Provenance

Point = tuple[float, float, float]
"""(x, y, z) in LPS mm."""


class Presence(StrEnum):
    PRESENT = "present"
    ABSENT = "absent"
    UNCERTAIN = "uncertain"
    NOT_ASSESSED = "not_assessed"


class Laterality(StrEnum):
    RIGHT = "right"
    LEFT = "left"
    BILATERAL = "bilateral"
    MIDLINE = "midline"


class ReviewState(StrEnum):
    UNREVIEWED = "unreviewed"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    EDITED = "edited"


class Direction(StrEnum):
    """Change against a prior."""

    INCREASED = "increased"
    DECREASED = "decreased"
    STABLE = "stable"
    NEW = "new"
    NOT_COMPARABLE = "not_comparable"


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One number with its unit.

    Args:
        name: concept; ``core.terms`` holds the ones in use.
        value: in ``unit``.
        unit: UCUM code.
        method: ``mask``, ``head:NAME`` or ``user``.
        endpoints_mm: the two caliper points of a length, LPS mm.
        uncertainty: one standard deviation in ``unit``, None if not known.
    """

    name: Code
    value: float
    unit: Code
    method: str = "mask"
    endpoints_mm: tuple[Point, Point] | None = None
    uncertainty: float | None = None

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise InvalidValueError(f"expected a finite {self.name.meaning}, found {self.value}")
        if self.method not in ("mask", "user") and not self.method.startswith("head:"):
            raise InvalidValueError(f"expected method mask, user or head:NAME, found {self.method!r}")
        if self.unit.scheme != "UCUM":
            raise InvalidValueError(f"expected a UCUM unit, found {self.unit.scheme}")


@dataclass(frozen=True, kw_only=True)
class Attribute:
    """A qualitative evaluation, e.g. attenuation class = part-solid."""

    name: Code
    value: Code


@dataclass(frozen=True, kw_only=True)
class Region:
    """Where a finding is.

    Args:
        center_mm: centre of mass, LPS mm.
        box_min_mm, box_max_mm: axis-aligned box in LPS mm that holds the region.
        frame_of_reference_uid: the frame in which these millimetres count.
        label_map, segment: the mask it was measured from, by name; None for a head's region.
    """

    center_mm: Point
    box_min_mm: Point
    box_max_mm: Point
    frame_of_reference_uid: str | None = None
    label_map: str | None = None
    segment: str | None = None


@dataclass(frozen=True, kw_only=True)
class EvidenceSlice:
    """An image on which the finding can be seen."""

    series_uid: str
    series_number: int | None
    instance_uid: str
    instance_number: int | None


@dataclass(frozen=True, kw_only=True)
class Change:
    """Change of one measurement against the same finding in a prior study, each measured on its native grid."""

    measurement: Code
    prior_value: float
    prior_date: str | None
    direction: Direction
    reason: str | None = None

    def __post_init__(self) -> None:
        if self.direction is Direction.NOT_COMPARABLE and not self.reason:
            raise InvalidValueError("a change that cannot be compared needs a reason")


@dataclass(frozen=True, kw_only=True)
class PriorValues:
    """What the same lesion measured in one earlier study, on that study's own grid.

    Args:
        date: of the study, ``YYYY-MM-DD``.
        measurements: empty where the lesion was not there.
        reason: why these numbers cannot be compared with the present ones, None where they can.
    """

    study_uid: str
    date: str | None
    measurements: tuple[Measurement, ...]
    reason: str | None = None

    def measurement(self, name: Code) -> Measurement | None:
        """The measurement of that name, or None."""
        return next((m for m in self.measurements if m.name == name), None)


@dataclass(frozen=True, kw_only=True)
class Review:
    """What a named person decided about a finding."""

    state: ReviewState = ReviewState.UNREVIEWED
    reviewer: str | None = None
    at: str | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        if self.state is not ReviewState.UNREVIEWED and not self.reviewer:
            raise InvalidValueError(f"a finding that is {self.state} needs a named reviewer")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One finding of one study.

    Args:
        tracking_uid: the same over time for the same lesion.
        type: what it is.
        site: where it is, as anatomy; the most specific that was determined.
        laterality: side, None where the organ has none or it was not determined.
        presence: present, absent, uncertain (review list) or not assessed.
        probability: calibrated, 0 to 1; None where the finding is a plain measurement.
        actionable: whether it must stand in the impression when present.
        note: why it is not assessed or to be read with care, in words a radiologist uses; None otherwise.
        history: what it measured in earlier studies, newest first.
    """

    tracking_uid: str
    type: Code
    site: Code
    presence: Presence
    provenance: Provenance
    laterality: Laterality | None = None
    probability: float | None = None
    actionable: bool = False
    region: Region | None = None
    measurements: tuple[Measurement, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    evidence: tuple[EvidenceSlice, ...] = ()
    change: Change | None = None
    prior_uid: str | None = None
    review: Review = Review()
    note: str | None = None
    history: tuple[PriorValues, ...] = ()

    def __post_init__(self) -> None:
        if self.probability is not None and not 0.0 <= self.probability <= 1.0:
            raise InvalidValueError(f"expected a probability of 0 to 1, found {self.probability}")
        names = [m.name for m in self.measurements]
        if len(set(names)) != len(names):
            raise InvalidValueError(f"a measurement occurs twice in finding {self.type.meaning}")
        if self.presence is Presence.PRESENT and self.region is None:
            raise InvalidValueError(f"a present finding needs a region ({self.type.meaning})")
        if self.presence is Presence.NOT_ASSESSED and not self.note:
            raise InvalidValueError(f"a finding that is not assessed needs a note ({self.type.meaning})")

    def measurement(self, name: Code) -> Measurement | None:
        """The measurement of that name, or None."""
        return next((m for m in self.measurements if m.name == name), None)

    def attribute(self, name: Code) -> Code | None:
        """The value of the attribute of that name, or None."""
        return next((a.value for a in self.attributes if a.name == name), None)


def reportable(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings that must stand in a report: present, and not rejected by a named person."""
    return tuple(f for f in findings if f.presence is Presence.PRESENT and f.review.state is not ReviewState.REJECTED)
