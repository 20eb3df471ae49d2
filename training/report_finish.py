"""Writes the report model's weights from the last checkpoint of a recipe."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from tomoscribe.encoders.weights import ManifestEntry, list_weights, save_weights
from tomoscribe.fusion.report_model import NAME
from tomoscribe.fusion.tokenizer import FOLDER, load_tokenizer
from tomoscribe.training.recipe import Places
from tomoscribe.training.report import SAMPLE, load_module
from tomoscribe.training.report_recipe import ReportRecipe
from tomoscribe.training.report_text import language_sample


def spoken_tokens() -> list[int]:
    """Ids of all tokens that occur in sentences of the training language, in order."""
    tokenizer = load_tokenizer()
    targets = [e.target for e in language_sample(SAMPLE)]
    return sorted({n for ids in tokenizer(targets)["input_ids"] for n in ids})


def finish_report(recipe: ReportRecipe, places: Places, *, folder: Path = FOLDER) -> dict[str, Any]:
    """Writes ``report.safetensors`` and its entry in the manifest; returns its size and hash."""
    module = load_module(recipe, places)
    tensors = {k: v for k, v in module.model.state_dict().items() if k != "lm_head.weight"}
    entry = save_weights(
        NAME,
        tensors,
        {"model": module.model.fusion.to_dict(), "spoken": spoken_tokens()},
        ManifestEntry(
            file="report.safetensors",
            sha256="",
            licence="Apache-2.0",
            recipe=f"{recipe.name}.yaml",
            data=data_seen(recipe),
            date=date.today().isoformat(),
        ),
        folder,
    )
    return {"file": entry.file, "sha256": entry.sha256, "bytes": (folder / entry.file).stat().st_size}


def data_seen(recipe: ReportRecipe) -> tuple[str, ...]:
    """What the weights have seen, one line for each source."""
    lines = ["generated fact sheets with sentences of the deterministic writer, generated questions"]
    for part in recipe.studies:
        tower = list_weights().get(part.tower)
        tower_hash = tower.sha256[:12] if tower else "unknown"
        last = part.first + part.count - 1
        lines.append(f"image tokens of {part.tower} (weights {tower_hash}) on phantoms, seeds {part.first} to {last}")
    return tuple(lines)
