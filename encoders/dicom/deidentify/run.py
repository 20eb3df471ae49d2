"""A folder of DICOM -> a new folder without identifiers: surveyed, cleaned, checked, and moved into place at the end.

All files of a study or none; the input is only read; the output folder is new.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian, MediaStorageDirectoryStorage

from tomoscribe.core import Code
from tomoscribe.core.errors import CancelledError, OutputError, TomoscribeError
from tomoscribe.encoders.dicom.broken import BROKEN_FILE
from tomoscribe.encoders.dicom.charset import character_set, text_of
from tomoscribe.encoders.dicom.deidentify.clean import Cleaner, Rules
from tomoscribe.encoders.dicom.deidentify.identifiers import Identifiers
from tomoscribe.encoders.dicom.deidentify.inputs import dicom_below
from tomoscribe.encoders.dicom.deidentify.key import SecretKey
from tomoscribe.encoders.dicom.deidentify.options import BASIC, CODES, STRUCTURED_CONTENT, Option
from tomoscribe.encoders.dicom.deidentify.pixels import black_out, copy_pixels
from tomoscribe.encoders.dicom.deidentify.policy import HEAD_WARNING, is_ultrasound, may_show_face, reason_to_drop
from tomoscribe.encoders.dicom.deidentify.profile import edition
from tomoscribe.encoders.dicom.deidentify.report import DeidentificationReport, FileReport
from tomoscribe.encoders.dicom.files import Progress
from tomoscribe.encoders.dicom.guarded import HeaderError, read_header
from tomoscribe.encoders.dicom.headers import lenient_reading
from tomoscribe.encoders.dicom.pixels import read_object
from tomoscribe.encoders.dicom.write import IMPLEMENTATION_UID

REPORT_FILE = "deidentification.json"
_log = logging.getLogger(__name__)
_DECODE_ERRORS = (*BROKEN_FILE, RuntimeError, IndexError)
_SR_CLASSES = "1.2.840.10008.5.1.4.1.1.88."
_TEXT_COUNT = "parts of pictures blackened that looked like text"
_REGION_WARNING = (
    "what lies outside the declared ultrasound regions was blackened, and what looks like text within them: "
    "look at each picture"
)


@dataclass(kw_only=True)
class _Input:
    """One file of the input, as far as the survey saw it."""

    number: int
    path: Path
    kind: str = "unreadable"
    study_uid: str = ""
    patient_id: str | None = None
    issuer: str | None = None
    reason: str | None = None
    shows_face: bool = False


@dataclass(kw_only=True)
class _Study:
    """The files of one study and the words that identify somebody in any of them."""

    inputs: list[_Input] = field(default_factory=list)
    identifiers: Identifiers = field(default_factory=Identifiers)


@dataclass(frozen=True, kw_only=True)
class _Job:
    """What all files of a run share."""

    key: SecretKey
    options: frozenset[Option]
    staging: Path


def deidentify(
    source: Path,
    out: Path,
    *,
    key: SecretKey,
    options: Collection[Option] = (),
    progress: Progress | None = None,
) -> DeidentificationReport:
    """Writes a de-identified copy of every file that can be cleaned, and ``deidentification.json``.

    Files lie in ``PSEUDONYM/STUDY/SERIES/INSTANCE.dcm`` under their new UIDs. The same input, key and options give the
    same bytes.

    Args:
        source: folder, zip or file; only read.
        out: absent or empty, neither inside of ``source`` nor around it.
        progress: called with the stage in words and the fraction done; may raise CancelledError.

    Raises:
        InputError: there is no DICOM at ``source``.
        OutputError: ``out`` will not do, nothing may be written, or an identifier was found in the result; nothing is
            left behind.
    """
    source, out, report_progress = Path(source), Path(out), progress or _silent
    _check_places(source, out)
    found = dicom_below(source, report_progress)
    with lenient_reading(), _staging(out) as staging:
        job = _Job(key=key, options=frozenset(options), staging=staging)
        studies, refused = _survey(found.paths, job, report_progress)
        reports = [FileReport(number=i.number, kind=i.kind, reason=i.reason) for i in refused]
        for n, study in enumerate(studies):
            report_progress("de-identifying", 0.3 + 0.7 * n / len(studies))
            reports += _whole_study(study, job, report_progress)
        reports.sort(key=lambda r: r.number)
        report = DeidentificationReport(
            profile=edition(),
            codes=tuple(_codes(job, "", pixels_cleaned=any(_TEXT_COUNT in r.counts for r in reports))),
            files=tuple(reports),
            passed_over=found.passed_over,
        )
        if not report.written:
            raise OutputError(f"no file may leave: {'; '.join(report.lines()[1:4])}", remedy="see the reasons given")
        _write_report(report, staging)
        _move(staging, out)
    report_progress("de-identifying", 1.0)
    return report


def _survey(paths: Sequence[Path], job: _Job, progress: Progress) -> tuple[list[_Study], list[_Input]]:
    """Studies in the order of their first file, and the files that cannot be read at all."""
    by_uid: dict[str, _Study] = defaultdict(_Study)
    refused = []
    for number, path in enumerate(paths, start=1):
        if number % 20 == 1:
            progress("looking for identifiers", 0.3 * number / len(paths))
        item = _Input(number=number, path=path)
        try:
            ds = read_header(path, None).ds
            _look(item, ds, job)
            by_uid[item.study_uid].identifiers.add(ds)
        except BROKEN_FILE:
            item.reason = "the file is damaged"
        if item.reason is None:
            by_uid[item.study_uid].inputs.append(item)
        else:
            refused.append(item)
    return [s for s in by_uid.values() if s.inputs], refused


def _look(item: _Input, ds: Dataset, job: _Job) -> None:
    charset = character_set(ds)
    sop_class = text_of(ds, "SOPClassUID", charset) or ""
    item.kind = _kind(sop_class)
    item.study_uid = text_of(ds, "StudyInstanceUID", charset) or ""
    item.patient_id = text_of(ds, "PatientID", charset)
    item.issuer = text_of(ds, "IssuerOfPatientID", charset)
    meta_class = getattr(getattr(ds, "file_meta", None), "MediaStorageSOPClassUID", "")
    if MediaStorageDirectoryStorage in (sop_class, meta_class):
        item.kind, item.reason = "DICOMDIR", "a directory of other files, which are cleaned themselves"
    elif not item.study_uid or not text_of(ds, "SOPInstanceUID") or not text_of(ds, "SeriesInstanceUID"):
        item.reason = "no study, series or instance UID"
    else:
        item.reason = reason_to_drop(ds, job.options)
        item.shows_face = may_show_face(ds)


def _kind(sop_class: str) -> str:
    name = UID(sop_class).name if sop_class else "unknown"
    return name if name != sop_class else "Label Map Segmentation" if sop_class.endswith(".66.7") else "unknown"


def _whole_study(study: _Study, job: _Job, progress: Progress) -> list[FileReport]:
    """All its files cleaned, or all dropped with the first reason."""
    done: list[FileReport] = []
    try:
        for item in study.inputs:
            progress("de-identifying", 1.0 if item is study.inputs[-1] else 0.5)
            done.append(_one_file(item, study, job))
    except (TomoscribeError, *_DECODE_ERRORS) as error:
        if isinstance(error, CancelledError):
            raise
        for report in done:
            (job.staging / (report.output or "")).unlink()
        what = error.what if isinstance(error, TomoscribeError) else "its contents cannot be read"
        what = error.reason if isinstance(error, HeaderError) else what
        why = f"file {study.inputs[len(done)].number} of the same study cannot be cleaned: {what}"
        return [FileReport(number=i.number, kind=i.kind, reason=why) for i in study.inputs]
    return done


def _one_file(item: _Input, study: _Study, job: _Job) -> FileReport:
    source = read_object(item.path)
    alias = job.key.alias(item.patient_id, item.issuer, item.study_uid)
    rules = Rules(key=job.key, alias=alias, options=job.options, identifiers=study.identifiers)
    _complete_meta(source)
    warnings = (HEAD_WARNING,) if item.shows_face else ()
    cleaner = Cleaner(rules=rules)
    if is_ultrasound(source):
        cleaner.counts[_TEXT_COUNT] = black_out(source)
        warnings = (_REGION_WARNING,)
    target = cleaner.clean(source)
    target.file_meta = _meta(source, target)
    _refuse_leaks(target, rules)
    _mark(target, item, job, pixels_cleaned=_TEXT_COUNT in cleaner.counts)
    copy_pixels(source, target)
    path = _place(target, alias.name, job.staging)
    path.parent.mkdir(parents=True, exist_ok=True)
    target.save_as(path, enforce_file_format=True)
    output = str(path.relative_to(job.staging))
    return FileReport(number=item.number, kind=item.kind, output=output, counts=cleaner.counts, warnings=warnings)


def _complete_meta(source: Dataset) -> None:
    """A bare data set without a transfer syntax is an uncompressed one."""
    if not hasattr(source, "file_meta"):
        source.file_meta = FileMetaDataset()
    if "TransferSyntaxUID" not in source.file_meta:
        is_implicit, _ = source.original_encoding
        source.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if is_implicit else ExplicitVRLittleEndian


def _meta(source: Dataset, target: Dataset) -> FileMetaDataset:
    """A file meta group of our own: no application entity, no private information; the preamble is empty."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = target.SOPClassUID
    meta.MediaStorageSOPInstanceUID = target.SOPInstanceUID
    meta.TransferSyntaxUID = source.file_meta.TransferSyntaxUID
    meta.ImplementationClassUID = IMPLEMENTATION_UID
    meta.ImplementationVersionName = "TOMOSCRIBE"
    return meta


def _refuse_leaks(target: Dataset, rules: Rules) -> None:
    """The finished header once more, as bytes: no word and no UID of the input may stand in it.

    Raises:
        OutputError: one does; the message does not say which.
    """
    buffer = io.BytesIO()
    plain = Dataset()
    plain.update({e.tag: e for e in target})
    plain.save_as(buffer, implicit_vr=False, little_endian=True)
    if rules.identifiers.stand_in(buffer.getvalue()):
        raise OutputError("an identifier of the input was found in the cleaned header")


def _mark(target: Dataset, item: _Input, job: _Job, *, pixels_cleaned: bool) -> None:
    """Says in the object itself what was done to it (PS3.15 E.1.1 and E.3.1)."""
    target.PatientIdentityRemoved = "YES"
    target.DeidentificationMethod = [f"tomoscribe {version('tomoscribe')}", edition()]
    codes = _codes(job, str(target.SOPClassUID), pixels_cleaned=pixels_cleaned)
    target.DeidentificationMethodCodeSequence = DicomSequence([_code_item(c) for c in codes])
    modified = Option.MODIFIED_DATES in job.options
    target.LongitudinalTemporalInformationModified = "MODIFIED" if modified else "REMOVED"
    if pixels_cleaned:
        target.BurnedInAnnotation = "NO"
    if item.shows_face:
        target.RecognizableVisualFeatures = "YES"


def _codes(job: _Job, sop_class: str, *, pixels_cleaned: bool) -> list[Code]:
    """Clean Pixel Data is claimed only of objects whose pixels were cleaned, not because it was chosen."""
    applied = job.options if pixels_cleaned else job.options - {Option.CLEAN_PIXEL_DATA}
    chosen = [CODES[o] for o in Option if o in applied]
    return [BASIC, *([STRUCTURED_CONTENT] if sop_class.startswith(_SR_CLASSES) else []), *chosen]


def _code_item(code: Code) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code.value, code.scheme, code.meaning
    return item


def _place(target: Dataset, alias: str, staging: Path) -> Path:
    folder = staging / alias / str(target.StudyInstanceUID) / str(target.SeriesInstanceUID)
    name, n = str(target.SOPInstanceUID), 1
    while (path := folder / (f"{name}.dcm" if n == 1 else f"{name}_{n}.dcm")).exists():
        n += 1
    return path


def _write_report(report: DeidentificationReport, folder: Path) -> None:
    words = json.dumps(report.to_json(), indent=1, ensure_ascii=False)
    (folder / REPORT_FILE).write_text(words + "\n", encoding="utf-8")


def _check_places(source: Path, out: Path) -> None:
    inner, outer = out.resolve(), source.resolve()
    if inner == outer or outer in inner.parents or inner in outer.parents:
        raise OutputError(
            "the output folder must lie neither inside the input nor around it",
            where=out.name,
            remedy="choose another output folder",
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputError(
            "expected a new or empty output folder, found something in it",
            where=out.name,
            remedy="choose another output folder; nothing is ever overwritten",
        )


@contextlib.contextmanager
def _staging(out: Path) -> Iterator[Path]:
    """A folder beside the output, gone afterwards; on failure the folders made on the way to it too."""
    made = [p for p in (out.parent, *out.parent.parents) if not p.exists()]
    staging = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".tomoscribe-", dir=out.parent))
        yield staging
        made = []
    except OSError as error:
        raise OutputError(
            f"the de-identified files cannot be written: {error.strerror or 'disk error'}",
            where=out.name,
            remedy="choose an output folder that you may write to, with enough room",
        ) from error
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)
        for folder in made:
            with contextlib.suppress(OSError):
                folder.rmdir()


def _move(staging: Path, out: Path) -> None:
    """One rename: the output is there as a whole or not at all."""
    for folder, _, _ in os.walk(staging, topdown=False):
        if not any(Path(folder).iterdir()):
            Path(folder).rmdir()
    staging.chmod(0o755)
    if out.exists():
        out.rmdir()
    staging.rename(out)


def _silent(stage: str, fraction: float) -> None:
    """Progress that nobody watches."""
