"""Signing, exporting and reopening as pieces of work off the GUI thread, each written into the audit store first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import ndiff
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tomoscribe.core import Communication, Reading, Report, ReportStatus, Source, Study, Volume
from tomoscribe.core.errors import InputError, MissingExtraError, UnsignedError
from tomoscribe.findings.measured import Progress
from tomoscribe.reports import editing, signing
from tomoscribe.reports.acts import Act, Desk, Subject
from tomoscribe.reports.audit import Event, patient_of
from tomoscribe.reports.signing import Signer

if TYPE_CHECKING:
    from tomoscribe.reports.export import OpenedResults

PROGRAM = "tomoscribe view"
OTHER = {"en": "zh", "zh": "en"}
_ACTS = {
    Event.READ: Act.OPEN, Event.EDITED: Act.EDIT, Event.SIGNED: Act.SIGN, Event.RETRACTED: Act.RETRACT,
    Event.EXPORTED: Act.EXPORT,
}  # fmt: skip


def record(study: Study, event: Event, detail: str | None = None) -> None:
    """Asks the site's roles and writes into the audit store what is about to be done.

    Raises:
        ConfigError: a site file does not give the account the role; then it is not done, and the refusal is written.
        OutputError: it cannot be written; then it is not done.
    """
    desk = Desk.here(PROGRAM)
    patient = None if desk.log.folder is None else patient_of(study.series)
    desk.note(_ACTS[event], Subject(study_uid=study.study_uid, patient=patient), detail)


def release(reading: Reading, status: ReportStatus, who: tuple[Signer, str]) -> Reading:
    """Preliminary or signed; refused while a finding is unreviewed or the lock objects."""
    released = signing.release(reading, status, *who)
    record(reading.study, Event.SIGNED, status.value)
    return released


def append(reading: Reading, text: str, reason: str, who: tuple[Signer, str]) -> Reading:
    """An addendum to a signed report."""
    appended = signing.append(reading, text, *who, reason)
    record(reading.study, Event.SIGNED, ReportStatus.APPENDED.value)
    return appended


def withdraw(reading: Reading, reason: str, who: tuple[Signer, str]) -> Reading:
    """Entered in error."""
    withdrawn = signing.withdraw(reading, *who, reason)
    record(reading.study, Event.RETRACTED, reason)
    return withdrawn


def tell(reading: Reading, uid: str, told: str, how: str, who: tuple[Signer, str]) -> Reading:
    """Who was told of a critical finding, when and how."""
    signer, at = who
    noted = Communication(finding_uid=uid, told=told, by=signer.name, at=at, how=how)
    changed = signing.tell(reading, noted)
    record(reading.study, Event.EDITED, "critical finding told")
    return changed


def in_other_language(reading: Reading) -> Reading:
    """The reading with a translation, made from its findings, marked as one; as it is where it has one.

    Where the decoder's sentence says less or more than its translation, the writer words it in both languages.
    """
    from tomoscribe.reports.lock import differences
    from tomoscribe.reports.writer import translated

    report, study = reading.report, reading.study
    if report.translation is not None:
        return reading
    warnings = report.warnings if report.language == "en" else study.warnings
    both = replace(reading, report=translated(report, study, OTHER[report.language], warnings))
    second = both.report.in_translation()
    apart = {d.first for d in differences(both.report, second)} if second is not None else set()
    told = [s for s in report.statements if s.text in apart and s.source is Source.DECODER]
    uids = {u for s in told for u in s.finding_uids}
    return editing.rewritten(both, report.findings, plainly=uids) if uids else both


def changes(first: Report, now: Report) -> str:
    """What changed of the text since it was drafted, line by line: ``-`` gone, ``+`` new."""
    before, after = ([s.text for s in r.statements] for r in (first, now))
    return "\n".join(line for line in ndiff(before, after) if not line.startswith("? "))


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What was written.

    Args:
        held_back: why some documents did not leave, in words.
    """

    folder: Path
    files: tuple[Path, ...]
    held_back: tuple[str, ...]


def export(reading: Reading, volumes: Mapping[str, Volume], folder: Path, progress: Progress) -> Exported:
    """Everything that the report may leave as: the results, then every document that its status allows.

    Raises:
        LockError: the lock objects.
        OutputError: the folder cannot be written; nothing is left of the attempt.
    """
    from tomoscribe.encoders.dicom import read_headers
    from tomoscribe.reports.export import check_writable, open_folder, write_results

    check_writable(folder)
    signing.refuse_objections(reading)
    progress("reading headers", 0.05)
    refs = [v.series for v in volumes.values()]
    chosen = [s for s in reading.study.series if any(s.is_source_of(r) for r in refs)]
    headers = {s.series_uid: read_headers(s) for s in chosen}
    record(reading.study, Event.EXPORTED, "to a folder")
    progress("writing the results", 0.2)
    files = list(write_results(reading, volumes, headers, folder, predecessor=_predecessor(reading, folder)))
    progress("writing the documents", 0.7)
    documents, held_back = _documents(open_folder(folder), folder)
    return Exported(folder=folder, files=(*files, *documents), held_back=held_back)


def _predecessor(reading: Reading, folder: Path) -> Any:
    """The SR that an earlier export of another version left in the folder; None without one."""
    from tomoscribe.reports.export import open_folder

    try:
        opened = open_folder(folder)
    except InputError:
        return None
    same = opened.reading.study.study_uid == reading.study.study_uid
    return opened.sr if same and opened.reading.report != reading.report else None


def _documents(opened: OpenedResults, folder: Path) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    from tomoscribe.reports.export.documents import Document, export_documents

    files: list[Path] = []
    held_back: list[str] = []
    for document in Document:
        try:
            files += export_documents(opened, folder, [document])
        except (UnsignedError, MissingExtraError) as error:
            held_back.append(f"{document.value}: {error.line()}")
    return tuple(files), tuple(held_back)


def reopen(study: Study, folder: Path, progress: Progress) -> tuple[Reading, dict[str, Volume]]:
    """The reading in a result folder on the study that is open, with the volumes it rests on.

    Raises:
        InputError: no results, or those of another study.
    """
    from tomoscribe.encoders.dicom import load_volume
    from tomoscribe.reports.export import open_folder

    progress("opening the results", 0.1)
    reading = open_folder(folder).reading
    if reading.study.study_uid != study.study_uid:
        raise InputError(
            "expected results of the study that is open, found those of another",
            where=str(folder),
            remedy="open that study first, then its results",
        )
    wanted = {m.series_uid for m in reading.label_maps}
    wanted |= {e.series_uid for f in reading.report.findings for e in f.evidence}
    volumes = {}
    for series in study.readable:
        if series.series_uid in wanted:
            progress("loading images", 0.4)
            volumes[series.series_uid] = load_volume(study, series)
    record(study, Event.READ, "results opened")
    return replace(reading, study=study), volumes
