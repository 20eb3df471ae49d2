"""The studies of the trial: the sample studies, held-out phantoms, and real scans where a folder of them is named.

Each gives DICOM files and a truth, so that every study takes the whole way from files to report.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tomoscribe.core import LabelMap, Volume
from tomoscribe.core.errors import ConfigError
from tomoscribe.encoders.dicom import SyntheticIdentity, write_series
from tomoscribe.phantoms.truth import BrainTruth, ChestTruth
from tomoscribe.training.recipe import HELD_OUT_FIRST
from tomoscribe.validation.findings_trial.truth import Truth, brain_truth, chest_truth, stored_truth

FIRST_SEED = 1_850_000
"""Of the generated studies: held out from training, and in no earlier trial of docs/log.md."""
SAMPLE, CHEST, BRAIN = "sample", "generated chest CT", "generated brain MR"
_CHEST_MM = 1.4
_BRAIN_MM = 1.2
_FLAIR_MM = 3.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Made:
    """A study on disk.

    Args:
        folder: of its DICOM files.
        truth: what is known of it.
        masks: reference masks, by structure names of ``QUANTITIES``; None where there are none.
        tower_volumes: images whose masks are also taken straight from the tower, because the report refuses them.
    """

    folder: Path
    truth: Truth
    masks: LabelMap | None = None
    tower_volumes: dict[str, Volume] | None = None


@dataclass(frozen=True, kw_only=True)
class Source:
    """One study of the trial.

    Args:
        name: unique; never a patient's.
        group: the set that its figures belong to.
        make: writes its files below a folder, or names the files that are there.
        seed: of a generated study, None for others.
        seen_by: the weights that were trained on it, which are not scored as if it were new to them.
        may_be_shown: whether pictures of it may be made; a real patient's are the user's own affair.
    """

    name: str
    group: str
    make: Callable[[Path], Made]
    seed: int | None = None
    seen_by: tuple[str, ...] = ()
    may_be_shown: bool = False


def sample_sources(places: Mapping[str, Path]) -> list[Source]:
    """The sample studies of the package, by name, from their folders."""
    return [
        Source(name=f"sample {name}", group=SAMPLE, make=_sample(place), may_be_shown=True)
        for name, place in places.items()
    ]


def generated_sources(chest: int, brain: int, first_seed: int = FIRST_SEED) -> list[Source]:
    """Phantoms of held-out seeds, chest and brain in turn.

    Raises:
        ConfigError: a seed that training may use.
    """
    if first_seed < HELD_OUT_FIRST:
        raise ConfigError(f"expected held-out seeds from {HELD_OUT_FIRST}, found {first_seed}")
    rows: list[Source] = []
    for n in range(max(chest, brain)):
        seed = first_seed + n
        if n < chest:
            rows.append(Source(name=f"chest {seed}", group=CHEST, seed=seed, make=_chest(seed), may_be_shown=True))
        if n < brain:
            rows.append(Source(name=f"brain {seed}", group=BRAIN, seed=seed, make=_brain(seed), may_be_shown=True))
    return rows


def write_study(volumes: dict[str, Volume], folder: Path, name: str) -> Path:
    """The volumes of one study as DICOM, with an identity of its own that says nothing."""
    identity = SyntheticIdentity(
        patient_id=f"VALIDATION-{name.replace(' ', '-').upper()}",
        patient_name="VALIDATION^STUDY",
        study_date="2026-01-15",
        birth_date="1960-03-01",
        sex="O",
        age_years=65,
    )
    for role, volume in volumes.items():
        write_series(volume, folder / role.lower(), identity=identity)
    return folder


def _sample(place: Path) -> Callable[[Path], Made]:
    def make(folder: Path) -> Made:
        data = json.loads((place / "truth.json").read_text(encoding="utf-8"))
        return Made(folder=place, truth=stored_truth(data["truth"]))

    return make


def _chest(seed: int) -> Callable[[Path], Made]:
    def make(folder: Path) -> Made:
        from tomoscribe.phantoms.chest.case import chest_case

        case = chest_case(seed, spacing_mm=_CHEST_MM)
        truth = case.truth
        if not isinstance(truth, ChestTruth):
            raise ConfigError(f"expected a chest phantom, found {type(truth).__name__}")
        volume = case.volumes["CT"]
        acquisition = replace(
            volume.acquisition,
            body_part="CHEST",
            kernel="STANDARD",
            contrast=truth.contrast,
            slice_thickness_mm=_CHEST_MM,
        )
        known = {"CT": replace(volume, acquisition=acquisition)}
        return Made(folder=write_study(known, folder, f"chest {seed}"), truth=chest_truth(truth), masks=case.masks)

    return make


def _brain(seed: int) -> Callable[[Path], Made]:
    def make(folder: Path) -> Made:
        from tomoscribe.phantoms.brain.case import brain_case

        slices = {"FLAIR": _FLAIR_MM}
        case = brain_case(seed, spacing_mm=_BRAIN_MM, contrasts=("T1", "FLAIR"), slices_mm=slices)
        if not isinstance(case.truth, BrainTruth):
            raise ConfigError(f"expected a head phantom, found {type(case.truth).__name__}")
        place = write_study(dict(case.volumes), folder, f"brain {seed}")
        return Made(folder=place, truth=brain_truth(case.truth), masks=case.masks)

    return make
