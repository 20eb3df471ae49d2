"""Which cases a tower recipe names, and how they become batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from tomoscribe.core.errors import ConfigError
from tomoscribe.encoders.towers import SPECS
from tomoscribe.training.brain_cases import Heads
from tomoscribe.training.cases import Case, CaseStore
from tomoscribe.training.chest_cases import make_chest_case
from tomoscribe.training.recipe import Places, Seeds, TowerRecipe


@dataclass(frozen=True, kw_only=True)
class Part:
    """The cases of ``train``, ``validation`` or ``held_out``.

    Args:
        draw: a new rendering of a case each time it is seen in training; None where there is only one.
    """

    keys: tuple[str, ...]
    store: CaseStore
    draw: Callable[[str, np.random.Generator], Case] | None = None

    def __len__(self) -> int:
        return len(self.keys)

    def case(self, index: int) -> Case:
        return self.store.get(self.keys[index])


def part_of(recipe: TowerRecipe, part: str, places: Places) -> Part:
    """The named part of a recipe's cases, prepared on demand in ``places.cache``."""
    seeds: Seeds = getattr(recipe, part)
    renderings: int = getattr(recipe, f"label_maps_{part}")
    keys = [f"phantom-{seed:07d}" for seed in seeds] + [f"map-{part}-{n:05d}" for n in range(renderings)]
    if renderings and places.shared is None:
        raise ConfigError("the recipe uses label maps, but TOMOSCRIBE_SHARED is not set")
    folder = places.cache / recipe.tower
    if SPECS[recipe.tower].processor.modality == "CT":
        store = CaseStore(folder=folder, make=lambda key: make_chest_case(int(key.rpartition("-")[2])))
        return Part(keys=tuple(keys), store=store)
    heads = Heads(folder=places.cache / f"{recipe.tower}-tissues", part=part, shared=places.shared)
    store = CaseStore(folder=folder, make=heads.fixed)
    return Part(keys=tuple(keys), store=store, draw=heads.draw if part == "train" else None)


class Samples(Dataset[dict[str, Any]]):
    """Augmented tensors of a part; item n of epoch e is the same in every run."""

    def __init__(self, part: Part, *, seed: int, augment: float) -> None:
        self.part = part
        self.seed = seed
        self.augment = augment
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.part)

    def __getitem__(self, index: int) -> dict[str, Any]:
        rng = np.random.default_rng([self.seed, self.epoch, index])
        case = self.part.draw(self.part.keys[index], rng) if self.part.draw else self.part.case(index)
        image = case.image_CDHW.astype(np.float32)
        if self.augment > 0:
            image = augmented(image, rng, self.augment)
        return {
            "image": torch.from_numpy(image),
            "labels": torch.from_numpy(case.labels_DHW.astype(np.int64)),
            "targets": torch.from_numpy(case.targets_FS),
            "midline": torch.tensor(case.midline, dtype=torch.float32),
        }


def augmented(image_CDHW: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    """Noise, gain, offset and (single-channel images) gamma; places are not moved, so positions stay true."""
    gain = 1 + strength * rng.uniform(-0.08, 0.08)
    offset = strength * rng.uniform(-0.02, 0.02)
    out = image_CDHW
    if image_CDHW.shape[0] == 1:
        out = np.clip(out, 0, None) ** np.exp(strength * rng.uniform(-0.35, 0.35))
    out = out * gain + offset
    noise = strength * rng.uniform(0, 0.03)
    return (out + noise * rng.standard_normal(out.shape, dtype=np.float32)).astype(np.float32)


def collate(samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One case makes a batch: sizes differ between patients."""
    if len(samples) != 1:
        raise ConfigError("towers are trained with a batch of one case; sizes differ between patients")
    return {key: value[None] for key, value in samples[0].items()}
