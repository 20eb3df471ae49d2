"""Planted changes: each makes one statement of a true report false, or leaves something out."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

from tomoscribe.core import (
    Direction,
    Finding,
    Laterality,
    Presence,
    Report,
    SectionName,
    Source,
    Statement,
    StatementKind,
    reportable,
    terms,
)
from tomoscribe.reports.writer import header
from tomoscribe.reports.writer.language import language_of
from tomoscribe.reports.writer.sentences import Phrasebook, change_text
from tomoscribe.reports.writer.words import capitalized, entity, place
from tomoscribe.validation.lock_trial.wording import Wording, wording_of

Change = Callable[[Report, random.Random], Report | None]
"""Gives the report with the change, or None when there is nothing in it that can be changed so."""

_LINKED = (SectionName.FINDINGS, SectionName.IMPRESSION, SectionName.REVIEW_LIST)


def wrong_number(report: Report, draw: random.Random) -> Report | None:
    """A measured number becomes another one, beyond any rounding."""
    words = wording_of(report.language)
    places = [
        (section, n, match)
        for section, n, statement in _statements(report, _LINKED)
        for match in _numerals(statement.text, words)
        if not _is_count(statement, match, words)
    ]
    if not places:
        return None
    section, n, match = draw.choice(places)
    statement = _at(report, section, n)
    text = statement.text[: match.start()] + _another(match.group(), draw) + statement.text[match.end() :]
    return _with(report, section, n, replace(statement, text=text))


def wrong_unit(report: Report, draw: random.Random) -> Report | None:
    """A number keeps its digits and gets another unit."""
    places = []
    for section, n, statement in _statements(report, _LINKED):
        for pattern, others in wording_of(report.language).units:
            for match in re.finditer(pattern, statement.text):
                digits = re.search(r"[\d.]+$", statement.text[: match.start()])
                zero = digits is not None and not float(digits.group().strip(".") or 0)
                if not zero and statement.text[: match.start()][-4:] != "-950":
                    places.append((section, n, match, draw.choice(others)))
    if not places:
        return None
    section, n, match, unit = draw.choice(places)
    statement = _at(report, section, n)
    text = statement.text[: match.start()] + unit + statement.text[match.end() :]
    return _with(report, section, n, replace(statement, text=text))


def wrong_side(report: Report, draw: random.Random) -> Report | None:
    """Left becomes right or right becomes left, in a sentence on one finding that names one side."""
    words = wording_of(report.language)
    places = []
    for section, n, statement in _statements(report, _LINKED):
        sides = set(re.findall(words.sides, statement.text.lower()))
        if len(sides) == 1 and _is_sided(report, statement):
            places.append((section, n))
    if not places:
        return None
    section, n = draw.choice(places)
    statement = _at(report, section, n)
    return _with(
        report,
        section,
        n,
        replace(statement, text=re.sub(words.sides, lambda m: words.swaps[m.group()], statement.text)),
    )


def wrong_site(report: Report, draw: random.Random) -> Report | None:
    """Another lobe or organ, or a lobe where none was determined."""
    places = []
    for section, n, statement in _statements(report, _LINKED):
        for pattern, other, guard in wording_of(report.language).sites:
            changed = re.sub(pattern, other, statement.text, count=1)
            if changed != statement.text and _site_is_false(report, statement, guard):
                places.append((section, n, changed))
                break
    if not places:
        return None
    section, n, text = draw.choice(places)
    return _with(report, section, n, replace(_at(report, section, n), text=capitalized(text)))


def _site_is_false(report: Report, statement: Statement, guard: str) -> bool:
    """Not in a sentence on a finding whose determined lobe, or whose brain, the change would name by chance."""
    finding = report.finding(statement.finding_uids[0])
    if guard == "lung":
        return finding.site not in terms.LOBES
    return guard != "brain" or finding.type == terms.ORGAN_MEASUREMENT


def wrong_presence(report: Report, draw: random.Random) -> Report | None:
    """A present finding is denied or doubted; a suspicion is stated as a finding."""
    places = [(s, n) for s, n, t in _statements(report, _LINKED) if _is_single_disease(report, t)]
    if not places:
        return None
    section, n = draw.choice(places)
    statement = _at(report, section, n)
    finding = report.finding(statement.finding_uids[0])
    words, language = wording_of(report.language), language_of(report.language)
    lowered = statement.text[0].lower() + statement.text[1:]
    name = entity(finding, language)
    slots = {"name": name, "name_c": language.started(name), "where": place(finding, language), "sentence": lowered}
    other = words.asserted if finding.presence is Presence.UNCERTAIN else words.doubted
    text = draw.choice((*words.denied, *other)).format(**slots)
    return _with(report, section, n, replace(statement, text=text))


def wrong_count(report: Report, draw: random.Random) -> Report | None:
    """Another number of lesions."""
    words = wording_of(report.language)
    places = [
        (section, n, match)
        for section, n, statement in _statements(report, _LINKED)
        for match in [
            *_numerals(statement.text, words),
            *re.finditer(words.count_word, statement.text.lower()),
        ]
        if _is_count(statement, match, words) and _counts_something(report, statement)
    ]
    if not places:
        return None
    section, n, match = draw.choice(places)
    statement = _at(report, section, n)
    old = match.group()
    spelled = words.count_words
    number = spelled.index(old.lower()) if old.lower() in spelled else int(old)
    other = draw.choice([k for k in range(max(number - 2, 1), number + 4) if k != number])
    new = str(other) if old.isdigit() else (spelled[other] if other < len(spelled) else str(other))
    text = capitalized(statement.text[: match.start()] + new + statement.text[match.end() :])
    return _with(report, section, n, replace(statement, text=text))


def wrong_direction(report: Report, draw: random.Random) -> Report | None:
    """Another direction of change."""
    places = []
    for section, n, statement in _statements(report, _LINKED):
        if statement.kind is StatementKind.COMPARISON:
            places.append((section, n))
    if not places:
        return None
    section, n = draw.choice(places)
    statement = _at(report, section, n)
    for pattern, other in wording_of(report.language).opposites:
        changed = re.sub(pattern, other, statement.text)
        if changed != statement.text:
            return _with(report, section, n, replace(statement, text=capitalized(changed)))
    return _with(report, section, n, replace(statement, text=_other_change(report, statement, draw)))


def _other_change(report: Report, statement: Statement, draw: random.Random) -> str:
    finding = report.finding(statement.finding_uids[0])
    change = finding.change
    if change is None:
        return statement.text
    moved = (Direction.INCREASED, Direction.DECREASED, Direction.STABLE)
    other = draw.choice([d for d in moved if d is not change.direction])
    measured = finding.measurement(change.measurement)
    book = Phrasebook(language=report.language)
    prior = change.prior_value or (measured.value if measured else 1.0)
    return change_text(replace(finding, change=replace(change, direction=other, prior_value=prior)), book)


def finding_deleted(report: Report, draw: random.Random) -> Report | None:
    """The sentence on a present finding disappears from FINDINGS."""
    told = reportable(report.findings)
    if not told:
        return None
    finding = draw.choice(told)
    dropped = [
        (s, n)
        for s, n, t in _statements(report, (SectionName.FINDINGS,))
        if finding.tracking_uid in t.finding_uids
        and not (len(t.finding_uids) > 1 and finding.type != terms.ORGAN_MEASUREMENT)
        and t.kind is StatementKind.FINDING
    ]
    return _without(report, dropped) if dropped else None


def actionable_missing(report: Report, draw: random.Random) -> Report | None:
    """All sentences on an actionable finding disappear from IMPRESSION."""
    actionable = [f for f in reportable(report.findings) if f.actionable]
    if not actionable:
        return None
    finding = draw.choice(actionable)
    dropped = [
        (s, n) for s, n, t in _statements(report, (SectionName.IMPRESSION,)) if finding.tracking_uid in t.finding_uids
    ]
    return _without(report, dropped) if dropped else None


def contradiction(report: Report, draw: random.Random) -> Report | None:
    """IMPRESSION says another size, side, class or presence than FINDINGS; only IMPRESSION is changed."""
    kept = replace(report, sections=tuple(s for s in report.sections if s.name is SectionName.IMPRESSION))
    changes: list[Change] = [wrong_number, wrong_side, wrong_presence, _wrong_class, _denied_elsewhere]
    draw.shuffle(changes)
    for change in changes:
        changed = change(kept, draw)
        if changed is not None:
            section = changed.sections[0]
            return replace(report, sections=tuple(section if s.name is section.name else s for s in report.sections))
    return None


def _wrong_class(report: Report, draw: random.Random) -> Report | None:
    words = wording_of(report.language)
    places = [
        (s, n) for s, n, t in _statements(report, (SectionName.IMPRESSION,)) if re.search(words.classed, t.text.lower())
    ]
    if not places:
        return None
    section, n = draw.choice(places)
    statement = _at(report, section, n)
    text = statement.text.lower()
    old = next(w for w in words.classes if w in text)
    changed = text.replace(old, words.classes[old], 1).replace(" hu", " HU")
    return _with(report, section, n, replace(statement, text=capitalized(changed)))


def _denied_elsewhere(report: Report, draw: random.Random) -> Report | None:
    """One more sentence in IMPRESSION that denies what FINDINGS states."""
    places = [(s, n) for s, n, t in _statements(report, (SectionName.IMPRESSION,)) if _is_single_disease(report, t)]
    if not places:
        return None
    section, n = draw.choice(places)
    statement = _at(report, section, n)
    finding = report.finding(statement.finding_uids[0])
    language = language_of(report.language)
    denial = wording_of(report.language).denied[0]
    text = denial.format(name=entity(finding, language), where=place(finding, language))
    added = replace(statement, text=text)
    sections = tuple(replace(s, statements=(*s.statements, added)) if s.name is section else s for s in report.sections)
    return replace(report, sections=sections)


_DISEASES = (
    "pulmonary_embolism",
    "pneumothorax",
    "aortic_dissection",
    "bone_lesions",
    "infarct",
    "hemorrhage",
    "aneurysm",
)


def unassessed_normal(report: Report, draw: random.Random) -> Report | None:
    """An organ that nothing assessed is called normal, or a disease that nothing looked for absent."""
    brain = any(f.site == terms.BRAIN for f in report.findings)
    topic = draw.choice(header.NOT_ASSESSED[header.Exam.MR_BRAIN if brain else header.Exam.CT_CHEST])
    words = wording_of(report.language)
    phrases = words.absent if topic.key in _DISEASES else words.normal
    organ = language_of(report.language).topics[topic.key]
    is_are = "are" if organ.endswith("s") else "is"
    text = draw.choice(phrases).format(organ=organ, organ_c=capitalized(organ), is_are=is_are)
    name = draw.choice((SectionName.FINDINGS, SectionName.IMPRESSION, SectionName.NOT_ASSESSED))
    kind = StatementKind.NOT_ASSESSED
    uids: tuple[str, ...] = ()
    if name is not SectionName.NOT_ASSESSED and draw.random() < 0.6:
        kind = draw.choice((StatementKind.NEGATIVE, StatementKind.FINDING))
        uids = (report.findings[0].tracking_uid,)
    added = Statement(text=capitalized(text), kind=kind, source=Source.DECODER, finding_uids=uids)
    sections = tuple(replace(s, statements=(*s.statements, added)) if s.name is name else s for s in report.sections)
    return replace(report, sections=sections)


CHANGES: dict[str, Change] = {
    "number": wrong_number,
    "unit": wrong_unit,
    "side": wrong_side,
    "site": wrong_site,
    "presence": wrong_presence,
    "count": wrong_count,
    "change direction": wrong_direction,
    "finding deleted": finding_deleted,
    "actionable missing": actionable_missing,
    "contradiction": contradiction,
    "unassessed normal": unassessed_normal,
}


def _statements(report: Report, names: Sequence[SectionName]) -> Iterator[tuple[SectionName, int, Statement]]:
    for section in report.sections:
        if section.name in names:
            for n, statement in enumerate(section.statements):
                if statement.finding_uids:
                    yield section.name, n, statement


def _at(report: Report, name: SectionName, n: int) -> Statement:
    section = report.section(name)
    if section is None:
        raise KeyError(name)
    return section.statements[n]


def _with(report: Report, name: SectionName, n: int, statement: Statement) -> Report:
    sections = []
    for section in report.sections:
        if section.name is name:
            statements = (*section.statements[:n], statement, *section.statements[n + 1 :])
            section = replace(section, statements=statements)
        sections.append(section)
    return replace(report, sections=tuple(sections))


def _without(report: Report, dropped: Sequence[tuple[SectionName, int]]) -> Report:
    sections = tuple(
        replace(s, statements=tuple(t for n, t in enumerate(s.statements) if (s.name, n) not in dropped))
        for s in report.sections
    )
    return replace(report, sections=sections)


def _numerals(text: str, words: Wording) -> Iterator[re.Match[str]]:
    protected = [m.span() for m in re.finditer(words.protected, text)]
    for match in re.finditer(words.numeral, text):
        if not any(a <= match.start() < b for a, b in protected) and words.reason not in text[: match.start()]:
            yield match


def _is_count(statement: Statement, match: re.Match[str], words: Wording) -> bool:
    before, behind = statement.text[: match.start()], statement.text[match.end() :]
    return bool(re.match(words.counted, behind) or re.search(words.counting, before))


def _counts_something(report: Report, statement: Statement) -> bool:
    findings = [report.finding(u) for u in statement.finding_uids]
    return len(findings) > 1 or findings[0].measurement(terms.COUNT) is not None


def _another(old: str, draw: random.Random) -> str:
    """Another number with as many decimals, at least 15 % and two of the smallest steps away."""
    number = Decimal(old)
    exponent = number.as_tuple().exponent
    step = Decimal(1).scaleb(exponent if isinstance(exponent, int) else 0)
    away = max(abs(number) * Decimal(str(draw.uniform(0.15, 0.9))), 2 * step).quantize(step)
    new = number - away if draw.random() < 0.5 and abs(number) > 3 * away else number + away
    return format(new, "f")


def _is_sided(report: Report, statement: Statement) -> bool:
    findings: list[Finding] = [report.finding(u) for u in statement.finding_uids]
    return len(findings) == 1 and findings[0].laterality in (Laterality.LEFT, Laterality.RIGHT)


def _is_single_disease(report: Report, statement: Statement) -> bool:
    if len(statement.finding_uids) != 1 or statement.kind is StatementKind.COMPARISON:
        return False
    return report.finding(statement.finding_uids[0]).type != terms.ORGAN_MEASUREMENT
