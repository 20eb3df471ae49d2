"""``tomoscribe train RECIPE``."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer


def train(
    recipe: Annotated[
        Path, typer.Argument(metavar="RECIPE", help="A YAML recipe; the shipped weights' are in training/recipes.")
    ],
    fresh: Annotated[bool, typer.Option("--fresh", help="Start anew instead of from the last checkpoint.")] = False,
    finish: Annotated[
        bool, typer.Option("--finish", help="Measure the last checkpoint on held-out cases and write its weights.")
    ] = False,
) -> None:
    """Train the weights that a recipe describes; resumes from the last checkpoint."""
    from tomoscribe.core.errors import ConfigError, InputError, MissingExtraError

    if fresh and finish:
        raise ConfigError("expected --fresh or --finish, found both")
    if not recipe.is_file():
        remedy = "name a YAML file, e.g. training/recipes/tower_ct.yaml"
        raise InputError("there is no such recipe", where=str(recipe), remedy=remedy)
    if find_spec("pytorch_lightning") is None:
        raise MissingExtraError("tomoscribe train", "train")
    from tomoscribe.training.run import finish_recipe, run_recipe

    typer.echo(finish_recipe(recipe) if finish else run_recipe(recipe, resume=not fresh))
