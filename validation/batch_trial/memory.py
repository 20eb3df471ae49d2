"""Memory of one process over many small studies: flat, or growing."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tomoscribe.encoders.dicom import SyntheticIdentity, write_series
from tomoscribe.phantoms.brain.case import brain_case
from tomoscribe.reports.batch import Settings, Standing, run_batch
from tomoscribe.reports.batch.pools import InProcessPool
from tomoscribe.reports.batch.work import WorkerConfig

FIRST_SEED = 1_820_000
SPACING_MM = 7.0
"""Heads of about 30 slices of 30 x 30."""
EVERY = 50
SETTLED = 100
"""Studies until every library has loaded and every buffer has its size."""


@dataclass(frozen=True, kw_only=True)
class MemoryTrial:
    """What the process held.

    Args:
        rss_bytes: after each study, in the order of reading.
        num_set_aside: studies without results.
    """

    rss_bytes: tuple[int, ...]
    num_set_aside: int

    @property
    def growth_bytes(self) -> float:
        """Of a straight line through all that follows the first SETTLED studies, over a thousand studies."""
        rest = self.rss_bytes[SETTLED:]
        slope, _ = statistics.linear_regression(range(len(rest)), rest)
        return 1000.0 * slope


def make_small_export(folder: Path, num_studies: int) -> None:
    """Head MRs on a very coarse grid, each of a patient of its own."""
    for n in range(num_studies):
        identity = SyntheticIdentity(
            patient_id=f"PHANTOM-{n}",
            patient_name="PHANTOM^SMALL",
            study_date=f"2026-{1 + n % 12:02d}-{1 + n % 28:02d}",
            birth_date="1960-03-01",
            sex="F",
            age_years=65,
        )
        volume = brain_case(FIRST_SEED + n, spacing_mm=SPACING_MM, contrasts=("T1",)).volumes["T1"]
        write_series(volume, folder / f"study{n:05d}", identity=identity)


def memory_trial(
    export: Path, out: Path, *, threads: int = 1, said: Callable[[str], None] | None = None
) -> MemoryTrial:
    """Reads an export in this process.

    Args:
        said: told the memory after every EVERY studies.
    """
    settings = Settings(device="cpu")
    config = WorkerConfig(root=out.resolve(), settings=settings, threads=threads)
    held: list[int] = []

    def settled(standing: Standing) -> None:
        if standing.last is None or standing.last.rss_bytes is None:
            return
        held.append(standing.last.rss_bytes)
        if said is not None and len(held) % EVERY == 0:
            said(f"{len(held)} studies: {held[-1] / 1e6:.0f} MB")

    result = run_batch(export, out, settings, lambda: InProcessPool(config), watch=settled)
    return MemoryTrial(rss_bytes=tuple(held), num_set_aside=sum(r.folder is None for r in result.records))
