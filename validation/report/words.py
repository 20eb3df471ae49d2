"""Figures in words, the same on every page."""

from __future__ import annotations

import math

from tomoscribe.validation.records import Better, Score
from tomoscribe.validation.report.model import Row

DASH = "–"


def number(value: float | None, unit: str = "1") -> str:
    """As many digits as the unit deserves; a dash for what is not defined."""
    if value is None or not math.isfinite(value):
        return DASH
    return f"{value:.3f}" if unit == "1" else f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def interval(score: Score) -> str:
    """The 95 % interval; a dash where one patient gives none."""
    if not math.isfinite(score.low):
        return DASH
    return f"{number(score.low, score.unit)} to {number(score.high, score.unit)}"


def what(row: Row) -> str:
    """The row's name without its group."""
    return row.score.name.partition("/")[2].replace("/", ": ").replace("_", " ")


def where(row: Row) -> str:
    """The set or subgroup; sets without the word."""
    kind, _, value = row.score.subgroup.partition("=")
    if not value:
        return row.score.subgroup
    return value if kind == "set" else f"{kind}: {value}"


def unit(score: Score) -> str:
    """The unit beside the value; a share has none, and one that the name says already is not said again."""
    return "" if score.unit == "1" or score.name.endswith(score.unit) else score.unit


def behind(score: Score) -> str:
    """How many cases, and patients where those are fewer."""
    same = score.num_patients in (None, score.n)
    return f"{score.n}" if same else f"{score.n} of {score.num_patients} patients"


def verdict(score: Score) -> str:
    """``no better than chance`` where the interval does not leave it out; else nothing."""
    is_perfect = score.better is Better.LOWER and score.high == 0.0
    return "no better than chance" if score.is_beyond_chance is False and not is_perfect else ""
