"""``tomoscribe train RECIPE``."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer


def train(
    recipe: Annotated[
        Path,
        typer.Argument(metavar="RECIPE", help="A YAML recipe; those of the shipped weights are in training/recipes."),
    ],
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start anew instead of resuming from the last checkpoint.")
    ] = False,
) -> None:
    """Train the weights that a recipe describes; resumes from the last checkpoint."""
    from tomoscribe.core.errors import InputError, MissingExtraError

    if not recipe.is_file():
        raise InputError(
            "there is no such recipe", where=str(recipe), remedy="name a YAML file, e.g. training/recipes/tower_ct.yaml"
        )
    if find_spec("pytorch_lightning") is None:
        raise MissingExtraError("tomoscribe train", "train")
    from tomoscribe.training.train import train as run

    run(recipe, resume=not fresh)
