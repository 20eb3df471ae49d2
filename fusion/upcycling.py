"""Sparse upcycling: a dense decoder becomes a mixture of experts that writes the same words until it is trained.

Every expert starts as a copy of the dense layer's MLP and the router at random (Komatsuzaki et al. 2023): the weights
of the chosen experts add up to one, so that any choice gives what the dense MLP gave.
"""

from __future__ import annotations

from typing import Any

from tomoscribe.core.errors import ConfigError, UnsupportedError

ROUTER_STD = 0.02


def upcycled(dense: Any, *, num_experts: int, num_experts_per_tok: int, seed: int = 0) -> Any:
    """A ``Qwen3MoeForCausalLM`` with the weights of a ``Qwen3ForCausalLM``.

    Args:
        dense: the trained model; it is not changed.
        num_experts, num_experts_per_tok: of each layer.
        seed: of the routers.

    Raises:
        UnsupportedError: a dense model of another family.
        ConfigError: more experts per token than experts.
    """
    import torch
    from transformers import Qwen3ForCausalLM, Qwen3MoeConfig, Qwen3MoeForCausalLM

    if not isinstance(dense, Qwen3ForCausalLM):
        raise UnsupportedError(f"expected a Qwen3ForCausalLM to make a mixture of, found {type(dense).__name__}")
    if not 1 <= num_experts_per_tok <= num_experts:
        raise ConfigError(f"expected 1 to {num_experts} experts per token, found {num_experts_per_tok}")
    known = dense.config.to_dict()
    shared = {key: known[key] for key in Qwen3MoeConfig().to_dict() if key in known and key not in _OWN}
    config = Qwen3MoeConfig(
        **shared,
        moe_intermediate_size=dense.config.intermediate_size,
        num_experts=num_experts,
        num_experts_per_tok=num_experts_per_tok,
        norm_topk_prob=True,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Qwen3MoeForCausalLM(config).eval()
        model.load_state_dict(_experts(dense, model), strict=True)
    return model


_OWN = ("model_type", "architectures", "transformers_version", "dtype")


def _experts(dense: Any, model: Any) -> dict[str, Any]:
    """The dense weights under the mixture's names; routers drawn from a narrow normal distribution."""
    import torch

    source, state = dense.state_dict(), model.state_dict()
    for key, value in state.items():
        if key.endswith("mlp.gate.weight"):
            torch.nn.init.normal_(value, std=ROUTER_STD)
        elif key.endswith("experts.gate_up_proj"):
            stem = key.removesuffix("experts.gate_up_proj")
            both = torch.cat([source[f"{stem}gate_proj.weight"], source[f"{stem}up_proj.weight"]])
            state[key] = both.expand_as(value)
        elif key.endswith("experts.down_proj"):
            state[key] = source[f"{key.removesuffix('experts.down_proj')}down_proj.weight"].expand_as(value)
        else:
            state[key] = source[key]
    return dict(state)
