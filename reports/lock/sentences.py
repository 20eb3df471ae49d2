"""One statement against the findings it is linked to, and against none where it speaks of the study's scope."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tomoscribe.core import (
    Code,
    Finding,
    Laterality,
    Presence,
    ReviewState,
    SectionName,
    Statement,
    StatementKind,
    reportable,
    terms,
)
from tomoscribe.reports.lock import entail, groups
from tomoscribe.reports.lock.claims import Claims, When
from tomoscribe.reports.lock.grammar import parse
from tomoscribe.reports.lock.objection import Fault, Problem
from tomoscribe.reports.writer.language import language_of
from tomoscribe.reports.writer.sentences import DOUBLING_TIMES, SEEN_PHRASES

PLACES: dict[StatementKind, tuple[SectionName, ...]] = {
    StatementKind.FINDING: (SectionName.FINDINGS, SectionName.IMPRESSION),
    StatementKind.COMPARISON: (SectionName.FINDINGS, SectionName.IMPRESSION),
    StatementKind.NEGATIVE: (SectionName.FINDINGS, SectionName.IMPRESSION),
    StatementKind.REVIEW: (SectionName.REVIEW_LIST,),
    StatementKind.GUIDELINE: (SectionName.RECOMMENDATION,),
    StatementKind.NOT_ASSESSED: (SectionName.NOT_ASSESSED, SectionName.IMPRESSION, SectionName.FINDINGS),
}
_RATED: dict[StatementKind, tuple[Presence, ...]] = {
    StatementKind.FINDING: (Presence.PRESENT,),
    StatementKind.COMPARISON: (Presence.PRESENT,),
    StatementKind.REVIEW: (Presence.UNCERTAIN,),
    StatementKind.NOT_ASSESSED: (Presence.NOT_ASSESSED, Presence.ABSENT, Presence.UNCERTAIN),
}


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A statement with what was found wrong with it and which findings it covers completely.

    Args:
        covers: findings of which the statement says all that its section asks for.
        changes: findings whose change it states.
    """

    statement: Statement
    problems: tuple[Problem, ...]
    covers: frozenset[str] = frozenset()
    changes: frozenset[str] = frozenset()


def verbatim(findings: Sequence[Finding], language: str) -> tuple[str, ...]:
    """Notes and reasons that a sentence may quote, in its language."""
    notes = [f.note for f in findings if f.note]
    reasons = [f.change.reason for f in findings if f.change and f.change.reason]
    words = language_of(language)
    return tuple(dict.fromkeys(words.note(n.rstrip(".")) for n in [*notes, *reasons]))


def check_linked(
    statement: Statement,
    section: SectionName,
    findings: Sequence[Finding],
    report: Sequence[Finding],
    language: str = "en",
) -> Checked:
    """A statement of writer or decoder that is linked to findings."""
    parts = parse(statement.text, verbatim(findings, language), language)
    if len(findings) == 1:
        found = entail.problems(findings[0], parts) + groups.rank_problems(findings[0], parts, report)
    else:
        found = groups.problems(findings, parts, report)
    found += _kind_problems(statement, findings)
    if not found:
        found += _missing(statement, section, findings, parts)
    each = len(findings) == 1 or groups.covers_each(findings, parts) or statement.kind is StatementKind.REVIEW
    uids = frozenset(statement.finding_uids) if each and not found else frozenset()
    moved = uids if any(c.directions for c in parts) else frozenset()
    told = uids if statement.kind is not StatementKind.COMPARISON else frozenset()
    return Checked(statement=statement, problems=tuple(dict.fromkeys(found)), covers=told, changes=moved)


def _kind_problems(statement: Statement, findings: Sequence[Finding]) -> list[Problem]:
    found = []
    if statement.kind is StatementKind.NEGATIVE:
        found.append(Problem(fault=Fault.UNLICENSED_NEGATIVE, words="no negative sentence is licensed"))
    for finding in findings:
        if finding.review.state is ReviewState.REJECTED:
            found.append(Problem(fault=Fault.WRONG_PRESENCE, words="the finding was rejected by a named person"))
        if finding.presence not in _RATED.get(statement.kind, tuple(Presence)):
            rated = finding.presence.value.replace("_", " ")
            words = f"a {statement.kind.value.replace('_', ' ')} sentence on a finding rated {rated}"
            found.append(Problem(fault=Fault.WRONG_PRESENCE, words=words))
    return found


def _missing(
    statement: Statement, section: SectionName, findings: Sequence[Finding], parts: Sequence[Claims]
) -> list[Problem]:
    """What a true sentence still owes: the noun, the side, the size, the change."""
    if statement.kind is StatementKind.COMPARISON:
        said = any(c.directions for c in parts)
        return [] if said else [Problem(fault=Fault.INCOMPLETE, words="no change is stated")]
    if len(findings) > 1:
        return []
    finding = findings[0]
    owed = _owed(finding, section, parts)
    return [Problem(fault=Fault.INCOMPLETE, words=f"{what} is not stated") for what in owed]


def _owed(finding: Finding, section: SectionName, parts: Sequence[Claims]) -> list[str]:
    owed = []
    named = [e for c in parts for e in c.entities]
    if finding.type == terms.ORGAN_MEASUREMENT:
        return _owed_organ(finding, parts)
    if not any(len(e.types) <= 2 for e in named) and not _named_by_site(finding, parts):
        owed.append("what was found")
    sides = {s.side for c in parts for s in c.sides}
    if finding.laterality in (Laterality.LEFT, Laterality.RIGHT) and finding.laterality not in sides:
        owed.append("the side")
    if section in (SectionName.FINDINGS, SectionName.IMPRESSION) and finding.presence is Presence.PRESENT:
        owed += _owed_numbers(finding, section, _stated(finding, parts))
    if section is SectionName.FINDINGS and finding.presence is Presence.PRESENT:
        told = {pair for c in parts for pair in c.seen}
        owed += [value.meaning.lower() for name, value in SEEN_PHRASES if finding.attribute(name) == value
                 and (name, value) not in told]  # fmt: skip
    return owed


def _named_by_site(finding: Finding, parts: Sequence[Claims]) -> bool:
    """'Lesions of the white matter' names the finding by noun and site together."""
    return any(c.entities for c in parts) and finding.site in {s for c in parts for s in c.sites}


def _stated(finding: Finding, parts: Sequence[Claims]) -> set[Code]:
    stated: set[Code] = set()
    for claims in parts:
        if claims.counts:
            stated.add(terms.COUNT)
        for value in claims.values:
            name = entail.quantity(finding, value)
            if value.when is When.NOW and name is not None:
                stated.add(name)
    return stated


def _owed_numbers(finding: Finding, section: SectionName, stated: set[Code]) -> list[str]:
    if finding.type in entail.LESIONS:
        sizes = (terms.LONG_AXIS,) if section is SectionName.FINDINGS else (terms.LONG_AXIS, terms.MEAN_DIAMETER)
        measured = [s for s in sizes if finding.measurement(s)]
        owed = [] if not measured or stated & set(measured) else ["the size"]
        if section is SectionName.FINDINGS:
            owed += [n.meaning.lower() for n in DOUBLING_TIMES if finding.measurement(n) and n not in stated]
        return owed
    if section is not SectionName.FINDINGS:
        return []
    wanted = {terms.EMPHYSEMA: terms.LAA_950, terms.WHITE_MATTER_LESIONS: terms.VOLUME}.get(finding.type)
    if wanted is None or finding.measurement(wanted) is None or wanted in stated:
        return []
    return [f"the {wanted.meaning.lower()}"]


def _owed_organ(finding: Finding, parts: Sequence[Claims]) -> list[str]:
    owed = []
    present = finding.presence is Presence.PRESENT
    if present and finding.measurement(terms.VOLUME) and terms.VOLUME not in _stated(finding, parts):
        owed.append("the volume")
    density = finding.measurement(terms.MEAN_ATTENUATION)
    if present and density and terms.MEAN_ATTENUATION not in _stated(finding, parts):
        owed.append("the mean attenuation")
    if finding.site not in {s for c in parts for s in c.sites}:
        owed.append("the organ")
    sides = {s.side for c in parts for s in c.sides}
    if finding.laterality in (Laterality.LEFT, Laterality.RIGHT) and finding.laterality not in sides:
        owed.append("the side")
    return owed


def check_scope(
    statement: Statement, allowed: frozenset[str], present: Sequence[Finding], language: str = "en"
) -> Checked:
    """A sentence without a finding on what was not assessed.

    Args:
        statement: writer's or decoder's.
        allowed: keys of the topics and finding types (their meaning) that may be called not assessed.
        present: findings that were assessed and found, which no sentence may call unassessed.
    """
    parts = parse(statement.text, language=language)
    found = list(entail.parse_problems(parts))
    named = named_topics(parts)
    for key in sorted(named - allowed):
        found.append(
            Problem(fault=Fault.UNMEASURED, words=f"{key.replace('_', ' ')} is not on the list for this study")
        )
    contradicted = {f.type.meaning for f in present} & named
    for key in sorted(contradicted):
        found.append(Problem(fault=Fault.WRONG_PRESENCE, words=f"{key.lower()} was assessed and found"))
    if not any(c.unassessed for c in parts):
        found.append(Problem(fault=Fault.WRONG_PRESENCE, words="the sentence does not say 'not assessed'"))
    for claims in parts:
        if claims.looked:
            words = f"'{claims.looked[0]}' claims a look at what was not assessed"
            found.append(Problem(fault=Fault.WRONG_PRESENCE, words=words))
        loose = claims.values or claims.counts or claims.references or claims.directions or claims.densities
        if loose or claims.sides or claims.levels or claims.dates or claims.size_words:
            found.append(Problem(fault=Fault.UNMEASURED, words="a claim on a finding in a sentence without one"))
    covers = named if not found else frozenset()
    return Checked(statement=statement, problems=tuple(found), covers=covers)


def named_topics(parts: Sequence[Claims]) -> frozenset[str]:
    """Keys of organs and meanings of finding types that a sentence names."""
    topics = {t for c in parts for t in c.topics}
    return frozenset(topics | {t.meaning for c in parts for e in c.entities for t in e.types[:1]})


def check_clinician(
    statement: Statement, findings: Sequence[Finding], report: Sequence[Finding], language: str = "en"
) -> Checked:
    """A clinician's sentence: passes when it does not parse, when no finding contradicts it, or under an override."""
    uids = frozenset(statement.finding_uids)
    passes = Checked(statement=statement, problems=(), covers=uids, changes=uids)
    if statement.override is not None:
        return passes
    parts = parse(statement.text, verbatim(findings or report, language), language)
    if any(c.unknown or c.unbound for c in parts):
        return passes
    concerned = [(f, entail.problems(f, parts)) for f in findings or _about(parts, report)]
    if len(findings) > 1:
        found = groups.problems(findings, parts, report)
    elif not concerned or any(not p for _, p in concerned):
        return passes
    else:
        found = min((p for _, p in concerned), key=len)
    contradictions = [p for p in found if p.fault not in (Fault.UNMEASURED, Fault.INCOMPLETE)]
    return Checked(statement=statement, problems=tuple(contradictions), covers=uids, changes=uids)


def _about(parts: Sequence[Claims], report: Sequence[Finding]) -> list[Finding]:
    """Present findings that an unlinked sentence speaks of: same noun, and a side that does not rule them out."""
    types = {t for c in parts for e in c.entities for t in e.types}
    sides = {s.side for c in parts for s in c.sides}
    same = [f for f in reportable(report) if f.type in types]
    return [f for f in same if not sides or f.laterality in sides or Laterality.BILATERAL in sides]
