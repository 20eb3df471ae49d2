"""Mixtures of experts of five families under fusion and lock, from their own checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from tests.fusion.test_model import study
from tests.fusion.test_report_model import NUMERAL, MakeFinding
from tomoscribe.core.errors import ConfigError, UnsupportedError, WeightsError
from tomoscribe.findings.sheet import FactSheet
from tomoscribe.fusion.checkpoints import load_decoder, report_model, save_decoder
from tomoscribe.fusion.config import ReadingConfig, TokenSource
from tomoscribe.fusion.model import fuse
from tomoscribe.fusion.tokenizer import load_tokenizer
from tomoscribe.fusion.upcycling import upcycled

READING = ReadingConfig(
    hidden_size=32,
    num_hidden_layers=2,
    sources=(TokenSource(name="unet-ct", scale=0, channels=6), TokenSource(name="unet-ct", scale=1, channels=4)),
    num_latents=4,
    resampler_width=16,
    read_layers=((0, 1), (1, 0)),
    read_heads=2,
    read_head_dim=8,
)
COMMON = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 512,
    "pad_token_id": 0,
    "bos_token_id": None,
    "eos_token_id": 1,
    "num_experts_per_tok": 2,
}
MLA = {"q_lora_rank": None, "kv_lora_rank": 16, "qk_nope_head_dim": 8, "qk_rope_head_dim": 8, "v_head_dim": 8}
GROUPS = {"n_routed_experts": 6, "n_shared_experts": 1, "moe_intermediate_size": 16, "first_k_dense_replace": 1}
FAMILIES: dict[str, dict[str, Any]] = {
    "DeepseekV2": {**COMMON, **MLA, **GROUPS, "topk_method": "greedy", "n_group": 1, "topk_group": 1},
    "DeepseekV3": {**COMMON, **MLA, **GROUPS, "n_group": 1, "topk_group": 1, "num_mtp_layers": 0},
    "Olmoe": {**COMMON, "num_experts": 6},
    "Qwen3Moe": {**COMMON, "num_experts": 6, "moe_intermediate_size": 16, "head_dim": 8},
    "GraniteMoe": {**COMMON, "num_local_experts": 6},
}


def plain(family: str, seed: int = 4) -> Any:
    config = getattr(transformers, f"{family}Config")(vocab_size=len(load_tokenizer()), **FAMILIES[family])
    torch.manual_seed(seed)
    return getattr(transformers, f"{family}ForCausalLM")(config).eval()


def open_gates(model: Any) -> Any:
    with torch.no_grad():
        for layer, _ in READING.read_layers:
            model.get_decoder().layers[layer].reader.gate.fill_(1.5)
    return model


IDS = torch.tensor([[3, 7, 9, 4, 20, 33], [5, 5, 41, 8, 2, 17]])


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_keeps_its_logits_at_zero_gates_and_reads_at_open_ones(family: str, tmp_path: Path) -> None:
    alone = plain(family)
    with torch.no_grad():
        expected = alone(input_ids=IDS).logits
    alone.save_pretrained(tmp_path / "decoder")
    model = load_decoder(tmp_path / "decoder", READING, load_tokenizer())
    assert set(alone.state_dict()) <= set(model.state_dict())
    seen = model.see([study(1), study(2)])
    with torch.no_grad():
        assert torch.equal(model(input_ids=IDS, visual_states=seen).logits, expected)
        read = open_gates(model)(input_ids=IDS, visual_states=model.see([study(1), study(2)])).logits
        assert (read - expected).abs().max() > 1e-4
        assert torch.equal(model(input_ids=IDS).logits, expected)
    without_cache = model.generate(IDS, visual_states=seen, use_cache=False, do_sample=False, max_new_tokens=6)
    assert torch.equal(model.generate(IDS, visual_states=seen, do_sample=False, max_new_tokens=6), without_cache)


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_writes_a_locked_report_of_its_image_and_sheet(
    family: str, tmp_path: Path, nodule: MakeFinding
) -> None:
    sheet = FactSheet.from_findings([nodule()])
    model = open_gates(fuse(plain(family), READING))
    save_decoder(model, tmp_path / "decoder")
    report = report_model(tmp_path / "decoder", READING)
    assert torch.equal(report.model.resampler.latents, model.resampler.latents)
    sentences = report.write(sheet, study(1))
    assert {s.tag for s in sentences} == {"f1"}
    for sentence in sentences:
        assert set(NUMERAL.findall(sentence.text)) <= sheet.allowed_numbers("f1"), sentence.text


def test_a_dense_decoder_is_refused_and_upcycled_writes_the_same(tmp_path: Path) -> None:
    config = transformers.Qwen3Config(
        vocab_size=len(load_tokenizer()), **{k: v for k, v in COMMON.items() if k != "num_experts_per_tok"}, head_dim=8
    )
    torch.manual_seed(1)
    dense = transformers.Qwen3ForCausalLM(config).eval()
    dense.save_pretrained(tmp_path / "dense")
    with pytest.raises(UnsupportedError, match="expected a mixture of experts, found none in Qwen3ForCausalLM"):
        load_decoder(tmp_path / "dense", READING, load_tokenizer())
    mixture = upcycled(dense, num_experts=4, num_experts_per_tok=2)
    with torch.no_grad():
        torch.testing.assert_close(mixture(input_ids=IDS).logits, dense(input_ids=IDS).logits, rtol=1e-4, atol=1e-5)
    gates = [p for name, p in mixture.named_parameters() if name.endswith("mlp.gate.weight")]
    assert all(float(g.std()) > 0.01 for g in gates)
    with pytest.raises(UnsupportedError, match="found OlmoeForCausalLM"):
        upcycled(plain("Olmoe"), num_experts=4, num_experts_per_tok=2)
    with pytest.raises(ConfigError, match="expected 1 to 4 experts per token, found 5"):
        upcycled(dense, num_experts=4, num_experts_per_tok=5)


def test_checkpoints_that_do_not_fit_are_refused_with_the_cause(tmp_path: Path) -> None:
    tokenizer = load_tokenizer()
    with pytest.raises(WeightsError, match=r"expected a checkpoint with config\.json"):
        load_decoder(tmp_path, READING, tokenizer)
    model = plain("Olmoe")
    model.save_pretrained(tmp_path / "whole")
    wide = ReadingConfig(**{**READING.__dict__, "hidden_size": 64})
    with pytest.raises(ConfigError, match="expected a decoder of width 64 with 2 layers, found 32 and 2"):
        load_decoder(tmp_path / "whole", wide, tokenizer)
    state = model.state_dict()
    part = {k: v for k, v in state.items() if "down_proj" not in k}
    model.save_pretrained(tmp_path / "part", state_dict=part)
    with pytest.raises(WeightsError, match="down_proj is missing or of another shape"):
        load_decoder(tmp_path / "part", READING, tokenizer)
    small = transformers.OlmoeForCausalLM(transformers.OlmoeConfig(vocab_size=50, **FAMILIES["Olmoe"]))
    small.save_pretrained(tmp_path / "small")
    with pytest.raises(WeightsError, match="does not fit the decoder's vocabulary of 50"):
        load_decoder(tmp_path / "small", READING, tokenizer)
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "config.json").write_text('{"model_type": "nothing-known"}')
    with pytest.raises(UnsupportedError, match="transformers knows no such decoder"):
        load_decoder(tmp_path / "odd", READING, tokenizer)


def test_readers_of_other_sizes_are_refused(tmp_path: Path) -> None:
    save_decoder(fuse(plain("Olmoe"), READING), tmp_path / "d")
    other = ReadingConfig(**{**READING.__dict__, "num_latents": 8})
    with pytest.raises(WeightsError, match="made for other sizes"):
        load_decoder(tmp_path / "d", other, load_tokenizer())
