"""The stage that trains the nodule classifier: fit, calibrate, set the operating point, measure, write the weights."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from tomoscribe.core.errors import InputError
from tomoscribe.encoders.nodule_net import WEIGHTS_NAME
from tomoscribe.encoders.weights import FOLDER, ManifestEntry, save_weights
from tomoscribe.training.nodule_module import Batches, NoduleModule
from tomoscribe.training.nodule_pool import REAL_TURNS, SCANS, Pool, pool_of
from tomoscribe.training.recipe import NoduleRecipe, Places, Seeds
from tomoscribe.training.scores import auroc_interval, fit_platt
from tomoscribe.training.stage_tower import trainer_for

_LEAST_POINT = 0.5
_MARGIN = 0.02


def train_nodule_net(recipe: NoduleRecipe, places: Places, *, resume: bool) -> Path:
    """Fit the classifier; returns the checkpoint."""
    run = places.runs / recipe.name
    last = run / "last.ckpt"
    pools = {name: pool_of(name, recipe, places) for name in (*SCANS, *_phantoms(recipe.train))}
    loader = DataLoader(Batches(pools, recipe), batch_size=None)
    trainer = trainer_for(recipe, run, [])
    trainer.fit(NoduleModule(recipe), loader, ckpt_path=str(last) if resume and last.is_file() else None)
    trainer.save_checkpoint(last)
    return last


def finish_nodule_net(recipe: NoduleRecipe, places: Places, *, folder: Path = FOLDER) -> dict[str, Any]:
    """Calibrate, choose the operating point, measure and write the weights; returns the figures."""
    module = _load(recipe, places)
    held_in = [_held_in(pool_of(name, recipe, places)) for name in SCANS]
    phantoms = [pool_of(name, recipe, places) for name in _phantoms(recipe.validation)]
    real, generated = _scored(module, held_in), _scored(module, phantoms)
    slope, offset = fit_platt(*(np.concatenate(pair) for pair in zip(real, generated, strict=True)))
    point = _operating_point(real, generated, (slope, offset), recipe, len(phantoms))
    tests = [pool_of(name, recipe, places) for name in _phantoms(recipe.held_out)]
    figures = {
        "step": module.trained_steps,
        "operating_point": round(point, 4),
        "held_in_real": _figures(real, (slope, offset), point, REAL_TURNS),
        "validation_phantoms": _figures(generated, (slope, offset), point, len(phantoms)),
        "held_out_phantoms": _figures(_scored(module, tests), (slope, offset), point, len(tests)),
    }
    config = {
        "network": {"channels": list(recipe.channels)},
        "slope": slope,
        "offset": offset,
        "operating_point": point,
        "steps": module.trained_steps,
    }
    entry = ManifestEntry(
        file=f"{WEIGHTS_NAME}.safetensors",
        sha256="",
        licence="Apache-2.0",
        recipe=f"{recipe.name}.yaml",
        data=_data_seen(recipe),
        date=date.today().isoformat(),
    )
    save_weights(WEIGHTS_NAME, module.network.state_dict(), config, entry, folder)
    (places.runs / recipe.name / "figures.json").write_text(json.dumps(figures, indent=1))
    return figures


Scored = tuple[NDArray[np.float64], NDArray[np.bool_]]


def _operating_point(
    real: Scored, generated: Scored, line: tuple[float, float], recipe: NoduleRecipe, num_phantoms: int
) -> float:
    """Least probability that keeps the false positives of phantoms below the recipe's rate and of real lung at none.

    The held-in real candidates make less than one scan, so that a rate below one means none of them.
    """
    negatives = np.sort(_probability(generated[0][~generated[1]], line))
    allowed = int(recipe.false_positives_per_scan * num_phantoms)
    phantom_cut = float(negatives[len(negatives) - 1 - allowed]) if len(negatives) > allowed else 0.0
    real_cut = float(_probability(real[0][~real[1]], line).max())
    return min(0.98, max(_LEAST_POINT, phantom_cut + _MARGIN, real_cut + _MARGIN))


def _figures(scored: Scored, line: tuple[float, float], point: float, scans: int) -> dict[str, Any]:
    """AUROC, sensitivity and false positives at the operating point; ``scans`` divides the false positives."""
    logits, truth = scored
    p = _probability(logits, line)
    return {
        **{k: round(v, 4) for k, v in asdict(auroc_interval(logits, truth, rounds=200)).items()},
        "sensitivity": round(float((p[truth] >= point).mean()), 4),
        "false_positives": int((p[~truth] >= point).sum()),
        "false_positives_per_scan": round(float((p[~truth] >= point).sum()) / scans, 3),
    }


def _probability(logits: NDArray[np.float64], line: tuple[float, float]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-np.clip(line[0] * logits + line[1], -60, 60)))


def _scored(module: NoduleModule, pools: list[Pool]) -> Scored:
    logits = []
    with torch.inference_mode():
        for pool in pools:
            for start in range(0, len(pool.patches), 64):
                part = torch.from_numpy(pool.patches[start : start + 64, None].astype(np.float32) / 255.0)
                logits.append(module.network(part).numpy().astype(np.float64))
    return np.concatenate(logits), np.concatenate([p.labels for p in pools]) > 0


def _held_in(pool: Pool) -> Pool:
    keep = pool.held_in
    return Pool(patches=pool.patches[keep], labels=pool.labels[keep], held_in=pool.held_in[keep])


def _phantoms(seeds: Seeds) -> list[str]:
    return [f"phantom-{seed}" for seed in seeds]


def _load(recipe: NoduleRecipe, places: Places) -> NoduleModule:
    path = places.runs / recipe.name / "last.ckpt"
    if not path.is_file():
        raise InputError(f"the recipe '{recipe.name}' has no checkpoint yet", remedy="Train it first")
    state = torch.load(path, map_location="cpu", weights_only=True)
    module = NoduleModule(recipe)
    module.load_state_dict(state["state_dict"])
    module.network.load_state_dict({k: v.bfloat16().to(v.dtype) for k, v in module.network.state_dict().items()})
    module.trained_steps = state["global_step"]
    return module.eval()


def _data_seen(recipe: NoduleRecipe) -> tuple[str, ...]:
    train, validation = recipe.train, recipe.validation
    return (
        f"chest phantoms, seeds {train.first} to {train.first + train.count - 1}",
        f"calibration: chest phantoms, seeds {validation.first} to {validation.first + validation.count - 1}",
        "LIDC-IDRI-0003 (CC BY 3.0): its nodules, its lung with inserted nodules, its other candidates",
        "lungdx_A0001 (CC BY 4.0): its lung with inserted nodules, its candidates away from the mass",
    )
