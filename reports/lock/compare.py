"""Whether two texts on the same findings say the same: claims parsed back from both and compared, language apart."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

from tomoscribe.core import Finding, Report, Section, Source, Statement, StatementKind, terms
from tomoscribe.findings import rounding
from tomoscribe.reports.lock import entail
from tomoscribe.reports.lock.claims import Claims, ValueClaim, When
from tomoscribe.reports.lock.grammar import parse, without_note
from tomoscribe.reports.lock.lexer_zh import normalized
from tomoscribe.reports.lock.sentences import verbatim

_SITE_IN_NOUN = {terms.EMPHYSEMA: terms.LUNG, terms.CONSOLIDATION: terms.LUNG}
"""Nouns that name the organ by themselves."""
_FIXED = (StatementKind.FACT, StatementKind.GUIDELINE)
_CONVERTED = {terms.ML: (terms.MM3, rounding.CUBIC_MM_PER_ML)}


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a sentence says, free of its words.

    Args:
        entities: meanings of the finding types that its nouns name.
        seen: attributes of a lesion with their values.
        values: (number in mm3 where it is a volume, unit, quantity, when, of the largest).
        counts: (number, sides); ``references``: (series or image, number).
        flags: denied, normal, hedged, not assessed, not excluded, lobe or class not determined, largest; ``fixed`` for
            a sentence that is no claim on a finding (a header fact, the age): the lock compares it word for word.
        notes: which of the findings' notes and reasons it quotes.
        numerals: of a sentence without a finding; empty for others.
    """

    entities: frozenset[str]
    sides: frozenset[str]
    sites: frozenset[str]
    levels: frozenset[str]
    densities: frozenset[str]
    seen: frozenset[str]
    values: tuple[tuple[str, ...], ...]
    counts: tuple[tuple[str, ...], ...]
    references: tuple[tuple[str, str], ...]
    directions: frozenset[str]
    dates: frozenset[str]
    topics: frozenset[str]
    flags: frozenset[str]
    notes: frozenset[int]
    numerals: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Two statements of two texts that do not say the same, or one without a partner.

    Args:
        section: where they stand.
        first, second: their words, empty for a missing one.
        what: which part of what they say differs.
    """

    section: str
    first: str
    second: str
    what: str


def differences(first: Report, second: Report) -> tuple[Difference, ...]:
    """Where two reports on the same findings do not say the same; empty when each statement has its equal.

    Statements are paired section by section, in order, by kind and by the findings they stand on. Clinicians' sentences
    are left out: they are not translated.
    """
    found: list[Difference] = []
    names = [s.name for s in first.sections] + [s.name for s in second.sections if first.section(s.name) is None]
    for name in names:
        a, b = first.section(name), second.section(name)
        found += _section_differences(a or Section(name=name, statements=()), b, first, second)
    return tuple(found)


def said(statement: Statement, report: Report) -> Said:
    """What a statement of a report says."""
    findings = tuple(report.finding(u) for u in statement.finding_uids)
    notes = verbatim(findings, report.language)
    parts = parse(statement.text, notes, report.language)
    fixed = statement.kind in _FIXED or (not findings and not any(c.topics or c.entities for c in parts))
    whole = [] if fixed else [c for c in parts if c != Claims()]
    return Said(
        entities=frozenset(_entities(whole, findings)),
        sides=frozenset(s.side.value for c in whole for s in c.sides),
        sites=frozenset(_sites(whole)),
        levels=frozenset(v for c in whole for v in c.levels),
        densities=frozenset(d.meaning for c in whole for d in [*c.densities, *c.largest_densities]),
        seen=frozenset(f"{n.meaning}: {v.meaning}" for c in whole for n, v in c.seen),
        values=tuple(sorted(_value(v, findings) for c in whole for v in c.values)),
        counts=tuple(sorted((_plain(k.number), *sorted(s.value for s in k.sides)) for c in whole for k in c.counts)),
        references=tuple(sorted((r.what, _plain(r.number)) for c in whole for r in c.references)),
        directions=frozenset(d.value for c in whole for d in c.directions),
        dates=frozenset(d for c in whole for d in c.dates),
        topics=frozenset(t for c in whole for t in c.topics) - {"disease"},
        flags=frozenset(["fixed"] if fixed else _flags(whole)),
        notes=frozenset(n for n, note in enumerate(notes) if _quotes(statement.text, note, report.language)),
        numerals=()
        if findings and not fixed
        else tuple(sorted(re.findall(r"\d+(?:\.\d+)?", normalized(statement.text)))),
    )


def _section_differences(a: Section, b: Section | None, first: Report, second: Report) -> Iterator[Difference]:
    waiting = [s for s in (b.statements if b is not None else ()) if s.source is not Source.CLINICIAN]
    for statement in a.statements:
        if statement.source is Source.CLINICIAN:
            continue
        key = statement.kind, statement.finding_uids
        partner = next((s for s in waiting if (s.kind, s.finding_uids) == key), None)
        if partner is None:
            yield Difference(
                section=a.name.value, first=statement.text, second="", what="a statement without its equal"
            )
            continue
        waiting.remove(partner)
        one, other = said(statement, first), said(partner, second)
        for field in fields(Said):
            if getattr(one, field.name) != getattr(other, field.name):
                yield Difference(section=a.name.value, first=statement.text, second=partner.text, what=field.name)
    for statement in waiting:
        yield Difference(section=a.name.value, first="", second=statement.text, what="a statement without its equal")


def _entities(parts: Sequence[Claims], findings: Sequence[Finding]) -> Iterator[str]:
    """The type of the finding that a noun names, else its first meaning."""
    here = [f.type for f in findings]
    for entity in (e for c in parts for e in c.entities):
        yield next((t for t in entity.types if t in here), entity.types[0]).meaning


def _sites(parts: Sequence[Claims]) -> Iterator[str]:
    for claims in parts:
        yield from (s.meaning for s in claims.sites)
        named = {t for e in claims.entities for t in e.types}
        yield from (site.meaning for noun, site in _SITE_IN_NOUN.items() if noun in named)


def _value(value: ValueClaim, findings: Sequence[Finding]) -> tuple[str, ...]:
    unit, factor = _CONVERTED.get(value.unit, (value.unit, 1))
    name = _quantity(value, findings)
    return _plain(value.number * factor), unit.value, name, value.when.value, str(value.superlative)


def _quantity(value: ValueClaim, findings: Sequence[Finding]) -> str:
    """The quantity a number speaks of: as named, or by its unit; of a change the one that was compared."""
    finding = findings[0] if findings else None
    if finding is None:
        return str(value.name)
    if value.when in (When.PRIOR, When.DELTA) and finding.change is not None:
        return finding.change.measurement.meaning
    if value.unit == terms.PERCENT and entail.is_probability(finding, value):
        return "probability"
    code = entail.quantity(finding, value)
    return code.meaning if code is not None else str(value.name)


def _flags(parts: Sequence[Claims]) -> Iterator[str]:
    for claims in parts:
        rows = (
            ("denied", claims.negatives),
            ("normal", claims.normals),
            ("hedged", claims.hedges),
            ("not assessed", claims.unassessed),
            ("not excluded", claims.unexcluded),
            ("lobe not determined", claims.lobe_unknown),
            ("class not determined", claims.density_unknown),
            ("largest", claims.largest),
        )
        yield from (name for name, value in rows if value)
        yield from claims.size_words


def _quotes(text: str, note: str, language: str) -> bool:
    return without_note(text, note, language) != text


def _plain(number: object) -> str:
    return rounding.plain(rounding.exact(float(str(number))).normalize())
