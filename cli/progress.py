"""Progress of long work on stderr: a bar on a terminal, one line per stage elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from tomoscribe.findings.measured import Progress as Callback


@contextmanager
def progress_bar() -> Iterator[Callback]:
    """Yields the callback that library functions take: stage in words and the fraction done, 0 to 1."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines()
        return
    columns = (TextColumn("{task.description:<32}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task: TaskID = bar.add_task("starting", total=1.0)
        yield lambda stage, fraction: bar.update(task, description=stage, completed=fraction)


def _lines() -> Callback:
    last = ""

    def report(stage: str, fraction: float) -> None:
        nonlocal last
        if stage != last:
            sys.stderr.write(f"[{100 * fraction:3.0f} %] {stage}\n")
            sys.stderr.flush()
            last = stage

    return report
