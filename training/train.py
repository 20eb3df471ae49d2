"""Train a recipe: ``python -m tomoscribe.training.train RECIPE [--prepare | --finish]``."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

from tomoscribe.core.errors import ConfigError, TomoscribeError
from tomoscribe.training.recipe import NoduleRecipe, Places, TowerRecipe, load_recipe

_log = logging.getLogger(__name__)


def train(recipe_path: Path | str, *, resume: bool = True) -> Path:
    """Fit the network of a recipe, from its last checkpoint if there is one; returns the checkpoint."""
    recipe, places = load_recipe(recipe_path), Places()
    if isinstance(recipe, NoduleRecipe):
        from tomoscribe.training.stage_nodule import train_nodule_net

        return train_nodule_net(recipe, places, resume=resume)
    from tomoscribe.training.stage_tower import train_tower

    return train_tower(recipe, places, resume=resume)


def finish(recipe_path: Path | str) -> dict[str, Any]:
    """Calibrate, measure and write the weights of the last checkpoint; returns the figures."""
    recipe, places = load_recipe(recipe_path), Places()
    if isinstance(recipe, NoduleRecipe):
        from tomoscribe.training.stage_nodule import finish_nodule_net

        return finish_nodule_net(recipe, places)
    from tomoscribe.training.stage_tower import finish_tower

    return finish_tower(recipe, places)


def prepare(recipe_path: Path | str) -> int:
    """Make all cases of a tower recipe beforehand; returns how many there are."""
    recipe, places = load_recipe(recipe_path), Places()
    if not isinstance(recipe, TowerRecipe):
        raise ConfigError("only the cases of towers can be prepared beforehand")
    from tomoscribe.training.tower_data import part_of

    count = 0
    for name in ("train", "validation", "held_out"):
        part = part_of(recipe, name, places)
        for index in range(len(part)):
            part.case(index)
            count += 1
    return count


def main(arguments: list[str]) -> int:
    """Exit code of the command."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    flags, names = {a for a in arguments if a.startswith("--")}, [a for a in arguments if not a.startswith("--")]
    try:
        if len(names) != 1 or flags - {"--prepare", "--finish", "--fresh"}:
            raise ConfigError("expected one recipe and at most one of --prepare, --finish, --fresh")
        if "--prepare" in flags:
            _log.info("%d cases are prepared", prepare(names[0]))
        elif "--finish" in flags:
            _log.info("%s", json.dumps(finish(names[0])))
        else:
            _log.info("checkpoint %s", train(names[0], resume="--fresh" not in flags).name)
    except TomoscribeError as error:
        sys.stderr.write(error.line() + "\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
