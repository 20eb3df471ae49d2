"""Whether one finding entails what a sentence claims about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from tomoscribe.core import Code, Direction, Finding, Laterality, Presence, terms
from tomoscribe.findings import rounding
from tomoscribe.reports.lock import lexicon
from tomoscribe.reports.lock.claims import Claims, ReferenceClaim, SideClaim, ValueClaim, When
from tomoscribe.reports.lock.objection import Fault, Problem

LESIONS = (terms.NODULE, terms.MASS)
LARGE_MM, SMALL_MM = 30.0, 10.0
"""'large' is the size of a mass; 'small' stays below this long axis."""
_COUNTABLE = (terms.NODULE, terms.MASS, terms.BRAIN_MASS, terms.PLEURAL_EFFUSION, terms.CONSOLIDATION)
_NEARBY_SITES: dict[Code, tuple[Code, ...]] = {
    terms.BRAIN_MASS: (terms.BRAIN, terms.INTRACRANIAL),
    terms.WHITE_MATTER_LESIONS: (terms.CEREBRAL_WHITE_MATTER, terms.BRAIN),
    terms.VENTRICULAR_ENLARGEMENT: (terms.VENTRICLES, terms.BRAIN),
    terms.PLEURAL_EFFUSION: (terms.PLEURA,),
}


def problems(finding: Finding, parts: Sequence[Claims]) -> list[Problem]:
    """Every claim of a sentence that this one finding does not entail."""
    found = list(parse_problems(parts))
    changing = any(c.directions for c in parts)
    for claims in parts:
        found += _entity_problems(finding, claims)
        found += side_problems(finding, claims.sides)
        found += _site_problems(finding, claims)
        found += _class_problems(finding, claims)
        for value in claims.values:
            found += value_problems(finding, value, changing=changing)
        found += _count_problems(finding, claims)
        found += _change_problems(finding, claims)
    found += image_problems(finding, [r for c in parts for r in c.references])
    return found + presence_problems(finding, parts)


def parse_problems(parts: Sequence[Claims]) -> Iterator[Problem]:
    """Unknown words, loose numbers, negations without a license."""
    for claims in parts:
        for word in claims.unknown:
            yield Problem(fault=Fault.DOES_NOT_PARSE, words=f"the word '{word}' is not understood")
        for words in claims.unbound:
            yield Problem(fault=Fault.DOES_NOT_PARSE, words=f"{words} is bound to nothing")
        denied = [*claims.negatives, *claims.normals]
        if denied and not _licensed(claims):
            yield Problem(fault=Fault.UNLICENSED_NEGATIVE, words=f"'{denied[0]}' denies a finding without a license")


def _licensed(claims: Claims) -> bool:
    types = {t for e in claims.entities for t in e.types}
    return bool(types) and types <= lexicon.LICENSED_NEGATIVES and not claims.topics


def presence_problems(finding: Finding, parts: Sequence[Claims]) -> list[Problem]:
    """A finding is stated as it was rated."""
    hedged = any(c.hedges for c in parts)
    unassessed = any(c.unassessed for c in parts)
    unexcluded = any(c.unexcluded for c in parts)
    said = {
        Presence.PRESENT: not hedged and not unassessed,
        Presence.UNCERTAIN: (hedged or unexcluded) and not (unassessed and not unexcluded),
        Presence.NOT_ASSESSED: unassessed,
        Presence.ABSENT: unexcluded,
    }
    if said[finding.presence]:
        return []
    rated = finding.presence.value.replace("_", " ")
    return [Problem(fault=Fault.WRONG_PRESENCE, words=f"the finding is rated {rated}, the sentence says otherwise")]


def _entity_problems(finding: Finding, claims: Claims) -> Iterator[Problem]:
    for entity in claims.entities:
        if finding.type not in entity.types:
            words = f"'{entity.words}' is not the measured {finding.type.meaning.lower()}"
            yield Problem(fault=Fault.WRONG_ENTITY, words=words)
        elif entity.plural and finding.type in _COUNTABLE:
            yield Problem(fault=Fault.WRONG_COUNT, words=f"'{entity.words}' claims more than the one finding")
    for topic in claims.topics:
        yield Problem(fault=Fault.UNMEASURED, words=f"{topic.replace('_', ' ')} was not assessed")
    for word in claims.size_words:
        if not _size_holds(finding, word):
            yield Problem(fault=Fault.UNMEASURED, words=f"'{word}' is not what was measured")


def _size_holds(finding: Finding, word: str) -> bool:
    long, count = finding.measurement(terms.LONG_AXIS), finding.measurement(terms.COUNT)
    if word == "multiple":
        return count is not None and count.value > 1
    if long is None:
        return False
    return long.value >= LARGE_MM if word == "large" else long.value < SMALL_MM


def side_problems(finding: Finding, sides: Sequence[SideClaim]) -> Iterator[Problem]:
    """Each named side is the measured one; both sides together are bilateral."""
    named = {s.side for s in sides}
    if {Laterality.LEFT, Laterality.RIGHT} <= named:
        named = (named - {Laterality.LEFT, Laterality.RIGHT}) | {Laterality.BILATERAL}
    for side in sorted(named):
        if side is not finding.laterality:
            measured = finding.laterality.value if finding.laterality else "not determined"
            yield Problem(fault=Fault.WRONG_SIDE, words=f"side {side.value}, measured {measured}")


def _site_problems(finding: Finding, claims: Claims) -> Iterator[Problem]:
    for site in claims.sites:
        if site not in _sites(finding):
            words = f"site {site.meaning.lower()}, measured {finding.site.meaning.lower()}"
            yield Problem(fault=Fault.WRONG_SITE, words=words)
    lobe = lobe_of(finding)
    for level in claims.levels:
        if lobe is None or not lobe.meaning.lower().startswith(level):
            measured = lobe.meaning.lower() if lobe else "lobe not determined"
            yield Problem(fault=Fault.WRONG_SITE, words=f"{level} lobe, measured: {measured}")
    if claims.lobe_unknown and lobe is not None:
        yield Problem(fault=Fault.WRONG_SITE, words=f"the lobe was determined: {lobe.meaning.lower()}")


def _sites(finding: Finding) -> tuple[Code, ...]:
    if finding.type in _NEARBY_SITES:
        return _NEARBY_SITES[finding.type]
    return (terms.LUNG,) if finding.site in terms.LOBES else (finding.site,)


def lobe_of(finding: Finding) -> Code | None:
    """The determined lobe, None without one."""
    if finding.site in terms.LOBES:
        return finding.site
    lobe = finding.attribute(terms.LOBE)
    return lobe if lobe in terms.LOBES else None


def _class_problems(finding: Finding, claims: Claims) -> Iterator[Problem]:
    measured = finding.attribute(terms.ATTENUATION_CLASS)
    words = measured.meaning.lower() if measured else "not determined"
    for density in [*claims.densities, *claims.largest_densities]:
        if density != measured:
            yield Problem(fault=Fault.WRONG_CLASS, words=f"{density.meaning.lower()}, measured: {words}")
    for name, value in claims.seen:
        if finding.attribute(name) != value:
            words = f"{value.meaning.lower()} ({name.meaning.lower()}) is not what was seen"
            yield Problem(fault=Fault.WRONG_CLASS, words=words)
    if claims.density_unknown and measured not in (None, terms.NOT_DETERMINED):
        yield Problem(fault=Fault.WRONG_CLASS, words=f"the attenuation class was determined: {words}")


def value_problems(finding: Finding, value: ValueClaim, *, changing: bool) -> list[Problem]:
    """Whether a number with its unit is an accepted rounding of what it is bound to."""
    if value.when in (When.LOW, When.HIGH):
        return [Problem(fault=Fault.UNMEASURED, words=f"a range ({value.words}) for one finding")]
    if value.when is When.PRIOR:
        return _prior_problems(finding, value)
    if value.when is When.DELTA or (value.unit == terms.PERCENT and _is_change(finding, value, changing)):
        return _delta_problems(finding, value)
    if value.unit == terms.PERCENT and is_probability(finding, value):
        return _compare(
            value, Decimal(100) * rounding.exact(finding.probability or 0.0), terms.PERCENT, "whole percent"
        )
    name = quantity(finding, value)
    measured = finding.measurement(name) if name is not None else None
    if measured is None:
        what = name.meaning.lower() if name is not None else "a quantity"
        fault = Fault.UNMEASURED if name is not None else Fault.WRONG_UNIT
        return [Problem(fault=fault, words=f"{value.words}: {what} was not measured")]
    return _compare(value, rounding.exact(measured.value), measured.unit, rounding.family_of(measured.unit))


def _is_change(finding: Finding, value: ValueClaim, changing: bool) -> bool:
    return changing and finding.change is not None and value.name is None and not finding.measurement(terms.LAA_950)


def is_probability(finding: Finding, value: ValueClaim) -> bool:
    """Whether a percentage is the probability of a suspicion."""
    if value.name == lexicon.PROBABILITY:
        return True
    return value.name is None and finding.probability is not None and finding.presence is Presence.UNCERTAIN


def quantity(finding: Finding, value: ValueClaim) -> Code | None:
    """The measurement a number speaks of: as named, or by its unit."""
    if value.name == lexicon.ATTENUATION:
        return terms.MEAN_ATTENUATION
    if value.name == lexicon.MEAN:
        return terms.MEAN_DIAMETER if value.unit == terms.MM else terms.MEAN_ATTENUATION
    if isinstance(value.name, Code):
        return value.name
    by_unit = {
        terms.MM: terms.LONG_AXIS,
        terms.MM3: terms.VOLUME,
        terms.ML: terms.VOLUME,
        terms.PERCENT: terms.LAA_950,
        terms.HU: terms.PERC15 if finding.type == terms.EMPHYSEMA else terms.MEAN_ATTENUATION,
    }
    return by_unit.get(value.unit)


def _prior_problems(finding: Finding, value: ValueClaim) -> list[Problem]:
    change = finding.change
    now = finding.measurement(change.measurement) if change else None
    if change is None or now is None or change.direction in (Direction.NEW, Direction.NOT_COMPARABLE):
        return [Problem(fault=Fault.UNMEASURED, words=f"{value.words}: no prior value was compared")]
    if value.name not in (None, change.measurement, lexicon.DIAMETER):
        return [Problem(fault=Fault.WRONG_CHANGE, words=f"{value.words} is not the quantity that was compared")]
    return _compare(value, rounding.exact(change.prior_value), now.unit, rounding.family_of(now.unit))


def _delta_problems(finding: Finding, value: ValueClaim) -> list[Problem]:
    change = finding.change
    now = finding.measurement(change.measurement) if change else None
    if change is None or now is None:
        return [Problem(fault=Fault.UNMEASURED, words=f"{value.words}: no change was measured")]
    if value.name not in (None, change.measurement, lexicon.DIAMETER):
        return [Problem(fault=Fault.WRONG_CHANGE, words=f"{value.words} is not the quantity that was compared")]
    if value.unit == terms.PERCENT:
        percent = rounding.change_percent(finding)
        if percent is None:
            return [Problem(fault=Fault.UNMEASURED, words=f"{value.words}: no relative change was measured")]
        signed = value.words[0] in "+-"
        return _compare(value, percent if signed else abs(percent), terms.PERCENT, "whole percent")
    delta = abs(rounding.exact(now.value) - rounding.exact(change.prior_value))
    return _compare(value, delta, now.unit, rounding.family_of(now.unit))


_CONVERSIONS: dict[tuple[Code, Code], Decimal] = {
    (terms.ML, terms.MM3): rounding.CUBIC_MM_PER_ML,
    (terms.MM3, terms.ML): 1 / rounding.CUBIC_MM_PER_ML,
}


def _compare(value: ValueClaim, measured: Decimal, unit: Code, family: str) -> list[Problem]:
    factor = Decimal(1) if value.unit == unit else _CONVERSIONS.get((value.unit, unit))
    spelled = rounding.plain(rounding.round_half_up(measured, rounding.steps(measured, family)[0]))
    words = f"{value.words}, measured {spelled} {rounding.UNIT_WORDS.get(unit, '')}".rstrip()
    if factor is None:
        return [Problem(fault=Fault.WRONG_UNIT, words=words)]
    if rounding.same_value(value.number * factor, value.step * factor, measured, family):
        return []
    return [Problem(fault=Fault.WRONG_NUMBER, words=words)]


def _count_problems(finding: Finding, claims: Claims) -> Iterator[Problem]:
    counted = finding.measurement(terms.COUNT)
    expected = Decimal(1) if counted is None else rounding.exact(counted.value)
    for count in claims.counts:
        if count.number != expected:
            yield Problem(
                fault=Fault.WRONG_COUNT, words=f"{count.number}, counted {rounding.plain(expected)}".removesuffix(".0")
            )


def _change_problems(finding: Finding, claims: Claims) -> Iterator[Problem]:
    change = finding.change
    for direction in claims.directions:
        if change is None:
            yield Problem(fault=Fault.UNMEASURED, words=f"'{direction.value}': no change was measured")
        elif direction is not change.direction:
            words = f"{direction.value.replace('_', ' ')}, measured {change.direction.value.replace('_', ' ')}"
            yield Problem(fault=Fault.WRONG_CHANGE, words=words)
    for name in claims.direction_names:
        code = terms.MEAN_ATTENUATION if name == lexicon.ATTENUATION else name
        if change is None or code != change.measurement:
            yield Problem(fault=Fault.WRONG_CHANGE, words="another quantity than the one that was compared")
    for date in claims.dates:
        if change is None or date != change.prior_date:
            yield Problem(fault=Fault.WRONG_CHANGE, words=f"{date} is not the date of the compared study")


def image_problems(finding: Finding, references: Sequence[ReferenceClaim]) -> list[Problem]:
    """Cited series and images are those of one evidence slice."""
    series = {r.number for r in references if r.what == "series"}
    images = {r.number for r in references if r.what == "image"}
    if not series and not images:
        return []
    for evidence in finding.evidence:
        known = ({evidence.series_number}, {evidence.instance_number})
        if series <= known[0] and images <= known[1]:
            return []
    return [Problem(fault=Fault.WRONG_IMAGE, words="the cited image is not one of the finding's images")]
