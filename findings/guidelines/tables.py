"""Guideline tables as data: what each needs, whom it excludes, and the sentence that each row licenses."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from tomoscribe.core.errors import ConfigError, InputError, InvalidValueError
from tomoscribe.core.serial import from_json

FOLDER = Path(__file__).parent / "data"
FILES = ("fleischner_2017.yaml", "lung_rads_v2022.yaml")
INPUTS = ("age", "screening", "known_cancer", "immunosuppression", "high_risk", "mean_mm")
"""What a table may need or exclude by."""


@dataclass(frozen=True, kw_only=True)
class Words:
    """The same words in each language of the writer."""

    en: str
    zh: str

    def of(self, language: str) -> str:
        """The words in the language of that ISO 639-1 code."""
        return self.zh if language == "zh" else self.en


@dataclass(frozen=True, kw_only=True)
class Span:
    """``at_least`` <= value < ``below``, either end open where it is None."""

    at_least: float | None = None
    below: float | None = None

    def holds(self, value: float) -> bool:
        return (self.at_least is None or value >= self.at_least) and (self.below is None or value < self.below)


@dataclass(frozen=True, kw_only=True)
class Condition:
    """What a nodule must be for a row; None asks for nothing.

    Args:
        density: any of ``solid``, ``part_solid``, ``ground_glass``.
        number: ``single`` or ``multiple`` nodules in the examination.
        risk: ``low`` or ``high``.
        status: any of ``baseline``, ``new``, ``growing``, ``stable`` against the prior.
        benign: a benign pattern of calcification, or fat.
        mean_mm, solid_mm: spans of the rounded mean diameter and of the solid component.
    """

    density: tuple[str, ...] | None = None
    number: str | None = None
    risk: str | None = None
    status: tuple[str, ...] | None = None
    benign: bool | None = None
    mean_mm: Span | None = None
    solid_mm: Span | None = None


@dataclass(frozen=True, kw_only=True)
class Exclusion:
    """When a guideline does not apply: an input that has a value, lies below or from a limit on; the reason's key."""

    input: str
    reason: str
    equals: bool | None = None
    below: float | None = None
    at_least: float | None = None

    def __post_init__(self) -> None:
        if self.input not in INPUTS:
            raise InvalidValueError(f"expected an input of {', '.join(INPUTS)}, found '{self.input}'")

    def holds(self, value: bool | float | None) -> bool:
        """Whether this value excludes; an unknown one does not."""
        if value is None:
            return False
        if self.equals is not None:
            return value == self.equals
        return (self.below is not None and value < self.below) or (self.at_least is not None and value >= self.at_least)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of a table.

    Args:
        key: its name within the table.
        urgency: greater is more suspicious.
        label: the class in words; ``management``: the recommendation it licenses.
    """

    key: str
    when: Condition
    urgency: int
    label: Words
    management: Words


@dataclass(frozen=True, kw_only=True)
class Guideline:
    """One version of one guideline.

    Args:
        citation: where it was published.
        verified: what was compared with which source, and what was not.
        size_step_mm: to which step diameters are rounded, halves up, before they are looked up.
        volume_thresholds_mm3: as published, for the reader; rows go by diameter.
        needs: inputs without which no class is assigned.
    """

    name: str
    version: str
    citation: str
    verified: str
    size_step_mm: str
    volume_thresholds_mm3: tuple[float, ...]
    needs: tuple[str, ...]
    excludes: tuple[Exclusion, ...]
    rows: tuple[Row, ...]

    def __post_init__(self) -> None:
        keys = [r.key for r in self.rows]
        if len(set(keys)) != len(keys):
            raise InvalidValueError(f"a row occurs twice in {self.name}")
        if set(self.needs) - set(INPUTS):
            raise InvalidValueError(f"{self.name} needs an input that is not known")

    @property
    def step_mm(self) -> Decimal:
        return Decimal(self.size_step_mm)


@cache
def guidelines() -> tuple[Guideline, ...]:
    """All tables that ship, in the order in which a report lists them.

    Raises:
        ConfigError: a table is not valid.
    """
    return tuple(_load(FOLDER / name) for name in FILES)


_RENAMED = {"class": "label", "from": "at_least", "is": "equals"}
"""Keys of the files that are no names in Python."""


def _load(path: Path) -> Guideline:
    import yaml

    try:
        return from_json(Guideline, _renamed(yaml.safe_load(path.read_text("utf-8"))))
    except (yaml.YAMLError, InputError, InvalidValueError) as error:
        raise ConfigError(f"the guideline table is not valid: {error}", where=path.name) from error


def _renamed(data: Any) -> Any:
    if isinstance(data, dict):
        return {_RENAMED.get(key, key): _renamed(value) for key, value in data.items()}
    return [_renamed(value) for value in data] if isinstance(data, list) else data
