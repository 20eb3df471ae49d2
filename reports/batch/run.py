"""A run over an export: what is to be read, who reads it, what is written down.

The order of things makes a kill harmless: results go to their place with one rename, then the journal gets its line.
Whoever starts the run again finds the folder and writes the line that is missing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tomoscribe.core.errors import OutputError
from tomoscribe.core.serial import from_json, reading_from_json, to_json
from tomoscribe.findings.measured import Progress
from tomoscribe.reports.batch.folder import RunFolder, Settings
from tomoscribe.reports.batch.journal import Journal, read_journal
from tomoscribe.reports.batch.manifest import write_manifest
from tomoscribe.reports.batch.pools import Event, Pool
from tomoscribe.reports.batch.records import (
    Status,
    StudyRecord,
    StudyTask,
    folder_name,
    now,
    series_rows,
    summary_of,
    summary_of_study,
)
from tomoscribe.reports.batch.run_lock import RunLock
from tomoscribe.reports.batch.sources import Archive, ExportScan, rescan, scan_export, task_of
from tomoscribe.reports.batch.worklist import write_worklist
from tomoscribe.reports.examinations import select

MAX_ATTEMPTS = 3
"""A study whose files keep changing, or whose reader keeps dying, is set aside after so many tries."""
TABLES_EVERY_S = 60.0
"""Manifest and worklist are brought up to date so often while the run goes on."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How far a run is.

    Args:
        seconds_left: None until a study of this run is done.
    """

    total: int
    done: int
    set_aside: int
    seconds_left: float | None
    last: StudyRecord | None = None


@dataclass(frozen=True, kw_only=True)
class BatchResult:
    """What a run came to."""

    folder: RunFolder
    records: tuple[StudyRecord, ...]
    num_read_now: int
    archives: tuple[Archive, ...] = ()
    stopped: str | None = None

    def count(self, status: Status) -> int:
        return sum(r.status is status for r in self.records)


Watch = Callable[[Standing], None]


def run_batch(
    export: Path,
    out: Path,
    settings: Settings,
    make_pool: Callable[[], Pool],
    *,
    scanning: Progress | None = None,
    watch: Watch | None = None,
    retry: bool = False,
) -> BatchResult:
    """Reads every study of an export that has no result yet; a bad one is set aside with the reason.

    Args:
        make_pool: called when there is something to read.
        scanning: progress of looking through the export.
        watch: told after each study.
        retry: reads again what was set aside.

    Raises:
        InputError: the export is absent or holds nothing.
        OutputError: the folder is another run's, another run is at work in it, or it cannot be written.
    """
    folder = RunFolder(out.resolve())
    folder.make(export)
    with RunLock(folder.lock):
        folder.claim(export, settings)
        folder.clear()
        journal = Journal(folder.journal)
        try:
            found = scan_export(export, folder.unpacked, scanning)
            return _Run(folder, journal, found, watch=watch, retry=retry).go(make_pool)
        finally:
            journal.close()


class _Run:
    """One run under its lock."""

    def __init__(
        self, folder: RunFolder, journal: Journal, found: ExportScan, *, watch: Watch | None, retry: bool
    ) -> None:
        self._folder, self._journal, self._found, self._watch, self._retry = folder, journal, found, watch, retry
        self._records, self._begun = _recall(folder)
        self._num_read = self._num_archives = 0
        self._started = self._tables_at = time.monotonic()
        self._stopped: str | None = None
        todo = [t for t in map(self._known, found.tasks) if t is not None]
        todo.sort(key=lambda t: len(self._begun.get(t.study.study_uid, ())))
        self._todo: deque[StudyTask] = deque(todo)

    def go(self, make_pool: Callable[[], Pool]) -> BatchResult:
        """Until all is read, something stops the run, or the user does."""
        for archive in self._found.archives:
            self._set_archive_aside(archive)
        try:
            if self._todo:
                self._read_all(make_pool())
        except BaseException:
            with contextlib.suppress(OutputError):
                self._write_tables()
            raise
        self._write_tables()
        return BatchResult(
            folder=self._folder,
            records=self._wanted(),
            num_read_now=self._num_read,
            archives=self._found.archives,
            stopped=self._stopped,
        )

    def _read_all(self, pool: Pool) -> None:
        running = 0
        try:
            while running or (self._todo and self._stopped is None):
                while self._todo and self._stopped is None and pool.free() > 0:
                    task = self._todo.popleft()
                    self._journal.append("start", {"study_uid": task.study.study_uid, "fingerprint": task.fingerprint})
                    pool.submit(task)
                    running += 1
                for event in pool.wait():
                    running -= 1
                    self._take(event)
                if time.monotonic() - self._tables_at > TABLES_EVERY_S:
                    self._write_tables()
        finally:
            pool.close()

    def _take(self, event: Event) -> None:
        task, record = event.task, event.record
        if record is None or record.status is Status.CHANGED:
            self._again(task, event.lost or "its files changed while it was read")
        elif record.status is Status.STOPPED:
            self._stopped = record.error
            self._todo.appendleft(task)
        else:
            self._settle(record)

    def _again(self, task: StudyTask, why: str) -> None:
        """Scans and queues a study again; sets it aside when that was tried often enough, or it is gone."""
        now_there = rescan(task)
        if now_there is not None and task.attempt < MAX_ATTEMPTS:
            fresh = task_of(now_there, self._folder.unpacked, attempt=task.attempt + 1)
            self._todo.append(dataclasses.replace(fresh, replaces=task.replaces))
            return
        reason = "its files are gone" if now_there is None else f"tried {MAX_ATTEMPTS} times: {why}"
        self._settle(_set_aside(task, f"{reason}. Start the batch again when nothing else touches the study."))

    def _settle(self, record: StudyRecord) -> None:
        """The line in the journal is the study's end."""
        self._journal.append("study", to_json(record))
        self._records[record.study_uid or record.fingerprint] = record
        self._num_read += 1
        self._num_archives += record.study_uid is None
        if self._watch is not None:
            self._watch(self._standing(record))

    def _standing(self, last: StudyRecord) -> Standing:
        records = self._wanted()
        left = len(self._found.tasks) + len(self._found.archives) - len(records)
        read = self._num_read - self._num_archives
        return Standing(
            total=len(records) + left,
            done=sum(r.status is Status.DONE for r in records),
            set_aside=sum(r.status is Status.SET_ASIDE for r in records),
            seconds_left=(time.monotonic() - self._started) / read * left if read else None,
            last=last,
        )

    def _wanted(self) -> tuple[StudyRecord, ...]:
        """The records of what is in the export now."""
        names = [t.study.study_uid for t in self._found.tasks] + [a.mark for a in self._found.archives]
        return tuple(self._records[n] for n in names if n in self._records)

    def _known(self, task: StudyTask) -> StudyTask | None:
        """None where the study is settled; else the task, marked when results of earlier files are to be replaced."""
        uid = task.study.study_uid
        there = (self._folder.results(folder_name(uid)) / "report.json").is_file()
        record = self._records.get(uid)
        if record is None and there and self._begun.get(uid, ("",))[-1] == task.fingerprint:
            record = self._records[uid] = _recovered(task, self._folder)
            self._journal.append("study", to_json(record))
        if record is not None and record.fingerprint == task.fingerprint:
            settled = there if record.status is Status.DONE else not self._retry
            if settled:
                return None
        self._records.pop(uid, None)
        return dataclasses.replace(task, replaces=there)

    def _set_archive_aside(self, archive: Archive) -> None:
        if archive.mark in self._records:
            return
        self._settle(
            StudyRecord(
                study_uid=None,
                status=Status.SET_ASIDE,
                stage="scan",
                fingerprint=archive.mark,
                error=f"zip {archive.number} in the order of names: {archive.reason}",
                finished=now(),
            )
        )

    def _write_tables(self) -> None:
        self._tables_at = time.monotonic()
        records = self._wanted()
        pending = [t.study for t in self._found.tasks if t.study.study_uid not in self._records]
        write_manifest(self._folder.manifest, records, pending)
        write_worklist(self._folder, records, num_pending=len(pending))


def _recall(folder: RunFolder) -> tuple[dict[str, StudyRecord], dict[str, list[str]]]:
    """The last record of each study; and for those begun since, the fingerprint of the files at each beginning."""
    records: dict[str, StudyRecord] = {}
    begun: dict[str, list[str]] = {}
    for kind, content in read_journal(folder.journal):
        if kind == "start":
            begun.setdefault(content["study_uid"], []).append(content["fingerprint"])
        elif kind == "study":
            record = from_json(StudyRecord, content)
            records[record.study_uid or record.fingerprint] = record
            begun.pop(record.study_uid or "", None)
    return records, begun


def _recovered(task: StudyTask, folder: RunFolder) -> StudyRecord:
    """The record of results whose line in the journal a kill prevented."""
    name = folder_name(task.study.study_uid)
    reading = reading_from_json((folder.results(name) / "report.json").read_text(encoding="utf-8"))
    timing = reading.report.provenance.timing
    return StudyRecord(
        study_uid=task.study.study_uid,
        status=Status.DONE,
        stage="done",
        fingerprint=task.fingerprint,
        seconds=round(sum(s for _, s in timing.seconds), 3),
        peak_memory_bytes=timing.peak_memory_bytes,
        folder=name,
        finished=now(),
        series=series_rows(task.study, frozenset((s.series_uid, s.part) for s in select(task.study).series.values())),
        summary=summary_of(reading),
    )


def _set_aside(task: StudyTask, reason: str) -> StudyRecord:
    return StudyRecord(
        study_uid=task.study.study_uid,
        status=Status.SET_ASIDE,
        stage="reading",
        fingerprint=task.fingerprint,
        error=reason,
        finished=now(),
        series=series_rows(task.study),
        summary=summary_of_study(task.study),
    )
