"""The trial: every study read, one after the other, and what came of each."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tomoscribe.validation.findings_trial.reading import CaseResult, read_source
from tomoscribe.validation.findings_trial.shared import shared_sources
from tomoscribe.validation.findings_trial.sources import FIRST_SEED, Source, generated_sources, sample_sources
from tomoscribe.validation.records import Excluded
from tomoscribe.validation.report.facts import code_sha256

_MAKERS = ("sources", "shared", "truth", "overlap", "reading")
Tell = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is read.

    Args:
        samples: folders of the sample studies, by name.
        chest, brain: numbers of generated studies.
        first_seed: of both.
        data: folder of labelled real scans, None for none.
        keep: folder in which results of studies are kept, so that a run goes on where it stopped.
        pictures: draw failures of studies that may be shown.
        device: for the networks.
    """

    samples: Mapping[str, Path] = field(default_factory=dict)
    chest: int = 12
    brain: int = 12
    first_seed: int = FIRST_SEED
    data: Path | None = None
    keep: Path | None = None
    pictures: bool = True
    device: str = "auto"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Every study, and what was found and not used."""

    results: tuple[CaseResult, ...]
    excluded: tuple[Excluded, ...] = ()


def run_findings(settings: Settings, tell: Tell | None = None) -> Outcome:
    """Reads every study with the default weights; one that cannot be read is a result too.

    Args:
        tell: told which study is read.

    Raises:
        ConfigError: seeds that training may use.
        InputError: the folder of real scans is not there.
    """
    real, excluded = ([], []) if settings.data is None else shared_sources(settings.data)
    generated = generated_sources(settings.chest, settings.brain, settings.first_seed)
    sources = [*sample_sources(settings.samples), *real, *generated]
    return Outcome(results=tuple(_read_all(sources, settings, tell or _silent)), excluded=tuple(excluded))


def _read_all(sources: list[Source], settings: Settings, tell: Tell) -> Iterable[CaseResult]:
    from tomoscribe.reports.reader import StudyReader

    reader = StudyReader(device=settings.device)
    key = result_key()
    for n, source in enumerate(sources, start=1):
        tell(f"study {n} of {len(sources)}: {source.name}")
        yield read_source(source, reader, keep=settings.keep, key=key, pictures=settings.pictures)


def result_key() -> str:
    """Of the program, its weights and the parts of this trial that a study's result depends on."""
    digest = hashlib.sha256(code_sha256().encode())
    for name in _MAKERS:
        digest.update((Path(__file__).parent / f"{name}.py").read_bytes())
    return digest.hexdigest()


def _silent(line: str) -> None:
    """For callers that want to hear nothing."""
