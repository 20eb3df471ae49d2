"""What leaves a result folder for people and other systems, each only when it may (CLINICAL 18).

A draft leaves as SEG, SR (UNVERIFIED) and key images alone. The Encapsulated PDF needs a signature. DiagnosticReport
and ORU message need at least the preliminary release by a named person: they say ``partial`` and P then, ``final`` and
F after signing. Text, JSON and HTML stay where they are asked for and say what they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tomoscribe.core import Report, ReportStatus, reportable
from tomoscribe.core.errors import UnsignedError
from tomoscribe.reports.export.atomic import all_or_none, save_bytes, save_dicom, save_text
from tomoscribe.reports.export.key_objects import Rejection
from tomoscribe.reports.export.patient_facts import PatientFacts
from tomoscribe.reports.export.results import OpenedResults, predecessors, sr_references
from tomoscribe.reports.labels import labels_of
from tomoscribe.reports.signing import refuse_objections


class Document(StrEnum):
    """Something to export."""

    PDF = "pdf"
    FHIR = "fhir"
    HL7 = "hl7"
    KEY_OBJECTS = "key-objects"
    TEXT = "text"


FILES: dict[Document, tuple[str, ...]] = {
    Document.PDF: ("report.pdf", "pdf.dcm"),
    Document.FHIR: ("fhir.json",),
    Document.HL7: ("report.hl7",),
    Document.KEY_OBJECTS: ("key_objects.dcm",),
    Document.TEXT: ("report.txt",),
}
REJECTION_FILE = "rejection.dcm"
_RELEASED = (ReportStatus.PRELIMINARY, ReportStatus.FINAL, ReportStatus.AMENDED, ReportStatus.APPENDED)


def export_documents(opened: OpenedResults, folder: Path, documents: Sequence[Document]) -> tuple[Path, ...]:
    """Writes the documents into a folder, all of them or none.

    Raises:
        UnsignedError: one of them may not leave yet; nothing is written.
        LockError: the evidence lock objects to the report.
        MissingExtraError: a package that one of them needs is not installed.
        OutputError: the folder cannot be written.
    """
    report = opened.reading.report
    for document in documents:
        refuse_to_leave(report, document)
    if report.status is not ReportStatus.ENTERED_IN_ERROR:
        refuse_objections(opened.reading)
    names = tuple(name for document in documents for name in FILES[document])
    with all_or_none(folder, names) as staging:
        pdf = _pdf(opened) if {Document.PDF, Document.FHIR} & set(documents) and report.is_signed else None
        for document in documents:
            _write(document, opened, pdf, staging)
    return tuple(Path(folder) / name for name in names)


def refuse_to_leave(report: Report, document: Document) -> None:
    """Raises UnsignedError where a report in this state may not leave as this document."""
    if document is Document.PDF and not report.is_signed:
        raise UnsignedError(
            f"a PDF report leaves only when signed, found a report that is {report.status.value.replace('_', ' ')}",
            remedy="sign it with: tomoscribe sign RESULT",
        )
    withdrawn = report.status is ReportStatus.ENTERED_IN_ERROR and any(c.status in _RELEASED for c in report.history)
    if document in (Document.FHIR, Document.HL7) and report.status not in _RELEASED and not withdrawn:
        raise UnsignedError(
            f"a DiagnosticReport or ORU message leaves only when a named person has released it, found a report that "
            f"is {report.status.value.replace('_', ' ')}",
            remedy="sign it, or release it as preliminary, with: tomoscribe sign RESULT [--preliminary]",
        )


def write_rejection(opened: OpenedResults, also: Sequence[Any], why: Rejection, folder: Path) -> Path:
    """Writes the rejection note for what is in a result folder, earlier reports included, and what left it.

    Args:
        opened: of a report that was withdrawn; the note says by whom, when and why.
        also: data sets of the same study that were exported from it.
    """
    from tomoscribe.reports.export.key_objects import build_rejection_note

    last = opened.reading.report.history[-1]
    words = f"{last.reason} ({last.by}, {last.at})"
    objects = [*_objects(opened), *predecessors(opened.sr), *also]
    note = build_rejection_note(objects, why, words, version("tomoscribe"))
    with all_or_none(folder, (REJECTION_FILE,)) as staging:
        save_dicom(note, staging / REJECTION_FILE)
    return Path(folder) / REJECTION_FILE


def _objects(opened: OpenedResults) -> list[Any]:
    captures = [c for several in opened.captures.values() for c in several]
    return [opened.sr, *(o for o in (opened.seg, opened.anatomy) if o is not None), *captures]


def _write(document: Document, opened: OpenedResults, pdf: bytes | None, folder: Path) -> None:
    from tomoscribe.reports.export.text import plain_text

    reading, software = opened.reading, version("tomoscribe")
    patient = opened.patient
    first = folder / FILES[document][0]
    if document is Document.TEXT:
        save_text(plain_text(reading.report, labels_of(reading.report.language)), first)
    elif document is Document.PDF and pdf is not None:
        from tomoscribe.reports.export.encapsulated_pdf import build_encapsulated_pdf

        save_bytes(pdf, first)
        save_dicom(build_encapsulated_pdf(pdf, reading.report, _objects(opened), software), folder / "pdf.dcm")
    elif document is Document.FHIR:
        save_text(_fhir(opened, patient, pdf), first)
    elif document is Document.HL7:
        from tomoscribe.reports.export.hl7 import build_message

        save_bytes(build_message(reading, patient).encode(), first)
    elif document is Document.KEY_OBJECTS:
        from tomoscribe.reports.export.key_objects import build_key_objects

        shown, words = _key_images(opened)
        words = f"{words}; {reading.report.status.value.replace('_', ' ')}"
        save_dicom(build_key_objects(shown, words, software), first)


def _pdf(opened: OpenedResults) -> bytes:
    from tomoscribe.reports.export.pdf_page import Page, render_pdf
    from tomoscribe.reports.export.secondary_capture import read_picture

    pictures: Mapping[str, Any] = {
        uid: tuple(read_picture(c) for c in captures) for uid, captures in opened.captures.items()
    }
    words = labels_of(opened.reading.report.language)
    page = Page(reading=opened.reading, patient=opened.patient, pictures=pictures, words=words)
    return render_pdf(page)


def _fhir(opened: OpenedResults, patient: PatientFacts, pdf: bytes | None) -> str:
    from tomoscribe.reports.export.fhir import build_bundle, bundle_text

    known = {s.series_uid for s in opened.reading.study.series}
    instances = [r for r in sr_references(opened.sr) if r.series_uid in known]
    return bundle_text(build_bundle(opened.reading, patient, instances, pdf))


def _key_images(opened: OpenedResults) -> tuple[list[Any], str]:
    """The marked pictures of the reported findings and the slices they are seen on; without either, the masks.

    Where nothing was outlined either, the middle image of each series that was read. With what they are, in words.
    """
    from tomoscribe.reports.export.results import source_headers

    report = opened.reading.report
    shown = {f.tracking_uid for f in reportable(report.findings)}
    seen = {e.instance_uid for f in reportable(report.findings) for e in f.evidence}
    sources = source_headers(opened.sr, opened.reading.study)
    slices = [h for uid, h in sources.items() if uid in seen]
    captures = [c for uid, several in opened.captures.items() if uid in shown for c in several]
    if captures or slices or opened.seg is not None:
        return [*captures, *slices] or [opened.seg], "Images of the reported findings"
    return _middle_images(sources.values()), "No finding has an image: one image of each series that was read"


def _middle_images(headers: Iterable[Any]) -> list[Any]:
    """Of each series one, half way along it."""
    by_series: dict[str, list[Any]] = {}
    for header in headers:
        by_series.setdefault(str(header.SeriesInstanceUID), []).append(header)
    return [several[len(several) // 2] for several in by_series.values()]
