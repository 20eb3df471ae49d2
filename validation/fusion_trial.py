"""Does the image matter: held-out phantoms with their image tokens intact, zeroed, and swapped between patients.

``python -m tomoscribe.validation.fusion_trial [--ct N] [--mr N] [--first-seed S] [--json FILE]`` prints a table. Two
readers are tried: the towers' finding heads (AUROC) and the decoder, which is given sheets whose rows are all withheld
(F1 of what it suspects on the image). Intervals are 95 % percentile intervals of a bootstrap over patients.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tomoscribe.core import Code, Laterality
from tomoscribe.core.errors import ConfigError
from tomoscribe.encoders.towers import Tower, load_unet
from tomoscribe.findings.sheet import FactRow, FactSheet
from tomoscribe.fusion.report_model import ReportModel
from tomoscribe.fusion.types import StudyTokens
from tomoscribe.training.recipe import HELD_OUT_FIRST, Places
from tomoscribe.training.report_cases import suspicion
from tomoscribe.training.report_images import ASKED, SeenCase
from tomoscribe.training.report_studies import SeenStore
from tomoscribe.validation.metrics.classification import Counts, auroc
from tomoscribe.validation.metrics.intervals import interval

CONDITIONS = ("intact", "zeroed", "swapped")
ROUNDS = 1000
Score = Callable[[NDArray[np.float64], NDArray[np.bool_]], float]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One figure with its interval.

    Args:
        reader: ``heads`` or ``decoder``.
        finding: its name, or ``all``.
        chance: what guessing at the same rate would give: 0.5 for AUROC, 2 p q / (p + q) for F1.
    """

    reader: str
    finding: str
    condition: str
    value: float
    low: float
    high: float
    chance: float
    patients: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Readings:
    """What one tower's patients gave under one condition: (patients, questions)."""

    tower: str
    truth: NDArray[np.float32]
    logits: NDArray[np.float32]
    said: NDArray[np.float32]


def run_trial(ct: int, mr: int, first_seed: int, places: Places, *, bits: int | None = None) -> list[Row]:
    """The whole trial on held-out seeds from ``first_seed`` on; ConfigError for seeds that training may use.

    Args:
        bits: of packed weights of the report model, or None for those that ship.
    """
    if first_seed < HELD_OUT_FIRST:
        raise ConfigError(f"expected held-out seeds from {HELD_OUT_FIRST}, found {first_seed}")
    model = ReportModel.load(bits=bits)
    rows = []
    readings: dict[str, list[Readings]] = {c: [] for c in CONDITIONS}
    for name, count in (("unet-ct", ct), ("unet-mr", mr)):
        tower = load_unet(name)
        store = SeenStore(tower, places)
        cases = [store.get(first_seed + n) for n in range(count)]
        for condition in CONDITIONS:
            readings[condition].append(_read(model, tower, cases, condition))
    for condition in CONDITIONS:
        rows += _rows(readings[condition], condition)
    return rows


def _read(model: ReportModel, tower: Tower, cases: Sequence[SeenCase], condition: str) -> Readings:
    others = [cases[(n + 1) % len(cases)] for n in range(len(cases))]
    tokens = {
        "intact": [c.tokens for c in cases],
        "zeroed": [c.tokens.zeroed() for c in cases],
        "swapped": [c.tokens for c in others],
    }[condition]
    logits = {
        "intact": [c.logits for c in cases],
        "zeroed": [_blind_logits(tower, c) for c in cases],
        "swapped": [c.logits for c in others],
    }[condition]
    return Readings(
        tower=tower.name,
        truth=np.stack([c.truth for c in cases]),
        logits=np.stack(logits),
        said=decoder_says(model, tower.name, tokens),
    )


def _blind_logits(tower: Tower, case: SeenCase) -> NDArray[np.float32]:
    """The heads on tokens of zero: their bias, the same for every patient."""
    bias = tower.network.finding_head.bias.detach().float().cpu().numpy()
    config = tower.network.config
    rows = [np.repeat(bias[n], 2 if head in config.sided_heads else 1) for n, head in enumerate(config.heads)]
    return np.concatenate(rows).astype(np.float32) + 0.0 * case.logits


def decoder_says(model: ReportModel, tower: str, tokens: Sequence[StudyTokens]) -> NDArray[np.float32]:
    """(patients, questions): 1 where the decoder suspects the finding on the image, else 0."""
    sheet = withheld_sheet(ASKED[tower])
    said = np.zeros((len(tokens), len(ASKED[tower])), np.float32)
    for n, sentences in enumerate(model.write_many([(sheet, t) for t in tokens], batch=64)):
        for question, sentence in enumerate(sentences):
            said[n, question] = float("not suspected" not in sentence.text)
    return said


def withheld_sheet(asked: Sequence[tuple[Code, Laterality | None]]) -> FactSheet:
    """A sheet of withheld rows alone."""
    rows = [suspicion(random.Random(n), f"{n}", kind, side) for n, (kind, side) in enumerate(asked)]
    return FactSheet(rows=tuple(FactRow(tag=f"f{n}", finding=f, withheld=True) for n, f in enumerate(rows, start=1)))


def f1_score(said: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    """2 TP / (2 TP + FP + FN); 0 when nothing is said and something is there."""
    return Counts.of(said, truth).f1


def f1_by_chance(said: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    """F1 of saying it as often, but without regard to the patient."""
    p, q = float(truth.mean()), float((said > 0.5).mean())
    return 2 * p * q / (p + q) if p + q else 0.0


def bootstrap(
    values: Sequence[NDArray[np.float32]], truths: Sequence[NDArray[np.float32]], score: Score, seed: int = 0
) -> tuple[float, float, float]:
    """Score and 95 % interval over patients; NaN truths are left out, groups are resampled apart."""
    rng = np.random.default_rng(seed)

    def once(picks: Sequence[NDArray[np.int64]]) -> float:
        said = np.concatenate([v[p].ravel() for v, p in zip(values, picks, strict=True)]).astype(float)
        truth = np.concatenate([t[p].ravel() for t, p in zip(truths, picks, strict=True)])
        known = np.isfinite(truth)
        return score(said[known], truth[known] > 0.5)

    whole = once([np.arange(len(v)) for v in values])
    drawn = [once([rng.integers(0, len(v), len(v)) for v in values]) for _ in range(ROUNDS)]
    return whole, *interval(drawn)


def _rows(readings: Sequence[Readings], condition: str) -> list[Row]:
    rows = []
    for reading in readings:
        for kind, columns in _columns(reading.tower).items():
            truth = [reading.truth[:, columns]]
            logits, said = [reading.logits[:, columns]], [reading.said[:, columns]]
            rows.append(_row("heads", kind, condition, bootstrap(logits, truth, auroc), 0.5, len(reading.truth)))
            flat = truth[0][np.isfinite(truth[0])] > 0.5
            chance = f1_by_chance(said[0][np.isfinite(truth[0])].astype(float), flat)
            rows.append(_row("decoder", kind, condition, bootstrap(said, truth, f1_score), chance, len(reading.truth)))
    return rows + _summary(readings, condition)


def _summary(readings: Sequence[Readings], condition: str) -> list[Row]:
    """All findings together: logits as ranks within their head, answers pooled."""
    patients = sum(len(r.truth) for r in readings)
    truths = [r.truth for r in readings]
    ranks = [_ranks(r) for r in readings]
    said = [r.said for r in readings]
    truth = np.concatenate([t.ravel() for t in truths])
    known = np.isfinite(truth)
    chance = f1_by_chance(np.concatenate([s.ravel() for s in said])[known].astype(float), truth[known] > 0.5)
    return [
        _row("heads", "all", condition, bootstrap(ranks, truths, auroc), 0.5, patients),
        _row("decoder", "all", condition, bootstrap(said, truths, f1_score), chance, patients),
    ]


def _ranks(reading: Readings) -> NDArray[np.float32]:
    """Share of the patients with a lower logit on the same question; ties share their place."""
    less = (reading.logits[None] < reading.logits[:, None]).mean(axis=1)
    same = (reading.logits[None] == reading.logits[:, None]).mean(axis=1)
    ranks: NDArray[np.float32] = (less + same / 2).astype(np.float32)
    return ranks


def _columns(tower: str) -> dict[str, list[int]]:
    columns: dict[str, list[int]] = {}
    for n, (kind, _) in enumerate(ASKED[tower]):
        columns.setdefault(kind.meaning, []).append(n)
    return columns


def _row(
    reader: str, finding: str, condition: str, figures: tuple[float, float, float], chance: float, patients: int
) -> Row:
    value, low, high = figures
    return Row(
        reader=reader,
        finding=finding,
        condition=condition,
        value=round(value, 4),
        low=round(low, 4),
        high=round(high, 4),
        chance=round(chance, 4),
        patients=patients,
    )


def table(rows: Sequence[Row]) -> str:
    """The figures as lines of text."""
    lines = [
        f"{'reader':8s} {'finding':28s} {'tokens':8s} {'value':>6s}  {'95 % interval':15s} {'chance':>6s} patients"
    ]
    for r in sorted(rows, key=lambda r: (r.reader, r.finding == "all", r.finding, CONDITIONS.index(r.condition))):
        interval = f"{r.low:.3f} to {r.high:.3f}"
        start = f"{r.reader:8s} {r.finding:28s} {r.condition:8s}"
        lines.append(f"{start} {r.value:6.3f}  {interval:15s} {r.chance:6.3f} {r.patients:8d}")
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    """Exit code of the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ct", type=int, default=60, help="held-out chest phantoms")
    parser.add_argument("--mr", type=int, default=60, help="held-out brain phantoms")
    parser.add_argument("--first-seed", type=int, default=HELD_OUT_FIRST, help="of the phantoms, not used for training")
    parser.add_argument("--bits", type=int, choices=(8, 4), default=None, help="pack the report model's weights")
    parser.add_argument("--json", type=Path, default=None, help="also write the figures here")
    chosen = parser.parse_args(arguments)
    rows = run_trial(chosen.ct, chosen.mr, chosen.first_seed, Places(), bits=chosen.bits)
    sys.stdout.write(table(rows) + "\n")
    if chosen.json is not None:
        chosen.json.write_text(json.dumps([asdict(r) for r in rows], indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
