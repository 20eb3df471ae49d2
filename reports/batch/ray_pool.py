"""The same run on a Ray cluster: actors with a reader of their own, as many as the cluster has room for.

Nodes may come and go: a new one gets actors, a lost one's studies are given back to the run. The output folder, the
export and the audit store must be reachable under the same paths from every node; what a node thought to be lost still
finishes does no harm, because only the first results of a study go to their place.
"""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

from tomoscribe.core.errors import ConfigError, MissingExtraError
from tomoscribe.reports.batch.pools import Event
from tomoscribe.reports.batch.records import StudyRecord, StudyTask
from tomoscribe.reports.batch.work import StudyWorker, WorkerConfig, silence_libraries

LOCAL = "local"
PATIENCE_S = 180.0
"""So long the run waits for the first place on the cluster."""
STORE_BYTES = 100_000_000
"""Shared memory of a local Ray: tasks and records are small, voxels never pass through it."""


@dataclass(frozen=True, kw_only=True)
class RayOptions:
    """Where and how large.

    Args:
        address: of a running cluster, or ``local`` for one on this machine that ends with the run.
        num_workers: at most so many actors; None for as many as there is room for.
        gpus: share of a GPU that each actor takes; 0 for none.
    """

    address: str
    num_workers: int | None = None
    gpus: float = 0.0


class StudyActor:
    """What runs on the cluster: one reader, studies one after the other."""

    def __init__(self, config: WorkerConfig) -> None:
        silence_libraries()
        self._worker = StudyWorker(config)

    def ready(self) -> bool:
        """Comes back when the actor has its place."""
        return True

    def work(self, task: StudyTask) -> StudyRecord:
        return self._worker.work(task)


@dataclass(kw_only=True)
class _Member:
    """An actor and what it is asked for: whether it is there, or a study."""

    actor: Any
    pending: Any
    task: StudyTask | None = None
    is_ready: bool = False


class RayPool:
    """Actors on a Ray cluster; see ``pools.Pool``.

    Raises:
        MissingExtraError: Ray is not installed.
        ConfigError: no cluster answers at the address, or it has no room for a single actor.
    """

    def __init__(self, config: WorkerConfig, options: RayOptions) -> None:
        require_ray()
        self._threads = config.threads or 1
        self._config = replace(config, threads=self._threads)
        self._options = options
        self._ray = _connected(options, self._threads)
        self._actor = self._ray.remote(StudyActor).options(
            num_cpus=self._threads, num_gpus=options.gpus, max_restarts=0, max_task_retries=0
        )
        self._members: list[_Member] = []
        self._alone_since = time.monotonic()
        self._grow()

    def free(self) -> int:
        return sum(m.is_ready and m.task is None for m in self._members)

    def submit(self, task: StudyTask) -> None:
        member = next(m for m in self._members if m.is_ready and m.task is None)
        member.task = task
        member.pending = member.actor.work.remote(task)

    def wait(self) -> list[Event]:
        self._grow()
        pending = {m.pending: m for m in self._members if m.pending is not None}
        if not pending:
            time.sleep(0.2)
            return []
        done, _ = self._ray.wait(list(pending), num_returns=1, timeout=0.5)
        return [event for ref in done if (event := self._event(pending[ref])) is not None]

    def close(self) -> None:
        for member in self._members:
            self._ray.kill(member.actor)
        self._ray.shutdown()

    def _event(self, member: _Member) -> Event | None:
        task, ref = member.task, member.pending
        member.task = member.pending = None
        try:
            answer = self._ray.get(ref)
        except self._ray.exceptions.RayError as error:
            self._members.remove(member)
            reason = f"the actor that read it was lost ({type(error).__name__})"
            return None if task is None else Event(task=task, lost=reason)
        member.is_ready = True
        return None if task is None else Event(task=task, record=answer)

    def _grow(self) -> None:
        """One more actor where there is room for it; one at a time, so that none waits for a place in vain."""
        if any(m.is_ready for m in self._members):
            self._alone_since = time.monotonic()
        elif time.monotonic() - self._alone_since > PATIENCE_S:
            raise ConfigError(
                f"the Ray cluster has no room for an actor with {self._threads} CPU(s) and {self._options.gpus} GPU(s)",
                remedy="add a node, or ask for less with --threads or --gpus",
            )
        limit = self._options.num_workers
        if any(not m.is_ready for m in self._members) or (limit is not None and len(self._members) >= limit):
            return
        room = self._ray.available_resources()
        if room.get("CPU", 0.0) < self._threads or room.get("GPU", 0.0) < self._options.gpus:
            return
        actor = self._actor.remote(self._config)
        self._members.append(_Member(actor=actor, pending=actor.ready.remote()))


def require_ray() -> None:
    """Raises MissingExtraError, with how to install it, where Ray is not there."""
    if find_spec("ray") is None:
        raise MissingExtraError("tomoscribe batch --ray", "ray")


def _connected(options: RayOptions, threads: int) -> Any:
    """Ray, connected; it reports nothing to anyone outside and prints nothing of what the actors say."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray

    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if options.address == LOCAL:
        places = options.num_workers or max(1, (os.cpu_count() or 1) // threads)
        ray.init(
            num_cpus=places * threads,
            include_dashboard=False,
            object_store_memory=STORE_BYTES,
            _node_ip_address="127.0.0.1",
            **quiet,
        )
        return ray
    try:
        ray.init(address=options.address, **quiet)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        raise ConfigError(
            f"no Ray cluster answers at {options.address}",
            remedy="start one with 'ray start --head', or use --ray local",
        ) from error
    return ray
