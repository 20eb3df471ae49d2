"""The decoder against the library's, its caches, and what the image adds."""

from __future__ import annotations

import pytest
import torch
from transformers import DeepseekV3ForCausalLM

from tomoscribe.core.errors import ConfigError
from tomoscribe.fusion.config import FusionConfig, TokenSource
from tomoscribe.fusion.model import FusionModel
from tomoscribe.fusion.types import ScaleTokens, StudyTokens

SOURCES = (TokenSource(name="unet-ct", scale=0, channels=6), TokenSource(name="unet-ct", scale=1, channels=4))
CONFIG = FusionConfig(
    vocab_size=50,
    sources=SOURCES,
    hidden_size=32,
    num_hidden_layers=3,
    num_attention_heads=2,
    qk_nope_head_dim=8,
    qk_rope_head_dim=8,
    v_head_dim=8,
    kv_lora_rank=16,
    intermediate_size=32,
    moe_intermediate_size=16,
    n_routed_experts=6,
    num_latents=4,
    resampler_width=16,
    read_layers=((1, 1), (2, 0)),
    read_heads=2,
    read_head_dim=8,
)


def study(seed: int, shift_mm: float = 0.0) -> StudyTokens:
    generator = torch.Generator().manual_seed(seed)
    return StudyTokens(
        parts=tuple(
            ScaleTokens(
                source=s.name,
                scale=s.scale,
                tokens_NC=torch.randn(9 - 3 * s.scale, s.channels, generator=generator),
                positions_mm=torch.randn(9 - 3 * s.scale, 3, generator=generator) * 60 + shift_mm,
            )
            for s in SOURCES
        )
    )


@pytest.fixture
def model() -> FusionModel:
    torch.manual_seed(3)
    return FusionModel(CONFIG).eval()


@pytest.fixture
def reading_model(model: FusionModel) -> FusionModel:
    """Gates opened, so that the image counts."""
    with torch.no_grad():
        for layer, _ in CONFIG.read_layers:
            model.model.layers[layer].reader.gate.fill_(1.5)
    return model


IDS = torch.tensor([[3, 7, 9, 4, 20, 33], [5, 5, 41, 8, 2, 17]])


def test_gates_at_zero_leave_the_librarys_logits_bit_for_bit(model: FusionModel) -> None:
    plain = DeepseekV3ForCausalLM(CONFIG.decoder_config()).eval()
    own = model.state_dict()
    assert set(plain.state_dict()) <= set(own)
    plain.load_state_dict({name: own[name] for name in plain.state_dict()})
    seen = model.see([study(1), study(2)])
    with torch.no_grad():
        assert torch.equal(model(input_ids=IDS, visual_states=seen).logits, plain(input_ids=IDS).logits)


def test_open_gates_let_the_image_change_the_words_and_nothing_is_kept(reading_model: FusionModel) -> None:
    with torch.no_grad():
        before = reading_model(input_ids=IDS).logits
        seen = reading_model(input_ids=IDS, visual_states=reading_model.see([study(1), study(2)])).logits
        after = reading_model(input_ids=IDS).logits
    assert (seen - before).abs().max() > 1e-3
    assert torch.equal(before, after)


def test_visual_states_of_zero_are_the_same_as_none(reading_model: FusionModel) -> None:
    states = torch.zeros_like(reading_model.see([study(1), study(2)]))
    with torch.no_grad():
        with_zeros = reading_model(input_ids=IDS, visual_states=states).logits
        without = reading_model(input_ids=IDS).logits
    assert torch.equal(with_zeros, without)


def test_each_row_of_a_batch_reads_its_own_study(reading_model: FusionModel) -> None:
    both = reading_model.see([study(1), study(2)])
    with torch.no_grad():
        batch = reading_model(input_ids=IDS, visual_states=both).logits
        alone = reading_model(input_ids=IDS[1:], visual_states=reading_model.see([study(2)])).logits
    torch.testing.assert_close(batch[1:], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cache", ["static", None])
def test_static_cache_and_no_cache_write_the_same_words_as_the_dynamic_cache(
    reading_model: FusionModel, cache: str | None
) -> None:
    seen = reading_model.see([study(1), study(2)])
    mask = torch.tensor([[0, 0, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1]])
    options = {"attention_mask": mask, "visual_states": seen, "max_new_tokens": 8, "min_new_tokens": 8}
    expected = reading_model.generate(IDS, do_sample=False, **options)
    chosen = {"cache_implementation": cache} if cache else {"use_cache": False}
    assert torch.equal(reading_model.generate(IDS, do_sample=False, **options, **chosen), expected)


def test_padding_on_the_left_does_not_change_what_a_row_says(reading_model: FusionModel) -> None:
    seen = reading_model.see([study(1)])
    short = IDS[:1, 2:]
    alone = reading_model.generate(short, do_sample=False, visual_states=seen, max_new_tokens=6, min_new_tokens=6)
    padded = reading_model.generate(
        torch.cat([torch.zeros(1, 2, dtype=torch.long), short], dim=1),
        attention_mask=torch.tensor([[0, 0, 1, 1, 1, 1]]),
        do_sample=False,
        visual_states=seen,
        max_new_tokens=6,
        min_new_tokens=6,
    )
    assert padded[0, 6:].tolist() == alone[0, 4:].tolist()


def test_the_frame_of_reference_does_not_matter_but_the_side_does(model: FusionModel) -> None:
    here, there = model.resampler([study(1)]), model.resampler([study(1, shift_mm=500.0)])
    torch.testing.assert_close(here, there, rtol=1e-3, atol=1e-3)
    mirrored = StudyTokens(
        parts=tuple(
            ScaleTokens(
                source=p.source,
                scale=p.scale,
                tokens_NC=p.tokens_NC,
                positions_mm=p.positions_mm * torch.tensor([-1.0, 1.0, 1.0]),
            )
            for p in study(1).parts
        )
    )
    assert (model.resampler([mirrored]) - here).abs().max() > 1e-2


def test_a_study_without_tokens_gives_states_of_zero(model: FusionModel) -> None:
    assert model.see([StudyTokens(parts=())]).abs().max() == 0


def test_tokens_of_an_unknown_tower_are_refused(model: FusionModel) -> None:
    part = ScaleTokens(source="other", scale=0, tokens_NC=torch.ones(1, 6), positions_mm=torch.zeros(1, 3))
    with pytest.raises(ConfigError, match="other-0"):
        model.see([StudyTokens(parts=(part,))])


def test_the_configuration_survives_json_and_refuses_unknown_keys() -> None:
    assert FusionConfig.from_dict(CONFIG.to_dict()) == CONFIG
    with pytest.raises(ConfigError, match="num_layers"):
        FusionConfig.from_dict({**CONFIG.to_dict(), "num_layers": 3})
    with pytest.raises(ConfigError, match="outside"):
        FusionConfig(vocab_size=10, read_layers=((9, 0),))
