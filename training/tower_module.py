"""The lightning module of a tower: masks, findings on the tokens, findings pooled per side.

Shape letters: B batch (one), C channels, D H W voxels, d h w cells, F heads, S sides (right, left), N cells.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from monai.losses import DiceCELoss
from torch import Tensor, nn

from tomoscribe.encoders.towers import SPECS
from tomoscribe.encoders.unet import ResidualUNet, UNetOutput, pool_cells
from tomoscribe.encoders.weights import fit, load_weights
from tomoscribe.training.cases import IGNORE, cell_targets
from tomoscribe.training.recipe import Optimizer, TowerRecipe

CELL_MASKS = {
    "NODULE": "nodule",
    "PLEURAL_EFFUSION": "effusion",
    "CONSOLIDATION": "consolidation",
    "WHITE_MATTER_LESIONS": "lesions",
    "BRAIN_MASS": "mass",
}
"""Heads whose finding has a mask: there each cell knows whether it holds some of it."""
CELL_VOXELS = {"nodule": 1, "lesions": 1}
_WEIGHTS = {
    "background": 0.7,
    "nodule": 6.0,
    "airways": 2.0,
    "effusion": 2.0,
    "consolidation": 3.0,
    "ventricles": 4.0,
    "lesions": 6.0,
    "mass": 2.0,
}
"""Of the classes in the cross-entropy, 1 where not named."""


class TowerModule(pl.LightningModule):
    """Trains a ResidualUNet as the recipe says."""

    def __init__(self, recipe: TowerRecipe) -> None:
        super().__init__()
        self.recipe = recipe
        self.trained_steps = 0
        torch.manual_seed(recipe.seed)
        self.network = ResidualUNet(SPECS[recipe.tower].network())
        if recipe.start_from_shipped:
            fit(self.network, load_weights(recipe.tower), recipe.tower)
        masks = self.network.config.masks
        weight = torch.tensor([_WEIGHTS.get(name, 1.0) for name in ("background", *masks)])
        self.mask_loss = DiceCELoss(softmax=True, to_onehot_y=True, include_background=False, weight=None)
        self.mask_loss.cross_entropy = nn.CrossEntropyLoss(weight=weight)

    def training_step(self, batch: dict[str, Tensor], index: int) -> Tensor:
        out: UNetOutput = self.network(batch["image"])
        masks = self.mask_loss(*_known(out.masks_BMDHW.float(), batch["labels"][:, None]))
        cells = self._cell_loss(out, batch)
        heads = self._head_loss(out, batch)
        loss = masks + self.recipe.cell_weight * cells + self.recipe.head_weight * heads
        self.log_dict({"loss": loss, "masks": masks, "cells": cells, "heads": heads})
        return torch.as_tensor(loss)

    def configure_optimizers(self) -> Any:
        return schedule(self.parameters(), self.recipe.optimizer)

    def _cell_loss(self, out: UNetOutput, batch: dict[str, Tensor]) -> Tensor:
        config = self.network.config
        stride = 2**config.head_level
        labels = batch["labels"][0].to(torch.uint8).cpu().numpy()
        losses = []
        for row, head in enumerate(config.heads):
            if (mask := CELL_MASKS.get(head)) is not None:
                voxels = CELL_VOXELS.get(mask, stride**3 // 16)
                target = cell_targets(labels, config.masks.index(mask) + 1, stride, voxels=voxels)
                losses.append(_rare_bce(out.cells_BFdhw[0, row].float(), torch.from_numpy(target).to(self.device)))
        return torch.stack(losses).mean() if losses else out.cells_BFdhw.new_zeros(())

    def _head_loss(self, out: UNetOutput, batch: dict[str, Tensor]) -> Tensor:
        logits_FS = side_logits(out, self.network, float(batch["midline"][0]))
        targets_FS = batch["targets"][0]
        known = torch.isfinite(targets_FS)
        if not bool(known.any()):
            return logits_FS.new_zeros(())
        return nn.functional.binary_cross_entropy_with_logits(logits_FS[known], targets_FS[known])


def _known(logits_BMDHW: Tensor, labels_B1DHW: Tensor) -> tuple[Tensor, Tensor]:
    """Voxels of unknown class become certain background, which costs nothing and teaches nothing."""
    unknown = labels_B1DHW == IGNORE
    if not bool(unknown.any()):
        return logits_BMDHW, labels_B1DHW
    certain = torch.full_like(logits_BMDHW[:, :, :1, :1, :1], -30.0)
    certain[:, 0] = 30.0
    return torch.where(unknown, certain, logits_BMDHW), labels_B1DHW.masked_fill(unknown, 0)


def side_logits(out: UNetOutput, network: ResidualUNet, midline: float) -> Tensor:
    """(F, 2): logits pooled over the cells right and left of ``midline`` (i index on the model grid).

    The model grid runs to the patient's left with i. Heads without sides stand in both columns.
    """
    config = network.config
    stride = 2**config.head_level
    cells_FN = out.cells_BFdhw[0].flatten(1).float()
    width = out.cells_BFdhw.shape[-1]
    column = torch.arange(cells_FN.shape[1], device=cells_FN.device) % width
    left = column * stride + (stride - 1) / 2.0 > midline
    both = pool_cells(cells_FN, torch.ones_like(left))
    sides = torch.stack((pool_cells(cells_FN, ~left), pool_cells(cells_FN, left)), dim=1)
    sided = torch.tensor([name in config.sided_heads for name in config.heads], device=cells_FN.device)
    return torch.where(sided[:, None], sides, both[:, None].expand(-1, 2))


def schedule(parameters: Any, config: Optimizer) -> Any:
    """AdamW, warm-up and cosine, in lightning's form."""
    optimizer = torch.optim.AdamW(parameters, lr=config.learning_rate, weight_decay=config.weight_decay)

    def factor(step: int) -> float:
        warm = min(1.0, (step + 1) / max(1, config.warmup_steps))
        return warm * 0.5 * (1 + math.cos(math.pi * min(1.0, step / config.steps)))

    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


def _rare_bce(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy with the positive cells weighted up to a tenth of all, at most 30-fold."""
    share = float(target.mean())
    weight = float(np.clip(0.1 / max(share, 1e-4), 1.0, 30.0))
    return nn.functional.binary_cross_entropy_with_logits(logits, target, pos_weight=logits.new_tensor(weight))
