"""What a validation run gives: rows with intervals in tables, cases, plots, pictures and facts; as JSON and back."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from tomoscribe.core.errors import InputError, InvalidValueError
from tomoscribe.validation.records import Better, Excluded, Flag, Score, Severity
from tomoscribe.validation.report.facts import Facts

SCHEMA, SCHEMA_VERSION = "tomoscribe.validation", 1
NOTICE = (
    "Not a medical device. Generated patients show that the machinery works; they do not show how it does on patients."
)
Part = tuple[float, float]
"""Numerator and denominator that one case adds to a figure."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A score, and what each case adds to it, so that two runs can be compared case by case.

    Args:
        parts: by case; the score is the sum of the numerators over that of the denominators. Empty where it is not
            such a ratio.
    """

    score: Score
    parts: Mapping[str, Part] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        """What the row is about, the same in every run."""
        return self.score.name, self.score.subgroup


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows that belong together.

    Args:
        note: what the figures mean and what they do not, in whole sentences.
        is_headline: whether it stands before everything else.
    """

    title: str
    rows: tuple[Row, ...]
    note: str = ""
    is_headline: bool = False


def by_figure(rows: Iterable[Row | None]) -> tuple[Row, ...]:
    """The rows that are there, all sets of one figure beside each other, figures in the order of their first row."""
    there = [row for row in rows if row is not None]
    order = list(dict.fromkeys(row.score.name for row in there))
    return tuple(sorted(there, key=lambda row: order.index(row.score.name)))


@dataclass(frozen=True, kw_only=True)
class Series:
    """Points of a plot; ``low`` and ``high`` are intervals of y where there are any."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if len(self.x) != len(self.y) or len(self.low) != len(self.high):
            raise InvalidValueError(f"expected as many x as y, and low as high, in series {self.name!r}")


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A plot as data.

    Args:
        kind: ``steps``, ``lines`` or ``points``.
        is_log_x: x on a logarithmic scale; every x is above 0.
        marks: horizontal lines: where, and what they are.
    """

    title: str
    kind: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    marks: tuple[tuple[float, str], ...] = ()
    note: str = ""
    is_log_x: bool = False


@dataclass(frozen=True, kw_only=True)
class CaseLine:
    """One quantity of one case, true and measured; as text, so that "missed" and "refused" stand beside numbers."""

    group: str
    case: str
    what: str
    true: str
    found: str
    error: str = ""
    is_bad: bool = False


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A picture of the failure gallery; ``png`` is base64."""

    case: str
    kind: str
    caption: str
    png: str


@dataclass(frozen=True, kw_only=True)
class ValidationReport:
    """Everything of one run; the outputs are made from this and from nothing else.

    Args:
        seconds: of the run as a whole.
        extra: what a trial measured beyond rows, under the trial's name (all runs of a speed trial, ...).
    """

    title: str
    facts: Facts
    tables: tuple[Table, ...]
    flags: tuple[Flag, ...] = ()
    not_tested: tuple[str, ...] = ()
    cases: tuple[CaseLine, ...] = ()
    excluded: tuple[Excluded, ...] = ()
    plots: tuple[Plot, ...] = ()
    failures: tuple[Failure, ...] = ()
    seconds: float = 0.0
    is_quick: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def rows(self) -> tuple[Row, ...]:
        """Of all tables, headline first."""
        return tuple(row for table in self.ordered for row in table.rows)

    @property
    def ordered(self) -> tuple[Table, ...]:
        """Headline tables first."""
        return tuple(sorted(self.tables, key=lambda t: not t.is_headline))


def merged(title: str, reports: Sequence[ValidationReport]) -> ValidationReport:
    """One report of several trials; commands and seeds are those of all, the other facts those of the first one.

    Raises:
        InvalidValueError: none, or two rows about the same.
    """
    if not reports:
        raise InvalidValueError("expected at least one report to merge")
    keys = [row.key for one in reports for row in one.rows]
    if len(set(keys)) != len(keys):
        raise InvalidValueError("two trials of a run give a row of the same name")
    return ValidationReport(
        title=title,
        facts=replace(
            reports[0].facts,
            command="; ".join(dict.fromkeys(one.facts.command for one in reports)),
            seeds={key: seed for one in reports for key, seed in one.facts.seeds.items()},
        ),
        tables=tuple(t for one in reports for t in one.tables),
        flags=tuple(f for one in reports for f in one.flags),
        not_tested=tuple(n for one in reports for n in one.not_tested),
        cases=tuple(c for one in reports for c in one.cases),
        excluded=tuple(e for one in reports for e in one.excluded),
        plots=tuple(p for one in reports for p in one.plots),
        failures=tuple(f for one in reports for f in one.failures),
        seconds=sum(one.seconds for one in reports),
        is_quick=any(one.is_quick for one in reports),
        extra={key: value for one in reports for key, value in one.extra.items()},
    )


def to_json(report: ValidationReport) -> dict[str, Any]:
    """The machine-readable form; what is not a number is null."""
    data: dict[str, Any] = _plain(
        {"schema": SCHEMA, "schema_version": SCHEMA_VERSION, "notice": NOTICE} | asdict(report)
    )
    return data


def save(report: ValidationReport, path: Path) -> None:
    """Writes the JSON, one row a line so that a difference between two runs can be read."""
    path.write_text(dumps(report), encoding="utf-8")


def dumps(report: ValidationReport) -> str:
    """The JSON as text."""
    return json.dumps(to_json(report), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def load(path: Path) -> ValidationReport:
    """What ``save`` wrote.

    Raises:
        InputError: not there, no JSON, or of another schema.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError("the earlier result cannot be read", where=path.name) from error
    except ValueError as error:
        raise InputError("the earlier result is no JSON", where=path.name) from error
    if not isinstance(data, dict) or (data.get("schema"), data.get("schema_version")) != (SCHEMA, SCHEMA_VERSION):
        raise InputError(
            f"expected a result of schema {SCHEMA}, version {SCHEMA_VERSION}",
            where=path.name,
            remedy="name a file that tomoscribe validate --json wrote",
        )
    try:
        return _decoded(data)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"the result is not complete: {error}", where=path.name) from error


def _decoded(data: dict[str, Any]) -> ValidationReport:
    known = {key: value for key, value in data.items() if key not in ("schema", "schema_version", "notice")}
    built = {
        "facts": Facts(**data["facts"]),
        "tables": tuple(_table(t) for t in data["tables"]),
        "flags": tuple(
            Flag(**{**f, "severity": Severity(f["severity"]), "cases": tuple(f["cases"])}) for f in data["flags"]
        ),
        "not_tested": tuple(data["not_tested"]),
        "cases": tuple(CaseLine(**c) for c in data["cases"]),
        "excluded": tuple(Excluded(**e) for e in data["excluded"]),
        "plots": tuple(_plot(p) for p in data["plots"]),
        "failures": tuple(Failure(**f) for f in data["failures"]),
    }
    return ValidationReport(**{**known, **built})


def _table(data: dict[str, Any]) -> Table:
    rows = tuple(
        Row(score=_score(r["score"]), parts={k: (float(a), float(b)) for k, (a, b) in r["parts"].items()})
        for r in data["rows"]
    )
    return Table(**{**data, "rows": rows})


def _score(data: dict[str, Any]) -> Score:
    numbers = {key: math.nan if data[key] is None else data[key] for key in ("value", "low", "high")}
    return Score(**{**data, **numbers, "better": Better(data["better"])})


def _plot(data: dict[str, Any]) -> Plot:
    series = tuple(
        Series(name=s["name"], **{k: tuple(map(_number, s[k])) for k in ("x", "y", "low", "high")})
        for s in data["series"]
    )
    return Plot(**{**data, "series": series, "marks": tuple((float(at), str(what)) for at, what in data["marks"])})


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value
