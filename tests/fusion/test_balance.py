"""The routers' correction bias evens out the load."""

from __future__ import annotations

import torch

from tomoscribe.fusion.balance import RouterBalancer
from tomoscribe.fusion.config import FusionConfig
from tomoscribe.fusion.model import FusionModel


def _model() -> FusionModel:
    torch.manual_seed(0)
    model = FusionModel(
        FusionConfig(
            vocab_size=64,
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            qk_nope_head_dim=8,
            qk_rope_head_dim=8,
            v_head_dim=8,
            kv_lora_rank=8,
            intermediate_size=16,
            moe_intermediate_size=8,
            n_routed_experts=8,
            num_experts_per_tok=2,
            read_layers=(),
        )
    )
    with torch.no_grad():
        model.moe_layers()[0].gate.e_score_correction_bias[0] = 0.5
    return model.train()


def test_an_overloaded_expert_loses_its_tokens_until_the_load_is_even() -> None:
    model = _model()
    balancer = RouterBalancer(model, rate=0.01)
    loads = []
    for step in range(120):
        ids = torch.randint(2, 64, (4, 32), generator=torch.Generator().manual_seed(step))
        with torch.no_grad():
            model(input_ids=ids)
        loads.append(balancer.step()[0])
    assert loads[0][0] == 0.5  # chosen by every token: half of all choices
    assert torch.stack(loads[-20:]).mean(0).max() < 1.6 / 8


def test_one_step_moves_each_bias_by_the_rate_toward_the_mean() -> None:
    model = _model()
    gate = model.moe_layers()[0].gate
    before = gate.e_score_correction_bias.clone()
    balancer = RouterBalancer(model, rate=0.25)
    with torch.no_grad():
        model(input_ids=torch.randint(2, 64, (2, 16)))
    load = balancer.step()[0]
    moved = gate.e_score_correction_bias - before
    assert moved[0] == -0.25
    assert torch.equal(moved > 0, load < 1 / 8)


def test_nothing_is_counted_outside_training() -> None:
    model = _model().eval()
    balancer = RouterBalancer(model)
    with torch.no_grad():
        model(input_ids=torch.randint(2, 64, (2, 16)))
    assert balancer.load().sum() == 0
    model.train()
    balancer.close()
    with torch.no_grad():
        model(input_ids=torch.randint(2, 64, (2, 16)))
    assert balancer.load().sum() == 0
