"""One entry for every kind of recipe: fit the network, or measure it and write its weights."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from tomoscribe.core.errors import ConfigError


def run_recipe(path: Path, *, resume: bool = True) -> str:
    """Fits what a recipe describes, from its last checkpoint if there is one; returns a line about the result.

    Raises:
        ConfigError: the recipe has unknown keys or another kind.
    """
    from tomoscribe.training.recipe import Places

    if _kind(path) == "report":
        from tomoscribe.training.report import train_report
        from tomoscribe.training.report_recipe import load_report_recipe

        checkpoint = train_report(load_report_recipe(path), Places(), resume=resume)
    else:
        from tomoscribe.training.train import train

        checkpoint = train(path, resume=resume)
    return f"checkpoint of {path.stem}: {checkpoint}"


def finish_recipe(path: Path) -> str:
    """Measures a recipe's last checkpoint on held-out cases and writes its weights; returns the figures."""
    if _kind(path) == "report":
        from tomoscribe.training.recipe import Places
        from tomoscribe.training.report_finish import finish_report
        from tomoscribe.training.report_recipe import load_report_recipe

        return json.dumps(finish_report(load_report_recipe(path), Places()))
    from tomoscribe.training.train import finish

    return json.dumps(finish(path))


def _kind(path: Path) -> str:
    data = yaml.safe_load(path.read_text())
    if not isinstance(data, dict) or not isinstance(data.get("kind"), str):
        raise ConfigError("expected a recipe with a kind", where=path.name)
    return str(data["kind"])
