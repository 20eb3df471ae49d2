"""A Ray cluster of two nodes on this machine, and a pool that loses one of them in the middle of a study."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tomoscribe.reports.batch.pools import Event
from tomoscribe.reports.batch.ray_pool import STORE_BYTES, RayOptions, RayPool
from tomoscribe.reports.batch.work import WorkerConfig

NODE_START_S = 240.0
"""Ray's own test cluster gives a node 30 s to start, which a machine with other work does not always keep."""
ADDED = {"num_cpus": 1, "object_store_memory": STORE_BYTES}


@contextmanager
def one_node() -> Iterator[Any]:
    """A cluster of a head with one CPU, stopped afterwards."""
    from ray.cluster_utils import Cluster

    class PatientCluster(Cluster):
        def _wait_for_node(self, node: Any, timeout: float = NODE_START_S) -> None:
            super()._wait_for_node(node, timeout)

    cluster = PatientCluster(initialize_head=True, head_node_args={"include_dashboard": False, **ADDED})
    try:
        yield cluster
    finally:
        cluster.shutdown()


class LosingPool(RayPool):
    """Begins when actors on two nodes are ready; kills the second node while both have a study.

    The second node joins after this process: a driver attaches to any node of its machine, and dies with it.

    Args:
        lose_after: so many studies end before; None for never.
    """

    def __init__(self, config: WorkerConfig, cluster: Any, lose_after: int | None) -> None:
        super().__init__(config, RayOptions(address=cluster.address))
        self._cluster = cluster
        self._lose_after = lose_after
        self._begun = False
        self._ended = 0
        self.lost_at: float | None = None
        self._doomed = cluster.add_node(**ADDED)

    def free(self) -> int:
        self._begun = self._begun or sum(m.is_ready for m in self._members) == 2
        return super().free() if self._begun else 0

    def wait(self) -> list[Event]:
        reading = sum(m.task is not None for m in self._members)
        due = self._lose_after is not None and self._ended >= self._lose_after
        if due and reading == 2 and self.lost_at is None:
            self.lost_at = time.monotonic()
            self._cluster.remove_node(self._doomed, allow_graceful=False)
        events = super().wait()
        self._ended += sum(e.record is not None for e in events)
        return events
