"""The stage that trains a tower: fit, calibrate on held-in seeds, measure on held-out ones, write the weights."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import TensorBoardLogger
from torch.utils.data import DataLoader

from tomoscribe.core.errors import InputError
from tomoscribe.encoders.towers import SILENT, SPECS, HeadCalibration
from tomoscribe.encoders.weights import FOLDER, ManifestEntry, save_weights
from tomoscribe.training.recipe import Places, TowerRecipe
from tomoscribe.training.refit import refit_heads
from tomoscribe.training.scores import auroc_interval, dice, expected_calibration_error, fit_platt, youden_threshold
from tomoscribe.training.tower_data import Part, Samples, collate, part_of
from tomoscribe.training.tower_module import TowerModule, side_logits

_log = logging.getLogger(__name__)
_CHANCE = 0.55
"""A head whose AUROC on the calibration cases may be this low (95 % interval) never speaks."""


class _NewEpoch(pl.Callback):
    def __init__(self, samples: Samples) -> None:
        self.samples = samples

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.samples.epoch = trainer.current_epoch


def trainer_for(recipe: Any, run: Path, callbacks: list[pl.Callback]) -> pl.Trainer:
    """The trainer that all stages share: bf16 on CPU, checkpoints by steps, TensorBoard."""
    keep = ModelCheckpoint(
        dirpath=run,
        save_last=True,
        save_top_k=0,
        every_n_train_steps=recipe.optimizer.checkpoint_steps,
        enable_version_counter=False,
    )
    return pl.Trainer(
        max_steps=recipe.optimizer.steps,
        accelerator="auto",
        devices=1,
        precision="bf16-mixed",
        callbacks=[keep, *callbacks],
        logger=TensorBoardLogger(save_dir=str(run), name="tensorboard"),
        log_every_n_steps=20,
        gradient_clip_val=5.0,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )


def train_tower(recipe: TowerRecipe, places: Places, *, resume: bool) -> Path:
    """Fit the tower; returns the checkpoint."""
    run = places.runs / recipe.name
    last = run / "last.ckpt"
    samples = Samples(part_of(recipe, "train", places), seed=recipe.seed, augment=1.0)
    generator = torch.Generator().manual_seed(recipe.seed)
    loader = DataLoader(
        samples, batch_size=1, shuffle=True, collate_fn=collate, generator=generator, num_workers=1, prefetch_factor=4
    )
    trainer = trainer_for(recipe, run, [_NewEpoch(samples)])
    trainer.fit(TowerModule(recipe), loader, ckpt_path=str(last) if resume and last.is_file() else None)
    trainer.save_checkpoint(last)
    return last


def finish_tower(recipe: TowerRecipe, places: Places, *, folder: Path = FOLDER) -> dict[str, Any]:
    """Calibrate, measure and write the weights of the run's last checkpoint; returns the figures."""
    module = load_module(recipe, places)
    if recipe.refit_rounds:
        refit_heads(module, part_of(recipe, "train", places), rounds=recipe.refit_rounds)
    module.network.load_state_dict({k: v.bfloat16().float() for k, v in module.network.state_dict().items()})
    heads = SPECS[recipe.tower].heads
    validation = _collect(module, part_of(recipe, "validation", places))
    calibration = {name: _calibrate(validation, row) for row, name in enumerate(heads)}
    figures = {
        "step": int(module.trained_steps),
        "validation": _figures(validation, calibration, recipe),
        "held_out": _figures(_collect(module, part_of(recipe, "held_out", places)), calibration, recipe),
    }
    save_weights(
        recipe.tower,
        module.network.state_dict(),
        _config(recipe, calibration, figures),
        ManifestEntry(
            file=f"{recipe.tower}.safetensors",
            sha256="",
            licence="Apache-2.0",
            recipe=f"{recipe.name}.yaml",
            data=data_seen(recipe),
            date=date.today().isoformat(),
        ),
        folder,
    )
    (places.runs / recipe.name / "figures.json").write_text(json.dumps(figures, indent=1))
    return figures


def load_module(recipe: TowerRecipe, places: Places) -> TowerModule:
    """The module of the run's last checkpoint, ready for inference."""
    path = places.runs / recipe.name / "last.ckpt"
    if not path.is_file():
        raise InputError(f"the recipe '{recipe.name}' has no checkpoint yet", remedy="Train it first")
    state = torch.load(path, map_location="cpu", weights_only=True)
    module = TowerModule(recipe)
    module.load_state_dict(state["state_dict"])
    module.trained_steps = state["global_step"]
    return module.eval()


def data_seen(recipe: TowerRecipe) -> tuple[str, ...]:
    """What the weights have seen, one line for each source."""
    train, validation = recipe.train, recipe.validation
    body = "chest" if SPECS[recipe.tower].processor.modality == "CT" else "brain"
    lines = [
        f"{body} phantoms, seeds {train.first} to {train.first + train.count - 1}",
        f"calibration: {body} phantoms, seeds {validation.first} to {validation.first + validation.count - 1}",
    ]
    if recipe.label_maps_train:
        lines.append(
            f"{recipe.label_maps_train} renderings of SynthSeg label maps 1-15 (16-17 for calibration), Apache-2.0"
        )
    return tuple(lines)


def _config(recipe: TowerRecipe, calibration: dict[str, HeadCalibration], figures: dict[str, Any]) -> dict[str, Any]:
    spec = SPECS[recipe.tower]
    return {
        "network": spec.network().to_json(),
        "processor": asdict(spec.processor),
        "calibration": {name: asdict(row) for name, row in calibration.items()},
        "steps": figures["step"],
    }


class _Collected:
    """Logits, targets and mask overlaps of a part; group 0 are phantoms, 1 renderings of label maps."""

    def __init__(self, num_heads: int) -> None:
        self.logits: list[NDArray[np.float64]] = []
        self.targets: list[NDArray[np.float64]] = []
        self.dice: list[list[float]] = []
        self.group: list[int] = []
        self.num_heads = num_heads

    def head(self, row: int, group: int | None = None) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        keep = [n for n, g in enumerate(self.group) if group is None or g == group]
        if not keep:
            return np.zeros(0), np.zeros(0, bool)
        logits = np.concatenate([self.logits[n][row] for n in keep])
        targets = np.concatenate([self.targets[n][row] for n in keep])
        known = np.isfinite(targets)
        return logits[known], targets[known] > 0.5


def _collect(module: TowerModule, part: Part) -> _Collected:
    config = module.network.config
    collected = _Collected(len(config.heads))
    sided = np.array([name in config.sided_heads for name in config.heads])
    for index in range(len(part)):
        case = part.case(index)
        with torch.inference_mode():
            out = module.network(torch.from_numpy(case.image_CDHW.astype(np.float32))[None])
            logits = side_logits(out, module.network, case.midline).numpy().astype(np.float64)
            found = out.masks_BMDHW[0].argmax(dim=0).numpy()
        targets = case.targets_FS.astype(np.float64)
        targets[~sided, 1] = np.nan
        collected.logits.append(logits)
        collected.targets.append(targets)
        collected.dice.append([dice(found == n, case.labels_DHW == n) for n in range(1, len(config.masks) + 1)])
        collected.group.append(int(part.keys[index].startswith("map-")))
    return collected


def _calibrate(collected: _Collected, row: int) -> HeadCalibration:
    logits, truth = collected.head(row)
    slope, offset = fit_platt(logits, truth)
    probability = 1 / (1 + np.exp(-(slope * logits + offset)))
    if auroc_interval(logits, truth).low <= _CHANCE:
        return HeadCalibration(slope=slope, offset=offset, threshold=SILENT)
    return HeadCalibration(slope=slope, offset=offset, threshold=youden_threshold(probability, truth))


def _figures(
    collected: _Collected, calibration: dict[str, HeadCalibration], recipe: TowerRecipe
) -> dict[str, dict[str, Any]]:
    spec = SPECS[recipe.tower]
    figures: dict[str, dict[str, Any]] = {}
    for group, label in enumerate(("phantoms", "label_maps")):
        if group not in collected.group:
            continue
        rows: dict[str, Any] = {}
        for row, name in enumerate(spec.heads):
            logits, truth = collected.head(row, group)
            probability = np.array([calibration[name].probability(x) for x in logits])
            rows[name] = {
                **{k: round(v, 4) for k, v in asdict(auroc_interval(logits, truth)).items()},
                "ece": round(expected_calibration_error(probability, truth), 4),
            }
        overlaps = np.array([d for d, g in zip(collected.dice, collected.group, strict=True) if g == group])
        rows["dice"] = {
            name: round(float(np.nanmean(overlaps[:, n])), 4) if np.isfinite(overlaps[:, n]).any() else None
            for n, name in enumerate(spec.masks)
        }
        figures[label] = rows
        _log.info("%s: %s", label, rows)
    return figures
