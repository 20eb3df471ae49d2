"""Image tokens of the phantoms of a recipe: seen once by the shipped tower, kept on disk, drawn in random order."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from tomoscribe.encoders.towers import Tower, load_unet
from tomoscribe.fusion.model import FusionModel
from tomoscribe.fusion.types import ScaleTokens, StudyTokens
from tomoscribe.training.brain_cases import make_brain_case
from tomoscribe.training.cases import Case, CaseStore
from tomoscribe.training.chest_cases import make_chest_case
from tomoscribe.training.recipe import Places
from tomoscribe.training.report_images import ImageBatch, SeenCase, image_batch, see_case
from tomoscribe.training.report_recipe import ReportRecipe

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

KEPT_TOKENS = 0.8
"""Share of the image tokens that a step sees, so that no single token can be relied on."""

BLANK_SHARE = 0.1
"""Share of the studies of a step that show nothing: on these nothing may be suspected."""


class SeenStore:
    """Cases as one tower sees them, by phantom seed."""

    def __init__(self, tower: Tower, places: Places) -> None:
        self.tower = tower
        self.cases = CaseStore(folder=places.cache / tower.name, make=self._make)
        weights = (tower.weights_sha256 or "untrained")[:12]
        self.folder = places.cache / "report-tokens" / f"{tower.name}-{weights}"

    def _make(self, key: str) -> Case:
        seed = int(key.rpartition("-")[2])
        return make_chest_case(seed) if self.tower.processor.config.modality == "CT" else make_brain_case(seed)

    def get(self, seed: int) -> SeenCase:
        """The case of a seed, from disk if it was seen before."""
        path = self.folder / f"{seed:07d}.npz"
        if path.is_file():
            return _load(path, self.tower.name, seed)
        case = see_case(self.cases.get(f"phantom-{seed:07d}"), self.tower, seed)
        _save(path, case)
        return case


def _save(path: Path, case: SeenCase) -> None:
    arrays = {"truth": case.truth, "logits": case.logits}
    for part in case.tokens.parts:
        arrays[f"tokens{part.scale}"] = part.tokens_NC.numpy()
        arrays[f"places{part.scale}"] = part.positions_mm.numpy()
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    unfinished.replace(path)


def _load(path: Path, tower: str, seed: int) -> SeenCase:
    with np.load(path, allow_pickle=False) as file:
        scales = sorted(int(name.removeprefix("tokens")) for name in file.files if name.startswith("tokens"))
        parts = tuple(
            ScaleTokens(
                source=tower,
                scale=n,
                tokens_NC=torch.from_numpy(file[f"tokens{n}"]),
                positions_mm=torch.from_numpy(file[f"places{n}"]),
            )
            for n in scales
        )
        return SeenCase(
            tower=tower, seed=seed, tokens=StudyTokens(parts=parts), truth=file["truth"], logits=file["logits"]
        )


class StudyBatches:
    """Endless batches of withheld rows; the order of the studies follows from the recipe's seed."""

    def __init__(
        self, recipe: ReportRecipe, tokenizer: PreTrainedTokenizerFast, places: Places, first: int = 0
    ) -> None:
        self.recipe = recipe
        self.tokenizer = tokenizer
        self.first = first
        self.cases: list[SeenCase] = []
        self.heads: dict[str, torch.Tensor] = {}
        for part in recipe.studies:
            store = SeenStore(load_unet(part.tower), places)
            self.heads |= _head_directions(store.tower)
            self.cases += [store.get(seed) for seed in part.seeds]

    def fit_inputs(self, model: FusionModel) -> None:
        """Gives the resampler's inputs the spread of the tokens that they will read, and what the heads look for."""
        for key, module in model.resampler.inputs.items():
            if tokens := _tokens_of_key(self.cases, key):
                module.fit(torch.cat(tokens))
            if key in self.heads:
                module.start_from(self.heads[key])

    def __iter__(self) -> Iterator[ImageBatch]:
        step = self.first
        while True:
            draw = random.Random(f"{self.recipe.seed} {step}")
            chosen = draw.sample(self.cases, min(self.recipe.image_studies, len(self.cases)))
            chosen = [_blank(c) if draw.random() < BLANK_SHARE else c for c in chosen]
            yield image_batch(chosen, self.tokenizer, draw, weight=self.recipe.image_weight, keep=KEPT_TOKENS)
            step += 1


def _blank(case: SeenCase) -> SeenCase:
    """The case with tokens of zero, where every finding counts as not to be seen."""
    return replace(case, tokens=case.tokens.zeroed(), truth=np.zeros_like(case.truth))


def _tokens_of_key(cases: Sequence[SeenCase], key: str) -> list[torch.Tensor]:
    parts = [p for c in cases[:: max(1, len(cases) // 60)] for p in c.tokens.parts if f"{p.source}-{p.scale}" == key]
    return [p.tokens_NC for p in parts]


def _head_directions(tower: Tower) -> dict[str, torch.Tensor]:
    """Key of the resampler's input at the heads' level -> (F, C) weights of the finding heads."""
    config = tower.network.config
    scale = config.token_levels.index(config.head_level)
    return {f"{tower.name}-{scale}": tower.network.finding_head.weight.detach().float().cpu().flatten(1)}
