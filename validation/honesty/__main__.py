"""``python -m tomoscribe.validation.honesty FOLDER [--predictions FILE]``: a machine's reports on a data set.

Prints what was left out, the figures beside chance and always normal, the flags and what could not be tested.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tomoscribe.core.errors import TomoscribeError
from tomoscribe.validation.datasets import NAMES, Opened, open_dataset, verify
from tomoscribe.validation.honesty.examine import examine
from tomoscribe.validation.honesty.ours import predict
from tomoscribe.validation.honesty.predictions import read_predictions
from tomoscribe.validation.honesty.settings import UNASSESSED, Settings
from tomoscribe.validation.records import Case, HonestyReport, Prediction, Score


def main(arguments: Sequence[str]) -> int:
    """Exit code of the command; 0 also where flags are raised, since they are its result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="the data set")
    parser.add_argument("--dataset", choices=("auto", *NAMES), default="auto", help="its layout")
    parser.add_argument("--predictions", type=Path, default=None, help="JSON lines; without it our own reader reads")
    parser.add_argument("--text", choices=("writer", "decoder"), default="decoder", help="who words our own reports")
    parser.add_argument("--training", type=Path, default=None, help="a data set that the machine has seen")
    parser.add_argument("--split", default=None, help="cases of this split only")
    parser.add_argument("--verify", action="store_true", help="read all voxels: bad volumes, leaks by image")
    parser.add_argument("--json", type=Path, default=None, help="also write everything here")
    chosen = parser.parse_args(arguments)
    try:
        opened = open_dataset(chosen.dataset, chosen.folder)
        training = open_dataset("auto", chosen.training) if chosen.training else None
        if chosen.verify:
            opened, training = verify(opened), verify(training) if training else None
        cases = [c for c in opened.cases if chosen.split in (None, c.split)]
        examined = {c.case_id for c in cases}
        rest = tuple(c for c in opened.cases if c.split == "train" and c.case_id not in examined)
        seen = training.cases if training else rest
        if chosen.predictions is not None:
            report = examine(read_predictions(chosen.predictions), cases, seen, Settings())
        else:
            report = examine(_own(cases, chosen.text), cases, seen, Settings(unassessed=UNASSESSED))
    except TomoscribeError as error:
        sys.stderr.write(f"{error.line()}\n")
        return error.exit_code
    sys.stdout.write(table(opened, report) + "\n")
    if chosen.json is not None:
        facts = {"data_set": opened.name, "cases": len(cases), "left_out": opened.counts(), "honesty": asdict(report)}
        text = json.dumps(_plain(facts), indent=1, ensure_ascii=False, allow_nan=False)
        chosen.json.write_text(text + "\n", encoding="utf-8")
    return 0


def _own(cases: Sequence[Case], text: str) -> tuple[Prediction, ...]:
    from tomoscribe.reports.reader import StudyReader

    return predict(cases, StudyReader(text=text))


def _plain(value: Any) -> Any:
    """The same with null for what is not a number: JSON has no NaN."""
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def table(opened: Opened, report: HonestyReport) -> str:
    """Everything as lines of text, flags first."""
    lines = [f"{opened.name}: {len(opened.cases)} cases"]
    lines += [f"left out: {count} x {what}" for what, count in opened.counts().items()]
    lines += [f"note: {words}" for words in opened.warnings]
    lines += [f"FLAG {f.name} ({f.severity}): {f.evidence}" for f in report.flags] or ["no flag"]
    lines.append(
        f"{'figure':46s} {'group':22s} {'value':>8s}  {'95 % interval':20s} {'chance':>8s} {'normal':>8s} cases"
    )
    lines += [_line(score) for score in report.scores]
    lines += [f"not tested: {words}" for words in report.not_tested]
    lines += [f"look at: {g.case_id}: {g.reason}" for g in report.gallery]
    return "\n".join(lines)


def _line(score: Score) -> str:
    chance, normal = ("-" if v is None else f"{v:.3f}" for v in (score.chance, score.always_normal))
    interval = f"{score.low:.3f} to {score.high:.3f}"
    return (
        f"{score.name:46s} {score.subgroup:22s} {score.value:8.3f}  {interval:20s} {chance:>8s} {normal:>8s} {score.n}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
