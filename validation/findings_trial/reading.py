"""One study of the trial, read with the default weights, and what came of it; kept on disk where that is wanted."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tomoscribe.core import Finding, Reading, Volume
from tomoscribe.core.errors import InputError, TomoscribeError
from tomoscribe.core.serial import from_json, to_json
from tomoscribe.validation.findings_trial.overlap import report_overlap, tower_overlap
from tomoscribe.validation.findings_trial.pictures import Picture, pictures_of
from tomoscribe.validation.findings_trial.sources import Made, Source
from tomoscribe.validation.findings_trial.truth import Truth, truth_from_json

if TYPE_CHECKING:
    from tomoscribe.reports.reader import StudyReader


@dataclass(frozen=True, kw_only=True)
class CaseResult:
    """What the machine made of one study.

    Args:
        name, group, seed, seen_by: as in its ``Source``.
        findings: of the report, review list included.
        text: of the report; it stays out of ``repr``.
        seconds: of each stage.
        overlap: agreement of masks with the reference, by ``METRIC/STRUCTURE``.
        warnings: what the report says above its text.
        failed: why there is no report.
    """

    name: str
    group: str
    truth: Truth
    seed: int | None = None
    seen_by: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    text: str = field(default="", repr=False)
    seconds: Mapping[str, float] = field(default_factory=dict)
    peak_memory_bytes: int | None = None
    overlap: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    failed: str | None = None


def read_source(source: Source, reader: StudyReader, *, keep: Path | None, key: str, pictures: bool) -> CaseResult:
    """Reads a study, or takes what an earlier run kept of it under the same key.

    Args:
        keep: folder of what was kept, None to keep nothing.
        key: hash of code and weights; what was kept under another one is made anew.
        pictures: draw what went wrong, where the study may be shown.
    """
    file = None if keep is None else kept_file(keep, source.name)
    if file is not None and (kept := _kept(file, key, pictures)) is not None:
        return kept
    with tempfile.TemporaryDirectory(prefix="tomoscribe-validate-") as work:
        result = _read(source, source.make(Path(work)), reader, pictures=pictures)
    if file is not None:
        keep_result(file, result, key, pictures=pictures)
    return result


def _read(source: Source, made: Made, reader: StudyReader, *, pictures: bool) -> CaseResult:
    from tomoscribe.encoders.dicom import scan

    try:
        study = scan(made.folder)[0]
        reading = reader.read(study)
    except TomoscribeError as error:
        return CaseResult(**_known(source, made), failed=error.what)
    return result_of(source, made, reading, reader.volumes(study), pictures=pictures)


def result_of(
    source: Source, made: Made, reading: Reading, volumes: Mapping[str, Volume], *, pictures: bool
) -> CaseResult:
    """What is kept of a reading, with its masks compared and its failures drawn."""
    from tomoscribe.reports.export.text import plain_text

    overlap = dict(report_overlap(reading, made.masks)) if made.masks is not None else {}
    if made.tower_volumes is not None and made.masks is not None:
        overlap |= tower_overlap(made.tower_volumes, made.masks)
    timing = reading.report.provenance.timing
    return CaseResult(
        **_known(source, made),
        findings=reading.report.findings,
        text=plain_text(reading.report),
        seconds=dict(timing.seconds),
        peak_memory_bytes=timing.peak_memory_bytes,
        overlap=overlap,
        warnings=reading.report.warnings,
        pictures=pictures_of(source.name, made.truth, reading, volumes) if pictures and source.may_be_shown else (),
    )


def _known(source: Source, made: Made) -> dict[str, Any]:
    return {
        "name": source.name,
        "group": source.group,
        "seed": source.seed,
        "seen_by": source.seen_by,
        "truth": made.truth,
    }


def kept_file(keep: Path, name: str) -> Path:
    """Where the result of a study is kept."""
    return keep / f"{name.replace(' ', '_')}.json"


def keep_result(file: Path, result: CaseResult, key: str, *, pictures: bool) -> None:
    """Keeps a result under a key, all of it or nothing."""
    data = {
        **asdict(result),
        "findings": [to_json(f) for f in result.findings],
        "key": key,
        "with_pictures": pictures,
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_text(json.dumps(data), encoding="utf-8")
    part.replace(file)


def _kept(file: Path, key: str, pictures: bool) -> CaseResult | None:
    """What an earlier run left there; None where it is another program's, or nothing, or lacks pictures."""
    if not file.is_file():
        return None
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError("a kept result is no JSON", where=file.name, remedy="delete the file") from error
    if data.pop("key", None) != key or data.pop("with_pictures") < pictures:
        return None
    rows = {
        "truth": truth_from_json(data["truth"]),
        "findings": tuple(from_json(Finding, f) for f in data["findings"]),
        "pictures": tuple(Picture(**p) for p in data["pictures"]),
        "seen_by": tuple(data["seen_by"]),
        "warnings": tuple(data["warnings"]),
    }
    return CaseResult(**{**data, **rows})
