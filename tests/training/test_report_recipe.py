"""Recipes of the report model."""

from __future__ import annotations

from pathlib import Path

import pytest

from tomoscribe.core.errors import ConfigError
from tomoscribe.fusion.config import FusionConfig
from tomoscribe.training.report_recipe import load_report_recipe


@pytest.mark.parametrize("name", ["report_text", "report_questions", "report_image", "report_refresh", "report_lora"])
def test_the_shipped_recipes_load_and_fit_the_model(name: str) -> None:
    recipe = load_report_recipe(name)
    config = FusionConfig(vocab_size=100, **recipe.model)
    assert recipe.name == name
    assert config.num_experts_per_tok / config.n_routed_experts <= 0.1
    assert all(part.first + part.count <= 900_000 for part in recipe.studies)


def _written(folder: Path, text: str) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: report\nstage: text\nsteps: 3\nseed: 1\nspeed: 9\n", "speed"),
        ("kind: tower\n", "kind report"),
        ("kind: report\nstage: text\nsteps: 3\nseed: 1\nlora: {rank: 0}\n", "a rank and an alpha"),
        ("kind: report\nstage: text\nsteps: 3\nseed: 1\nlora: {depth: 2}\n", "not complete"),
        ("kind: report\nstage: text\nseed: 1\n", "not complete"),
        ("kind: report\nstage: sound\nsteps: 3\nseed: 1\n", "stage text or image"),
        ("kind: report\nstage: image\nsteps: 3\nseed: 1\n", "needs studies"),
        (
            "kind: report\nstage: image\nsteps: 3\nseed: 1\nimage_studies: 2\n"
            "studies: [{tower: unet-ct, first: 999999, count: 2}]\n",
            "held out",
        ),
    ],
)
def test_a_wrong_recipe_says_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_report_recipe(_written(tmp_path, text))


def test_a_recipe_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(ConfigError, match="report_text"):
        load_report_recipe("missing")
