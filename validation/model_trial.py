"""Does the image matter to the report model: the trial of ``fusion_trial`` as a validation report."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tomoscribe.training.recipe import Places
from tomoscribe.validation.fusion_trial import CONDITIONS, run_trial
from tomoscribe.validation.fusion_trial import Row as TrialRow
from tomoscribe.validation.records import Better, Flag, Score, Severity
from tomoscribe.validation.report.facts import Facts, facts
from tomoscribe.validation.report.model import Row, Table, ValidationReport, by_figure

FIRST_SEED = 1_860_000
"""Of the phantoms of this trial: held out from training, and in no earlier trial of docs/log.md."""
NOTE = (
    "Rows of the fact sheet are withheld, so that only the image can say whether a finding is there. Intact tokens "
    "stand beside tokens of zero and beside those of another patient. Heads: AUROC of their logits; decoder: F1 of "
    "what it suspects. Chance: guessing at the same rate without a look at the patient. Zeroed tokens score 0 in part "
    "by construction: some studies were blank in training; intact against swapped is the fair comparison."
)
_NAMES = {"heads": "AUROC of the heads", "decoder": "F1 of the decoder"}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Numbers of generated chests and heads, and the first seed of both."""

    ct: int = 60
    mr: int = 30
    first_seed: int = FIRST_SEED


QUICK = Settings(ct=4, mr=4)


def validate_model(settings: Settings, *, is_quick: bool = False) -> ValidationReport:
    """Runs the trial.

    Raises:
        ConfigError: seeds that training may use.
    """
    known = facts({"generated chest CT and brain MR": f"from {settings.first_seed}", "resampling": "0"})
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="tomoscribe-model-") as work:
        places = Places(runs=Path(work), cache=Path(work))
        rows = run_trial(settings.ct, settings.mr, settings.first_seed, places)
    return model_report(rows, known, seconds=time.perf_counter() - start, is_quick=is_quick)


def model_report(rows: Sequence[TrialRow], known: Facts, *, seconds: float, is_quick: bool) -> ValidationReport:
    """The trial's rows in a table, and a flag where the image adds nothing."""
    ordered = sorted(rows, key=lambda r: r.finding != "all")
    table = Table(title="What the image adds to the report model", rows=by_figure(map(_row, ordered)), note=NOTE)
    return ValidationReport(
        title="Report model",
        facts=known,
        tables=(table,),
        flags=tuple(_flags(rows)),
        seconds=seconds,
        is_quick=is_quick,
    )


def _row(row: TrialRow) -> Row:
    score = Score(
        name=f"model/{_NAMES[row.reader]}/{row.finding}",
        value=row.value,
        low=row.low,
        high=row.high,
        n=row.patients,
        num_patients=row.patients,
        better=Better.HIGHER,
        source="validation/fusion_trial.py",
        subgroup=f"tokens={row.condition}",
        chance=row.chance,
        always_normal=0.0 if row.reader == "decoder" else None,
    )
    return Row(score=score)


def _flags(rows: Sequence[TrialRow]) -> Iterator[Flag]:
    """Intact tokens that are no better than those of another patient: the words come from elsewhere."""
    for reader, words in _NAMES.items():
        found = {r.condition: r for r in rows if r.reader == reader and r.finding == "all"}
        if set(found) != set(CONDITIONS):
            continue
        intact, swapped = found["intact"], found["swapped"]
        if intact.low <= swapped.high:
            yield Flag(
                name="image_may_not_matter",
                severity=Severity.WARNING,
                evidence=f"{words}: {intact.value:.3f} intact, {swapped.value:.3f} with another patient's image; "
                "the intervals overlap",
            )
