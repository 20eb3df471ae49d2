"""The deterministic writer: findings and header facts to a report, instantly, on any machine.

It is the floor under the decoder and the yardstick for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from tomoscribe.core import (
    Code,
    Finding,
    Laterality,
    Presence,
    Provenance,
    Report,
    ReportStatus,
    ReviewState,
    Section,
    SectionName,
    Source,
    Statement,
    StatementKind,
    Study,
    reportable,
    terms,
)
from tomoscribe.findings.guidelines import Assessment, assess
from tomoscribe.reports.writer import header
from tomoscribe.reports.writer.language import Language
from tomoscribe.reports.writer.sentences import (
    LESIONS_OF_LUNG,
    Phrasebook,
    count_statement,
    finding_statements,
    impression_statements,
    review_many_statement,
    review_statement,
    unassessed_statement,
)

MANY_SMALL_NODULES = 6
"""From this many uncertain nodules on the review list is one sentence for all of them (CLINICAL 7)."""


_TYPE_ORDER: tuple[Code, ...] = (
    terms.ORGAN_MEASUREMENT,
    terms.MASS,
    terms.NODULE,
    terms.EMPHYSEMA,
    terms.CONSOLIDATION,
    terms.PLEURAL_EFFUSION,
    terms.BRAIN_MASS,
    terms.WHITE_MATTER_LESIONS,
    terms.VENTRICULAR_ENLARGEMENT,
)


def write_report(
    study: Study,
    findings: Sequence[Finding],
    *,
    provenance: Provenance,
    phrasing_seed: int | None = None,
    warnings: Sequence[str] = (),
    language: str = "en",
) -> Report:
    """A draft report with the sections of CLINICAL 5.

    Args:
        study: the header facts: date, age, series and how they were acquired, priors.
        findings: everything that was measured or suspected; the report holds them all.
        provenance: what made the findings.
        phrasing_seed: None for the writer's own wording, a seed for another choice among ``phrases.PHRASES``.
        warnings: shown above the text, in English; the report holds them in its own language.
        language: ISO 639-1 code of the report.
    """
    if header.is_child(study):
        findings = tuple(_refused(f) for f in findings)
    book = Phrasebook(phrasing_seed, language)
    parts = _sections(study, findings, book)
    sections = tuple(Section(name=name, statements=tuple(statements)) for name, statements in parts.items())
    return Report(
        sections=sections,
        findings=tuple(findings),
        status=ReportStatus.DRAFT,
        language=book.language.code,
        provenance=provenance,
        warnings=tuple(book.language.note(w) for w in warnings),
    )


def fact_statements(
    study: Study, findings: Sequence[Finding], language: Language
) -> dict[SectionName, tuple[Statement, ...]]:
    """The sections that rest on the header alone; the lock compares a report with exactly these."""
    return {
        SectionName.EXAMINATION: _facts(header.examination_texts(study, findings, language)),
        SectionName.CLINICAL_INFORMATION: _facts(header.clinical_information_texts(study, language)),
        SectionName.TECHNIQUE: _facts(header.technique_texts(study, findings, language)),
        SectionName.COMPARISON: _facts(header.comparison_texts(study, findings, language)),
    }


def scope_statements(study: Study, findings: Sequence[Finding], language: Language) -> tuple[Statement, ...]:
    """What was not assessed in this kind of examination, and the age warning: sentences without a finding."""
    missing, open_ = header.topics(study, findings)
    lists = (("not_assessed", missing), ("not_excluded", open_))
    texts = [language.text(key, items=_items(topics, language)) for key, topics in lists if topics]
    return tuple(
        Statement(text=t, kind=StatementKind.NOT_ASSESSED, source=Source.WRITER)
        for t in [*texts, *header.age_texts(study, language)]
    )


def recommendation_statements(study: Study, findings: Sequence[Finding], language: Language) -> tuple[Statement, ...]:
    """What each guideline says of the nodules, or that no class is assigned and why (CLINICAL 9)."""
    assessed = [] if header.is_child(study) else assess(study, findings)
    statements = [_guideline(assessment, language) for assessment in assessed]
    if not any(a.row for a in assessed):
        text = language.text(_without_class(findings))
        statements.insert(0, Statement(text=text, kind=StatementKind.GUIDELINE, source=Source.WRITER))
    return tuple(statements)


def _without_class(findings: Sequence[Finding]) -> str:
    """Key of the sentence on why no class is assigned; what is on the review list gets none (CLINICAL 3)."""
    if any(f.actionable for f in reportable(findings)):
        return "no_guideline"
    waiting = any(f.type in LESIONS_OF_LUNG for f in uncertain(findings))
    return "no_guideline_for_review" if waiting else "no_recommendation"


def _guideline(assessment: Assessment, language: Language) -> Statement:
    """A class with the recommendation it licenses, what is missing for one, or why there is none."""
    name, row = assessment.guideline.name, assessment.row
    if row is not None:
        words = {"label": row.label.of(language.code), "management": row.management.of(language.code)}
        text = language.text("guideline_class", guideline=name, **words)
    elif assessment.excluded:
        reasons = language.listed([language.text(f"excluded_{key}") for key in assessment.excluded])
        text = language.text("guideline_excluded", guideline=name, reasons=reasons)
    else:
        items = language.listed([language.text(f"missing_{key}") for key in assessment.missing])
        text = language.text("guideline_missing", guideline=name, items=items)
    uids = tuple(f.tracking_uid for f in assessment.findings)
    return Statement(text=text, kind=StatementKind.GUIDELINE, source=Source.WRITER, finding_uids=uids)


def nothing_actionable_statement(study: Study, findings: Sequence[Finding], language: Language) -> Statement:
    """What IMPRESSION says without an actionable finding: what is not excluded, never that all is well."""
    missing, _ = header.topics(study, findings)
    items = _items(missing, language)
    text = language.text("nothing_actionable", items=items) if missing else language.text("nothing_assessed")
    return Statement(text=text, kind=StatementKind.NOT_ASSESSED, source=Source.WRITER)


def uncertain(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings for the review list."""
    return tuple(f for f in findings if f.presence is Presence.UNCERTAIN and f.review.state is not ReviewState.REJECTED)


def by_organ(findings: Iterable[Finding]) -> list[Finding]:
    """Findings in the order of the FINDINGS section: organs first, then by type, large lesions first."""
    return sorted(findings, key=lambda f: (_type_rank(f), -_size(f)))


def by_urgency(findings: Iterable[Finding]) -> list[Finding]:
    """Findings in the order of the IMPRESSION: actionable first, then by type, large lesions first."""
    return sorted(findings, key=lambda f: (not f.actionable, _type_rank(f), -_size(f)))


def _sections(study: Study, findings: Sequence[Finding], book: Phrasebook) -> dict[SectionName, list[Statement]]:
    facts = {name: list(said) for name, said in fact_statements(study, findings, book.language).items()}
    return {
        **facts,
        SectionName.FINDINGS: _findings(findings, book),
        SectionName.IMPRESSION: _impression(study, findings, book),
        SectionName.RECOMMENDATION: list(recommendation_statements(study, findings, book.language)),
        SectionName.REVIEW_LIST: _review_list(findings, book),
        SectionName.NOT_ASSESSED: _not_assessed(study, findings, book),
    }


def _findings(findings: Sequence[Finding], book: Phrasebook) -> list[Statement]:
    present = by_organ(reportable(findings))
    lesions = [f for f in present if f.type in LESIONS_OF_LUNG]
    countable = len(lesions) > 1 and all(f.laterality in (Laterality.LEFT, Laterality.RIGHT) for f in lesions)
    statements: list[Statement] = []
    for finding in present:
        if countable and finding is lesions[0]:
            statements.append(count_statement(lesions, book))
        statements += finding_statements(finding, book)
    return statements


def _impression(study: Study, findings: Sequence[Finding], book: Phrasebook) -> list[Statement]:
    present = by_urgency(f for f in reportable(findings) if f.actionable or f.type != terms.ORGAN_MEASUREMENT)
    statements = [s for f in present for s in impression_statements(f, book)]
    if not any(f.actionable for f in present):
        statements.append(nothing_actionable_statement(study, findings, book.language))
    return statements


def _review_list(findings: Sequence[Finding], book: Phrasebook) -> list[Statement]:
    waiting = by_organ(uncertain(findings))
    small = [f for f in waiting if f.type == terms.NODULE and f.measurement(terms.LONG_AXIS)]
    if len(small) < MANY_SMALL_NODULES:
        small = []
    statements = [review_many_statement(small, book)] if small else []
    return statements + [review_statement(f, book) for f in waiting if not any(f is s for s in small)]


def _not_assessed(study: Study, findings: Sequence[Finding], book: Phrasebook) -> list[Statement]:
    listed = [f for f in by_organ(findings) if f.presence in (Presence.NOT_ASSESSED, Presence.ABSENT)]
    return [unassessed_statement(f, book) for f in listed] + list(scope_statements(study, findings, book.language))


def _items(topics: Sequence[header.Topic], language: Language) -> str:
    return language.listed([language.topics[t.key] for t in topics])


def _facts(texts: Sequence[str]) -> tuple[Statement, ...]:
    return tuple(Statement(text=t, kind=StatementKind.FACT, source=Source.WRITER) for t in texts)


def _refused(finding: Finding) -> Finding:
    """The finding of a child: nothing of it is stated."""
    return replace(finding, presence=Presence.NOT_ASSESSED, note=header.CHILD_NOTE, actionable=False, change=None)


def _type_rank(finding: Finding) -> int:
    return _TYPE_ORDER.index(finding.type) if finding.type in _TYPE_ORDER else len(_TYPE_ORDER)


def _size(finding: Finding) -> float:
    for name in (terms.MEAN_DIAMETER, terms.LONG_AXIS):
        measurement = finding.measurement(name)
        if measurement is not None:
            return measurement.value
    return 0.0
