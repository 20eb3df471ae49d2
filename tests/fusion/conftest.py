"""A tiny random report model on the real language, and findings made by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tomoscribe.core import (
    Attribute,
    EvidenceSlice,
    Finding,
    Laterality,
    Measurement,
    Presence,
    Provenance,
    Region,
    terms,
)

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from tomoscribe.fusion.language import Language
    from tomoscribe.fusion.report_model import ReportModel

MakeFinding = Callable[..., Finding]


@pytest.fixture(scope="session")
def nodule() -> MakeFinding:
    """A solid nodule of the left lung, 14 x 11 mm, 850 mm3, series 3 image 45; fields can be replaced."""

    def make(**changes: object) -> Finding:
        values: dict[str, object] = {
            "tracking_uid": "2.25.7",
            "type": terms.NODULE,
            "site": terms.LUNG,
            "laterality": Laterality.LEFT,
            "presence": Presence.PRESENT,
            "actionable": True,
            "provenance": Provenance(version="0", model="test"),
            "region": Region(center_mm=(40, 0, 0), box_min_mm=(33, -7, -7), box_max_mm=(47, 7, 7)),
            "measurements": (
                Measurement(name=terms.LONG_AXIS, value=14.2, unit=terms.MM),
                Measurement(name=terms.SHORT_AXIS, value=11.0, unit=terms.MM),
                Measurement(name=terms.VOLUME, value=853.0, unit=terms.MM3),
            ),
            "attributes": (
                Attribute(name=terms.ATTENUATION_CLASS, value=terms.SOLID),
                Attribute(name=terms.LOBE, value=terms.NOT_DETERMINED),
            ),
            "evidence": (
                EvidenceSlice(series_uid="2.25.1", series_number=3, instance_uid="2.25.2", instance_number=45),
            ),
        }
        return Finding(**{**values, **changes})  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerFast:
    from tomoscribe.fusion.tokenizer import train_tokenizer, wrap
    from tomoscribe.training.report_text import language_sample

    return wrap(train_tokenizer(f"{e.prompt} {e.target}" for e in language_sample(500)))


@pytest.fixture(scope="session")
def language(tokenizer: PreTrainedTokenizerFast) -> Language:
    from tomoscribe.fusion.language import Language
    from tomoscribe.training.report_text import language_sample

    targets = [e.target for e in language_sample(500)]
    return Language(tokenizer, {n for ids in tokenizer(targets)["input_ids"] for n in ids})


@pytest.fixture(scope="session")
def random_model(tokenizer: PreTrainedTokenizerFast, language: Language) -> ReportModel:
    """Random weights: it says anything that the lock lets it say."""
    import torch

    from tomoscribe.fusion.config import FusionConfig
    from tomoscribe.fusion.model import FusionModel
    from tomoscribe.fusion.report_model import ReportModel

    torch.manual_seed(0)
    config = FusionConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        qk_nope_head_dim=8,
        qk_rope_head_dim=8,
        v_head_dim=8,
        kv_lora_rank=8,
        intermediate_size=16,
        moe_intermediate_size=8,
        n_routed_experts=4,
        read_layers=(),
        max_position_embeddings=2048,
    )
    return ReportModel(model=FusionModel(config).eval(), tokenizer=tokenizer, language=language)
