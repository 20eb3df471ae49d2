"""What a sentence claims, after parsing: the input of the entailment check."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from tomoscribe.core import Code, Direction, Laterality


class When(StrEnum):
    """To which examination a number belongs, or what it is."""

    NOW = "now"
    PRIOR = "prior"
    DELTA = "delta"
    LOW = "low"
    HIGH = "high"


@dataclass(kw_only=True)
class ValueClaim:
    """A number with a unit.

    Args:
        number: as written, in ``unit`` after the exact factor.
        step: what the last digit after the point stands for, in ``unit``; infinite without a point.
        unit: UCUM unit.
        name: the quantity it is bound to, a word of the lexicon for one that is no measurement, None if not said.
        when: to which examination it belongs.
        sides: sides named in the same phrase.
        superlative: it describes the largest of several.
        words: as written.
    """

    number: Decimal
    step: Decimal
    unit: Code
    words: str
    name: Code | str | None = None
    when: When = When.NOW
    sides: tuple[Laterality, ...] = ()
    superlative: bool = False


@dataclass(frozen=True, kw_only=True)
class CountClaim:
    """How many of something there are; ``sides`` are those of the same phrase."""

    number: Decimal
    sides: tuple[Laterality, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ReferenceClaim:
    """A cited series or image."""

    what: str
    number: Decimal
    superlative: bool = False


@dataclass(frozen=True, kw_only=True)
class SideClaim:
    """A named side."""

    side: Laterality
    superlative: bool = False


@dataclass(frozen=True, kw_only=True)
class EntityClaim:
    """A named finding: the types the noun may mean, and whether it is a plural."""

    types: tuple[Code, ...]
    words: str
    plural: bool = False


@dataclass(kw_only=True)
class Claims:
    """Everything one sentence part claims.

    Args:
        unknown: words that no table holds.
        unbound: numbers and quantities that nothing ties together, in words.
        negatives: words that deny, without what they may legitimately deny.
        seen: attributes of a lesion with their values (calcification, fat, contact).
        largest_densities: attenuation classes said of the largest of several.
        direction_names: quantities that are said to change.
        largest: something is said of the largest of several; ``ranked`` when the word for it is no mere 'up to'.
        looked: words that claim that something was looked at.
    """

    unknown: list[str] = field(default_factory=list)
    unbound: list[str] = field(default_factory=list)
    entities: list[EntityClaim] = field(default_factory=list)
    sides: list[SideClaim] = field(default_factory=list)
    sites: list[Code] = field(default_factory=list)
    levels: list[str] = field(default_factory=list)
    densities: list[Code] = field(default_factory=list)
    largest_densities: list[Code] = field(default_factory=list)
    values: list[ValueClaim] = field(default_factory=list)
    counts: list[CountClaim] = field(default_factory=list)
    references: list[ReferenceClaim] = field(default_factory=list)
    directions: list[Direction] = field(default_factory=list)
    direction_names: list[Code | str] = field(default_factory=list)
    dates: list[str] = field(default_factory=list)
    seen: list[tuple[Code, Code]] = field(default_factory=list)
    topics: list[str] = field(default_factory=list)
    size_words: list[str] = field(default_factory=list)
    negatives: list[str] = field(default_factory=list)
    normals: list[str] = field(default_factory=list)
    hedges: list[str] = field(default_factory=list)
    looked: list[str] = field(default_factory=list)
    unassessed: bool = False
    unexcluded: bool = False
    lobe_unknown: bool = False
    density_unknown: bool = False
    largest: bool = False
    ranked: bool = False
