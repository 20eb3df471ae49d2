"""Figures of the batch trials from runs whose times a person can add up."""

from __future__ import annotations

from pathlib import Path

import pytest

from tomoscribe.reports.batch.journal import Journal
from tomoscribe.validation.batch_trial.memory import SETTLED, MemoryTrial
from tomoscribe.validation.batch_trial.throughput import CLUSTER, ONE, TWO, Run, Throughput, faults_of


def every(seconds: float, start: float, count: int) -> tuple[float, ...]:
    return tuple(start + seconds * n for n in range(count))


def test_a_rate_leaves_out_the_start_and_the_end() -> None:
    alone = Run(way=ONE, ends_s=(9.0, *every(2.0, 20.0, 10)))
    assert alone.first_s == 9.0
    assert alone.per_hour == pytest.approx(1800.0)
    both = Run(way=TWO, ends_s=(9.0, 9.1, 15.0, *every(1.0, 20.0, 10), 99.0))
    assert both.per_hour == pytest.approx(3600.0)


def test_a_rate_ends_with_the_loss_of_a_node() -> None:
    ends = (*every(1.0, 10.0, 10), *every(2.0, 21.0, 5))
    assert Run(way=CLUSTER, ends_s=ends, lost_s=19.5).per_hour == pytest.approx(3600.0)


def test_a_ratio_is_of_runs_that_followed_each_other() -> None:
    runs = []
    for load in (1.0, 3.0):
        runs += [
            Run(way=ONE, ends_s=every(2.0 * load, 9.0, 12)),
            Run(way=TWO, ends_s=every(1.0 * load, 9.0, 12)),
        ]
    assert Throughput(runs=tuple(runs), faults=()).ratio(TWO, ONE) == pytest.approx(2.0)


def test_lost_and_doubled_studies_are_named(tmp_path: Path) -> None:
    for name, uids in (("one", ["1.1", "1.2"]), ("other", ["1.1", "1.1"])):
        (tmp_path / name / ".batch" / "staging").mkdir(parents=True)
        journal = Journal(tmp_path / name / ".batch" / "journal.jsonl")
        for uid in uids:
            row = {"study_uid": uid, "status": "set_aside", "error": "no", "folder": None, "fingerprint": uid}
            journal.append("study", row)
        journal.close()
    assert faults_of(tmp_path / "one", tmp_path / "one", 2) == []
    words = faults_of(tmp_path / "other", tmp_path / "one", 2)
    assert words == ["1 studies lost", "1.1 settled 2 times", "1 studies are settled in one run only"]


def test_growth_is_the_slope_behind_the_first_hundred() -> None:
    rss = tuple(1_000_000 * n for n in range(SETTLED)) + tuple(5_000_000 + 10 * n for n in range(400))
    assert MemoryTrial(rss_bytes=rss, num_set_aside=0).growth_bytes == pytest.approx(10_000.0)
