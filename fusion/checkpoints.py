"""Decoders from local checkpoints of transformers: any mixture of experts with decoder layers, to be fused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tomoscribe.core.errors import UnsupportedError, WeightsError
from tomoscribe.fusion.config import ReadingConfig

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from tomoscribe.fusion.report_model import ReportModel

_READERS = ("resampler.", ".reader.")
READING_FILE = "reading.safetensors"
"""Beside the library's own files: resampler and readers, with their configuration inside."""


def load_decoder(folder: Path, reading: ReadingConfig, tokenizer: PreTrainedTokenizerFast) -> Any:
    """A mixture of experts from ``folder`` (config.json and safetensors) that reads studies; nothing is downloaded.

    Resampler and readers are those that ``save_decoder`` left in the folder; without them the gates stand at zero,
    and the decoder writes exactly what it writes without images until it is trained.

    Raises:
        WeightsError: there is no such checkpoint, tensors are missing or of another shape, or the vocabulary is smaller
            than the tokenizer's.
        UnsupportedError: not a mixture of experts, or a kind that needs code of its own.
        ConfigError: ``reading`` was made for other sizes.
    """
    from tomoscribe.fusion.model import fuse

    model = fuse(_causal_lm(folder), reading)
    if model.config.vocab_size < len(tokenizer):
        raise WeightsError(
            f"the tokenizer of {len(tokenizer)} tokens does not fit the decoder's vocabulary of "
            f"{model.config.vocab_size}",
            where=folder.name,
            remedy="widen the decoder first (resize_token_embeddings) and train it on the report language",
        )
    if (folder / READING_FILE).is_file():
        _load_reading(model, folder)
    return model.eval()


def save_decoder(model: Any, folder: Path) -> None:
    """The decoder as the library saves it (so that any other tool reads it), and resampler and readers beside it."""
    from safetensors.torch import save_file

    state = model.state_dict()
    added = {key: value.contiguous() for key, value in state.items() if _is_added(key)}
    model.save_pretrained(folder, state_dict={key: value for key, value in state.items() if not _is_added(key)})
    save_file(added, folder / READING_FILE)


def report_model(folder: Path, reading: ReadingConfig, *, device: str = "cpu") -> ReportModel:
    """A report model on a decoder of ``folder`` with the report language's tokenizer; errors as ``load_decoder``'s."""
    from tomoscribe.encoders.weights import load_weights
    from tomoscribe.fusion.language import Language
    from tomoscribe.fusion.report_model import NAME, ReportModel
    from tomoscribe.fusion.tokenizer import FOLDER, load_tokenizer

    tokenizer = load_tokenizer()
    spoken = [int(n) for n in load_weights(NAME, FOLDER).config["spoken"]]
    model = load_decoder(folder, reading, tokenizer).to(device)
    return ReportModel(model=model, tokenizer=tokenizer, language=Language(tokenizer, spoken), device=device)


def _causal_lm(folder: Path) -> Any:
    from transformers import AutoModelForCausalLM

    if not (folder / "config.json").is_file():
        raise WeightsError("expected a checkpoint with config.json, found none", where=folder.name)
    try:
        model, facts = AutoModelForCausalLM.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, use_safetensors=True, output_loading_info=True
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        first = str(error).splitlines()[0]
        if "architecture" in first or "Unrecognized" in first or "custom code" in first:
            raise UnsupportedError(f"transformers knows no such decoder: {first}", where=folder.name) from error
        raise WeightsError(f"the decoder's checkpoint is not readable: {first}", where=folder.name) from error
    wrong = [*facts["missing_keys"], *facts["mismatched_keys"]]
    if wrong:
        raise WeightsError(
            f"the decoder's checkpoint does not fit its configuration: {wrong[0]} is missing or of another shape",
            where=folder.name,
            remedy="nothing is filled with random weights; get the whole checkpoint",
        )
    return model


def _load_reading(model: Any, folder: Path) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        added = load_file(folder / READING_FILE)
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"the readers' weights are not readable: {error}", where=READING_FILE) from error
    wanted = {key: value.shape for key, value in model.state_dict().items() if _is_added(key)}
    if {key: value.shape for key, value in added.items()} != wanted:
        raise WeightsError("the readers' weights were made for other sizes than these", where=READING_FILE)
    model.load_state_dict(added, strict=False)


def _is_added(key: str) -> bool:
    return key.startswith(_READERS[0]) or _READERS[1] in key
