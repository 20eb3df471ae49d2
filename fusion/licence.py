"""What a sentence on one row may say: the numeral of each role, and the fact words of the row's text.

Fact words are those that state a finding, a side, a site, a density, a change or a negation. All other words are free.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from tomoscribe.core import Direction, Finding, Presence
from tomoscribe.findings import rounding
from tomoscribe.findings.sheet import MEASUREMENT_WORDS, FactRow, FactSheet, key_slice, stated_measurements
from tomoscribe.fusion.language import Language
from tomoscribe.fusion.tokenizer import TERMS

_LUNG = ("lung",)
_LICENSES: dict[str, tuple[str, ...]] = {
    "right": ("right",),
    "left": ("left",),
    "both": ("both", "bilateral", "sides", "lungs"),
    "midline": ("midline",),
    "lung": _LUNG,
    "lobe": ("lobe",),
    "upper": ("upper",),
    "middle": ("middle",),
    "lower": ("lower",),
    "pleura": ("pleura", "pleural"),
    "airways": ("airways", "airway"),
    "intracranial": ("intracranial",),
    "brain": ("brain", "cerebral"),
    "white": ("white",),
    "matter": ("matter", "cerebral"),
    "ventricles": ("ventricles", "ventricular"),
    "nodule": ("nodule", *_LUNG),
    "mass": ("mass", *_LUNG),
    "emphysema": ("emphysema", *_LUNG),
    "effusion": ("effusion", "pleural"),
    "consolidation": ("consolidation", *_LUNG),
    "lesions": ("lesions", "white", "matter", "cerebral"),
    "enlargement": ("enlargement", "ventricles", "ventricular"),
    "brainmass": ("space-occupying", "lesion", "brain"),
    "solid": ("solid",),
    "part-solid": ("part-solid",),
    "ground-glass": ("ground-glass",),
    "long": ("long", "axis"),
    "short": ("short", "axis"),
    "mean": ("mean", "diameter"),
    "core": ("solid", "component"),
    "volume": ("volume",),
    "attenuation": ("mean", "attenuation"),
    "density": ("undetermined", "determined", "not", "attenuation", "class"),
    "laa950": (TERMS["LAA-950"].lower(), TERMS["below -950 HU"].lower(), "low", "attenuation", "area", *_LUNG),
    "perc15": (TERMS["Perc15"].lower(), TERMS["15th"].lower(), "percentile"),
    "count": ("number",),
    "?": ("not", "determined"),
    "? withheld": ("not", "suspected", "excluded"),
    "uncertain": ("possible", "suspected", "probability", "review", "reviewed"),
    "not_assessed": ("not", "assessed"),
    "absent": ("not", "excluded"),
}
"""Word of the sheet -> fact words of a sentence that it licenses."""

_CHANGES: dict[Direction, tuple[str, ...]] = {
    Direction.INCREASED: ("increased", "grown"),
    Direction.DECREASED: ("decreased", "smaller"),
    Direction.STABLE: ("stable", "unchanged"),
    Direction.NEW: ("new", "not"),
    Direction.NOT_COMPARABLE: ("cannot",),
}
"""Fact words of a sentence on a change; they and the names of the changed quantity are licensed there alone."""
_QUANTITIES = ("long", "short", "mean", "core", "volume", "attenuation", "count", "laa950", "perc15")
_CHANGE_ROLES = ("date", "now", "prior", "percent")

_OTHER_FACT_WORDS = """
no none absent without normal unremarkable resolved several multiple single solitary once twice pair few many numerous
one two three four five six seven eight nine ten eleven twelve dozen
masses nodules effusions lobes subsolid calcified
"""
FACT_WORDS = frozenset(_OTHER_FACT_WORDS.split()).union(*_LICENSES.values(), *_CHANGES.values())
"""Words that need a licence; the last group is never licensed."""

ROLE_UNITS: dict[str, str] = {
    "long": "mm",
    "short": "mm",
    "mean": "mm",
    "core": "mm",
    "attenuation": "HU",
    "perc15": "HU",
    "laa950": "%",
    "probability": "%",
    "percent": "%",
}
"""Unit that may follow a numeral of a role; the other roles bring their unit along or have none."""


@dataclass(frozen=True, kw_only=True)
class Licence:
    """What one row licenses.

    Args:
        numerals: token of a role -> the tokens that follow it, no others.
        units: token of a role -> unit that may follow its numeral.
        words: mask over the vocabulary of what may follow anything.
        glued: mask of what may follow an opener.
        reason: whether the words of a reason may be asked for.
    """

    numerals: Mapping[int, tuple[int, ...]]
    units: Mapping[int, str]
    words: Tensor
    glued: Tensor
    reason: bool = False


def row_numerals(row: FactRow) -> dict[str, str]:
    """Role -> the text of its numeral, with the unit where the role brings it along; none for a withheld row."""
    if row.withheld:
        return {}
    finding = row.finding
    found = {
        word: f"{number} {unit}" if word == "volume" else number for word, number, unit in stated_measurements(finding)
    }
    if finding.probability is not None and finding.presence is Presence.UNCERTAIN:
        found["probability"] = rounding.prose_number(100 * finding.probability, "whole percent")
    image = key_slice(finding)
    if image is not None:
        numbers = {"series": image.series_number, "image": image.instance_number}
        found |= {role: str(n) for role, n in numbers.items() if n is not None}
    return found | _change_numerals(finding)


def _change_numerals(finding: Finding) -> dict[str, str]:
    change = finding.change
    if change is None:
        return {}
    found = {"date": change.prior_date} if change.prior_date else {}
    now = finding.measurement(change.measurement)
    if now is not None and change.direction not in (Direction.NEW, Direction.NOT_COMPARABLE):
        found["now"] = " ".join(rounding.prose(now)).strip()
        found["prior"] = " ".join(rounding.prose_of(change.prior_value, now.unit)).strip()
        percent = rounding.change_percent(finding)
        if percent is not None:
            number = rounding.prose_number(float(percent), "whole percent")
            found["percent"] = number if number.startswith("-") else f"+{number}"
    return found


def licensed_words(row: FactRow, *, comparison: bool = False) -> frozenset[str]:
    """Fact words that a sentence on a row, or on its change, may hold."""
    change = row.finding.change
    text = row.text.partition(" change ")[0] if change is not None and not row.withheld else row.text
    words = set(text.split()) | ({"? withheld"} if row.withheld else set())
    if comparison and change is not None:
        words -= set(_QUANTITIES)
        words.add(MEASUREMENT_WORDS.get(change.measurement, ""))
        return frozenset(_CHANGES[change.direction]).union(*(_LICENSES.get(w, ()) for w in words))
    return frozenset().union(*(_LICENSES.get(w, ()) for w in words))


def licence_for(sheet: FactSheet, tag: str, language: Language, *, comparison: bool = False) -> Licence:
    """The licence of one row of a sheet, or of its change; a numeral that the sheet does not allow never gets in."""
    row = sheet.row(tag)
    allowed = sheet.allowed_numbers(tag)
    roles = {
        role: text
        for role, text in row_numerals(row).items()
        if text.split()[0].lstrip("+") in allowed and (role in _CHANGE_ROLES) == comparison
    }
    words = licensed_words(row, comparison=comparison) - _foreign_sides(sheet, row)
    banned = [n for n, word in language.fact_tokens.items() if word in FACT_WORDS and word not in words]
    open_words, glued = language.words.clone(), language.glued.clone()
    open_words[banned] = False
    glued[banned] = False
    change = row.finding.change
    wanted = change is not None and change.reason if comparison else row.finding.presence is Presence.NOT_ASSESSED
    return Licence(
        numerals={language.roles[role]: language.encode(text) for role, text in roles.items()},
        units={language.roles[role]: unit for role, unit in ROLE_UNITS.items()},
        words=open_words,
        glued=glued,
        reason=bool(wanted) and not row.withheld,
    )


def _foreign_sides(sheet: FactSheet, row: FactRow) -> frozenset[str]:
    """Side words on the row's text that the sheet does not allow as a side (a lobe's name may hold one)."""
    sides = sheet.allowed_sides(row.tag) | frozenset(w for site in sheet.allowed_sites(row.tag) for w in site.split())
    return frozenset({"right", "left", "both", "bilateral", "midline"}) - sides
