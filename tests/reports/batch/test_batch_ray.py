"""The same run on a Ray cluster of two nodes, one of which is lost."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.reports.batch.cases import NUM_STUDIES, SETTINGS, config
from tomoscribe.core.errors import MissingExtraError
from tomoscribe.reports.batch import BatchResult, run_batch
from tomoscribe.reports.batch.journal import read_journal
from tomoscribe.reports.batch.ray_pool import require_ray
from tomoscribe.reports.batch.records import Status
from tomoscribe.validation.batch_trial.cluster import LosingPool, one_node
from tomoscribe.validation.batch_trial.kill import differences


@pytest.mark.slow
def test_a_cluster_that_loses_a_node_loses_no_study(reference: BatchResult, export: Path, tmp_path: Path) -> None:
    out = tmp_path / "cluster"
    with one_node() as cluster:
        pool: list[LosingPool] = []

        def start() -> LosingPool:
            pool.append(LosingPool(config(out), cluster, lose_after=1))
            return pool[0]

        result = run_batch(export, out, SETTINGS, start)
    assert pool[0].lost_at is not None
    begun = [content["study_uid"] for kind, content in read_journal(result.folder.journal) if kind == "start"]
    assert len(begun) > NUM_STUDIES, "a study was on the lost node and is begun again"
    assert result.count(Status.DONE) == NUM_STUDIES - 2
    assert differences(reference.folder.root, out) == []
    assert len({r.study_uid for r in result.records}) == len(result.records) == NUM_STUDIES


def test_a_missing_extra_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r'pip install "tomoscribe\[ray\]"'):
        require_ray()
