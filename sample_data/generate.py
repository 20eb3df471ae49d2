"""Writes the sample studies: ``python -m tomoscribe.sample_data.generate OUT``."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tomoscribe.core.errors import ConfigError, OutputError, TomoscribeError
from tomoscribe.encoders.dicom import SyntheticIdentity, write_series
from tomoscribe.phantoms.truth import BrainTruth, ChestTruth
from tomoscribe.sample_data import brain, chest

STUDY_DATE = "2026-01-15"


def write_chest(folder: Path) -> None:
    """The chest CT and its ``truth.json``."""
    volume, truth = chest.chest_study()
    identity = SyntheticIdentity(
        patient_id="TOMOSCRIBE-SAMPLE-CHEST",
        patient_name="PHANTOM^CHEST",
        study_date=STUDY_DATE,
        birth_date="1961-05-02",
        sex="F",
        age_years=64,
        study_description="CT chest without contrast",
    )
    write_series(volume, folder, identity=identity)
    _write_truth(folder, truth, seed=chest.SEED, outside=chest.OUTSIDE)


def write_brain(folder: Path) -> None:
    """The head MR, one folder per series, and its ``truth.json``."""
    volumes, truth = brain.brain_study()
    identity = SyntheticIdentity(
        patient_id="TOMOSCRIBE-SAMPLE-BRAIN",
        patient_name="PHANTOM^BRAIN",
        study_date=STUDY_DATE,
        birth_date="1957-11-20",
        sex="M",
        age_years=68,
        study_description="MR brain without contrast",
    )
    for name, volume in volumes.items():
        write_series(volume, folder / name.lower(), identity=identity)
    _write_truth(folder, truth, seed=brain.SEED, outside=brain.OUTSIDE)


def generate(out: Path) -> None:
    """Both studies into ``out``, which must be empty or absent.

    Raises:
        OutputError: the folder holds something already.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputError("expected an empty folder", where=out.name, remedy="choose another folder or empty this one")
    write_chest(out / "chest_ct")
    write_brain(out / "brain_mr")


def _write_truth(folder: Path, truth: ChestTruth | BrainTruth, *, seed: int, outside: tuple[str, ...]) -> None:
    content = {
        "schema": "tomoscribe.phantom_truth",
        "schema_version": 1,
        "coordinates": "LPS mm",
        "seed": seed,
        "outside_training_ranges": list(outside),
        "truth": _rounded(asdict(truth)),
    }
    (folder / "truth.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _rounded(value: Any) -> Any:
    """Floats with three decimals."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    return round(value, 3) if isinstance(value, float) else value


def main(arguments: list[str]) -> int:
    """Command line: one argument, the output folder."""
    try:
        if len(arguments) != 1:
            raise ConfigError("expected one argument, the output folder")
        generate(Path(arguments[0]))
    except TomoscribeError as error:
        sys.stderr.write(error.line() + "\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
