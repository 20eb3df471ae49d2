"""Recipes of the report model: YAML files of one shape, unknown keys are errors."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from tomoscribe.core.errors import ConfigError
from tomoscribe.training.lora import LoraPlan
from tomoscribe.training.recipe import HELD_OUT_FIRST, RECIPES

SHIPPED = "shipped"


@dataclass(frozen=True, kw_only=True)
class TokenSeeds:
    """Phantom seeds whose image tokens of one tower are read."""

    tower: str
    first: int
    count: int

    def __post_init__(self) -> None:
        if self.first < 0 or self.count < 1:
            raise ConfigError(f"expected seeds from 0 and at least one of them, found {self.first} and {self.count}")

    @property
    def seeds(self) -> range:
        return range(self.first, self.first + self.count)


@dataclass(frozen=True, kw_only=True)
class ReportRecipe:
    """How the report model is trained.

    Args:
        stage: ``text`` (sheets and questions alone) or ``image`` (with image tokens of phantoms).
        start: recipe whose last checkpoint is continued with new data, SHIPPED for the weights that ship, None for
            random weights.
        model: fields of FusionConfig that differ from its defaults.
        tokens_per_batch: padded text tokens of one step.
        image_studies: studies per step whose image is asked about.
        image_weight: weight of the tokens of sentences that only the image can give, against 1 for all others.
        probe_weight: of the auxiliary finding probe on the latents (image stage only; it does not ship).
        probe_steps: first steps of the image stage in which only the resampler learns, through the probe.
        studies: phantom seeds of the image stage.
        balance_rate: step of the routers' correction bias.
        lora: low-rank adapters in place of the decoder's own weights, which stay; merged into them at the finish.
    """

    stage: str
    steps: int
    seed: int
    name: str = ""
    start: str | None = None
    model: dict[str, Any] = field(default_factory=dict)
    tokens_per_batch: int = 3000
    learning_rate: float = 3e-3
    warmup_steps: int = 50
    checkpoint_steps: int = 100
    image_studies: int = 0
    image_weight: float = 1.0
    probe_weight: float = 0.0
    probe_steps: int = 0
    balance_rate: float = 0.002
    studies: tuple[TokenSeeds, ...] = ()
    lora: LoraPlan | None = None

    def __post_init__(self) -> None:
        if self.stage not in ("text", "image"):
            raise ConfigError(f"expected stage text or image, found '{self.stage}'")
        if min(self.steps, self.tokens_per_batch, self.checkpoint_steps) < 1 or self.learning_rate <= 0:
            raise ConfigError("expected at least one step, one token per batch and a learning rate above 0")
        if any(s.first + s.count > HELD_OUT_FIRST for s in self.studies):
            raise ConfigError(f"seeds from {HELD_OUT_FIRST} are held out and never trained on")
        if self.stage == "image" and not (self.studies and self.image_studies):
            raise ConfigError("the image stage needs studies and image_studies")


def load_report_recipe(path: Path | str) -> ReportRecipe:
    """The recipe in a YAML file, or the shipped one of that name.

    Raises:
        ConfigError: no such file, or unknown or missing keys.
    """
    import yaml

    path = Path(path)
    if not path.is_file():
        path = RECIPES / f"{path.stem}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in RECIPES.glob("report*.yaml")))
        raise ConfigError(f"expected a recipe file or one of {known}, found '{path.stem}'")
    data = yaml.safe_load(path.read_text())
    if not isinstance(data, dict) or data.pop("kind", None) != "report":
        raise ConfigError("expected a recipe of kind report", where=path.name)
    unknown = sorted(set(data) - {f.name for f in fields(ReportRecipe)})
    if unknown:
        raise ConfigError(f"unknown keys: {', '.join(unknown)}", where=path.name)
    try:
        data["model"] = {k: _tuples(v) for k, v in data.get("model", {}).items()}
        data["studies"] = tuple(TokenSeeds(**row) for row in data.get("studies", ()))
        data["lora"] = LoraPlan(**data["lora"]) if data.get("lora") is not None else None
        return ReportRecipe(**{"name": path.stem, **data})
    except TypeError as error:
        raise ConfigError(f"the recipe is not complete: {error}", where=path.name) from error


def _tuples(value: Any) -> Any:
    """Lists of a YAML file as tuples, at every depth."""
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value
