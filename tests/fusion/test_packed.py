"""Packed weights: what they hold, what they cost, and that nothing is left unpacked unnoticed."""

from __future__ import annotations

import copy

import pytest
import torch
from transformers.models.deepseek_v3.modeling_deepseek_v3 import DeepseekV3Experts

from tests.fusion.test_checkpoints import FAMILIES, IDS, READING, open_gates, plain
from tests.fusion.test_model import study
from tests.fusion.test_report_model import MakeFinding
from tomoscribe.core.errors import ConfigError, WeightsError
from tomoscribe.findings.sheet import FactSheet
from tomoscribe.fusion.model import fuse
from tomoscribe.fusion.packed import PackedExperts, PackedWeight, pack, packed_facts
from tomoscribe.fusion.report_model import ReportModel


@pytest.mark.parametrize(("bits", "worst"), [(8, 1 / 127), (4, 1 / 7)])
def test_each_weight_is_within_half_a_step_of_its_groups_scale(bits: int, worst: float) -> None:
    weight = torch.randn(3, 5, 70, generator=torch.Generator().manual_seed(1))
    packed = PackedWeight(weight, bits)
    assert packed.codes.numel() == 3 * 5 * 96 * bits // 8
    groups = torch.nn.functional.pad(weight, (0, 26)).unflatten(-1, (3, 32))
    widest = groups.abs().amax(-1, keepdim=True)
    error = (torch.nn.functional.pad(packed() - weight, (0, 26)).unflatten(-1, (3, 32))).abs()
    if bits == 8:  # no value is cut off
        assert bool((error <= widest * worst * 0.51 + 1e-3 * widest).all())
    relative = (packed() - weight).norm() / weight.norm()
    assert float(relative) < (0.008 if bits == 8 else 0.12)
    assert torch.equal(packed(1), packed()[1])


def test_codes_of_four_bits_come_back_one_by_one() -> None:
    weight = torch.arange(-7, 8).float().repeat(3)[:32][None]
    assert torch.equal(PackedWeight(weight, 4)(), weight)


def test_packed_experts_do_what_the_librarys_do_with_the_same_weights() -> None:
    torch.manual_seed(0)
    experts = plain("DeepseekV3").model.layers[1].mlp.experts
    assert isinstance(experts, DeepseekV3Experts)
    packed = PackedExperts(experts, 4)
    same = copy.deepcopy(experts)
    with torch.no_grad():
        same.gate_up_proj.copy_(packed.gate_up_proj())
        same.down_proj.copy_(packed.down_proj())
    states, index = torch.randn(9, 32), torch.randint(0, 6, (9, 2))
    weights = torch.rand(9, 2)
    torch.testing.assert_close(packed(states, index, weights), same(states, index, weights), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_runs_packed_and_stays_close(family: str) -> None:
    model = open_gates(fuse(plain(family), READING))
    seen = model.see([study(1), study(2)])
    with torch.no_grad():
        before = model(input_ids=IDS, visual_states=seen).logits
        facts = pack(model, 8)
        after = model(input_ids=IDS, visual_states=model.see([study(1), study(2)])).logits
    assert float((after - before).norm() / before.norm()) < 0.03
    assert facts.bits == 8
    assert facts.router_dtype == ("bfloat16" if family == "DeepseekV3" else "float32")


def test_the_shipped_model_in_four_bits_is_small_and_says_nearly_the_same(nodule: MakeFinding) -> None:
    whole, packed = ReportModel.load(), ReportModel.load(bits=4)
    floats = sum(p.numel() for p in {p.data_ptr(): p for p in whole.model.parameters()}.values()) * 2
    facts = packed_facts(packed.model)
    assert facts.bytes_total <= floats / 3.5
    sheets = [FactSheet.from_findings([nodule(tracking_uid=f"2.25.{n}")]) for n in range(1)]
    before = whole.write_many([(s, None) for s in sheets])
    after = packed.write_many([(s, None) for s in sheets])
    assert [s.tag for row in after for s in row] == [s.tag for row in before for s in row]
    for row, sheet in zip(after, sheets, strict=True):
        for sentence in row:
            assert not set("123456789") & set(sentence.text) - set(sheet.row(sentence.tag).text)


def test_experts_that_were_left_as_they_were_are_noticed() -> None:
    model = fuse(plain("Olmoe"), READING)
    with pytest.raises(WeightsError, match="found 2 layers with experts as they were"):
        packed_facts(model)
    pack(model, 8)
    whole = plain("Olmoe").model.layers[1].mlp.experts
    model.model.layers[1].mlp.experts = whole
    with pytest.raises(WeightsError, match="found 1 layers with experts as they were"):
        packed_facts(model)


def test_other_numbers_of_bits_are_refused() -> None:
    with pytest.raises(ConfigError, match="8 or 4 bits, found 3"):
        pack(fuse(plain("Olmoe"), READING), 3)
