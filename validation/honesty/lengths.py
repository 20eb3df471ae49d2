"""Millimetres that a report states of its findings: read from text, and true of a case."""

from __future__ import annotations

import re

from tomoscribe.validation.labeler import narrow
from tomoscribe.validation.records import Case

_NUMBER = r"\d+(?:[.,]\d+)?"
_UNIT = r"(?P<unit>mm|cm|millimet(?:er|re)s?|centimet(?:er|re)s?|毫米|厘米)(?!\w?[23³²])"
_SIZE = re.compile(
    rf"(?P<first>{_NUMBER})\s*(?:(?:mm|cm|毫米|厘米)?\s*[x×*]\s*(?P<second>{_NUMBER})\s*)?"
    rf"(?:(?:mm|cm|毫米|厘米)?\s*[x×*]\s*(?P<third>{_NUMBER})\s*)?[- ]?{_UNIT}",
    re.IGNORECASE,
)
_NOT_A_FINDING = re.compile(
    r"slice thickness|slices are|slices of|thick(?:ness)? of the slices|kernel|kVp|reconstruct|Fleischner|Lung-RADS|"
    r"\bwas \d|previously|层厚|重建|既往|此前",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|[。!?;;\n]+")
MIN_MM, MAX_MM = 2.0, 400.0


def stated_mm(text: str) -> tuple[float, ...]:
    """Lengths of findings in a text, in mm; technique, guidelines and earlier examinations are left out."""
    found: list[float] = []
    for sentence in _SENTENCE.split(narrow(text)):
        if not sentence or _NOT_A_FINDING.search(sentence):
            continue
        for match in _SIZE.finditer(sentence):
            scale = 10.0 if match["unit"].lower().startswith(("cm", "centi", "厘")) else 1.0
            numbers = (match[g] for g in ("first", "second", "third"))
            found += [scale * float(n.replace(",", ".")) for n in numbers if n is not None]
    return tuple(v for v in found if MIN_MM <= v <= MAX_MM)


def true_mm(case: Case) -> tuple[float, ...]:
    """Lengths that are true of a case: its reference lesions', or those that its reference report states."""
    if case.nodules:
        axes = ((n.long_axis_mm, n.short_axis_mm, n.diameter_mm) for n in case.nodules if n.relevant)
        known = tuple(float(v) for lesion in axes for v in lesion if v is not None)
        means = tuple(
            (n.long_axis_mm + n.short_axis_mm) / 2
            for n in case.nodules
            if n.relevant and n.long_axis_mm is not None and n.short_axis_mm is not None
        )
        return known + means
    return stated_mm(case.report or "")
