"""Adapters on the attention and on fused experts: what learns, what stays, and that merging changes no word."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.fusion.test_checkpoints import FAMILIES, IDS, READING, open_gates, plain
from tests.fusion.test_model import study
from tomoscribe.core.errors import ConfigError
from tomoscribe.fusion.config import FusionConfig
from tomoscribe.fusion.model import FusionModel, fuse
from tomoscribe.training.lora import LoraPlan, add_lora, lora_facts, merge_lora
from tomoscribe.training.recipe import Places
from tomoscribe.training.report import load_module, train_report
from tomoscribe.training.report_images import token_sources
from tomoscribe.training.report_recipe import ReportRecipe


def steps(model: torch.nn.Module, handle: torch.nn.Module, count: int = 12) -> list[float]:
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=0.02)
    losses = []
    for _ in range(count):
        seen = model.see([study(1), study(2)])
        loss = handle(input_ids=IDS, labels=IDS, visual_states=seen).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


@pytest.mark.parametrize("experts", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_adapters_learn_the_decoder_stays_and_merging_keeps_the_logits(family: str, experts: bool) -> None:
    model = open_gates(fuse(plain(family), READING))
    frozen = {name: p.detach().clone() for name, p in model.named_parameters() if "reader" not in name}
    handle = add_lora(model, LoraPlan(rank=2, experts=experts))
    learning = {name for name, p in model.named_parameters() if p.requires_grad}
    assert any("resampler" in name for name in learning)
    assert any("experts" in name for name in learning) is experts
    losses = steps(model, handle)
    assert losses[-1] < losses[0] - 0.3
    for name, p in model.named_parameters():
        plain_name = name.replace("base_layer.", "").replace("parametrizations.", "")
        if plain_name in frozen and not p.requires_grad:
            assert torch.equal(p, frozen[plain_name]), name
    with torch.no_grad():
        seen = model.see([study(1), study(2)])
        before = handle(input_ids=IDS, visual_states=seen).logits
        merged = merge_lora(handle)
        after = merged(input_ids=IDS, visual_states=merged.see([study(1), study(2)])).logits
    torch.testing.assert_close(after, before, rtol=1e-3, atol=1e-4)
    assert set(merged.state_dict()) == set(fuse(plain(family), READING).state_dict())


def test_rank_1_on_the_attention_of_47_million_parameters_is_below_three_in_a_thousand() -> None:
    with torch.device("meta"):
        model = FusionModel(
            FusionConfig(
                vocab_size=4096,
                hidden_size=384,
                num_hidden_layers=8,
                num_attention_heads=6,
                qk_nope_head_dim=64,
                qk_rope_head_dim=32,
                v_head_dim=64,
                kv_lora_rank=128,
                intermediate_size=1024,
                moe_intermediate_size=160,
                n_routed_experts=30,
                num_experts_per_tok=3,
            )
        )
        add_lora(model, LoraPlan(rank=2))
    facts = lora_facts(model)
    assert 44e6 < facts.all_parameters < 50e6
    assert 0.001 < facts.share <= 0.003


def test_a_rank_of_zero_is_refused() -> None:
    with pytest.raises(ConfigError, match="a rank and an alpha of at least 1, found 0"):
        LoraPlan(rank=0)


@pytest.mark.slow
def test_a_run_with_adapters_resumes_and_ends_in_the_librarys_own_names(tmp_path: Path) -> None:
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "read_layers": ((1, 0),), "kv_lora_rank": 16}
    recipe = ReportRecipe(
        stage="text", steps=2, seed=1, name="tiny", model=sizes, tokens_per_batch=300, lora=LoraPlan(rank=2)
    )
    places = Places(runs=tmp_path)
    train_report(recipe, places, resume=False)
    train_report(replace(recipe, steps=3), places, resume=True)
    state = torch.load(tmp_path / "tiny" / "last.ckpt", weights_only=True)
    assert state["global_step"] == 3
    assert any("lora_A" in key for key in state["state_dict"])
    module = load_module(recipe, places)
    config = FusionConfig(vocab_size=module.model.config.vocab_size, sources=token_sources(), **sizes)
    assert set(module.model.state_dict()) == set(FusionModel(config).state_dict())
