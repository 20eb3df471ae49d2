"""Train the report model: ``python -m tomoscribe.training.report RECIPE [--fresh | --finish]``."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger
from torch.utils.data import DataLoader, IterableDataset

from tomoscribe.core.errors import ConfigError, InputError, TomoscribeError
from tomoscribe.encoders.weights import load_weights
from tomoscribe.fusion.config import FusionConfig
from tomoscribe.fusion.model import FusionModel
from tomoscribe.fusion.report_model import NAME
from tomoscribe.fusion.tokenizer import FOLDER, load_tokenizer, train_tokenizer
from tomoscribe.training.lora import add_lora, merge_lora
from tomoscribe.training.recipe import Places
from tomoscribe.training.report_data import TextBatches
from tomoscribe.training.report_images import token_sources
from tomoscribe.training.report_module import ReportModule
from tomoscribe.training.report_recipe import SHIPPED, ReportRecipe, load_report_recipe
from tomoscribe.training.report_text import language_sample

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_log = logging.getLogger(__name__)
SAMPLE = 6000
"""Texts from which the tokenizer and the list of spoken tokens are made."""


class Steps(IterableDataset[dict[str, Any]]):
    """One dictionary per step: a batch of texts, in the image stage also withheld rows of some studies."""

    def __init__(self, recipe: ReportRecipe, tokenizer: PreTrainedTokenizerFast, places: Places, first: int) -> None:
        self.texts = TextBatches(
            tokenizer, tokens_per_batch=recipe.tokens_per_batch, seed=recipe.seed, first_pool=first
        )
        self.images: Any = None
        if recipe.stage == "image":
            from tomoscribe.training.report_studies import StudyBatches

            self.images = StudyBatches(recipe, tokenizer, places, first)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        images = iter(self.images) if self.images is not None else None
        for text in self.texts:
            yield {"text": text} if images is None else {"text": text, "images": next(images)}


def make_tokenizer(path: Path = FOLDER / "tokenizer.json") -> int:
    """Trains the tokenizer on the report language and writes it; returns its size."""
    tokenizer = train_tokenizer(f"{e.prompt} {e.target}" for e in language_sample(SAMPLE))
    path.write_text(tokenizer.to_str(), encoding="utf-8")
    return int(tokenizer.get_vocab_size())


def train_report(recipe: ReportRecipe, places: Places, *, resume: bool) -> Path:
    """Fit the report model, from its last checkpoint if there is one; returns the checkpoint."""
    pl.seed_everything(recipe.seed)
    tokenizer = load_tokenizer()
    config = FusionConfig(vocab_size=len(tokenizer), sources=token_sources(), **recipe.model)
    run = places.runs / recipe.name
    last = run / "last.ckpt"
    module = ReportModule(recipe, config)
    resumed = resume and last.is_file()
    first = int(torch.load(last, map_location="cpu", weights_only=True)["global_step"]) if resumed else 0
    shipped = recipe.start == SHIPPED
    if shipped and not resumed:
        start_from_shipped(module.model)
    elif recipe.start and not resumed:
        _start_language(module, _state(places.runs / recipe.start / "last.ckpt"))
    if recipe.lora is not None:
        add_lora(module.model, recipe.lora)
    steps = Steps(recipe, tokenizer, places, first)
    if recipe.stage == "image" and not resumed and not shipped:
        steps.images.fit_inputs(module.model)
    keep = ModelCheckpoint(dirpath=run, save_last=True, save_top_k=0, every_n_train_steps=recipe.checkpoint_steps)
    trainer = pl.Trainer(
        max_steps=recipe.steps,
        accelerator="auto",
        devices=1,
        callbacks=[keep],
        logger=CSVLogger(save_dir=str(run), name="log"),
        log_every_n_steps=10,
        gradient_clip_val=1.0,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, DataLoader(steps, batch_size=None), ckpt_path=str(last) if resumed else None)
    trainer.save_checkpoint(last)
    return last


def start_from_shipped(model: FusionModel) -> None:
    """Decoder and resampler of the weights that ship; only the probe, which does not ship, starts anew."""
    tensors = load_weights(NAME, FOLDER).tensors
    missing, unexpected = model.load_state_dict(tensors, strict=False)
    wrong = [key for key in missing if key != "lm_head.weight"] + unexpected
    if wrong:
        raise InputError(f"the shipped weights do not fit this recipe's model: {wrong[0]}")


def _start_language(module: ReportModule, state: dict[str, Any]) -> None:
    """The decoder of another run; resampler and probe stay random, as that run has seen no image."""
    language = {k: v for k, v in state.items() if not k.startswith(("model.resampler.", "probe."))}
    missing, unexpected = module.load_state_dict(language, strict=False)
    wrong = [k for k in missing if not k.startswith(("model.resampler.", "probe."))] + unexpected
    if wrong:
        raise InputError(f"the run to start from does not fit this recipe's model: {wrong[0]}")


def _state(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError("the run to start from has no checkpoint", where=path.parent.name, remedy="train it first")
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    return state


def load_module(recipe: ReportRecipe, places: Places) -> ReportModule:
    """The module of the run's last checkpoint, its adapters merged, ready for inference."""
    config = FusionConfig(vocab_size=len(load_tokenizer()), sources=token_sources(), **recipe.model)
    module = ReportModule(recipe, config)
    handle = add_lora(module.model, recipe.lora) if recipe.lora is not None else None
    module.load_state_dict(_state(places.runs / recipe.name / "last.ckpt"))
    if handle is not None:
        merge_lora(handle)
    return module.eval()


def main(arguments: list[str]) -> int:
    """Exit code of the command."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    flags, names = {a for a in arguments if a.startswith("--")}, [a for a in arguments if not a.startswith("--")]
    try:
        if flags == {"--tokenizer"} and not names:
            _log.info("%d tokens", make_tokenizer())
            return 0
        if len(names) != 1 or flags - {"--fresh", "--finish"}:
            raise ConfigError("expected one recipe and at most one of --fresh, --finish, or --tokenizer alone")
        recipe, places = load_report_recipe(names[0]), Places()
        if "--finish" in flags:
            from tomoscribe.training.report_finish import finish_report

            _log.info("%s", json.dumps(finish_report(recipe, places)))
        else:
            _log.info("checkpoint %s", train_report(recipe, places, resume="--fresh" not in flags).name)
    except TomoscribeError as error:
        sys.stderr.write(error.line() + "\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
