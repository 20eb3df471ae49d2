"""Studies per hour of one process, two workers, a local Ray, and a Ray cluster of two nodes of which one is killed.

Every run is a process of its own with one thread for each reader, and the ways to read take turns, so that other work
on the machine meets all of them alike. A rate is taken once everybody has read two studies (libraries are loaded,
networks are there) and until somebody runs out of work: what it costs to start is given apart.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tomoscribe.reports.batch import Settings, Standing, run_batch
from tomoscribe.reports.batch.journal import read_journal
from tomoscribe.reports.batch.pools import InProcessPool, Pool, ProcessPool
from tomoscribe.reports.batch.ray_pool import LOCAL, RayOptions, RayPool
from tomoscribe.reports.batch.work import WorkerConfig
from tomoscribe.validation.batch_trial.cluster import LosingPool, one_node
from tomoscribe.validation.batch_trial.export import write_study
from tomoscribe.validation.batch_trial.kill import differences

FIRST_SEED = 1_810_000
ONE, TWO, RAY, CLUSTER = "one process", "two workers", "ray local, two actors", "ray, two nodes, one killed"
WAYS = (ONE, TWO, RAY, CLUSTER)
_READERS = {ONE: 1, TWO: 2, RAY: 2, CLUSTER: 2}
_WARM = 2
"""Studies of each reader before the clock counts."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of one way.

    Args:
        ends_s: when each study was settled, in seconds after the run's begin.
        lost_s: when the node was killed, on the same clock.
    """

    way: str
    ends_s: tuple[float, ...]
    lost_s: float | None = None

    @property
    def per_hour(self) -> float:
        """The slope of a line through the ends while everybody is at work; up to the loss of a node, if one was."""
        readers = _READERS[self.way]
        ends = [s for s in self.ends_s if self.lost_s is None or s <= self.lost_s]
        window = ends[_WARM * readers - 1 : len(ends) if self.lost_s is not None else len(ends) - readers + 1]
        slope, _ = statistics.linear_regression(range(len(window)), window)
        return 3600.0 / slope

    @property
    def first_s(self) -> float:
        """From the run's begin to its first result."""
        return self.ends_s[0]


@dataclass(frozen=True, kw_only=True)
class Throughput:
    """All runs.

    Args:
        faults: studies that were lost or doubled, and results that differ from those of one process, in words.
    """

    runs: tuple[Run, ...]
    faults: tuple[str, ...]

    def rates(self, way: str) -> list[float]:
        return [r.per_hour for r in self.runs if r.way == way]

    def ratio(self, way: str, to: str) -> float:
        """Median over the repeats of the two rates' ratio; the two were run one after the other."""
        return statistics.median(a / b for a, b in zip(self.rates(way), self.rates(to), strict=True))


def make_equal_export(folder: Path, num_studies: int) -> None:
    """Head MRs of one size."""
    for n in range(num_studies):
        write_study(folder / f"study{n:03d}", 8 * n, seed=FIRST_SEED + n)


def throughput_trial(
    work: Path, *, num_studies: int, repeats: int, said: Callable[[str], None] | None = None
) -> Throughput:
    """Runs every way ``repeats`` times, in turn.

    Args:
        work: a new folder, for the export and the results.
        said: told after each run.
    """
    export = work / "export"
    make_equal_export(export, num_studies)
    runs: list[Run] = []
    faults: list[str] = []
    for repeat in range(repeats):
        for number, way in enumerate(WAYS):
            out = work / f"out{repeat}{number}"
            runs.append(_in_its_own_process(way, export, out))
            faults += [f"{way}: {w}" for w in faults_of(out, work / f"out{repeat}0", num_studies)]
            if said is not None:
                said(f"{way}: {runs[-1].per_hour:.0f} an hour, first result after {runs[-1].first_s:.1f} s")
    return Throughput(runs=tuple(runs), faults=tuple(faults))


def faults_of(out: Path, reference: Path, num_studies: int) -> list[str]:
    """What was lost or doubled, and where the results are not those of the reference."""
    settled = Counter(
        content["study_uid"] for kind, content in read_journal(out / ".batch" / "journal.jsonl") if kind == "study"
    )
    words = [] if len(settled) == num_studies else [f"{num_studies - len(settled)} studies lost"]
    words += [f"{uid} settled {times} times" for uid, times in settled.items() if times > 1]
    return words + differences(reference, out)


def _in_its_own_process(way: str, export: Path, out: Path) -> Run:
    command = [sys.executable, "-m", "tomoscribe.validation.batch_trial", "one-run", way, str(export), str(out)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    row = json.loads(done.stdout.splitlines()[-1])
    return Run(way=row["way"], ends_s=tuple(row["ends_s"]), lost_s=row["lost_s"])


def one_run(way: str, export: Path, out: Path) -> str:
    """Runs one way in this process; the ``Run`` as a line of JSON."""
    settings = Settings(device="cpu")
    config = WorkerConfig(root=out.resolve(), settings=settings, threads=1)
    if way != CLUSTER:
        return json.dumps(asdict(_timed(way, export, out, lambda: _pool(way, config))))
    num_studies = len(list(export.iterdir()))
    with one_node() as cluster:
        run = _timed(way, export, out, lambda: LosingPool(config, cluster, lose_after=2 * num_studies // 3))
    return json.dumps(asdict(run))


def _pool(way: str, config: WorkerConfig) -> Pool:
    if way == ONE:
        return InProcessPool(config)
    return ProcessPool(config, 2) if way == TWO else RayPool(config, RayOptions(address=LOCAL, num_workers=2))


def _timed(way: str, export: Path, out: Path, make_pool: Callable[[], Pool]) -> Run:
    start = time.monotonic()
    ends: list[float] = []
    pools: list[Pool] = []

    def make() -> Pool:
        pools.append(make_pool())
        return pools[0]

    def settled(standing: Standing) -> None:
        ends.append(time.monotonic() - start)

    run_batch(export, out, Settings(device="cpu"), make, watch=settled)
    lost_at = pools[0].lost_at if isinstance(pools[0], LosingPool) else None
    return Run(way=way, ends_s=tuple(ends), lost_s=None if lost_at is None else lost_at - start)


def lines(result: Throughput) -> Sequence[str]:
    """The table and the ratios."""
    rows = ["way | studies an hour | first result after, s"]
    for way in WAYS:
        rates = ", ".join(f"{r:.0f}" for r in result.rates(way))
        rows.append(f"{way} | {rates} | {', '.join(f'{r.first_s:.1f}' for r in result.runs if r.way == way)}")
    rows.append(f"two workers over one process: {result.ratio(TWO, ONE):.2f} (wanted 1.8)")
    rows.append(f"two workers over Ray: {result.ratio(TWO, RAY):.3f}; over two nodes: {result.ratio(TWO, CLUSTER):.3f}")
    return [*rows, f"lost, doubled or different: {len(result.faults)}", *result.faults]
