"""Declared rounding: how a measured value is spelled in prose, and which spellings count as the same value.

Prose has whole millimeters, tables 0.1 mm (CLINICAL 5). A spelling is accepted when it is the measured value rounded
(half up or half to even) to one of the accepted steps, and when it claims no more digits than that step gives.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

from tomoscribe.core import Code, Finding, Measurement, terms

UNIT_WORDS: dict[Code, str] = {
    terms.MM: "mm",
    terms.MM3: "mm3",
    terms.ML: "ml",
    terms.HU: "HU",
    terms.PERCENT: "%",
    terms.DAY: "days",
}
"""The word of a unit in prose; a count has none."""

CUBIC_MM_PER_ML = Decimal(1000)
_UPPER = Decimal("Infinity")
_Steps = tuple[tuple[Decimal, tuple[str, ...]], ...]

ACCEPTED_STEPS: dict[str, _Steps] = {
    "length": ((_UPPER, ("1", "0.1")),),
    "mm3": ((Decimal(100), ("1", "0.1")), (Decimal(1000), ("10", "1", "0.1")), (_UPPER, ("100", "10", "1", "0.1"))),
    "ml": (
        (Decimal(1), ("0.01", "0.001")),
        (Decimal(10), ("0.1", "0.01")),
        (Decimal(1000), ("1", "0.1")),
        (_UPPER, ("10", "1", "0.1")),
    ),
    "hu": ((_UPPER, ("1", "0.1")),),
    "percent": ((_UPPER, ("0.1", "1")),),
    "count": ((_UPPER, ("1",)),),
    "day": ((_UPPER, ("1",)),),
    "whole percent": ((_UPPER, ("1",)),),
}
"""Per quantity: below which absolute value which steps are accepted, the prose step first."""

_FAMILY: dict[Code, str] = {
    terms.MM: "length",
    terms.MM3: "mm3",
    terms.ML: "ml",
    terms.HU: "hu",
    terms.PERCENT: "percent",
    terms.ONE: "count",
    terms.DAY: "day",
}


def exact(value: float) -> Decimal:
    """The shortest decimal that names this float, so that 12.5 is 12.5 and 0.1 is 0.1."""
    return Decimal(repr(float(value)))


def family_of(unit: Code) -> str:
    """Which row of ``ACCEPTED_STEPS`` a UCUM unit follows; KeyError for a unit without declared rounding."""
    return _FAMILY[unit]


def steps(value: Decimal, family: str) -> tuple[Decimal, ...]:
    """The accepted rounding steps of a value in its own unit, the prose step first."""
    for limit, names in ACCEPTED_STEPS[family]:
        if abs(value) < limit or limit == _UPPER:
            return tuple(Decimal(n) for n in names)
    raise KeyError(family)


def round_half_up(value: Decimal, step: Decimal) -> Decimal:
    """The value at the step, halves away from zero; the digits of the step are kept."""
    return _at_step(value, step, ROUND_HALF_UP)


def _at_step(value: Decimal, step: Decimal, mode: str) -> Decimal:
    return (value / step).quantize(Decimal(1), rounding=mode) * step


def accepted(value: Decimal, family: str) -> Iterator[tuple[Decimal, Decimal]]:
    """(rounded value, step) for each accepted step and both ways of rounding a half."""
    for step in steps(value, family):
        for mode in (ROUND_HALF_UP, ROUND_HALF_EVEN):
            yield _at_step(value, step, mode), step


def same_value(written: Decimal, decimals_step: Decimal, value: Decimal, family: str) -> bool:
    """Whether a written number is an accepted rounding of the measured value.

    Args:
        written: the number as written, converted to the unit of ``value``.
        decimals_step: what the last digit after the point stands for, converted too; infinite without a point.
        value: the measured value.
        family: row of ``ACCEPTED_STEPS``.
    """
    return any(written == number and (step <= decimals_step) for number, step in accepted(value, family))


def prose_number(value: float, family: str) -> str:
    """The number as prose spells it: rounded half up at the prose step."""
    number = exact(value)
    return plain(round_half_up(number, steps(number, family)[0]))


def plain(number: Decimal) -> str:
    """Digits without an exponent and without a negative zero."""
    text = format(number, "f")
    return text.lstrip("-") if not number else text


def prose(measurement: Measurement) -> tuple[str, str]:
    """(number, unit word) as prose spells a measurement; volumes of 1000 mm3 and more are written in ml."""
    if measurement.unit == terms.MM3 and abs(measurement.value) >= 1000:
        number = round_half_up(exact(measurement.value), Decimal(100)) / CUBIC_MM_PER_ML
        return plain(number.quantize(Decimal("0.1"))), UNIT_WORDS[terms.ML]
    return prose_number(measurement.value, family_of(measurement.unit)), UNIT_WORDS.get(measurement.unit, "")


def prose_of(value: float, unit: Code) -> tuple[str, str]:
    """As ``prose``, for a value that is no Measurement of its own (a prior value)."""
    return prose(Measurement(name=terms.VOLUME, value=value, unit=unit))


def spellings(value: float, unit: Code) -> frozenset[str]:
    """All accepted numerals of a value: every step, both halves, mm3 also in ml and ml also in mm3."""
    family = family_of(unit)
    numbers = {plain(number) for number, _ in accepted(exact(value), family)}
    if unit == terms.MM3:
        numbers |= {plain((n / CUBIC_MM_PER_ML).normalize()) for n, _ in accepted(exact(value), family)}
        numbers.add(prose_of(value, unit)[0])
    if unit == terms.ML:
        numbers |= {plain((n * CUBIC_MM_PER_ML).quantize(Decimal(1))) for n, _ in accepted(exact(value), family)}
    return frozenset(numbers)


def change_percent(finding: Finding) -> Decimal | None:
    """Whole percent of change of the finding's changed measurement against its prior, signed; None without one."""
    change = finding.change
    now = finding.measurement(change.measurement) if change else None
    if change is None or now is None or change.prior_value == 0:
        return None
    return (exact(now.value) - exact(change.prior_value)) / exact(change.prior_value) * 100
