"""What the values of a series mean: plain Hounsfield units, something that only looks like them, or another quantity.

Virtual monoenergetic, virtual non-contrast, iodine, metal-reduced and projected CT never feed Hounsfield thresholds.
They are told by image type, series and derivation description, image comments and the multi-energy attributes; the
protocol name is not asked, for it is shared by all reconstructions of an examination.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tomoscribe.encoders.dicom.gate.refusal import Slices
from tomoscribe.encoders.dicom.headers import SliceHeader

_LEFT, _RIGHT = r"(?<![a-z0-9])", r"(?![a-z])"
_CONTRAST_AGENT = re.compile(r"iodine[ -]?(based )?(contrast|agent|i\.?v)|(with|without|no|after|post|iv|\+)[ -]iodine")


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(f"{_LEFT}(?:{pattern}){_RIGHT}")


_MEANINGS: tuple[tuple[str, str, re.Pattern[str]], ...] = (
    ("iodine", "an iodine map", _words(r"iodine|iod[ _-]?(map|dens\w*|conc\w*)|mat_(specific|fractional|value_based)")),
    ("arbitrary", "a material or electron density map", _words(
        r"z[ _-]?eff\w*|eff(ective)?[ _-]?(atomic|z)\w*|eff_atomic_num|electron[ _-]?dens\w*|uric[ _-]?acid|"
        r"mat_modified|water[ _]?\([a-z]+\)|calcium[ _-]?\([a-z]+\)|ca[ _-]?supp\w*|calcium[ _-]?supp\w*")),
    ("arbitrary", "a perfusion map", _words(
        r"cbf|cbv|mtt|ttp|tmax|perfusion[ _-]?maps?|rcbv|permeability|ps[ _-]?map")),
    ("arbitrary", "a subtraction", _words(r"subtract\w*|subtraktion")),
    ("hu_virtual", "virtual non-contrast", _words(
        r"vnc|gsi[ _-]?vue|vni|virtual[ _-]?(non|un|native)\w*([ _-]?(contrast|enhanced|calcium|iodine))?|"
        r"virtuell\w*[ _-]nativ\w*|mat_removed|vnca|pure[ _-]?calcium|pure[ _-]?lumen")),
    ("hu_monoenergetic", "virtual monoenergetic", _words(
        r"\d{2,3}[ _-]?kev|mono[ _-]?e|mono\+|mono_plus|mono[ _-]?energ\w*|monochrom(atic)?[ _-]?\d+|vmi\+?|"
        r"mono[ _-]?\d{2,3}|monoe\d+")),
    ("hu_metal_reduced", "metal artifact reduced", _words(
        r"i[ _-]?mar|o[ _-]?mar|se[ _-]?mar|smart[ _-]?mar|gsi[ _-]?mars?|wfbp[ _-]?mar|metal[ _-]?reduc\w*|"
        r"metal[ _-]?(artifact|artefact)\w*([ _-]?\w+)?|mar(?=[ _-]?(on|recon|corr))")),
    ("hu_projection", "a projection (MIP, minIP or average of several slices)", _words(
        r"mip|minip|min[ _-]ip|aip|maximum[ _-]?intensity\w*|minimum[ _-]?intensity\w*|ray[ _-]?sum|projection image")),
)  # fmt: skip
_TYPES = {"HU": "hu", "US": "hu", "UNSPECIFIED": "hu", "MGML": "iodine"}


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """What the values are.

    Args:
        value_unit: one of ``VALUE_UNITS``.
        note: for the user, where the values are not what a plain series of its modality holds.
    """

    value_unit: str
    note: str | None = None


def meaning_of(slices: Slices) -> Meaning:
    """The meaning that all slices share; any slice that is not plain makes the series not plain."""
    found = [_meaning(s) for s in {_telling(s): s for s in slices}.values()]
    return next((m for m in found if m.note is not None), found[0])


def _telling(header: SliceHeader) -> tuple[object, ...]:
    return header.modality, header.value_words, header.rescale_type, header.pet_units


def _meaning(header: SliceHeader) -> Meaning:
    if header.modality == "PT":
        return _pet(header)
    if header.modality != "CT":
        return Meaning(value_unit="arbitrary")
    kind = (header.rescale_type or "HU").upper()
    if kind not in _TYPES or _TYPES[kind] != "hu":
        return Meaning(
            value_unit=_TYPES.get(kind, "arbitrary"), note=f"the CT values are not Hounsfield units but {kind}"
        )
    words = (header.value_words or "").lower()
    for unit, name, pattern in _MEANINGS:
        match = pattern.search(words)
        if match and not (unit == "iodine" and _CONTRAST_AGENT.search(words)):
            return Meaning(
                value_unit=unit,
                note=f"this CT is {name} (its header says '{match[0]}'): Hounsfield thresholds do not apply to it",
            )
    return Meaning(value_unit="hu")


def _pet(header: SliceHeader) -> Meaning:
    if (header.pet_units or "").upper() == "BQML":
        return Meaning(value_unit="bq/ml")
    return Meaning(
        value_unit="arbitrary", note=f"the PET values are in {header.pet_units or 'unstated units'}, not Bq/ml"
    )
