"""What the whole runs share: one setting, one small export."""

from __future__ import annotations

import os
from pathlib import Path

from tomoscribe.reports.audit import FOLDER_VARIABLE
from tomoscribe.reports.batch import BatchResult, Settings, run_batch
from tomoscribe.reports.batch.pools import InProcessPool
from tomoscribe.reports.batch.work import WorkerConfig
from tomoscribe.validation.batch_trial.export import BREAKERS, write_study, zipped

SETTINGS = Settings(device="cpu", text="writer")
OPTIONS = ("--device", "cpu", "--text", "writer", "--threads", "1")
NUM_STUDIES = int(os.environ.get("TOMOSCRIBE_BATCH_STUDIES", "6"))
NUM_KILLS = int(os.environ.get("TOMOSCRIBE_BATCH_KILLS", "2"))
BROKEN = {1: "pixels cut off", 3: "modality nobody reads"}
FIRST_SEED = 1_800_100
HEAD_MM = 6.0


def make_small(folder: Path) -> None:
    """Head MRs on very coarse grids, one of them in a zip, two broken."""
    for n in range(NUM_STUDIES):
        write_study(folder / f"study{n}", 8 * n, seed=FIRST_SEED + n, head_mm=HEAD_MM)
        if n in BROKEN:
            BREAKERS[BROKEN[n]](folder / f"study{n}")
    zipped(folder / "study2")


def config(out: Path) -> WorkerConfig:
    return WorkerConfig(root=out, settings=SETTINGS, threads=1, audit=Path(os.environ[FOLDER_VARIABLE]))


def read_here(export: Path, out: Path, **options: object) -> BatchResult:
    """A run in this process."""
    return run_batch(export, out, SETTINGS, lambda: InProcessPool(config(out)), **options)  # type: ignore[arg-type]
