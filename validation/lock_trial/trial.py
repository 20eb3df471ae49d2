"""The counted trial of the evidence lock: planted changes caught, untouched reports let through.

Run as ``python -m tomoscribe.validation.lock_trial --paraphrases FILE [--language zh]``.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tomoscribe.core import Report
from tomoscribe.reports.lock import EvidenceLock
from tomoscribe.reports.writer import write_report
from tomoscribe.validation.lock_trial.changes import CHANGES
from tomoscribe.validation.lock_trial.paraphrases import Paraphraser
from tomoscribe.validation.lock_trial.patients import PROVENANCE, Case, random_case

ReportSource = Callable[[Case, int], Report]
"""(case, seed) to a report that claims nothing false and leaves nothing out."""

PHRASINGS, DEV, HELD_OUT = "writer, other phrasings", "paraphrase dev", "paraphrase held out"


def writer_source(language: str = "en") -> ReportSource:
    """The writer's own wording."""

    def source(case: Case, seed: int) -> Report:
        return write_report(case.study, case.findings, provenance=PROVENANCE, language=language)

    return source


def phrasing_source(language: str = "en") -> ReportSource:
    """The writer with seeded phrasings: stands in where no decoder is given."""

    def source(case: Case, seed: int) -> Report:
        return write_report(case.study, case.findings, provenance=PROVENANCE, phrasing_seed=seed, language=language)

    return source


def paraphrase_source(path: Path, split: str, language: str = "en") -> ReportSource:
    """Frozen paraphrases of one split in place of the writer's sentences."""
    written = writer_source(language)

    def source(case: Case, seed: int) -> Report:
        return Paraphraser(path, split, seed, language).report(written(case, seed), case.study)

    return source


@dataclass(kw_only=True)
class Counts:
    """What the trial counted.

    Args:
        planted, caught: per (kind of change, source).
        untouched, alarms: per source.
        missed: (source, seed, kind, changed text) of each change that was not caught.
        false: (source, seed, objection) of each false alarm, the first objection only.
    """

    planted: Counter[tuple[str, str]] = field(default_factory=Counter)
    caught: Counter[tuple[str, str]] = field(default_factory=Counter)
    untouched: Counter[str] = field(default_factory=Counter)
    alarms: Counter[str] = field(default_factory=Counter)
    missed: list[tuple[str, int, str, str]] = field(default_factory=list)
    false: list[tuple[str, int, str]] = field(default_factory=list)


def run_trial(sources: dict[str, tuple[ReportSource, int]], *, first_seed: int = 0) -> Counts:
    """One planted change and one untouched check for each report.

    Args:
        sources: name to (source, number of reports).
        first_seed: of the cases; other seeds are other patients.
    """
    counts = Counts()
    for name, (source, number) in sources.items():
        for seed, kind, report, changed, lock in _pairs(name, source, number, first_seed):
            before = lock.check(report)
            counts.untouched[name] += 1
            counts.alarms[name] += bool(before)
            if before:
                counts.false.append((name, seed, f"{before[0].fault.value}: {before[0].words}"))
            after = lock.check(changed)
            known = {(o.section, o.fault, o.words) for o in before}
            new = any((o.section, o.fault, o.words) not in known for o in after)
            counts.planted[kind, name] += 1
            counts.caught[kind, name] += new
            if not new:
                counts.missed.append((name, seed, kind, _difference(report, changed)))
    return counts


def _pairs(
    name: str, source: ReportSource, number: int, first_seed: int
) -> Iterator[tuple[int, str, Report, Report, EvidenceLock]]:
    """(seed, kind, report, changed report, lock); a kind that a case has no place for waits for the next case."""
    waiting: list[str] = []
    seed = first_seed
    done = 0
    while done < number:
        waiting = waiting or list(CHANGES)
        case = random_case(seed, lobes=not name.startswith("paraphrase"))
        report = source(case, seed)
        for kind in waiting:
            changed = CHANGES[kind](report, random.Random(f"{name} {seed} {kind}"))
            if changed is not None and changed != report:
                waiting.remove(kind)
                done += 1
                yield seed, kind, report, changed, EvidenceLock(case.study)
                break
        seed += 1


def _difference(report: Report, changed: Report) -> str:
    before = {s.text for s in report.statements}
    new = [s.text for s in changed.statements if s.text not in before]
    return new[0] if new else "(a sentence left out)"


def default_sources(
    paraphrases: Path, decoder: ReportSource | None = None, *, total: int = 1000, language: str = "en"
) -> dict[str, tuple[ReportSource, int]]:
    """A third writer, a third decoder, a third paraphrases (half of them held out)."""
    third = total // 3
    held_out = third // 2
    name, source = ("decoder", decoder) if decoder is not None else (PHRASINGS, phrasing_source(language))
    return {
        "writer": (writer_source(language), total - 2 * third),
        name: (source, third),
        DEV: (paraphrase_source(paraphrases, "dev", language), third - held_out),
        HELD_OUT: (paraphrase_source(paraphrases, "held_out", language), held_out),
    }


def table(counts: Counts) -> str:
    """Kind x source, caught / planted, and false alarms per source, as Markdown."""
    sources = list(counts.untouched)
    lines = [f"| planted change | {' | '.join(sources)} | all |", "|---" * (len(sources) + 2) + "|"]
    for kind in CHANGES:
        cells = [f"{counts.caught[kind, s]}/{counts.planted[kind, s]}" for s in sources]
        whole = (sum(counts.caught[kind, s] for s in sources), sum(counts.planted[kind, s] for s in sources))
        lines.append(f"| {kind} | {' | '.join(cells)} | {whole[0]}/{whole[1]} |")
    caught = [sum(counts.caught[k, s] for k in CHANGES) for s in sources]
    planted = [sum(counts.planted[k, s] for k in CHANGES) for s in sources]
    cells = [f"{c}/{p}" for c, p in zip(caught, planted, strict=True)]
    lines.append(f"| **caught** | {' | '.join(cells)} | {sum(caught)}/{sum(planted)} |")
    alarms = [f"{counts.alarms[s]}/{counts.untouched[s]}" for s in sources]
    total = f"{sum(counts.alarms.values())}/{sum(counts.untouched.values())}"
    lines.append(f"| **false alarms, untouched** | {' | '.join(alarms)} | {total} |")
    return "\n".join(lines)
