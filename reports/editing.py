"""What a person changes in a reading that is no signature: findings, masks and sentences, and what depends on them.

Pure functions on core types. A finding that was changed is written anew by the deterministic writer; sentences on other
findings stay as they are, whoever worded them; a clinician's sentence is never dropped. The evidence lock checks the
result: ``EvidenceLock.of`` tells what it objects to, and signing and exporting ask it again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from tomoscribe.core import (
    ClinicalContext,
    Finding,
    LabelMap,
    Override,
    Reading,
    Report,
    Review,
    ReviewState,
    Section,
    SectionName,
    Source,
    Statement,
    StatementKind,
)
from tomoscribe.core.errors import InputError
from tomoscribe.reports import signing
from tomoscribe.reports.signing import Signer
from tomoscribe.reports.writer import write_report
from tomoscribe.reports.writer.translation import renewed

_SAME_SHARE = 1 / 3
_FREE = (
    SectionName.CLINICAL_INFORMATION,
    SectionName.FINDINGS,
    SectionName.IMPRESSION,
    SectionName.RECOMMENDATION,
    SectionName.REVIEW_LIST,
    SectionName.NOT_ASSESSED,
)
"""Where a clinician may add a sentence; the other sections rest on the header alone, or are for addenda."""


def add_finding(reading: Reading, finding: Finding, mask: LabelMap | None, by: Signer, at: str) -> Reading:
    """The reading with a finding that a person added, and its mask.

    Args:
        mask: one segment on the grid of the series, None where it was measured without one.

    Raises:
        InputError: the finding is there already.
    """
    same = _overlapping(reading, mask) if mask is not None else None
    known = {f.tracking_uid for f in reading.report.findings}
    if finding.tracking_uid in known or same is not None:
        raise InputError(
            "expected something new, found what is in the table already",
            remedy="select its row and edit it there, or accept it",
        )
    added = replace(finding, review=Review(state=ReviewState.EDITED, reviewer=by.name, at=at, reason="added"))
    maps = reading.label_maps if mask is None else _with_mask(reading, mask)
    old = tuple(_without_lost_mask(f, maps) for f in reading.report.findings)
    return rewritten(replace(reading, label_maps=maps), (*old, added))


def review(reading: Reading, finding_uids: Sequence[str], outcome: Review) -> Reading:
    """The reading with the outcome at each of these findings; a rejected one loses its sentences, one that is accepted
    again gets them back.

    Raises:
        InputError: no such finding, a rejection without a reason, or a report that is signed (correct it instead).
    """
    reviewed = signing.review(reading, finding_uids, outcome)
    return rewritten(reviewed, reviewed.report.findings)


def with_clinical(reading: Reading, known: ClinicalContext) -> Reading:
    """The reading with what a clinician knows of the patient: guideline classes may follow from it."""
    study = replace(reading.study, clinical=known)
    return rewritten(replace(reading, study=study), reading.report.findings)


def replace_finding(reading: Reading, finding: Finding, by: Signer, at: str, reason: str | None = None) -> Reading:
    """The reading with a finding changed by a person: its numbers, side, class or presence."""
    old = reading.report.finding(finding.tracking_uid)
    if replace(finding, review=old.review) == old:
        return reading
    review = Review(state=ReviewState.EDITED, reviewer=by.name, at=at, reason=reason)
    changed = replace(finding, review=review)
    uid = finding.tracking_uid
    return rewritten(reading, tuple(changed if f.tracking_uid == uid else f for f in reading.report.findings))


def rewritten(reading: Reading, findings: Sequence[Finding], plainly: Collection[str] = ()) -> Reading:
    """The reading with other findings, written anew where they differ from the old ones.

    An override of a sentence on a changed finding ends: it was given against other numbers.

    Args:
        plainly: tracking UIDs of findings whose sentences the writer words anew though nothing of them changed.
    """
    report, study = reading.report, reading.study
    before = {f.tracking_uid: f for f in report.findings}
    after = {f.tracking_uid: f for f in findings}
    changed = {u for u, f in after.items() if u not in before or replace(f, review=before[u].review) != before[u]}
    rejected = {u for u, f in after.items() if f.review.state is ReviewState.REJECTED}
    stale = changed | rejected | (before.keys() - after.keys()) | set(plainly)
    written = write_report(study, findings, provenance=report.provenance, language=report.language)
    sections = tuple(
        section
        for name in SectionName
        if (section := _merged(name, report, written, stale, frozenset(after))) is not None
    )
    new = replace(report, sections=sections, findings=tuple(findings), translation=None)
    return replace(reading, report=renewed(replace(new, translation=report.translation), study))


def say(reading: Reading, number: int, text: str, override: Override | None = None) -> Reading:
    """The reading with a clinician's sentence in the place of another.

    Args:
        number: of the statement in reading order, from 0.
        text: the new sentence; empty takes the sentence back that stood there first, or drops one that was added.
        override: lets a sentence stand that contradicts a measurement.

    Raises:
        InputError: no such statement.
    """
    report = reading.report
    if not 0 <= number < len(report.statements):
        raise InputError(f"expected a sentence of the report, found number {number}")
    old = report.statements[number]
    first = old.replaces if old.source is Source.CLINICIAN else old.text
    words = " ".join(text.split())
    if words == old.text and override == old.override:
        return reading
    if words and words != first:
        new = replace(old, text=words, source=Source.CLINICIAN, replaces=first, objection=None, override=override)
        return _with_sections(reading, _replaced(report, number, new))
    if old.source is not Source.CLINICIAN:
        raise InputError("expected words, found none", remedy="reject the finding to take its sentences out")
    return rewritten(_with_sections(reading, _replaced(report, number, None)), report.findings)


def add_sentence(reading: Reading, section: SectionName, text: str, override: Override | None = None) -> Reading:
    """The reading with one more sentence of a clinician at the end of a section.

    Raises:
        InputError: no words, or a section that rests on the header alone.
    """
    words = " ".join(text.split())
    if not words or section not in _FREE:
        raise InputError(f"expected words for one of the sections {', '.join(s.value for s in _FREE)}")
    kind = StatementKind.FACT if section is SectionName.CLINICAL_INFORMATION else StatementKind.FINDING
    sentence = Statement(text=words, kind=kind, source=Source.CLINICIAN, override=override)
    sections = []
    for name in SectionName:
        old = reading.report.section(name)
        if name is section:
            sections.append(Section(name=name, statements=(*(old.statements if old else ()), sentence)))
        elif old is not None:
            sections.append(old)
    return _with_sections(reading, tuple(sections))


def contradictions(reading: Reading, number: int) -> tuple[str, ...]:
    """What the lock holds against one sentence, in words."""
    from tomoscribe.reports.lock import EvidenceLock

    place = place_of(reading.report, number)
    return tuple(o.words for o in EvidenceLock.of(reading) if (o.section, o.index) == place)


def place_of(report: Report, number: int) -> tuple[SectionName, int]:
    """Section and place in it of a statement given by its number in reading order."""
    for section in report.sections:
        if number < len(section.statements):
            return section.name, number
        number -= len(section.statements)
    raise InputError("expected a sentence of the report, found a number beyond its end")


def number_of(report: Report, section: SectionName, index: int) -> int:
    """The number in reading order of a statement given by its place."""
    before = 0
    for one in report.sections:
        if one.name is section:
            return before + index
        before += len(one.statements)
    raise InputError(f"the report has no section {section.value}")


def _with_sections(reading: Reading, sections: tuple[Section, ...]) -> Reading:
    return replace(reading, report=renewed(replace(reading.report, sections=sections), reading.study))


def _replaced(report: Report, number: int, new: Statement | None) -> tuple[Section, ...]:
    name, index = place_of(report, number)
    middle = () if new is None else (new,)
    return tuple(
        replace(s, statements=(*s.statements[:index], *middle, *s.statements[index + 1 :])) if s.name is name else s
        for s in report.sections
    )


def _merged(
    name: SectionName, report: Report, written: Report, stale: set[str], known: frozenset[str]
) -> Section | None:
    """The writer's section with every sentence that still stands in its place, and the clinician's own."""
    old, new = report.section(name), written.section(name)
    if new is None:
        return old
    rest = [_kept(s, stale, known) for s in (old.statements if old is not None else ())]
    waiting = [s for s in rest if s is not None]
    statements: list[Statement] = []
    for standard in new.statements:
        kept = next((s for s in waiting if _stands_for(s, standard)), None)
        if kept is not None:
            waiting.remove(kept)
        statements.append(standard if kept is None else kept)
    own = tuple(s for s in waiting if s.source is Source.CLINICIAN)
    return Section(name=name, statements=(*statements, *own))


def _kept(statement: Statement, stale: set[str], known: frozenset[str]) -> Statement | None:
    """The statement if it need not be written anew; a clinician's always, without an override that has ended."""
    touched = bool(stale & set(statement.finding_uids))
    if statement.source is not Source.CLINICIAN:
        return None if touched else statement
    uids = tuple(u for u in statement.finding_uids if u in known)
    return replace(statement, finding_uids=uids, override=None if touched else statement.override)


def _stands_for(statement: Statement, standard: Statement) -> bool:
    if statement.source is Source.CLINICIAN and statement.replaces == standard.text:
        return True
    if statement.kind is not standard.kind:
        return False
    linked = bool(standard.finding_uids) and set(statement.finding_uids) == set(standard.finding_uids)
    return linked or (statement.text == standard.text and not standard.finding_uids)


def _overlapping(reading: Reading, mask: LabelMap) -> str | None:
    """The name of a finding's mask that shares more than a third of the smaller of the two; None without one."""
    old = reading.label_map(mask.name)
    if old is None or old.series_uid != mask.series_uid:
        return None
    inside, rejected = mask.array > 0, _rejected(reading)
    shared = np.bincount(old.array[inside], minlength=int(old.array.max()) + 1)
    for segment in old.segments:
        if segment.tracking_uid in rejected:
            continue
        smaller = min(int(inside.sum()), int((old.array == segment.number).sum()))
        if segment.number < len(shared) and smaller and shared[segment.number] > _SAME_SHARE * smaller:
            return segment.name
    return None


def _with_mask(reading: Reading, mask: LabelMap) -> tuple[LabelMap, ...]:
    """The label maps with one more segment; voxels that another finding holds stay that one's, unless it was rejected.

    Raises:
        InputError: the findings were outlined on another series.
    """
    old = reading.label_map(mask.name)
    if old is None:
        return (mask, *reading.label_maps)
    if old.series_uid != mask.series_uid or old.geometry != mask.geometry:
        raise InputError(
            "expected an outline on the series that the other findings were outlined on, found one on another series",
            remedy="show that series, or measure with the ruler or the ellipse",
        )
    number = max((s.number for s in old.segments), default=0) + 1
    if number > np.iinfo(old.array.dtype).max:
        raise InputError(f"expected at most {number - 1} outlines in one study, found more")
    rejected = _rejected(reading)
    free = [0, *(s.number for s in old.segments if s.tracking_uid in rejected)]
    array = old.array.copy()
    array[(mask.array > 0) & np.isin(array, free)] = number
    left = set(np.unique(array[np.isin(array, free)]).tolist())
    kept = tuple(s for s in old.segments if s.number in left or s.tracking_uid not in rejected)
    joined = replace(old, array=array, segments=(*kept, replace(mask.segments[0], number=number)))
    return tuple(joined if m is old else m for m in reading.label_maps)


def _rejected(reading: Reading) -> set[str]:
    return {f.tracking_uid for f in reading.report.findings if f.review.state is ReviewState.REJECTED}


def _without_lost_mask(finding: Finding, maps: Sequence[LabelMap]) -> Finding:
    """A rejected finding whose mask another one took keeps its place alone."""
    region = finding.region
    if region is None or region.segment is None:
        return finding
    names = {s.name for m in maps if m.name == region.label_map for s in m.segments}
    if region.segment in names:
        return finding
    return replace(finding, region=replace(region, label_map=None, segment=None))


def free_segment(reading: Reading) -> str:
    """A segment's name that no finding has yet."""
    taken = {s.name for m in reading.label_maps for s in m.segments}
    number = 1
    while f"added_{number}" in taken:
        number += 1
    return f"added_{number}"


def corrected(reading: Reading, edited: Reading, by: Signer, at: str, reason: str) -> Reading:
    """The signed reading corrected into the edited one.

    Raises:
        UnsignedError: the report is not signed, a finding is unreviewed, or nothing was changed.
        LockError: the evidence lock objects.
    """
    changed = signing.correct(reading, edited.report, by, at, reason)
    return replace(changed, label_maps=edited.label_maps)
