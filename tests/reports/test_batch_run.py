"""Whole runs over a small generated export with the shipped weights: kills, workers, full disk, changing studies."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import duckdb
import psutil
import pytest

from tomoscribe.core.errors import MissingExtraError, OutputError
from tomoscribe.reports.audit import FOLDER_VARIABLE
from tomoscribe.reports.batch import BatchResult, Settings, run_batch
from tomoscribe.reports.batch.pools import InProcessPool, ProcessPool
from tomoscribe.reports.batch.ray_pool import STORE_BYTES, RayOptions, RayPool, require_ray
from tomoscribe.reports.batch.records import Status, StudyTask
from tomoscribe.reports.batch.run import Standing
from tomoscribe.reports.batch.work import WorkerConfig
from tomoscribe.validation.batch_trial.export import BREAKERS, write_study, zipped
from tomoscribe.validation.batch_trial.kill import canonical, differences, kill_trial, latest_records, uids

SETTINGS = Settings(device="cpu", text="writer")
OPTIONS = ("--device", "cpu", "--text", "writer", "--threads", "1")
NUM_STUDIES = int(os.environ.get("TOMOSCRIBE_BATCH_STUDIES", "6"))
NUM_KILLS = int(os.environ.get("TOMOSCRIBE_BATCH_KILLS", "2"))
FIRST_SEED = 1_800_100
BROKEN = {1: "pixels cut off", 3: "modality nobody reads"}


def _config(out: Path) -> WorkerConfig:
    return WorkerConfig(root=out, settings=SETTINGS, threads=1, audit=Path(os.environ[FOLDER_VARIABLE]))


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Head MRs on coarse grids, one of them in a zip, two broken."""
    folder = tmp_path_factory.mktemp("batch") / "export"
    for n in range(NUM_STUDIES):
        write_study(folder / f"study{n}", 8 * n, seed=FIRST_SEED + n)
        if n in BROKEN:
            BREAKERS[BROKEN[n]](folder / f"study{n}")
    zipped(folder / "study2")
    return folder


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def reference(export: Path, work: Path) -> BatchResult:
    """An undisturbed run in this process."""
    out = work / "reference"
    return run_batch(export, out, SETTINGS, lambda: InProcessPool(_config(out)))


def _read_again(export: Path, out: Path, **options: object) -> BatchResult:
    return run_batch(export, out, SETTINGS, lambda: InProcessPool(_config(out)), **options)  # type: ignore[arg-type]


def test_every_good_study_has_results_and_every_bad_one_a_reason(reference: BatchResult) -> None:
    assert reference.count(Status.DONE) == NUM_STUDIES - 2
    reasons = sorted(r.error or "" for r in reference.records if r.status is Status.SET_ASIDE)
    assert len(reasons) == 2
    assert "found" in reasons[0] or "NM" in reasons[0]
    assert "ends before its pixels" in reasons[1]


def test_results_are_those_of_read(reference: BatchResult, export: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tomoscribe.cli", "read", str(export / "study0"), "--device", "cpu"]
    subprocess.run([*command, "--text", "writer", "--out", str(tmp_path / "out")], check=True, capture_output=True)
    name = json.loads((tmp_path / "out" / "report.json").read_text())["study"]["study_uid"]
    assert canonical(tmp_path / "out" / "report.json") == canonical(reference.folder.results(name) / "report.json")
    for file in ("seg.dcm", "sr.dcm"):
        assert uids(tmp_path / "out" / file) == uids(reference.folder.results(name) / file)


def test_the_manifest_is_one_row_per_series_for_duckdb(reference: BatchResult) -> None:
    path = str(reference.folder.manifest)
    counts = f"select status, count(*), count(distinct series_uid) from '{path}' group by 1 order by 1"
    rows = duckdb.sql(counts).fetchall()
    assert rows == [("done", NUM_STUDIES - 2, NUM_STUDIES - 2), ("set_aside", 2, 2)]
    timed = f"select min(seconds), min(peak_memory_bytes), bool_and(was_read) from '{path}' where status = 'done'"
    seconds, memory, was_read = duckdb.sql(timed).fetchall()[0]
    assert seconds > 0.1
    assert memory > 100e6
    assert was_read
    stages = duckdb.sql(f"select stage, error from '{path}' where status = 'set_aside' order by stage").fetchall()
    assert [stage for stage, _ in stages] == ["loading images", "start"]
    assert all(error for _, error in stages)


def test_the_worklist_stands_alone_and_names_nobody(reference: BatchResult) -> None:
    page = reference.folder.worklist.read_text()
    assert "Not a medical device" in page
    assert "http" not in page.replace("http-equiv", "")
    assert page.count("data:image/jpeg;base64,") == NUM_STUDIES - 2
    assert "ends before its pixels" in page
    written = page + reference.folder.journal.read_text() + (reference.folder.inner / "run.json").read_text()
    assert "PHANTOM" not in written.upper().replace("TOMOSCRIBE PHANTOM", "")
    for name in filter(None, (r.folder for r in reference.records)):
        assert f'href="{name}/report.html"' in page


def test_a_second_run_finds_everything_done(reference: BatchResult, export: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in reference.folder.root.rglob("report.json")}
    again = _read_again(export, reference.folder.root)
    assert again.num_read_now == 0
    assert again.records == reference.records
    assert {p: p.stat().st_mtime_ns for p in reference.folder.root.rglob("report.json")} == before


def test_kill_9_at_random_moments(reference: BatchResult, export: Path, work: Path) -> None:
    trial = kill_trial(export, work, kills=NUM_KILLS, seed=3, arguments=OPTIONS, seconds=5.0 + NUM_STUDIES)
    assert trial.differences == ()
    assert (trial.num_done, trial.num_set_aside) == (NUM_STUDIES - 2, 2)
    assert len(trial.kills) >= 1


def test_workers_read_the_same_and_a_dead_one_is_replaced(reference: BatchResult, export: Path, work: Path) -> None:
    out = work / "workers"
    pool = ProcessPool(_config(out), 2)
    victim = pool.processes()[0]

    def kill_one(standing: Standing) -> None:
        if victim.is_alive():
            os.kill(victim.pid, signal.SIGKILL)

    result = run_batch(export, out, SETTINGS, lambda: pool, watch=kill_one)
    assert victim.exitcode == -signal.SIGKILL
    assert result.count(Status.DONE) == NUM_STUDIES - 2
    assert differences(reference.folder.root, out) == []
    assert not any(p.is_alive() for p in pool.processes())


@pytest.mark.slow
def test_a_cluster_that_loses_a_node_loses_no_study(reference: BatchResult, export: Path, work: Path) -> None:
    from ray.cluster_utils import Cluster

    out = work / "cluster"
    store = {"object_store_memory": STORE_BYTES}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False, **store})
    doomed = []

    def start() -> RayPool:
        pool = RayPool(_config(out), RayOptions(address=cluster.address))
        doomed.append(cluster.add_node(num_cpus=1, **store))
        return pool

    def lose_a_node(standing: Standing) -> None:
        if standing.done == 2 and doomed:
            cluster.remove_node(doomed.pop(), allow_graceful=False)

    try:
        result = run_batch(export, out, SETTINGS, start, watch=lose_a_node)
    finally:
        cluster.shutdown()
    assert doomed == []
    assert result.count(Status.DONE) == NUM_STUDIES - 2
    assert differences(reference.folder.root, out) == []
    assert len({r.study_uid for r in result.records}) == len(result.records) == NUM_STUDIES


def test_a_missing_extra_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r'pip install "tomoscribe\[ray\]"'):
        require_ray()


def test_workers_end_with_the_process_that_started_them(export: Path, work: Path) -> None:
    command = [sys.executable, "-m", "tomoscribe.cli", "batch", str(export), "--out", str(work / "orphans"), *OPTIONS]
    process = subprocess.Popen([*command, "--workers", "1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    child = _wait_for(lambda: next((p for p in psutil.Process(process.pid).children() if _reads(p)), None))
    process.kill()
    process.wait()
    psutil.wait_procs([child], timeout=20)
    assert not child.is_running()


class _Meddler(InProcessPool):
    """Changes a file of each study between the scan and the reading, the first ``times`` times."""

    def __init__(self, root: Path, times: int) -> None:
        super().__init__(_config(root))
        self.times = times

    def submit(self, task: StudyTask) -> None:
        if self.times:
            self.times -= 1
            os.utime(task.files[0][0])
        super().submit(task)


@pytest.mark.parametrize(("times", "status"), [(1, Status.DONE), (9, Status.SET_ASIDE)])
def test_a_study_that_changes_is_read_again_or_set_aside(
    export: Path, tmp_path: Path, times: int, status: Status
) -> None:
    shutil.copytree(export / "study0", tmp_path / "export")
    out = tmp_path / "out"
    result = run_batch(tmp_path / "export", out, SETTINGS, lambda: _Meddler(out, times))
    assert [r.status for r in result.records] == [status]
    if status is Status.SET_ASIDE:
        assert "changed while it was read" in (result.records[0].error or "")
        assert _read_again(tmp_path / "export", out).count(Status.DONE) == 1


def test_what_was_set_aside_is_read_again_on_request_only(reference: BatchResult, export: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(export / "study3", tmp_path / "export")
    first = _read_again(tmp_path / "export", out)
    assert _read_again(tmp_path / "export", out).num_read_now == 0
    again = _read_again(tmp_path / "export", out, retry=True)
    assert (first.count(Status.SET_ASIDE), again.num_read_now, again.count(Status.SET_ASIDE)) == (1, 1, 1)


def test_results_of_changed_files_are_replaced(export: Path, tmp_path: Path) -> None:
    shutil.copytree(export / "study0", tmp_path / "export")
    out = tmp_path / "out"
    first = _read_again(tmp_path / "export", out)
    report = next(out.glob("2.25.*")) / "report.json"
    before = canonical(report)
    last = sorted((tmp_path / "export").rglob("*.dcm"))[-1]
    last.unlink()
    second = _read_again(tmp_path / "export", out)
    assert (first.count(Status.DONE), second.count(Status.DONE), second.num_read_now) == (1, 1, 1)
    assert canonical(report)["study"]["series"][0]["shape"][0] == before["study"]["series"][0]["shape"][0] - 1
    assert latest_records(out).keys() == {before["study"]["study_uid"]}


def test_a_full_disk_stops_the_run_loses_nothing_and_it_goes_on(
    reference: BatchResult, export: Path, work: Path
) -> None:
    """The limit on the size of a file stands for the full disk: the same error at the same places, without a mount."""
    out = work / "full"
    command = [sys.executable, "-m", "tomoscribe.cli", "batch", str(export), "--out", str(out), *OPTIONS]
    limited = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (60_000, 60_000))
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=limited, check=False)
    assert done.returncode == OutputError.exit_code
    assert "cannot" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert not list(out.glob("2.25.*"))
    assert not list((out / ".batch" / "staging").iterdir())
    _read_again(export, out)
    assert differences(reference.folder.root, out) == []


def _reads(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return process.num_threads() > 1 and "spawn_main" in " ".join(process.cmdline())
    return False


def _wait_for(found: Callable[[], psutil.Process | None]) -> psutil.Process:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if (process := found()) is not None:
            return process
        time.sleep(0.05)
    raise AssertionError("no worker was started")
