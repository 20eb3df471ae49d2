"""Mixtures of experts against dense decoders of the same total size: time of prefill and of decoding, on this machine.

Random weights: only time is measured. Dense twins have the same layers, attention and total parameters, all of them
active. Turns are interleaved and the fastest one of each counts; ratios below 1 favor the mixture.

    python -m tomoscribe.validation.decoder_speed [--sizes 13 47 180] [--turns 3] [--real-time] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from tomoscribe.core.errors import ConfigError
from tomoscribe.fusion.config import FusionConfig
from tomoscribe.fusion.model import FusionModel
from tomoscribe.validation.dicom_speed.priority import real_time

PROMPT, NEW = 512, 24
BATCHES = (1, 8)
IMPLEMENTATIONS = ("eager", "grouped_mm", "batched_mm")
"""How the library computes its experts; a dense decoder has only one way."""
_COMMON: dict[str, Any] = {"vocab_size": 4096, "first_k_dense_replace": 1, "max_position_embeddings": 1024}
SIZES: dict[int, FusionConfig] = {
    13: FusionConfig(
        **_COMMON,
        hidden_size=256,
        num_hidden_layers=6,
        num_attention_heads=4,
        kv_lora_rank=64,
        intermediate_size=768,
        moe_intermediate_size=84,
        n_routed_experts=32,
        num_experts_per_tok=3,
    ),
    47: FusionConfig(
        **_COMMON,
        hidden_size=384,
        num_hidden_layers=8,
        num_attention_heads=6,
        kv_lora_rank=128,
        intermediate_size=1024,
        moe_intermediate_size=160,
        n_routed_experts=30,
        num_experts_per_tok=3,
    ),
    180: FusionConfig(
        **_COMMON,
        hidden_size=640,
        num_hidden_layers=10,
        num_attention_heads=10,
        kv_lora_rank=160,
        intermediate_size=1792,
        moe_intermediate_size=320,
        n_routed_experts=30,
        num_experts_per_tok=3,
    ),
}
"""By millions of parameters; at most a tenth of the routed experts is active in each."""


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Seconds of one decoder at one task.

    Args:
        size: millions of parameters, rounded as the keys of ``SIZES``.
        experts: ``dense`` or how the experts were computed.
        task: ``prefill`` (512 tokens) or ``decode`` (24 more tokens, greedy, dynamic cache).
        ratio: to the dense twin's seconds.
    """

    size: int
    experts: str
    task: str
    batch: int
    total_parameters: int
    active_parameters: int
    seconds: float
    ratio: float


def dense_twin(config: FusionConfig) -> FusionConfig:
    """The configuration without experts whose total comes nearest to that of ``config``."""
    wanted = parameters(config)
    dense = replace(config, first_k_dense_replace=config.num_hidden_layers)
    low, high = parameters(replace(dense, intermediate_size=8)), parameters(replace(dense, intermediate_size=16))
    return replace(dense, intermediate_size=8 * (1 + round((wanted - low) / (high - low))))


def parameters(config: FusionConfig) -> int:
    """All parameters, the tied embedding once."""
    with torch.device("meta"):
        model = FusionModel(config)
    return sum(p.numel() for name, p in model.named_parameters() if name != "lm_head.weight")


def active_parameters(config: FusionConfig) -> int:
    """Those that one token passes through."""
    expert = 3 * config.hidden_size * config.moe_intermediate_size
    layers = max(0, config.num_hidden_layers - config.first_k_dense_replace)
    return parameters(config) - layers * (config.n_routed_experts - config.num_experts_per_tok) * expert


def run_trial(sizes: Sequence[int], turns: int, tell: Callable[[str], None]) -> list[Timing]:
    """Every size, batch and task; ConfigError for a size that has no configuration."""
    unknown = set(sizes) - set(SIZES)
    if unknown:
        raise ConfigError(f"expected sizes of {sorted(SIZES)}, found {min(unknown)}")
    return [timing for size in sizes for timing in _one_size(size, turns, tell)]


def _one_size(size: int, turns: int, tell: Callable[[str], None]) -> Iterator[Timing]:
    sparse, dense = SIZES[size], dense_twin(SIZES[size])
    torch.manual_seed(0)
    models = {"dense": FusionModel(dense).eval(), "mixture": FusionModel(sparse).eval()}
    totals = {"dense": (parameters(dense),) * 2, "mixture": (parameters(sparse), active_parameters(sparse))}
    for batch in BATCHES:
        best = _best(models, batch, turns)
        for (experts, task), seconds in best.items():
            total, active = totals["dense" if experts == "dense" else "mixture"]
            ratio = seconds / best["dense", task]
            tell(f"{size:4d} M  batch {batch}  {task:7s}  {experts:10s} {seconds:7.3f} s  {ratio:5.2f} of dense")
            yield Timing(
                size=size,
                experts=experts,
                task=task,
                batch=batch,
                total_parameters=total,
                active_parameters=active,
                seconds=round(seconds, 4),
                ratio=round(ratio, 3),
            )


def _best(models: dict[str, FusionModel], batch: int, turns: int) -> dict[tuple[str, str], float]:
    """The fastest turn of each way and task; the first turn warms up and does not count."""
    ids = torch.randint(2, models["dense"].config.vocab_size, (batch, PROMPT), generator=torch.Generator())
    best: dict[tuple[str, str], float] = {}
    for turn in range(turns + 1):
        for experts in ("dense", *IMPLEMENTATIONS):
            model = models["dense" if experts == "dense" else "mixture"]
            if experts != "dense":
                model.set_experts_implementation(experts)
            for task, seconds in _turn(model, ids).items():
                if turn:
                    best[experts, task] = min(seconds, best.get((experts, task), seconds))
    return best


def _turn(model: FusionModel, ids: torch.Tensor) -> dict[str, float]:
    with torch.inference_mode():
        start = time.perf_counter()
        out = model(input_ids=ids, use_cache=True, logits_to_keep=1)
        filled = time.perf_counter()
        for _ in range(NEW):
            ids = out.logits[:, -1:].argmax(-1)
            out = model(input_ids=ids, past_key_values=out.past_key_values, use_cache=True)
        return {"prefill": filled - start, "decode": time.perf_counter() - filled}


def table(timings: Sequence[Timing]) -> str:
    """Ratios to the dense twin as Markdown, one row for each size and batch."""
    lines = ["| parameters, active | batch | task | dense, s | " + " | ".join(IMPLEMENTATIONS) + " |", "|---" * 7 + "|"]
    keys = sorted({(t.size, t.batch, t.task) for t in timings}, key=lambda k: (k[0], k[1], k[2] != "prefill"))
    for key in keys:
        here = {t.experts: t for t in timings if (t.size, t.batch, t.task) == key}
        mixture = here[IMPLEMENTATIONS[0]]
        ratios = " | ".join(f"{here[name].ratio:.2f}" for name in IMPLEMENTATIONS)
        size = f"{mixture.total_parameters / 1e6:.1f} M, {mixture.active_parameters / 1e6:.1f} M"
        lines.append(f"| {size} | {key[1]} | {key[2]} | {here['dense'].seconds:.3f} | {ratios} |")
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    """Exit code of the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="millions of parameters")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--real-time", action="store_true", help="before everything else on a shared machine")
    parser.add_argument("--json", type=Path, default=None, help="also write the timings here")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(chosen.threads)
    with real_time() if chosen.real_time else nullcontext():
        timings = run_trial(chosen.sizes, chosen.turns, lambda line: print(line, file=sys.stderr))
    print(table(timings))
    if chosen.json is not None:
        chosen.json.write_text(json.dumps([asdict(t) for t in timings], indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
