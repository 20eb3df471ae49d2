"""The lightning module of the nodule classifier, and its balanced batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import IterableDataset

from tomoscribe.encoders.nodule_net import NoduleClassifier, NoduleNetConfig
from tomoscribe.training.nodule_pool import Pool
from tomoscribe.training.recipe import NoduleRecipe
from tomoscribe.training.tower_module import schedule

_GROUPS = (("real", 1, 0.28), ("real", 0, 0.32), ("phantom", 1, 0.18), ("phantom", 0, 0.22))
"""Source, label and share of each batch."""
_SMOOTHING = 0.02


class NoduleModule(pl.LightningModule):
    """Trains a NoduleClassifier as the recipe says."""

    def __init__(self, recipe: NoduleRecipe) -> None:
        super().__init__()
        self.recipe = recipe
        self.trained_steps = 0
        torch.manual_seed(recipe.seed)
        self.network = NoduleClassifier(NoduleNetConfig(channels=recipe.channels))

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        patches, labels = batch
        logits = self.network(patches.contiguous(memory_format=torch.channels_last_3d)).float()
        target = labels * (1 - 2 * _SMOOTHING) + _SMOOTHING
        loss = nn.functional.binary_cross_entropy_with_logits(logits, target)
        self.log_dict({"loss": loss, "accuracy": ((logits > 0) == (labels > 0.5)).float().mean()})
        return loss

    def configure_optimizers(self) -> Any:
        return schedule(self.parameters(), self.recipe.optimizer)


class Batches(IterableDataset[tuple[Tensor, Tensor]]):
    """Endless batches with fixed shares of real and phantom nodules and non-nodules."""

    def __init__(self, pools: dict[str, Pool], recipe: NoduleRecipe) -> None:
        self.pools = pools
        self.recipe = recipe
        self.groups = [(self._indices(kind, label), share) for kind, label, share in _GROUPS]
        self.groups = [(rows, share) for rows, share in self.groups if rows]

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        rng = np.random.default_rng([self.recipe.seed, 7])
        shares = np.array([share for _, share in self.groups])
        while True:
            picked = rng.choice(len(self.groups), size=self.recipe.optimizer.batch_size, p=shares / shares.sum())
            rows = [self.groups[g][0][rng.integers(len(self.groups[g][0]))] for g in picked]
            patches = [varied(self.pools[name].patches[n], rng) for name, n in rows]
            labels = [float(self.pools[name].labels[n]) for name, n in rows]
            yield torch.from_numpy(np.stack(patches)[:, None]), torch.tensor(labels)

    def _indices(self, kind: str, label: int) -> list[tuple[str, int]]:
        rows = []
        for name, pool in self.pools.items():
            if name.startswith("phantom-") == (kind == "phantom"):
                rows += [(name, int(n)) for n in np.flatnonzero((pool.labels == label) & ~pool.held_in)]
        return rows


def varied(patch: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.float32]:
    """A patch as 0..1 with random gain, offset and noise."""
    values = patch.astype(np.float32) / 255.0
    values = values * np.float32(rng.uniform(0.94, 1.06)) + np.float32(rng.uniform(-0.02, 0.02))
    noise = np.float32(rng.uniform(0, 0.02)) * rng.standard_normal(values.shape, dtype=np.float32)
    return np.clip(values + noise, 0.0, 1.0)
