"""Low-rank adapters by PEFT on any decoder under fusion: on the attention, and on the fused experts if wanted.

The decoder's own weights are frozen; resampler, readers and gates go on learning, as they have no other teacher.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from torch import nn

from tomoscribe.core.errors import ConfigError, MissingExtraError

EXPERTS = ("experts.gate_up_proj", "experts.down_proj")
_READING = re.compile(r"(^|\.)(resampler|reader)\.")


@dataclass(frozen=True, kw_only=True)
class LoraPlan:
    """What is adapted.

    Args:
        rank: of the adapters.
        alpha: their scale is alpha / rank.
        experts: whether the fused tensors of the routed experts get adapters as well, one for each expert.
    """

    rank: int = 8
    alpha: int = 16
    experts: bool = False

    def __post_init__(self) -> None:
        if min(self.rank, self.alpha) < 1:
            raise ConfigError(f"expected a rank and an alpha of at least 1, found {self.rank} and {self.alpha}")


@dataclass(frozen=True, kw_only=True)
class LoraFacts:
    """How many numbers learn: the adapters, what reads the images, and all there are."""

    adapter_parameters: int
    reading_parameters: int
    all_parameters: int

    @property
    def share(self) -> float:
        """Adapters of all parameters."""
        return self.adapter_parameters / self.all_parameters


def add_lora(model: Any, plan: LoraPlan) -> Any:
    """The model with adapters inside, in place; what is returned is PEFT's handle for ``merge_lora``.

    Raises:
        MissingExtraError: peft is not installed.
        ConfigError: the decoder has no linear layers in its attention.
    """
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise MissingExtraError("training with low-rank adapters", "train") from error

    names = attention_layers(model)
    if not names:
        raise ConfigError(f"expected linear layers in the attention of {type(model).__name__}, found none")
    config = LoraConfig(
        r=plan.rank,
        lora_alpha=plan.alpha,
        target_modules=names,
        target_parameters=list(EXPERTS) if plan.experts else None,
        bias="none",
    )
    handle = get_peft_model(model, config)
    for name, parameter in model.named_parameters():
        if _READING.search(name):
            parameter.requires_grad_(True)
    return handle


def attention_layers(model: Any) -> list[str]:
    """Full names of the linear layers of the decoder's attention; none of resampler and readers."""
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and ".self_attn." in name and not _READING.search(name)
    ]


def lora_facts(model: Any) -> LoraFacts:
    """Counts what learns."""
    named = [(name, p.numel()) for name, p in model.named_parameters()]
    adapters = sum(n for name, n in named if "lora_" in name)
    reading = sum(n for name, n in named if _READING.search(name))
    return LoraFacts(
        adapter_parameters=adapters, reading_parameters=reading, all_parameters=sum(n for _, n in named) - adapters
    )


def merge_lora(handle: Any) -> Any:
    """The model with its adapters added to its weights: the library's parameter names again, nothing else changed."""
    return handle.merge_and_unload()
