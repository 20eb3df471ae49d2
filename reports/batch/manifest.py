"""``manifest.parquet``: one row per series, for DuckDB, pandas and whoever else asks what became of an export."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tomoscribe.core import Study
from tomoscribe.reports.batch.folder import write_atomically
from tomoscribe.reports.batch.records import SeriesRow, StudyRecord, series_rows

COLUMNS = (
    ("study_uid", "string"), ("series_uid", "string"), ("part", "string"), ("modality", "string"),
    ("num_files", "int32"), ("slices", "int32"), ("rows", "int32"), ("columns", "int32"),
    ("verdict", "string"), ("was_read", "bool"), ("status", "string"), ("stage", "string"),
    ("seconds", "float64"), ("peak_memory_bytes", "int64"), ("rss_bytes", "int64"), ("error", "string"),
    ("folder", "string"), ("urgency", "int8"), ("num_actionable", "int32"), ("num_present", "int32"),
    ("num_review", "int32"), ("study_date", "string"), ("patient", "string"), ("finished", "string"),
)  # fmt: skip
"""Names and types. ``seconds`` and memory are the study's, the same in each row of it; an archive that could not be
opened is one row without UIDs."""


def write_manifest(path: Path, records: Sequence[StudyRecord], pending: Sequence[Study]) -> None:
    """Writes the whole table anew, all of it or nothing.

    Raises:
        OutputError: the disk refuses.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [row for record in records for row in _rows(record)] + [row for study in pending for row in _waiting(study)]
    schema = pa.schema([(name, pa.bool_() if kind == "bool" else getattr(pa, kind)()) for name, kind in COLUMNS])
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), sink)
    write_atomically(path, sink.getvalue().to_pybytes())


def _rows(record: StudyRecord) -> Iterator[dict[str, Any]]:
    summary = record.summary
    common = {
        "study_uid": record.study_uid,
        "status": record.status.value,
        "stage": record.stage,
        "seconds": record.seconds,
        "peak_memory_bytes": record.peak_memory_bytes,
        "rss_bytes": record.rss_bytes,
        "folder": record.folder,
        "finished": record.finished,
    }
    if summary is not None:
        common |= {
            "urgency": summary.urgency,
            "num_actionable": summary.num_actionable,
            "num_present": summary.num_present,
            "num_review": summary.num_review,
            "study_date": summary.date,
            "patient": summary.patient,
        }
    if not record.series:
        yield common | {"verdict": "refused", "was_read": False, "error": record.error}
    for series in record.series:
        yield common | _of_series(series) | {"error": series.reason or record.error}


def _waiting(study: Study) -> Iterator[dict[str, Any]]:
    for series in series_rows(study):
        yield {"study_uid": study.study_uid, "status": "pending", "stage": "scan", "error": series.reason} | _of_series(
            series
        )


def _of_series(series: SeriesRow) -> dict[str, Any]:
    slices, rows, columns = series.shape or (None, None, None)
    return {
        "series_uid": series.series_uid,
        "part": series.part,
        "modality": series.modality,
        "num_files": series.num_files,
        "slices": slices,
        "rows": rows,
        "columns": columns,
        "verdict": series.verdict,
        "was_read": series.was_read,
    }
