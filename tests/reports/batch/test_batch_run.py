"""Whole runs over a small generated export with the shipped weights: results, tables, kills, workers."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import psutil
from typer.testing import CliRunner

from tests.reports.batch.cases import NUM_KILLS, NUM_STUDIES, OPTIONS, SETTINGS, config, read_here
from tomoscribe.cli.main import app
from tomoscribe.core import Presence
from tomoscribe.core.serial import reading_from_json
from tomoscribe.reports.batch import BatchResult, run_batch
from tomoscribe.reports.batch.pools import ProcessPool
from tomoscribe.reports.batch.records import Status, summary_of
from tomoscribe.reports.batch.run import Standing
from tomoscribe.reports.batch.worklist import URGENCY_WORDS
from tomoscribe.reports.writer import write_report
from tomoscribe.validation.batch_trial.kill import canonical, differences, killed_runs, uids


def test_every_good_study_has_results_and_every_bad_one_a_reason(reference: BatchResult) -> None:
    assert reference.count(Status.DONE) == NUM_STUDIES - 2
    reasons = sorted(r.error or "" for r in reference.records if r.status is Status.SET_ASIDE)
    assert len(reasons) == 2
    assert "found" in reasons[0] or "NM" in reasons[0]
    assert "ends before its pixels" in reasons[1]


def test_results_are_those_of_read(reference: BatchResult, export: Path, tmp_path: Path) -> None:
    command = ["read", str(export / "study0"), "--device", "cpu", "--text", "writer", "--out", str(tmp_path / "out")]
    assert CliRunner().invoke(app, command).exit_code == 0
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


def test_a_study_in_which_nothing_was_assessed_is_not_listed_as_without_finding(reference: BatchResult) -> None:
    name = next(r.folder for r in reference.records if r.folder is not None)
    reading = reading_from_json((reference.folder.results(name) / "report.json").read_text(encoding="utf-8"))
    assert summary_of(reading).urgency == 3
    unassessed = [f for f in reading.report.findings if f.presence is Presence.NOT_ASSESSED]
    report = write_report(reading.study, unassessed, provenance=reading.report.provenance)
    summary = summary_of(replace(reading, report=report))
    assert URGENCY_WORDS[summary.urgency] == "not assessed"
    assert "not assessed" in summary.impression[-1]


def test_the_estimate_waits_for_the_first_study(export: Path, tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    for n in range(2):
        shutil.copytree(export / f"study{n}", tmp_path / "export" / f"study{n}")
    (tmp_path / "export" / "cut.zip").write_bytes((export / "study2.zip").read_bytes()[:5000])
    told: list[Standing] = []
    read_here(tmp_path / "export", tmp_path / "out", watch=told.append)
    assert [s.seconds_left is None for s in told] == [True, False, False]
    assert (told[-1].done, told[-1].set_aside, told[-1].seconds_left) == (1, 2, 0.0)


def test_a_second_run_finds_everything_done(reference: BatchResult, export: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in reference.folder.root.rglob("report.json")}
    again = read_here(export, reference.folder.root)
    assert again.num_read_now == 0
    assert again.records == reference.records
    assert {p: p.stat().st_mtime_ns for p in reference.folder.root.rglob("report.json")} == before


def test_kill_9_at_random_moments(reference: BatchResult, export: Path, tmp_path: Path) -> None:
    out = tmp_path / "killed"
    kills = killed_runs(export, out, kills=NUM_KILLS, spread_s=NUM_STUDIES / 3, seed=3, arguments=OPTIONS)
    assert len(kills) >= 1
    rest = read_here(export, out)
    assert differences(reference.folder.root, out) == []
    assert (rest.count(Status.DONE), rest.count(Status.SET_ASIDE)) == (NUM_STUDIES - 2, 2)


def test_workers_read_the_same_and_a_dead_one_is_replaced(reference: BatchResult, export: Path, tmp_path: Path) -> None:
    out = tmp_path / "workers"
    pool = ProcessPool(config(out), 2)
    victim = pool.processes()[0]

    def kill_one(standing: Standing) -> None:
        if victim.is_alive():
            os.kill(victim.pid, signal.SIGKILL)

    result = run_batch(export, out, SETTINGS, lambda: pool, watch=kill_one)
    assert victim.exitcode == -signal.SIGKILL
    assert result.count(Status.DONE) == NUM_STUDIES - 2
    assert differences(reference.folder.root, out) == []
    assert not any(p.is_alive() for p in pool.processes())


def test_workers_end_with_the_process_that_started_them(export: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "tomoscribe.cli",
        "batch",
        str(export),
        "--out",
        str(tmp_path / "orphans"),
        *OPTIONS,
    ]
    process = subprocess.Popen([*command, "--workers", "1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    child = _wait_for(lambda: next((p for p in psutil.Process(process.pid).children() if _reads(p)), None))
    process.kill()
    process.wait()
    psutil.wait_procs([child], timeout=20)
    assert not child.is_running()


def test_a_worker_says_nothing_of_what_a_library_logs() -> None:
    code = (
        "import logging; from tomoscribe.reports.batch.work import silence_libraries; silence_libraries()\n"
        "import pydicom; logging.getLogger('pydicom.pixels').error('a value')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""


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
