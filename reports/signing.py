"""The life of a report: draft -> preliminary -> final, then amended, appended or entered in error (CLINICAL 6).

Pure functions on core types; every step is taken by a named person and written into the report's history. A step that
signs is refused while a finding is unreviewed or the evidence lock objects. Viewer and commands call the same ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tomoscribe.core import (
    Communication,
    Finding,
    Presence,
    Reading,
    Report,
    ReportStatus,
    Review,
    ReviewState,
    Section,
    SectionName,
    Source,
    Statement,
    StatementKind,
    StatusChange,
)
from tomoscribe.core.errors import InputError, LockError, UnsignedError

_BEFORE: dict[ReportStatus, tuple[ReportStatus, ...]] = {
    ReportStatus.PRELIMINARY: (ReportStatus.DRAFT,),
    ReportStatus.FINAL: (ReportStatus.DRAFT, ReportStatus.PRELIMINARY),
    ReportStatus.AMENDED: (ReportStatus.FINAL, ReportStatus.AMENDED, ReportStatus.APPENDED),
    ReportStatus.APPENDED: (ReportStatus.FINAL, ReportStatus.AMENDED, ReportStatus.APPENDED),
    ReportStatus.ENTERED_IN_ERROR: tuple(s for s in ReportStatus if s is not ReportStatus.ENTERED_IN_ERROR),
}
"""What a report must be to become each status."""


@dataclass(frozen=True, kw_only=True)
class Signer:
    """Who acts: the account that the operating system vouches for.

    Args:
        login: account name.
        full_name: as the account's record has it, None if it has none.
    """

    login: str
    full_name: str | None = None

    @property
    def name(self) -> str:
        """``Full Name (login)``, or the login alone."""
        return self.login if not self.full_name or self.full_name == self.login else f"{self.full_name} ({self.login})"


def process_identity() -> Signer:
    """The account that this process runs under; environment variables have no say in it.

    Raises:
        UnsignedError: the operating system has no record of the account.
    """
    import os

    try:
        import pwd
    except ImportError:  # Windows: the login of the session's access token
        return Signer(login=os.getlogin())
    try:
        record = pwd.getpwuid(os.getuid())
    except KeyError as error:
        raise UnsignedError(
            f"the operating system has no account for user number {os.getuid()}",
            remedy="sign from an account with a name",
        ) from error
    return Signer(login=record.pw_name, full_name=record.pw_gecos.split(",")[0].strip() or None)


def now() -> str:
    """The time of this moment, ISO 8601 with the offset from UTC, to the second."""
    from datetime import datetime

    return datetime.now().astimezone().isoformat(timespec="seconds")


def unreviewed(report: Report) -> tuple[Finding, ...]:
    """The findings that nobody has looked at yet: present or uncertain ones, organs included."""
    shown = (Presence.PRESENT, Presence.UNCERTAIN)
    return tuple(f for f in report.findings if f.presence in shown and f.review.state is ReviewState.UNREVIEWED)


def review(reading: Reading, finding_uids: Sequence[str], outcome: Review) -> Reading:
    """The reading with the outcome at each of these findings; the sentences of a rejected one give way.

    Args:
        outcome: accepted or rejected, with its reviewer; a rejection needs a reason.

    Raises:
        InputError: no such finding, a rejection without a reason, or a report that is signed (correct it instead).
    """
    report = reading.report
    if report.is_signed or report.status is ReportStatus.ENTERED_IN_ERROR:
        raise InputError(f"expected a report that is not signed, found one that is {_word(report.status)}",
                         remedy="correct it instead")  # fmt: skip
    return _reviewed(reading, finding_uids, outcome)


def reconsider(reading: Reading, finding_uids: Sequence[str], outcome: Review, signer: Signer) -> Reading:
    """A correction of a signed report: other outcomes for some findings; the outcome's reason and time are the step's.

    Raises:
        InputError: no such finding, or no reason.
        UnsignedError: the report is not signed.
    """
    corrected = _reviewed(reading, finding_uids, outcome).report
    return correct(reading, corrected, signer, outcome.at or "", outcome.reason or "")


def _reviewed(reading: Reading, finding_uids: Sequence[str], outcome: Review) -> Reading:
    report = reading.report
    if outcome.state is ReviewState.REJECTED and not outcome.reason:
        raise InputError("expected a reason for rejecting a finding, found none")
    unknown = set(finding_uids) - {f.tracking_uid for f in report.findings}
    if unknown:
        raise InputError(f"the report has no finding {sorted(unknown)[0]}")
    findings = tuple(replace(f, review=outcome) if f.tracking_uid in finding_uids else f for f in report.findings)
    reviewed = replace(reading, report=replace(report, findings=findings))
    return _reworded(reviewed) if outcome.state is ReviewState.REJECTED else reviewed


def release(reading: Reading, status: ReportStatus, signer: Signer, at: str) -> Reading:
    """Preliminary, or final: signed.

    Raises:
        UnsignedError: a finding is unreviewed, or the report is not one that can become this.
        LockError: the evidence lock objects.
    """
    if status not in (ReportStatus.PRELIMINARY, ReportStatus.FINAL):
        raise InputError(f"expected preliminary or final, found {_word(status)}")
    _refuse_unreviewed(reading.report)
    return _step(reading, StatusChange(status=status, by=signer.name, at=at))


def append(reading: Reading, text: str, signer: Signer, change_at: str, reason: str) -> Reading:
    """An addendum: one sentence of a clinician after the signed text, which stays as it is.

    Raises:
        UnsignedError: the report is not signed.
        LockError: the sentence contradicts a measurement.
    """
    from tomoscribe.reports.writer.translation import renewed

    if not text.strip():
        raise InputError("expected the words of the addendum, found none")
    report = reading.report
    old = report.section(SectionName.ADDENDUM)
    sentence = Statement(text=text.strip(), kind=StatementKind.FACT, source=Source.CLINICIAN)
    section = Section(name=SectionName.ADDENDUM, statements=(*(old.statements if old else ()), sentence))
    sections = (*(s for s in report.sections if s.name is not SectionName.ADDENDUM), section)
    change = StatusChange(status=ReportStatus.APPENDED, by=signer.name, at=change_at, reason=reason)
    appended = renewed(replace(report, sections=sections), reading.study)
    return _step(replace(reading, report=appended), change)


def correct(reading: Reading, corrected: Report, signer: Signer, change_at: str, reason: str) -> Reading:
    """A correction: other findings or sentences in place of the signed ones.

    Args:
        corrected: what shall stand; its status, history and verifier are those of the signed report.

    Raises:
        UnsignedError: the report is not signed, a corrected finding is unreviewed, or nothing was changed.
        LockError: the evidence lock objects to the corrected report.
    """
    from tomoscribe.reports.writer.translation import renewed

    report = reading.report
    kept = replace(corrected, status=report.status, history=report.history, verified_by=report.verified_by)
    if (kept.sections, kept.findings) == (report.sections, report.findings):
        raise UnsignedError("expected a correction, found the same report")
    _refuse_unreviewed(kept)
    change = StatusChange(status=ReportStatus.AMENDED, by=signer.name, at=change_at, reason=reason)
    return _step(replace(reading, report=renewed(kept, reading.study)), change)


def withdraw(reading: Reading, signer: Signer, at: str, reason: str) -> Reading:
    """Entered in error: the report stands for nothing any more.

    Raises:
        UnsignedError: it is withdrawn already.
    """
    change = StatusChange(status=ReportStatus.ENTERED_IN_ERROR, by=signer.name, at=at, reason=reason)
    return replace(reading, report=_changed(reading.report, change))


def tell(reading: Reading, communication: Communication) -> Reading:
    """The reading with the note that somebody was told of a critical finding.

    Raises:
        InvalidValueError: the report does not hold the finding.
    """
    report = reading.report
    return replace(reading, report=replace(report, communications=(*report.communications, communication)))


def signature(report: Report) -> StatusChange | None:
    """The step that the present signature rests on: the last one that signed; None for an unsigned report."""
    if not report.is_signed:
        return None
    return next((c for c in reversed(report.history) if c.status == report.status), None)


def edits_between(before: Report, after: Report) -> str:
    """What a person did to a report, in counts for the audit store, e.g. ``2 accepted, 1 rejected``; empty: nothing."""
    reviews = {f.tracking_uid: f.review for f in before.findings}
    changed = [f.review.state for f in after.findings if f.review != reviews.get(f.tracking_uid)]
    told = len(after.communications) - len(before.communications)
    texts = {(s.name, t.text) for s in before.sections for t in s.statements}
    own = {(s.name, t.text) for s in after.sections for t in s.statements if t.source is Source.CLINICIAN} - texts
    counts = [(changed.count(state), state.value) for state in ReviewState] + [(told, "told"), (len(own), "sentences")]
    return ", ".join(f"{count} {word}" for count, word in counts if count > 0)


def _step(reading: Reading, change: StatusChange) -> Reading:
    stepped = replace(reading, report=_changed(reading.report, change))
    refuse_objections(stepped)
    return stepped


def _changed(report: Report, change: StatusChange) -> Report:
    allowed = _BEFORE[change.status]
    if report.status not in allowed:
        raise UnsignedError(
            f"expected a report that is {' or '.join(_word(s) for s in allowed)}, found one that is "
            f"{_word(report.status)}; it cannot become {_word(change.status)}"
        )
    signs = change.status in (ReportStatus.FINAL, ReportStatus.AMENDED, ReportStatus.APPENDED)
    verified_by = change.by if signs else report.verified_by
    return replace(report, status=change.status, verified_by=verified_by, history=(*report.history, change))


def _refuse_unreviewed(report: Report) -> None:
    waiting = unreviewed(report)
    if waiting:
        raise UnsignedError(
            f"{len(waiting)} finding(s) are not reviewed, first: {waiting[0].type.meaning}",
            remedy="accept, edit or reject each of them, then sign",
        )


def refuse_objections(reading: Reading) -> None:
    """Raises LockError, with the first objection, when the evidence lock objects to the report of the reading."""
    from tomoscribe.reports.lock import EvidenceLock

    objections = EvidenceLock.of(reading)
    if objections:
        first = objections[0]
        raise LockError(
            f"the evidence lock objects to {len(objections)} point(s) of the report, first to: {first.words}",
            where=f"section {first.section.value}",
            remedy=f"{first.remedy}, then export or sign it",
        )


def _reworded(reading: Reading) -> Reading:
    """Without the sentences of rejected findings; what they leave open, a count above all, the writer words anew."""
    from tomoscribe.reports.lock import lock_report
    from tomoscribe.reports.writer import write_report
    from tomoscribe.reports.writer.translation import renewed

    report, study = reading.report, reading.study
    rejected = {f.tracking_uid for f in report.findings if f.review.state is ReviewState.REJECTED}
    sections = tuple(
        replace(s, statements=tuple(t for t in s.statements if not rejected & set(t.finding_uids)))
        for s in report.sections
    )
    written = write_report(study, report.findings, provenance=report.provenance, language=report.language)
    shortened = replace(report, sections=sections, translation=None)
    locked = lock_report(shortened, written, study)
    return replace(reading, report=renewed(replace(locked, translation=report.translation), study))


def _word(status: ReportStatus) -> str:
    return status.value.replace("_", " ")
