"""Recipes have one shape; held-out seeds stay held out."""

from __future__ import annotations

from pathlib import Path

import pytest

from tomoscribe.core.errors import ConfigError
from tomoscribe.training.recipe import (
    HELD_OUT_FIRST,
    NoduleRecipe,
    Seeds,
    TowerRecipe,
    load_recipe,
    recipe_sha256,
)

TEXT = """
kind: tower
tower: unet-ct
train: {first: 0, count: 4}
validation: {first: 10, count: 2}
held_out: {first: 1000000, count: 2}
optimizer: {steps: 5}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "one.yaml"
    path.write_text(text)
    return path


def test_a_recipe_becomes_what_it_says(tmp_path: Path) -> None:
    recipe = load_recipe(written(tmp_path, TEXT))
    assert isinstance(recipe, TowerRecipe)
    assert list(recipe.train) == [0, 1, 2, 3]
    assert recipe.optimizer.steps == 5
    assert recipe.name == "one"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("steps: 5", "steps: 5, momentum: 0.9", "unknown keys: momentum"),
        ("tower: unet-ct", "tower: unet-ct\nepochs: 3", "unknown keys: epochs"),
        ("kind: tower", "kind: magic", "kind is one of tower, nodule"),
        ("first: 1000000", "first: 999999", "held-out seeds from 1000000, found 999999"),
        ("first: 10,", "first: 3,", "both in train and in validation"),
        ("optimizer: {steps: 5}", "", "not complete"),
        ("{first: 0, count: 4}", "{first: 999999, count: 4}", "never trained on"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_recipe(written(tmp_path, TEXT.replace(old, new)))


def test_the_shipped_recipes_load_and_share_no_training_seed_with_their_figures() -> None:
    towers = [load_recipe("tower_ct"), load_recipe("tower_mr"), load_recipe("nodule")]
    assert [type(r) for r in towers] == [TowerRecipe, TowerRecipe, NoduleRecipe]
    assert all(min(r.held_out) >= HELD_OUT_FIRST > max(r.train) for r in towers)


def test_another_seed_is_another_recipe(tmp_path: Path) -> None:
    first = load_recipe(written(tmp_path, TEXT))
    second = load_recipe(written(tmp_path, TEXT + "seed: 1\n"))
    assert recipe_sha256(first) != recipe_sha256(second)
    assert recipe_sha256(first) == recipe_sha256(load_recipe(written(tmp_path, TEXT)))


def test_seeds_count_from_zero() -> None:
    with pytest.raises(ConfigError, match="seeds from 0"):
        Seeds(first=-1, count=2)
