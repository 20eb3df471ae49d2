"""Sentences on several findings: counts of lesions, both lungs' volumes, lists."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from tomoscribe.core import Finding, Laterality, Measurement, Presence, reportable, terms
from tomoscribe.findings import rounding
from tomoscribe.reports.lock import entail
from tomoscribe.reports.lock.claims import Claims, ValueClaim, When
from tomoscribe.reports.lock.objection import Fault, Problem


def problems(findings: Sequence[Finding], parts: Sequence[Claims], report: Sequence[Finding]) -> list[Problem]:
    """Every claim of a sentence on several findings that they do not entail together.

    Args:
        findings: the linked findings, at least two.
        parts: the parsed sentence.
        report: all findings of the report, for what is counted.
    """
    if all(f.type == terms.ORGAN_MEASUREMENT for f in findings) and any(f.site == terms.LUNG for f in findings):
        return _lung_volumes(findings, parts)
    counted = any(c.counts or c.largest or v.when is When.LOW for c in parts for v in [*c.values, _NONE])
    if counted and all(f.type in entail.LESIONS for f in findings):
        return _lesions(findings, parts, report)
    return _list(findings, parts)


_NONE = ValueClaim(number=Decimal(0), step=Decimal(1), unit=terms.MM, words="")


def covers_each(findings: Sequence[Finding], parts: Sequence[Claims]) -> bool:
    """Whether a sentence says of each finding all it has to (a list or the lungs' volumes, not a mere count)."""
    if all(f.type == terms.ORGAN_MEASUREMENT for f in findings):
        return True
    return not any(c.counts or c.largest for c in parts)


def _lung_volumes(findings: Sequence[Finding], parts: Sequence[Claims]) -> list[Problem]:
    found = list(entail.parse_problems(parts))
    stated: set[str] = set()
    for claims in parts:
        for site in claims.sites:
            if site not in {f.site for f in findings}:
                found.append(
                    Problem(fault=Fault.WRONG_SITE, words=f"site {site.meaning.lower()} was not measured here")
                )
        extra = claims.entities or claims.counts or claims.densities or claims.directions or claims.topics
        if (
            extra
            or claims.hedges
            or claims.unassessed
            or claims.levels
            or claims.dates
            or claims.references
            or claims.size_words
        ):
            found.append(Problem(fault=Fault.UNMEASURED, words="more than the volumes of the lungs"))
        for value in claims.values:
            finding = _of_side(findings, value)
            if finding is None or value.superlative:
                found.append(Problem(fault=Fault.WRONG_SIDE, words=f"{value.words} belongs to no measured side"))
                continue
            stated.add(finding.tracking_uid)
            found += entail.value_problems(finding, value, changing=False)
    if len(stated) < len(findings):
        found.append(Problem(fault=Fault.INCOMPLETE, words="not every linked volume is stated"))
    return found


def _of_side(findings: Sequence[Finding], value: ValueClaim) -> Finding | None:
    sides = set(value.sides)
    if {Laterality.LEFT, Laterality.RIGHT} <= sides or not sides:
        sides = {Laterality.BILATERAL}
    return next((f for f in findings if f.laterality in sides and len(sides) == 1), None)


def _lesions(findings: Sequence[Finding], parts: Sequence[Claims], report: Sequence[Finding]) -> list[Problem]:
    found = list(entail.parse_problems(parts))
    for claims in parts:
        found += _lesion_entities(findings, claims)
        found += _lesion_counts(findings, claims, report)
        found += _lesion_sides(findings, claims)
        found += _lesion_sites(findings, claims)
        found += _lesion_values(findings, claims)
        if claims.directions or claims.dates or claims.direction_names or claims.topics or _other_size(claims):
            found.append(Problem(fault=Fault.UNMEASURED, words="a change or an organ in a sentence that counts"))
    for finding in findings:
        found += entail.presence_problems(finding, parts)
    if not any(c.largest for c in parts):
        return found
    return found + _largest(findings, parts)


def _other_size(claims: Claims) -> bool:
    return any(w != "multiple" for w in claims.size_words)


def _lesion_entities(findings: Sequence[Finding], claims: Claims) -> list[Problem]:
    for entity in claims.entities:
        if not any(f.type in entity.types for f in findings):
            return [Problem(fault=Fault.WRONG_ENTITY, words=f"'{entity.words}' is not what was measured")]
    if claims.counts and claims.entities:
        types = {t for e in claims.entities for t in e.types}
        if any(f.type not in types for f in findings):
            return [Problem(fault=Fault.WRONG_ENTITY, words="not all linked findings are of the named kind")]
    return []


def _lesion_counts(findings: Sequence[Finding], claims: Claims, report: Sequence[Finding]) -> list[Problem]:
    found = []
    types = {f.type for f in findings}
    presence = findings[0].presence
    counted = reportable(report) if presence is Presence.PRESENT else report
    same = [f for f in counted if f.type in types and f.presence is presence]
    if presence is Presence.UNCERTAIN:
        same = list(findings)
    for count in claims.counts:
        for pool, what in ((findings, "linked"), (same, "in the report")):
            everywhere = not count.sides or Laterality.BILATERAL in count.sides
            number = sum(everywhere or f.laterality in count.sides for f in pool)
            if count.number != number:
                found.append(Problem(fault=Fault.WRONG_COUNT, words=f"{count.number} claimed, {number} {what}"))
    return found


def _lesion_sides(findings: Sequence[Finding], claims: Claims) -> list[Problem]:
    counted = {s for c in claims.counts for s in c.sides} - {Laterality.BILATERAL}
    sides = {f.laterality for f in findings}
    found = []
    for claim in claims.sides:
        if claim.superlative or claim.side in counted:
            continue
        holds = (
            {Laterality.LEFT, Laterality.RIGHT} <= sides
            if claim.side is Laterality.BILATERAL
            else sides == {claim.side}
        )
        if not holds:
            found.append(
                Problem(fault=Fault.WRONG_SIDE, words=f"side {claim.side.value} does not hold for all of them")
            )
    return found


def _lesion_sites(findings: Sequence[Finding], claims: Claims) -> list[Problem]:
    """A sentence that counts names the lung and no lobe."""
    if claims.levels or any(s != terms.LUNG for s in claims.sites):
        return [Problem(fault=Fault.WRONG_SITE, words="a site that does not hold for all of them")]
    if claims.lobe_unknown and any(entail.lobe_of(f) for f in findings):
        return [Problem(fault=Fault.WRONG_SITE, words="a lobe was determined")]
    return []


def _lesion_values(findings: Sequence[Finding], claims: Claims) -> list[Problem]:
    found = []
    for value in claims.values:
        if value.superlative and value.when is When.NOW:
            continue
        measured = _extreme(findings, value)
        if measured is None:
            found.append(Problem(fault=Fault.UNMEASURED, words=f"{value.words} is tied to none of several findings"))
            continue
        single = ValueClaim(**{**vars(value), "when": When.NOW, "name": terms.LONG_AXIS})
        found += entail.value_problems(measured, single, changing=False)
    for density in claims.densities:
        if any(f.attribute(terms.ATTENUATION_CLASS) != density for f in findings):
            found.append(Problem(fault=Fault.WRONG_CLASS, words="the class does not hold for all of them"))
    return found


def _extreme(findings: Sequence[Finding], value: ValueClaim) -> Finding | None:
    """The finding with the shortest or longest long axis, for the ends of a range."""
    if value.when not in (When.LOW, When.HIGH) or value.name not in (None, terms.LONG_AXIS):
        return None
    ordered = sorted(findings, key=_long_axis)
    return ordered[0] if value.when is When.LOW else ordered[-1]


def _long_axis(finding: Finding) -> float:
    measured: Measurement | None = finding.measurement(terms.LONG_AXIS)
    return measured.value if measured else 0.0


def _largest(findings: Sequence[Finding], parts: Sequence[Claims]) -> list[Problem]:
    """What is said of the largest must hold for one whose long axis rounds to the greatest."""
    top = max(_long_axis(f) for f in findings)
    ties = [f for f in findings if _rounds_alike(_long_axis(f), top)]
    best: list[Problem] = []
    for n, finding in enumerate(ties):
        found: list[Problem] = []
        for claims in parts:
            found += entail.side_problems(finding, [s for s in claims.sides if s.superlative])
            for value in claims.values:
                if value.superlative and value.when is When.NOW:
                    found += entail.value_problems(finding, value, changing=False)
            for density in claims.largest_densities:
                if density != finding.attribute(terms.ATTENUATION_CLASS):
                    found.append(Problem(fault=Fault.WRONG_CLASS, words="not the class of the largest"))
        found += entail.image_problems(finding, [r for c in parts for r in c.references])
        best = found if n == 0 or len(found) < len(best) else best
    return best


def rank_problems(finding: Finding, parts: Sequence[Claims], report: Sequence[Finding]) -> list[Problem]:
    """'The largest nodule' is the largest of all that are reported, or ties with it."""
    if any(c.largest for c in parts) and finding.type not in entail.LESIONS:
        return [Problem(fault=Fault.UNMEASURED, words="'largest' or 'up to' of something that has one size")]
    if not any(c.ranked for c in parts):
        return []
    rivals = [_long_axis(f) for f in reportable(report) if f.type in entail.LESIONS]
    if rivals and (_long_axis(finding) >= max(rivals) or _rounds_alike(_long_axis(finding), max(rivals))):
        return []
    return [Problem(fault=Fault.WRONG_NUMBER, words="it is not the largest that was measured")]


def _rounds_alike(a: float, b: float) -> bool:
    return rounding.prose_number(a, "length") == rounding.prose_number(b, "length")


def _list(findings: Sequence[Finding], parts: Sequence[Claims]) -> list[Problem]:
    """Each part of a list speaks of another linked finding, and none is left out."""
    waiting = list(findings)
    found: list[Problem] = []
    for claims in parts:
        if claims == Claims():
            continue
        trials = [(entail.problems(f, [claims]), f) for f in waiting] or [([], findings[0])]
        best, finding = min(trials, key=lambda t: len(t[0]))
        if not waiting:
            best = [Problem(fault=Fault.UNMEASURED, words="more sentences than linked findings")]
        found += best
        waiting = [f for f in waiting if f is not finding]
    if waiting:
        found.append(Problem(fault=Fault.INCOMPLETE, words=f"{len(waiting)} linked finding(s) are not spoken of"))
    return found
