"""Where studies are read: in this process, or in several of this machine. A Ray cluster is in ``ray_pool``.

All pools look alike to the run: ``free`` places, ``submit`` a task, ``wait`` for what happened.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as wait_any
from typing import Any, Protocol

from tomoscribe.reports.batch.records import StudyRecord, StudyTask
from tomoscribe.reports.batch.work import StudyWorker, WorkerConfig, silence_libraries

THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
)  # fmt: skip
"""Read by the numeric libraries when they are loaded, so they must be set before a worker starts."""
PARENT_CHECK_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Event:
    """A task that ended: with its record, or with the reason why whoever had it is gone."""

    task: StudyTask
    record: StudyRecord | None = None
    lost: str | None = None


class Pool(Protocol):
    """Whoever reads the studies of a run."""

    def free(self) -> int:
        """How many tasks could be submitted now."""

    def submit(self, task: StudyTask) -> None:
        """Hands out a task; only while ``free`` is more than 0."""

    def wait(self) -> list[Event]:
        """What ended since the last call; blocks until something did or half a second is over."""

    def close(self) -> None:
        """Ends whoever reads, at once."""


class InProcessPool:
    """One study after the other in this process."""

    def __init__(self, config: WorkerConfig) -> None:
        self._config = config
        self._worker: StudyWorker | None = None
        self._next: deque[StudyTask] = deque()

    def free(self) -> int:
        return 1 - len(self._next)

    def submit(self, task: StudyTask) -> None:
        self._next.append(task)

    def wait(self) -> list[Event]:
        if not self._next:
            return []
        self._worker = self._worker or StudyWorker(self._config)
        task = self._next.popleft()
        return [Event(task=task, record=self._worker.work(task))]

    def close(self) -> None:
        self._worker = None


@dataclass(kw_only=True)
class _Worker:
    process: Any
    connection: Connection
    task: StudyTask | None = None


class ProcessPool:
    """``num_workers`` processes started afresh; one that dies is replaced and its study reported as lost.

    Without a number of threads in the configuration the cores are shared out among them.
    """

    def __init__(self, config: WorkerConfig, num_workers: int) -> None:
        self._threads = config.threads or max(1, (os.cpu_count() or 1) // num_workers)
        self._config = replace(config, threads=self._threads)
        self._context = multiprocessing.get_context("spawn")
        self._workers = [self._start() for _ in range(num_workers)]

    def processes(self) -> tuple[Any, ...]:
        """The processes that read now."""
        return tuple(w.process for w in self._workers)

    def free(self) -> int:
        return sum(w.task is None for w in self._workers)

    def submit(self, task: StudyTask) -> None:
        worker = next(w for w in self._workers if w.task is None)
        worker.task = task
        try:
            worker.connection.send(task)
        except OSError:
            return  # it is dead: the next wait() sees it and gives the task back

    def wait(self) -> list[Event]:
        watched = {w.connection: w for w in self._workers} | {w.process.sentinel: w for w in self._workers}
        ready = {id(watched[r]): watched[r] for r in wait_any(list(watched), timeout=0.5)}
        return [event for worker in ready.values() if (event := self._event(worker)) is not None]

    def close(self) -> None:
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.join()
            worker.connection.close()

    def _event(self, worker: _Worker) -> Event | None:
        try:
            record = worker.connection.recv() if worker.connection.poll() else None
        except (EOFError, OSError):
            record = None
        task = worker.task
        if record is not None and task is not None:
            worker.task = None
            return Event(task=task, record=record)
        if worker.process.is_alive():
            return None
        worker.process.join()
        reason = _how_it_died(worker.process.exitcode)
        self._workers[self._workers.index(worker)] = self._start()
        return None if task is None else Event(task=task, lost=reason)

    def _start(self) -> _Worker:
        here, there = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(there, self._config, os.getpid()), daemon=True)
        with _thread_variables(self._threads):
            process.start()
        there.close()
        return _Worker(process=process, connection=here)


@contextmanager
def _thread_variables(threads: int) -> Iterator[None]:
    """The environment that a worker is born into."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _serve(connection: Connection, config: WorkerConfig, parent: int) -> None:
    """A worker's life: tasks in, records out, until the run's process is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    silence_libraries()
    threading.Thread(target=_die_with, args=(parent,), daemon=True).start()
    worker = StudyWorker(config)
    try:
        while True:
            connection.send(worker.work(connection.recv()))
    except (EOFError, OSError):
        return


def _die_with(parent: int) -> None:
    """Ends this process soon after the one that started it, however that ended."""
    while os.getppid() == parent:
        time.sleep(PARENT_CHECK_S)
    os._exit(1)


def _how_it_died(code: int | None) -> str:
    if code is not None and code < 0:
        return f"the process that read it was ended by signal {-code} (memory, or a defect of a library)"
    return f"the process that read it ended with code {code}"
