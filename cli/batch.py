"""``tomoscribe batch EXPORT --out DIR``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tomoscribe.cli.options import Device
from tomoscribe.cli.read import Language, Text

MAX_REASONS = 20
"""So many studies that were set aside are listed on the terminal."""

if TYPE_CHECKING:
    from tomoscribe.reports.batch import BatchResult, Standing
    from tomoscribe.reports.batch.pools import Pool
    from tomoscribe.reports.batch.work import WorkerConfig


def batch(
    export: Annotated[
        Path, typer.Argument(metavar="EXPORT", help="A folder, zip or DICOMDIR with studies of any number of patients.")
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder of the run; named again, the run goes on there.")
    ],
    device: Device = "auto",
    text: Annotated[
        Text, typer.Option("--text", help="Who words the sentences: the trained decoder or the plain writer.")
    ] = Text.DECODER,
    language: Annotated[Language, typer.Option("--language", help="Language of the reports.")] = Language.ENGLISH,
    translation: Annotated[
        Language | None, typer.Option("--translation", help="Add a translation into this language, marked as one.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, metavar="N", help="So many processes; without it, this one.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, metavar="N", help="Of each process; by default the cores shared.")
    ] = None,
    ray: Annotated[
        str | None, typer.Option("--ray", metavar="ADDRESS|local", help="Read on a Ray cluster (extra 'ray').")
    ] = None,
    gpus: Annotated[
        float, typer.Option("--gpus", min=0.0, metavar="SHARE", help="With --ray: share of a GPU for each worker.")
    ] = 0.0,
    retry: Annotated[bool, typer.Option("--retry", help="Read again what was set aside before.")] = False,
) -> None:
    """Read every study of an export; resumable. Writes one folder per study, manifest.parquet and worklist.html."""
    from tomoscribe.cli.progress import progress_bar
    from tomoscribe.core.errors import OutputError
    from tomoscribe.reports.audit import AuditLog
    from tomoscribe.reports.batch import Settings, run_batch
    from tomoscribe.reports.batch.work import WorkerConfig

    second = None if translation is None else translation.value
    settings = Settings(device=device, text=text.value, language=language.value, translation=second)
    audit = AuditLog.from_environment("tomoscribe batch").folder
    config = WorkerConfig(root=out.resolve(), settings=settings, threads=threads, audit=audit)
    with progress_bar() as progress:
        result = run_batch(
            export,
            out,
            settings,
            _pool(config, Places(workers=workers, ray=ray, gpus=gpus)),
            scanning=lambda stage, fraction: progress("looking through the export", 0.0),
            watch=lambda s: progress(_words(s), (s.done + s.set_aside) / max(s.total, 1)),
            retry=retry,
        )
    for line in _lines(result):
        typer.echo(line)
    if result.stopped is not None:
        raise OutputError(result.stopped)


@dataclass(frozen=True, kw_only=True)
class Places:
    """Who reads: this process, so many others, or a Ray cluster."""

    workers: int | None
    ray: str | None
    gpus: float


def _pool(config: WorkerConfig, places: Places) -> Callable[[], Pool]:
    from tomoscribe.core.errors import ConfigError
    from tomoscribe.reports.batch.pools import InProcessPool, ProcessPool
    from tomoscribe.reports.batch.ray_pool import RayOptions, RayPool, require_ray

    if places.ray is not None:
        require_ray()
        options = RayOptions(address=places.ray, num_workers=places.workers, gpus=places.gpus)
        return lambda: RayPool(config, options)
    if places.gpus:
        raise ConfigError("expected --ray with --gpus, found --gpus alone", remedy="use --device cuda:N without Ray")
    return lambda: InProcessPool(config) if places.workers is None else ProcessPool(config, places.workers or 1)


def _words(standing: Standing) -> str:
    """How far, how many set aside, how long it will take."""
    settled = standing.done + standing.set_aside
    aside = f", {standing.set_aside} set aside" if standing.set_aside else ""
    open_ended = standing.seconds_left is None or settled == standing.total
    left = "" if open_ended else f", {_time(standing.seconds_left or 0.0)} left"
    return f"{settled} of {standing.total} studies{aside}{left}"


def _time(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes >= 90:
        return f"about {minutes / 60:.1f} h"
    return f"about {minutes} min" if minutes else "less than a minute"


def _lines(result: BatchResult) -> list[str]:
    from tomoscribe.reports.batch.records import Status

    done, aside = result.count(Status.DONE), result.count(Status.SET_ASIDE)
    reasons = [f"set aside: {r.study_uid}: {r.error}" for r in result.records if r.study_uid and r.error]
    reasons += [f"set aside: {a.name}: {a.reason}" for a in result.archives]
    return [
        *reasons[:MAX_REASONS],
        *([f"... and {len(reasons) - MAX_REASONS} more, see the worklist"] if len(reasons) > MAX_REASONS else []),
        f"{done} studies read, {aside} set aside; {result.num_read_now} settled by this run. Not a medical device.",
        str(result.folder.worklist),
        str(result.folder.manifest),
    ]
