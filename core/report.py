"""Statements about findings, the report they make, and the reading that viewer, batch and server hold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from tomoscribe.core.errors import InvalidValueError
from tomoscribe.core.finding import Finding
from tomoscribe.core.provenance import Provenance
from tomoscribe.core.study import Study
from tomoscribe.core.volume import LabelMap


class StatementKind(StrEnum):
    FINDING = "finding"
    NEGATIVE = "negative"
    NOT_ASSESSED = "not_assessed"
    COMPARISON = "comparison"
    GUIDELINE = "guideline"
    REVIEW = "review"
    """A finding below the reporting threshold, for the review list."""
    FACT = "fact"
    """Examination, technique, clinical information: from the header, no finding behind it."""


class Source(StrEnum):
    WRITER = "writer"
    DECODER = "decoder"
    CLINICIAN = "clinician"


class SectionName(StrEnum):
    """The sections of a report, in their order."""

    EXAMINATION = "examination"
    CLINICAL_INFORMATION = "clinical_information"
    TECHNIQUE = "technique"
    COMPARISON = "comparison"
    FINDINGS = "findings"
    IMPRESSION = "impression"
    RECOMMENDATION = "recommendation"
    REVIEW_LIST = "review_list"
    NOT_ASSESSED = "not_assessed"
    ADDENDUM = "addendum"
    """What a clinician added after signing."""


class ReportStatus(StrEnum):
    DRAFT = "draft"
    PRELIMINARY = "preliminary"
    FINAL = "final"
    AMENDED = "amended"
    APPENDED = "appended"
    ENTERED_IN_ERROR = "entered_in_error"


SIGNED = (ReportStatus.FINAL, ReportStatus.AMENDED, ReportStatus.APPENDED)


@dataclass(frozen=True, kw_only=True)
class Override:
    """That a named person lets a sentence of their own stand against a measurement: who, when (ISO 8601) and why."""

    by: str
    at: str
    reason: str

    def __post_init__(self) -> None:
        if not all((self.by, self.at, self.reason)):
            raise InvalidValueError("an override needs who lets the sentence stand, when and why")


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One sentence and the findings it stands on.

    Args:
        text: one sentence.
        finding_uids: tracking UIDs of the findings it speaks of; empty only for facts and not-assessed.
        replaces: the sentence that this one stands for: a decoder's that the lock refused, or, under a clinician's,
            the one that stood there before; None otherwise.
        objection: why the lock refused it.
        override: for a clinician's sentence that contradicts a measurement and stands all the same.
    """

    text: str
    kind: StatementKind
    source: Source
    finding_uids: tuple[str, ...] = ()
    replaces: str | None = None
    objection: str | None = None
    override: Override | None = None

    def __post_init__(self) -> None:
        if self.override is not None and self.source is not Source.CLINICIAN:
            raise InvalidValueError(f"only a clinician's sentence stands against a measurement: {self.text!r}")
        needs = (StatementKind.FINDING, StatementKind.NEGATIVE, StatementKind.COMPARISON, StatementKind.REVIEW)
        if self.kind in needs and not self.finding_uids and self.source is not Source.CLINICIAN:
            raise InvalidValueError(f"a {self.kind} statement needs the findings it stands on: {self.text!r}")


@dataclass(frozen=True, kw_only=True)
class Section:
    """A named part of the report."""

    name: SectionName
    statements: tuple[Statement, ...]


@dataclass(frozen=True, kw_only=True)
class StatusChange:
    """A step in the life of a report, by a named person.

    Args:
        status: what the report became.
        by: the name of who did it.
        at: ISO 8601 with the offset from UTC.
        reason: why; needed for a correction, an addendum and a withdrawal.
    """

    status: ReportStatus
    by: str
    at: str
    reason: str | None = None

    def __post_init__(self) -> None:
        needs = (ReportStatus.AMENDED, ReportStatus.APPENDED, ReportStatus.ENTERED_IN_ERROR)
        if not self.by or not self.at:
            raise InvalidValueError(f"a report becomes {self.status} by a named person at a known time")
        if self.status in needs and not self.reason:
            raise InvalidValueError(f"a report becomes {self.status} for a reason, found none")


@dataclass(frozen=True, kw_only=True)
class Communication:
    """That somebody was told of a critical finding (CLINICAL 6): who, by whom, when (ISO 8601), how."""

    finding_uid: str
    told: str
    by: str
    at: str
    how: str

    def __post_init__(self) -> None:
        if not all((self.told, self.by, self.at, self.how)):
            raise InvalidValueError("a critical finding needs who was told, by whom, when and how")


@dataclass(frozen=True, kw_only=True)
class Translation:
    """A report's text in a second language: the same findings, never the signed text.

    Args:
        language: ISO 639-1 code, another one than the report's.
        sections: in the order of SectionName; a clinician's sentence is named there and not translated.
        warnings: the report's, in this language.
    """

    language: str
    sections: tuple[Section, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Report:
    """A report on one study.

    Args:
        sections: in the order of SectionName, each at most once.
        findings: everything the statements may refer to.
        language: ISO 639-1 code of the text, which is the one that is signed.
        warnings: what must be shown above the text.
        history: its steps from draft on, oldest first; empty for a draft.
        communications: who was told of which critical finding.
        translation: the text in another language, None without one.
    """

    sections: tuple[Section, ...]
    findings: tuple[Finding, ...]
    status: ReportStatus
    language: str
    provenance: Provenance
    verified_by: str | None = None
    warnings: tuple[str, ...] = ()
    history: tuple[StatusChange, ...] = ()
    communications: tuple[Communication, ...] = ()
    translation: Translation | None = None

    def __post_init__(self) -> None:
        order = list(SectionName)
        places = [order.index(s.name) for s in self.sections]
        if places != sorted(set(places)):
            raise InvalidValueError("sections must be unique and in the order of SectionName")
        uids = [f.tracking_uid for f in self.findings]
        if len(set(uids)) != len(uids):
            raise InvalidValueError("a tracking UID occurs twice among the findings of a report")
        unknown = {u for s in self.statements for u in s.finding_uids} - set(uids)
        if unknown:
            raise InvalidValueError(f"a statement refers to {len(unknown)} finding(s) that the report does not hold")
        if {c.finding_uid for c in self.communications} - set(uids):
            raise InvalidValueError("a communication is about a finding that the report does not hold")
        if self.is_signed and not self.verified_by:
            raise InvalidValueError(f"a report that is {self.status} needs the name of who verified it")
        if self.translation is not None and self.translation.language == self.language:
            raise InvalidValueError(f"a translation needs another language than the report's ({self.language})")
        self.in_translation()

    def in_translation(self) -> Report | None:
        """The translation as a report of its own on the same findings, None without one."""
        second = self.translation
        if second is None:
            return None
        return replace(
            self, sections=second.sections, language=second.language, warnings=second.warnings, translation=None
        )

    @property
    def is_signed(self) -> bool:
        """Whether a named person stands for it as a whole: final, amended or appended."""
        return self.status in SIGNED

    @property
    def statements(self) -> tuple[Statement, ...]:
        """All statements in reading order."""
        return tuple(t for s in self.sections for t in s.statements)

    def section(self, name: SectionName) -> Section | None:
        return next((s for s in self.sections if s.name == name), None)

    def finding(self, tracking_uid: str) -> Finding:
        """The finding of that tracking UID; KeyError if there is none."""
        for finding in self.findings:
            if finding.tracking_uid == tracking_uid:
                return finding
        raise KeyError(tracking_uid)


@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """A study that was read: the one object that viewer, batch and server hold."""

    study: Study
    report: Report
    label_maps: tuple[LabelMap, ...] = ()

    def label_map(self, name: str) -> LabelMap | None:
        return next((m for m in self.label_maps if m.name == name), None)
