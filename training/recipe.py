"""Recipes: YAML files of one shape, unknown keys are errors."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from tomoscribe.core.errors import ConfigError

RECIPES = Path(__file__).resolve().parent / "recipes"
HELD_OUT_FIRST = 1_000_000
"""Phantom seeds from here on are never trained on."""


@dataclass(frozen=True, kw_only=True)
class Seeds:
    """Phantom seeds ``first`` to before ``first + count``."""

    first: int
    count: int

    def __post_init__(self) -> None:
        if self.first < 0 or self.count < 0:
            raise ConfigError(f"expected seeds from 0 and a count of at least 0, found {self.first} and {self.count}")

    def __iter__(self) -> Any:
        return iter(range(self.first, self.first + self.count))

    def __len__(self) -> int:
        return self.count


@dataclass(frozen=True, kw_only=True)
class Optimizer:
    """AdamW with a linear warm-up and a cosine decay to zero at ``steps``."""

    steps: int
    batch_size: int = 1
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    warmup_steps: int = 50
    checkpoint_steps: int = 100

    def __post_init__(self) -> None:
        if min(self.steps, self.batch_size, self.checkpoint_steps) < 1 or self.learning_rate <= 0:
            raise ConfigError("expected at least one step, a batch of at least one case and a learning rate above 0")


@dataclass(frozen=True, kw_only=True)
class TowerRecipe:
    """How a tower is trained.

    Args:
        tower: registered name.
        train, validation, held_out: phantom seeds for the gradient, for the calibration, for the figures.
        label_maps_train, label_maps_validation, label_maps_held_out: numbers of renderings of the shared brain label
            maps (MR only); the maps of the three are different people.
        head_weight, cell_weight: of the pooled and of the per-cell finding loss against the mask loss.
        start_from_shipped: go on from the weights that ship, not from random ones.
        refit_rounds: passes of the linear heads over the frozen tokens of the training cases after the fit; 0 for none.
        seed: of initialization, order and augmentation.
    """

    tower: str
    train: Seeds
    validation: Seeds
    held_out: Seeds
    optimizer: Optimizer
    label_maps_train: int = 0
    label_maps_validation: int = 0
    label_maps_held_out: int = 0
    head_weight: float = 0.5
    cell_weight: float = 0.5
    start_from_shipped: bool = False
    refit_rounds: int = 0
    seed: int = 0
    name: str = ""

    def __post_init__(self) -> None:
        check_seeds(self.train, self.validation, self.held_out)


@dataclass(frozen=True, kw_only=True)
class NoduleRecipe:
    """How the nodule classifier is trained.

    Args:
        train, validation, held_out: seeds of phantom chests.
        patches_per_case: inserted nodules for each phantom chest.
        patches_per_scan: inserted nodules for each real scan.
        false_positives_per_scan: at the operating point, over the held-in normal lung.
    """

    train: Seeds
    validation: Seeds
    held_out: Seeds
    optimizer: Optimizer
    channels: tuple[int, ...] = (8, 16, 32, 56)
    patches_per_case: int = 12
    patches_per_scan: int = 300
    false_positives_per_scan: float = 0.5
    seed: int = 0
    name: str = ""

    def __post_init__(self) -> None:
        check_seeds(self.train, self.validation, self.held_out)


Recipe = TowerRecipe | NoduleRecipe
_KINDS: dict[str, type[Recipe]] = {"tower": TowerRecipe, "nodule": NoduleRecipe}
_PARTS: dict[str, type[Seeds] | type[Optimizer]] = {
    "train": Seeds,
    "validation": Seeds,
    "held_out": Seeds,
    "optimizer": Optimizer,
}


@dataclass(frozen=True, kw_only=True)
class Places:
    """Folders of a run: made from the environment, never from a recipe.

    Args:
        runs: checkpoints and logs (TOMOSCRIBE_RUNS, default ``runs``).
        cache: prepared cases (TOMOSCRIBE_CACHE, default ``runs/cache``).
        shared: real scans and label maps (TOMOSCRIBE_SHARED), None where there are none.
    """

    runs: Path = field(default_factory=lambda: Path(os.environ.get("TOMOSCRIBE_RUNS", "runs")))
    cache: Path = field(default_factory=lambda: Path(os.environ.get("TOMOSCRIBE_CACHE", "runs/cache")))
    shared: Path | None = field(default_factory=lambda: _folder(os.environ.get("TOMOSCRIBE_SHARED")))


def check_seeds(train: Seeds, validation: Seeds, held_out: Seeds) -> None:
    """ConfigError unless held-out seeds start at HELD_OUT_FIRST and no seed is used twice."""
    if held_out.count and held_out.first < HELD_OUT_FIRST:
        raise ConfigError(f"expected held-out seeds from {HELD_OUT_FIRST}, found {held_out.first}")
    for part in (train, validation):
        if part.first + part.count > HELD_OUT_FIRST:
            raise ConfigError(f"seeds from {HELD_OUT_FIRST} are held out and never trained on")
    if set(train) & set(validation):
        raise ConfigError("a seed stands both in train and in validation")


def load_recipe(path: Path | str) -> Recipe:
    """The recipe in a YAML file, or the shipped one of that name; ConfigError for unknown or missing keys."""
    import yaml

    path = Path(path)
    if not path.is_file():
        path = RECIPES / f"{path.stem}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in RECIPES.glob("*.yaml")))
        raise ConfigError(f"expected a recipe file or one of {known}, found '{path.stem}'")
    data = yaml.safe_load(path.read_text())
    if not isinstance(data, dict) or data.get("kind") not in _KINDS:
        raise ConfigError(f"expected a recipe whose kind is one of {', '.join(_KINDS)}", where=path.name)
    kind = _KINDS[data.pop("kind")]
    parts = {key: _build(_PARTS[key], value, key) if key in _PARTS else value for key, value in data.items()}
    return _build(kind, {"name": path.stem, **parts}, path.name)


def recipe_sha256(recipe: Recipe) -> str:
    """Hash of the recipe as canonical JSON."""
    return hashlib.sha256(json.dumps(asdict(recipe), sort_keys=True).encode()).hexdigest()


def _build(kind: Any, data: Any, where: str) -> Any:
    if not isinstance(data, dict):
        raise ConfigError(f"expected keys and values, found {data!r}", where=where)
    known = {f.name for f in fields(kind)}
    if unknown := sorted(set(data) - known):
        raise ConfigError(
            f"unknown keys: {', '.join(unknown)}", where=where, remedy=f"Known: {', '.join(sorted(known))}"
        )
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}
    try:
        return kind(**values)
    except TypeError as error:
        raise ConfigError(f"the recipe is not complete: {error}", where=where) from error


def _folder(name: str | None) -> Path | None:
    return Path(name) / "data" if name else None
