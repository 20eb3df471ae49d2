"""``worklist.html``: the studies of a run in one page without any reference outside it but to the reports beside it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tomoscribe.core.serial import NOTICE
from tomoscribe.reports.batch.folder import RunFolder, write_atomically
from tomoscribe.reports.batch.records import Status, StudyRecord, Summary, now

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
TEMPLATE = "worklist.html.j2"
URGENCY_WORDS = ("actionable", "findings", "review list", "no finding reported", "not assessed", "not read")
"""By ``Summary.urgency``."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A study as the page shows it."""

    record: StudyRecord
    summary: Summary
    urgency: str
    thumbnail: str | None


def write_worklist(folder: RunFolder, records: Sequence[StudyRecord], *, num_pending: int) -> None:
    """Writes the page anew, most urgent first, then what was set aside.

    Raises:
        OutputError: the disk refuses.
    """
    page = render_worklist([_line(folder, r) for r in _by_urgency(records)], _archives(records), num_pending)
    write_atomically(folder.worklist, page.encode())


def render_worklist(lines: Sequence[Line], archives: Sequence[str], num_pending: int) -> str:
    """The page."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    done = sum(line.record.status is Status.DONE for line in lines)
    return environment.get_template(TEMPLATE).render(
        lines=lines,
        archives=archives,
        notice=NOTICE,
        num_done=done,
        num_aside=len(lines) - done + len(archives),
        num_pending=num_pending,
        urgencies=URGENCY_WORDS,
        written=now(),
    )


def _by_urgency(records: Sequence[StudyRecord]) -> list[StudyRecord]:
    """Actionable findings first, many before few; the newest first among equals."""
    studies = [(r, r.summary) for r in records if r.summary is not None]
    studies.sort(key=lambda pair: pair[1].date or "", reverse=True)
    studies.sort(key=lambda pair: (pair[1].urgency, -pair[1].num_actionable, -pair[1].num_present, -pair[1].num_review))
    return [record for record, _ in studies]


def _line(folder: RunFolder, record: StudyRecord) -> Line:
    if record.summary is None:
        raise ValueError("a line of the worklist needs a summary")
    picture = folder.thumbnails / f"{record.folder}.jpg"
    data = base64.b64encode(picture.read_bytes()).decode() if record.folder and picture.is_file() else None
    return Line(
        record=record,
        summary=record.summary,
        urgency=URGENCY_WORDS[record.summary.urgency],
        thumbnail=None if data is None else f"data:image/jpeg;base64,{data}",
    )


def _archives(records: Sequence[StudyRecord]) -> list[str]:
    return [r.error or "" for r in records if r.study_uid is None]
