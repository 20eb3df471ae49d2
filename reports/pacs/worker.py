"""One process that reads studies for the listener: the networks are loaded once, associations never wait for them."""

from __future__ import annotations

import functools
import logging
import multiprocessing
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tomoscribe.core.errors import MemoryPlanError, OutputError, TomoscribeError
from tomoscribe.reports.site import Site

if TYPE_CHECKING:
    from tomoscribe.reports.reader import StudyReader

MAX_READINGS = 200
"""Of one process; then a fresh one takes over, so that what libraries keep never adds up."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Job:
    """One study to read.

    Args:
        folder: with its images.
        out: for the results; all of them or none.
        before: the results of the reading before this one, which the new ones replace.
    """

    study_uid: str
    folder: Path
    out: Path
    before: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What became of a job.

    Args:
        problem: why there are no results, in words without identifiers; None where there are.
        is_passing: whether another try may succeed: memory, a lost worker, time.
        is_unwanted: nothing in the study is to be read.
    """

    problem: str | None = None
    is_passing: bool = False
    is_unwanted: bool = False


class Worker(Protocol):
    """Reads one study at a time."""

    def read(self, job: Job) -> Answer:
        """Reads a study and writes its results."""

    def stop(self) -> None:
        """Ends it at once; a reading that runs is lost and may be repeated."""


class ReaderProcess:
    """A process of its own with one StudyReader, started when first needed and again when it is lost."""

    def __init__(self, site: Site) -> None:
        self._site, self._read = site, site.read
        self._process: Any = None
        self._pipe: Connection | None = None
        self._num_readings = 0
        self._is_stopped = False
        self._lock = threading.Lock()

    def read(self, job: Job) -> Answer:
        pipe = self._started()
        if pipe is None:
            return Answer(problem="the listener stops", is_passing=True)
        try:
            pipe.send(job)
            if not pipe.poll(self._read.max_minutes * 60):
                self._end()
                return Answer(problem=f"not done within {self._read.max_minutes:g} minutes", is_passing=True)
            answer: Answer = pipe.recv()
        except (EOFError, OSError):
            self._end()
            return Answer(problem="the reading process was lost, perhaps for want of memory", is_passing=True)
        self._num_readings += 1
        if self._num_readings >= MAX_READINGS:
            self._end()
        return answer

    def stop(self) -> None:
        with self._lock:
            self._is_stopped = True
        self._end()

    def _started(self) -> Connection | None:
        with self._lock:
            if self._is_stopped:
                return None
            if self._process is None or not self._process.is_alive():
                context = multiprocessing.get_context("spawn")
                self._pipe, theirs = context.Pipe()
                self._process = context.Process(
                    target=_serve, args=(theirs, self._site), name="tomoscribe reader", daemon=True
                )
                self._process.start()
                theirs.close()
                self._num_readings = 0
            return self._pipe

    def _end(self) -> None:
        with self._lock:
            process, pipe, self._process, self._pipe = self._process, self._pipe, None, None
        if process is not None:
            process.terminate()
            process.join(5)
            if process.is_alive():
                process.kill()
                process.join(5)
        if pipe is not None:
            pipe.close()


def _serve(pipe: Connection, site: Site) -> None:
    """The life of the process: jobs in, answers out, until the other end is gone."""
    _end_with_parent()
    loaded = functools.cache(lambda: make_reader(site))
    while True:
        try:
            job = pipe.recv()
        except (EOFError, OSError):
            return
        answer = attempt(lambda job=job: read_into(job, site, loaded()))  # type: ignore[misc]
        pipe.send(answer)


def _end_with_parent() -> None:
    """A worker whose listener was killed would write beside the next one's: it ends at once."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            wait([parent.sentinel])
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def make_reader(site: Site) -> StudyReader:
    """The StudyReader as the site file wants it."""
    from tomoscribe.reports.reader import StudyReader

    return StudyReader(
        device=site.read.device,
        text=site.read.text.value,
        language=site.language.value,
        translation=None if site.translation is None else site.translation.value,
    )


def attempt(action: Callable[[], Answer]) -> Answer:
    """The action's answer; an error becomes one, without the place it names."""
    try:
        return action()
    except (MemoryPlanError, OutputError) as error:
        return Answer(problem=error.what, is_passing=True)
    except MemoryError:
        return Answer(problem="no memory left", is_passing=True)
    except TomoscribeError as error:
        return Answer(problem=f"{type(error).__name__}: {error.what}")
    except OSError as error:
        return Answer(problem=f"writing failed: {error.strerror}", is_passing=True)
    except Exception as error:  # noqa: BLE001 - a defect in one study must not end a service that runs for days
        _log.exception("a study could not be read")
        return Answer(problem=f"a defect of tomoscribe: {type(error).__name__}")


def read_into(job: Job, site: Site, reader: StudyReader) -> Answer:
    """Reads the wanted series of a study and writes its results, organs as a label map where all destinations take it.

    Raises:
        TomoscribeError: the study cannot be read; nothing was written.
    """
    from tomoscribe.encoders.dicom import read_headers, scan
    from tomoscribe.reports.audit import AuditLog, Event, patient_of
    from tomoscribe.reports.export import SegKind, write_results

    study = next((s for s in scan(job.folder) if s.study_uid == job.study_uid), None)
    wanted = () if study is None else tuple(s for s in study.series if site.read.wants(s))
    if study is None or not wanted:
        return Answer(problem="no series of it is to be read", is_unwanted=True)
    study = replace(study, series=wanted, priors=())
    audit = AuditLog.from_environment("tomoscribe listen")
    audit.record(Event.READ, study_uid=study.study_uid, patient=patient_of(study.series))
    reading = reader.read(study)
    volumes = reader.volumes(study)
    refs = [v.series for v in volumes.values()]
    headers = {s.series_uid: read_headers(s) for s in study.series if any(s.is_source_of(r) for r in refs)}
    anatomy = SegKind.LABELMAP if site.sends_label_maps else SegKind.BINARY
    write_results(reading, volumes, headers, job.out, anatomy=anatomy, predecessor=sr_of(job.before))
    return Answer()


def sr_of(results: Path | None) -> Any:
    """The structured report in a folder of results; None where there is none."""
    import pydicom

    if results is None or not (results / "sr.dcm").is_file():
        return None
    return pydicom.dcmread(results / "sr.dcm")
