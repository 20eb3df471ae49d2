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
from tomoscribe.reports.writer.sentences import Phrasebook, change_text
from tomoscribe.reports.writer.words import capitalized, entity, place

Change = Callable[[Report, random.Random], Report | None]
"""Gives the report with the change, or None when there is nothing in it that can be changed so."""

_LINKED = (SectionName.FINDINGS, SectionName.IMPRESSION, SectionName.REVIEW_LIST)
_NUMERAL = re.compile(r"(?<![\w.<-])-?\d+(?:\.\d+)?(?![\w-]|\.\d|:|th\b| HU threshold)")
_PROTECTED = re.compile(r"\d{4}-\d{2}-\d{2}|-950 HU|LAA-950|15th|Perc15|T2|mm3")
_WORDS = "zero one two three four five six seven eight nine ten eleven twelve".split()  # noqa: SIM905


def wrong_number(report: Report, draw: random.Random) -> Report | None:
    """A measured number becomes another one, beyond any rounding."""
    places = [
        (section, n, match)
        for section, n, statement in _statements(report, _LINKED)
        for match in _numerals(statement.text)
        if not _is_count(statement, match)
    ]
    if not places:
        return None
    section, n, match = draw.choice(places)
    statement = _at(report, section, n)
    text = statement.text[: match.start()] + _another(match.group(), draw) + statement.text[match.end() :]
    return _with(report, section, n, replace(statement, text=text))


_UNITS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"(?<=\d) mm(?![\w³3])", (" cm", " ml", " HU")),
    (r"(?<=\d) mm[3³]", (" ml", " mm", " cc")),
    (r"(?<=\d) cubic millimeters", (" milliliters", " millimeters")),
    (r"(?<=\d) (?:ml|mL|cc|milliliters)\b", (" mm3", " mm", " liters")),
    (r"(?<=\d) (?:HU|Hounsfield units)(?!\w)", (" %", " mm")),
    (r"(?<=\d)(?: ?%| percent)", (" HU", " ml")),
)


def wrong_unit(report: Report, draw: random.Random) -> Report | None:
    """A number keeps its digits and gets another unit."""
    places = []
    for section, n, statement in _statements(report, _LINKED):
        for pattern, others in _UNITS:
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
    places = []
    for section, n, statement in _statements(report, _LINKED):
        sides = set(re.findall(r"\b(left|right)\b", statement.text.lower()))
        if len(sides) == 1 and _is_sided(report, statement):
            places.append((section, n))
    if not places:
        return None
    section, n = draw.choice(places)
    statement = _at(report, section, n)
    return _with(report, section, n, replace(statement, text=_swap_sides(statement.text)))


_SITES: tuple[tuple[str, str], ...] = (
    (r"\b(left|right) upper lobe\b", r"\1 lower lobe"),
    (r"\b(left|right) lower lobe\b", r"\1 upper lobe"),
    (r"\bright middle lobe\b", "right lower lobe"),
    (r"\blobe not determined\b|\bthe lobe is not determined\b|\blobe undetermined\b", "upper lobe"),
    (r"\b(left|right) lung\b(?! volume)", r"\1 upper lobe"),
    (r"\b([Ll])ungs?\b", "pleura"),
    (r"\b[Aa]irways?\b|\btracheobronchial tree\b", "brain"),
    (r"\b[Ii]ntracranial\b", "ventricular"),
    (r"\b[Vv]entric(?:ular|les)\b", "intracranial"),
    (r"\b[Bb]rain\b", "intracranial"),
    (r"\bpleural effusion\b", "consolidation"),
    (r"\bwhite matter\b", "ventricles"),
)


def wrong_site(report: Report, draw: random.Random) -> Report | None:
    """Another lobe or organ, or a lobe where none was determined."""
    places = []
    for section, n, statement in _statements(report, _LINKED):
        for pattern, other in _SITES:
            changed = re.sub(pattern, other, statement.text, count=1)
            if changed != statement.text and _site_is_false(report, statement, pattern):
                places.append((section, n, changed))
                break
    if not places:
        return None
    section, n, text = draw.choice(places)
    return _with(report, section, n, replace(_at(report, section, n), text=capitalized(text)))


def _site_is_false(report: Report, statement: Statement, pattern: str) -> bool:
    """Not for 'lung' in a sentence on a finding whose determined lobe the change would name by chance."""
    finding = report.finding(statement.finding_uids[0])
    if "lung" in pattern:
        return finding.site not in terms.LOBES
    return "rain" not in pattern or finding.type == terms.ORGAN_MEASUREMENT


def wrong_presence(report: Report, draw: random.Random) -> Report | None:
    """A present finding is denied or doubted; a suspicion is stated as a finding."""
    places = [(s, n) for s, n, t in _statements(report, _LINKED) if _is_single_disease(report, t)]
    if not places:
        return None
    section, n = draw.choice(places)
    statement = _at(report, section, n)
    finding = report.finding(statement.finding_uids[0])
    name, where = entity(finding), place(finding)
    lowered = statement.text[0].lower() + statement.text[1:]
    denied = [
        f"No {name}{where}.",
        f"There is no {name}{where}.",
        f"No {lowered}",
        f"The {name}{where} is no longer seen.",
    ]
    doubted = [f"Possible {name}{where}.", f"Possible {lowered}"]
    asserted = [f"{capitalized(name)}{where}.", f"There is a {name}{where}."]
    texts = denied + (asserted if finding.presence is Presence.UNCERTAIN else doubted)
    return _with(report, section, n, replace(statement, text=draw.choice(texts)))


def wrong_count(report: Report, draw: random.Random) -> Report | None:
    """Another number of lesions."""
    places = [
        (section, n, match)
        for section, n, statement in _statements(report, _LINKED)
        for match in [
            *_numerals(statement.text),
            *re.finditer(rf"\b(?:{'|'.join(_WORDS[2:])})\b", statement.text.lower()),
        ]
        if _is_count(statement, match) and _counts_something(report, statement)
    ]
    if not places:
        return None
    section, n, match = draw.choice(places)
    statement = _at(report, section, n)
    old = match.group()
    number = _WORDS.index(old.lower()) if old.lower() in _WORDS else int(old)
    other = draw.choice([k for k in range(max(number - 2, 1), number + 4) if k != number])
    new = str(other) if old.isdigit() else (_WORDS[other] if other < len(_WORDS) else str(other))
    text = capitalized(statement.text[: match.start()] + new + statement.text[match.end() :])
    return _with(report, section, n, replace(statement, text=text))


_OPPOSITES: tuple[tuple[str, str], ...] = (
    (r"\bhas increased\b|\bhas grown\b|\bhas enlarged\b|\bincreased\b", "decreased"),
    (r"\bhas become smaller\b|\bhas decreased\b|\bdecreased\b", "increased"),
    (r"\bgrowth nor regression\b", "change in shape"),
    (r"\b[Ee]nlarging\b", "shrinking"),
    (r"\bgrowth\b", "regression"),
    (r"\b[Pp]artial regression\b|\bregression\b|\breduction\b", "growth"),
    (r"\b[Uu]nchanged\b|\b[Ss]table\b|\bthe same as\b", "increased"),
)


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
    for pattern, other in _OPPOSITES:
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
    prior = change.prior_value or (measured.value if measured else 1.0)
    return change_text(replace(finding, change=replace(change, direction=other, prior_value=prior)), Phrasebook())


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
    places = [
        (s, n)
        for s, n, t in _statements(report, (SectionName.IMPRESSION,))
        if re.search(r"\b(part-solid|solid|ground-glass) (nodule|mass|lung)", t.text.lower())
    ]
    if not places:
        return None
    section, n = draw.choice(places)
    statement = _at(report, section, n)
    text = statement.text.lower()
    old = next(w for w in ("part-solid", "ground-glass", "solid") if w in text)
    new = {"part-solid": "solid", "ground-glass": "part-solid", "solid": "ground-glass"}[old]
    return _with(
        report, section, n, replace(statement, text=capitalized(text.replace(old, new, 1).replace(" hu", " HU")))
    )


def _denied_elsewhere(report: Report, draw: random.Random) -> Report | None:
    """One more sentence in IMPRESSION that denies what FINDINGS states."""
    places = [(s, n) for s, n, t in _statements(report, (SectionName.IMPRESSION,)) if _is_single_disease(report, t)]
    if not places:
        return None
    section, n = draw.choice(places)
    statement = _at(report, section, n)
    finding = report.finding(statement.finding_uids[0])
    text = f"No {entity(finding)}{place(finding)}."
    added = replace(statement, text=text)
    sections = tuple(replace(s, statements=(*s.statements, added)) if s.name is section else s for s in report.sections)
    return replace(report, sections=sections)


_NORMAL = (
    "The {organ} {is_are} normal.",
    "{organ_c} {is_are} unremarkable.",
    "No abnormality of the {organ}.",
    "Normal {organ}.",
    "The {organ} {is_are} clear.",
)
_ABSENT = (
    "No {organ}.",
    "There is no {organ}.",
    "{organ_c} is excluded.",
    "No evidence of {organ}.",
    "{organ_c}: none.",
)
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
    phrases = _ABSENT if topic.key in _DISEASES else _NORMAL
    plural = topic.words.endswith("s")
    text = draw.choice(phrases).format(
        organ=topic.words, organ_c=capitalized(topic.words), is_are="are" if plural else "is"
    )
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


def _numerals(text: str) -> Iterator[re.Match[str]]:
    protected = [m.span() for m in _PROTECTED.finditer(text)]
    for match in _NUMERAL.finditer(text):
        if not any(a <= match.start() < b for a, b in protected) and "because" not in text[: match.start()]:
            yield match


_COUNTED = re.compile(
    r"^\s*(?:separate |pulmonary |solid |lung |possible |white matter )*(?:lesions|nodules|masses|foci|"
    r"in the (?:left|right) lung\b)"
)
_COUNTING = re.compile(r"(?:number of (?:lung |pulmonary )?(?:nodules|lesions)|total of):?\s*$", re.IGNORECASE)


def _is_count(statement: Statement, match: re.Match[str]) -> bool:
    text = statement.text
    return bool(_COUNTED.match(text[match.end() :]) or _COUNTING.search(text[: match.start()]))


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


def _swap_sides(text: str) -> str:
    other = {"left": "right", "right": "left", "Left": "Right", "Right": "Left"}
    return re.sub(r"\b(left|right|Left|Right)\b", lambda m: other[m.group()], text)


def _is_single_disease(report: Report, statement: Statement) -> bool:
    if len(statement.finding_uids) != 1 or statement.kind is StatementKind.COMPARISON:
        return False
    return report.finding(statement.finding_uids[0]).type != terms.ORGAN_MEASUREMENT
