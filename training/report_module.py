"""The training step of the report model: next tokens of the sentences, weighted, and balanced routers."""

from __future__ import annotations

import math
from typing import Any

import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from torch import Tensor

from tomoscribe.fusion.balance import RouterBalancer
from tomoscribe.fusion.config import FusionConfig
from tomoscribe.fusion.model import FusionModel
from tomoscribe.training.report_data import IGNORE, TextBatch
from tomoscribe.training.report_images import ImageBatch, Probe
from tomoscribe.training.report_recipe import ReportRecipe

GATE_RATE = 10.0
"""The gates start at zero and are single numbers: they have to move faster than the matrices behind them."""


def weighted_loss(logits_BTV: Tensor, batch: TextBatch) -> tuple[Tensor, Tensor]:
    """Weighted mean of the negative log-likelihood of the labels, and the share of labels ranked first."""
    labels, weights = batch.labels[:, 1:], batch.weights[:, 1:]
    wanted = labels != IGNORE
    logits, target = logits_BTV[:, :-1][wanted], labels[wanted]
    loss = F.cross_entropy(logits.float(), target, reduction="none")
    right = (logits.argmax(-1) == target).float().mean()
    return (loss * weights[wanted]).sum() / weights[wanted].sum(), right


class ReportModule(pl.LightningModule):
    """FusionModel with its optimizer; the probe on the latents helps the resampler and does not ship."""

    def __init__(self, recipe: ReportRecipe, config: FusionConfig) -> None:
        super().__init__()
        self.recipe = recipe
        self.model = FusionModel(config)
        self.model.set_experts_implementation("eager")
        self.probe = Probe(config)
        self.balancer = RouterBalancer(self.model, rate=recipe.balance_rate)

    def transfer_batch_to_device(self, batch: dict[str, Any], device: torch.device, dataloader_idx: int) -> Any:
        return {key: value.to(device) for key, value in batch.items()}

    def training_step(self, batch: dict[str, Any], index: int) -> Tensor:
        images: ImageBatch | None = batch.get("images")
        if images is not None and self.global_step < self.recipe.probe_steps:
            return self._probe_loss(images, self.model.resampler(images.studies))
        text: TextBatch = batch["text"]
        loss, right = weighted_loss(self.model(input_ids=text.ids).logits, text)
        self.log_dict({"text_loss": loss.detach(), "text_right": right})
        return loss if images is None else loss + self._image_loss(images)

    def _image_loss(self, images: ImageBatch) -> Tensor:
        latents = self.model.resampler(images.studies)
        states = self.model.visual_states(latents)[images.rows]
        value, right = weighted_loss(self.model(input_ids=images.text.ids, visual_states=states).logits, images.text)
        self.log_dict({"image_loss": value.detach(), "image_right": right})
        return value + self.recipe.probe_weight * self._probe_loss(images, latents)

    def _probe_loss(self, images: ImageBatch, latents_BSLD: Tensor) -> Tensor:
        known = torch.isfinite(images.truth)
        logits = self.probe(latents_BSLD)
        value = F.binary_cross_entropy_with_logits(logits[known], images.truth[known])
        self.log("probe_loss", value.detach())
        return value

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        load = self.balancer.step()
        if load.any():
            self.log("highest_load", load.max() * load.shape[1])

    def configure_optimizers(self) -> Any:
        recipe = self.recipe
        learning = [p for p in self.parameters() if p.requires_grad]
        matrices = [p for p in learning if p.ndim >= 2]
        vectors = [p for p in learning if p.ndim == 1]
        gates = [p for p in learning if p.ndim == 0]
        groups = [
            {"params": matrices, "weight_decay": 0.02},
            {"params": vectors, "weight_decay": 0.0},
            {"params": gates, "weight_decay": 0.0, "lr": GATE_RATE * recipe.learning_rate},
        ]
        optimizer = torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.98))

        def factor(step: int) -> float:
            warm = min(1.0, (step + 1) / max(1, recipe.warmup_steps))
            return warm * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * min(1.0, step / recipe.steps))))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
