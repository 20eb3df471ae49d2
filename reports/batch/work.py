"""Reading one study of a batch, wherever that runs: this process, another one, an actor on a cluster."""

from __future__ import annotations

import logging
import os
import platform
import secrets
import shutil
import time
import traceback
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from tomoscribe.core import Reading, Volume
from tomoscribe.core.errors import ConfigError, MissingExtraError, OutputError, TomoscribeError, WeightsError
from tomoscribe.reports.audit import AuditLog, Event, patient_of
from tomoscribe.reports.batch.folder import RunFolder, Settings, write_atomically
from tomoscribe.reports.batch.records import (
    Part,
    Status,
    StudyRecord,
    StudyTask,
    folder_name,
    now,
    reason_of,
    series_rows,
    summary_of,
    summary_of_study,
)
from tomoscribe.reports.batch.sources import has_changed
from tomoscribe.reports.memory import give_back_memory, peak_memory_bytes


@dataclass(frozen=True, kw_only=True)
class WorkerConfig:
    """What a worker needs to know.

    Args:
        root: the output folder of the run.
        threads: of the networks; None leaves them as they are.
        audit: folder of the audit store, None where it is switched off.
    """

    root: Path
    settings: Settings
    threads: int | None = None
    audit: Path | None = None


class StudyWorker:
    """Holds one ``StudyReader`` and reads studies with it, one after the other."""

    def __init__(self, config: WorkerConfig) -> None:
        from tomoscribe.reports.reader import StudyReader

        if config.threads is not None:
            limit_threads(config.threads)
        self._folder = RunFolder(config.root)
        self._audit = AuditLog(config.audit, "tomoscribe batch")
        self._reader = StudyReader(**asdict(config.settings))

    def work(self, task: StudyTask) -> StudyRecord:
        """Reads a study and moves its results to their place; whatever is wrong with it ends in the record."""
        attempt = _Attempt(task)
        staged = self._folder.staging / f"{folder_name(task.study.study_uid)}.{secrets.token_hex(6)}"
        try:
            return self._read(attempt, staged)
        except TomoscribeError as error:
            if _stops_all(error):
                return attempt.record(Status.STOPPED, error=error.line())
            if has_changed(task):
                return attempt.record(Status.CHANGED)
            return attempt.record(Status.SET_ASIDE, error=reason_of(error))
        except OSError as error:
            return attempt.record(Status.STOPPED, error=f"the results cannot be written: {error.strerror or error}")
        except MemoryError:
            return attempt.record(Status.SET_ASIDE, error="this machine has no memory left for the study.")
        except Exception as error:  # noqa: BLE001 - a defect met in one study must not stop the others
            return attempt.record(Status.SET_ASIDE, error=_defect(error))
        finally:
            shutil.rmtree(staged, ignore_errors=True)

    def _read(self, attempt: _Attempt, staged: Path) -> StudyRecord:
        from tomoscribe.encoders.dicom import read_headers
        from tomoscribe.reports.export import write_results

        task = attempt.task
        if has_changed(task):
            return attempt.record(Status.CHANGED)
        patient = patient_of(task.study.series)
        self._audit.record(Event.READ, study_uid=task.study.study_uid, patient=patient)
        reading = self._reader.read(task.study, progress=attempt.progress)
        attempt.stage = "writing results"
        volumes = self._reader.volumes(task.study)
        refs = [v.series for v in volumes.values()]
        headers = {s.series_uid: read_headers(s) for s in task.study.series if any(map(s.is_source_of, refs))}
        write_results(reading, volumes, headers, staged)
        if has_changed(task):
            return attempt.record(Status.CHANGED)
        self._audit.record(Event.EXPORTED, study_uid=task.study.study_uid, patient=patient, detail="to a batch folder")
        self._publish(task, reading, volumes, staged)
        give_back_memory()
        attempt.stage = "done"
        return attempt.record(Status.DONE, reading=reading, were_read=frozenset((r.series_uid, r.part) for r in refs))

    def _publish(self, task: StudyTask, reading: Reading, volumes: Mapping[str, Volume], staged: Path) -> None:
        """The thumbnail first: a study whose results are there has one."""
        from tomoscribe.reports.batch.thumbnail import thumbnail

        name = folder_name(task.study.study_uid)
        write_atomically(self._folder.thumbnails / f"{name}.jpg", thumbnail(reading, volumes))
        self._folder.publish(staged, name, replace=task.replaces)


class _Attempt:
    """One try at one study: its clock, and the stage it has reached."""

    def __init__(self, task: StudyTask) -> None:
        self.task = task
        self.stage = "start"
        self._start = time.perf_counter()

    def progress(self, stage: str, fraction: float) -> None:
        self.stage = stage

    def record(
        self,
        status: Status,
        *,
        error: str | None = None,
        reading: Reading | None = None,
        were_read: frozenset[Part] = frozenset(),
    ) -> StudyRecord:
        study = self.task.study
        return StudyRecord(
            study_uid=study.study_uid,
            status=status,
            stage=self.stage,
            fingerprint=self.task.fingerprint,
            seconds=round(time.perf_counter() - self._start, 3),
            peak_memory_bytes=peak_memory_bytes(),
            rss_bytes=int(psutil.Process().memory_info().rss),
            folder=folder_name(study.study_uid) if status is Status.DONE else None,
            error=error,
            worker=f"{os.getpid()}@{platform.node()}",
            finished=now(),
            series=series_rows(study, were_read),
            summary=summary_of_study(study) if reading is None else summary_of(reading),
        )


def _stops_all(error: TomoscribeError) -> bool:
    """Whether the next study would fail of the same: a full disk, a device that is not there, altered weights."""
    if isinstance(error, OutputError):
        return isinstance(error.__cause__, OSError)
    return isinstance(error, (ConfigError, MissingExtraError, WeightsError))


def silence_libraries() -> None:
    """For a process that does nothing but read: pydicom logs tracebacks and values of what is refused in words."""
    logger = logging.getLogger("pydicom")
    logger.propagate = False
    logger.addHandler(logging.NullHandler())


def limit_threads(threads: int) -> None:
    """So many threads for the networks of this process."""
    import torch

    torch.set_num_threads(threads)


def _defect(error: Exception) -> str:
    """Where tomoscribe failed; not the message, which may quote values of the header."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "tomoscribe" in f.filename.replace("\\", "/")]
    frame = frames[-1] if frames else traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(frame.filename).stem}.{frame.name}, line {frame.lineno}"
    return f"a defect of tomoscribe: {type(error).__name__} in {place}. Report it; the other studies are not concerned."
