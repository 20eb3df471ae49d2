"""``kill -9`` at random moments, resumed each time, against a run that nobody touched."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom

from tomoscribe.reports.batch.journal import read_journal
from tomoscribe.reports.export import OPTIONAL_RESULTS, RESULT_FILES

TIMEOUT_S = 7200.0


@dataclass(frozen=True, kw_only=True)
class KillTrial:
    """What a run with kills came to.

    Args:
        kills: moments of the kills, in seconds after the first study of each start was begun.
        differences: from the run that was not killed, in words; empty is what is wanted.
    """

    num_done: int
    num_set_aside: int
    kills: tuple[float, ...]
    reference_seconds: float
    differences: tuple[str, ...]


def kill_trial(
    export: Path,
    work: Path,
    *,
    kills: int,
    seed: int = 1,
    arguments: tuple[str, ...] = (),
) -> KillTrial:
    """Runs ``tomoscribe batch`` once undisturbed and once with kills, and compares the two folders.

    Args:
        export: the folder that is read.
        work: for ``reference`` and ``killed``; both are gone on with where they are there already.
        arguments: further ones for the command.
    """
    start = time.monotonic()
    reference, killed = work / "reference", work / "killed"
    subprocess.run(_command(export, reference, arguments), check=True, stdout=subprocess.DEVNULL)
    took = time.monotonic() - start
    spread_s = 1.8 * took / (kills + 1)
    moments = killed_runs(export, killed, kills=kills, spread_s=spread_s, seed=seed, arguments=arguments)
    subprocess.run(_command(export, killed, arguments), check=True, stdout=subprocess.DEVNULL)
    records = latest_records(killed)
    return KillTrial(
        num_done=sum(r["status"] == "done" for r in records.values()),
        num_set_aside=sum(r["status"] == "set_aside" for r in records.values()),
        kills=tuple(moments),
        reference_seconds=took,
        differences=tuple(differences(reference, killed)),
    )


def killed_runs(
    export: Path, out: Path, *, kills: int, spread_s: float, seed: int = 1, arguments: tuple[str, ...] = ()
) -> list[float]:
    """Starts the same run so many times and kills it; the moments at which it was alive to be killed.

    Args:
        spread_s: each is killed at most so long after its first study was begun.
    """
    rng = random.Random(seed)
    moments = [_killed_run(_command(export, out, arguments), out, rng.uniform(0, spread_s)) for _ in range(kills)]
    return [m for m in moments if m is not None]


def _command(export: Path, out: Path, arguments: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "tomoscribe.cli", "batch", str(export), "--out", str(out), *arguments]


def _killed_run(command: list[str], out: Path, after_s: float) -> float | None:
    """Starts the run and kills it so long after it began with a study; None when it was done before."""
    before = _num_begun(out)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + TIMEOUT_S
    while process.poll() is None and _num_begun(out) == before and time.monotonic() < end:
        time.sleep(0.05)
    try:
        process.wait(timeout=after_s)
    except subprocess.TimeoutExpired:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        return after_s
    return None


def _num_begun(out: Path) -> int:
    return sum(kind == "start" for kind, _ in read_journal(out / ".batch" / "journal.jsonl"))


def latest_records(out: Path) -> dict[str, dict[str, Any]]:
    """The last record of each study, or archive, in the journal of a run."""
    records = {}
    for kind, content in read_journal(out / ".batch" / "journal.jsonl"):
        if kind == "study":
            records[content["study_uid"] or content["fingerprint"]] = content
    return records


def differences(reference: Path, killed: Path) -> list[str]:
    """Where the folders of two runs differ, beyond timing; and what is left half-written."""
    words = []
    wanted, found = latest_records(reference), latest_records(killed)
    if wanted.keys() != found.keys():
        words.append(f"{len(wanted.keys() ^ found.keys())} studies are settled in one run only")
    for uid in wanted.keys() & found.keys():
        if (wanted[uid]["status"], wanted[uid]["error"]) != (found[uid]["status"], found[uid]["error"]):
            words.append(f"{uid}: {wanted[uid]['status']} {wanted[uid]['error']} against {found[uid]['error']}")
        elif wanted[uid]["status"] == "done":
            name = wanted[uid]["folder"]
            words += [f"{uid}: {w}" for w in _differing_files(reference / name, killed / name)]
    return words + _left_over(killed, found)


def _differing_files(one: Path, other: Path) -> list[str]:
    there = [{p.relative_to(f).as_posix() for p in f.rglob("*") if p.is_file()} for f in (one, other)]
    if there[0] != there[1] or not there[0] >= set(RESULT_FILES):
        return [f"files differ: {sorted(there[0] ^ there[1])}, expected at least {RESULT_FILES}"]
    words = []
    if canonical(one / "report.json") != canonical(other / "report.json"):
        words.append("report.json differs")
    for name in sorted(n for n in there[0] if n.endswith(".dcm")):
        if uids(one / name) != uids(other / name):
            words.append(f"UIDs of {name} differ")
    return words


def _left_over(out: Path, records: dict[str, dict[str, Any]]) -> list[str]:
    folders = {p.name for p in out.iterdir() if p.is_dir() and p.name != ".batch"}
    expected = {r["folder"] for r in records.values() if r["status"] == "done"}
    words = [f"unexpected folder {name}" for name in sorted(folders - expected)]
    words += [f"left in staging: {p.name}" for p in (out / ".batch" / "staging").iterdir()]
    words += [f"unexpected file {p.name}" for p in out.rglob(".*") if p.is_file()]
    for folder in sorted(folders & expected):
        known = {*RESULT_FILES, *OPTIONAL_RESULTS}
        words += [f"unexpected file in {folder}" for p in (out / folder).iterdir() if p.name not in known]
    return words


def canonical(report: Path) -> Any:
    """The content of ``report.json`` without timing."""
    return _without_timing(json.loads(report.read_text(encoding="utf-8")))


def _without_timing(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_timing(item) for key, item in value.items() if key != "timing"}
    return [_without_timing(v) for v in value] if isinstance(value, list) else value


def uids(path: Path) -> list[str]:
    """Every UID in a DICOM object, in its order."""
    ds = pydicom.dcmread(path, stop_before_pixels=True)
    return [str(element.value) for element in ds.iterall() if element.VR == "UI"]
