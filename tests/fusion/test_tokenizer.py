"""Digits, decimals, terms and tags of the report language."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tomoscribe.core.errors import WeightsError
from tomoscribe.fusion.language import NUMERAL_CHARACTERS
from tomoscribe.fusion.prompts import plain_text
from tomoscribe.fusion.tokenizer import load_tokenizer
from tomoscribe.training.report_text import language_sample

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from tomoscribe.fusion.language import Language


def _tokens(tokenizer: PreTrainedTokenizerFast, text: str) -> list[str]:
    return [str(t) for t in tokenizer.convert_ids_to_tokens(tokenizer(text)["input_ids"])]


def test_every_digit_is_a_token_and_the_decimal_point_is_no_full_stop(tokenizer: PreTrainedTokenizerFast) -> None:
    assert _tokens(tokenizer, "volume 12.5 ml.") == ["▁volume", "▁1", "2", "·", "5", "▁ml", "."]
    assert _tokens(tokenizer, "mean -650 HU") == ["▁mean", "▁-", "6", "5", "0", "▁HU"]


def test_digits_inside_terms_are_no_numerals(tokenizer: PreTrainedTokenizerFast) -> None:
    text = "LAA-950 of 7 %, below -950 HU, 15th percentile, 850 mm3"
    digits = [t for t in _tokens(tokenizer, text) if t.lstrip("▁").isascii() and t.lstrip("▁").isdigit()]
    assert digits == ["▁7", "▁8", "5", "0"]


def test_tags_are_single_tokens(tokenizer: PreTrainedTokenizerFast) -> None:
    assert _tokens(tokenizer, "<sheet> <f1> nodule <f40> ? <findings>") == [
        "<sheet>",
        "<f1>",
        "▁nodule",
        "<f40>",
        "▁?",
        "<findings>",
    ]


def test_sentences_come_back_as_the_writer_spells_them(tokenizer: PreTrainedTokenizerFast) -> None:
    text = (
        "<f1> Nodule: <long> 14 mm (series <series> 3), <volume> 850 mm3, LAA-950 of <laa950> 7.5 % (<percent> +12 %)."
    )
    back = plain_text(tokenizer.decode(tokenizer(text)["input_ids"]))
    assert back == "<f1> Nodule: 14 mm (series 3), 850 mm3, LAA-950 of 7.5 % (+12 %)."


def test_every_spoken_word_is_whole(tokenizer: PreTrainedTokenizerFast, language: Language) -> None:
    """Otherwise a banned word could be spelled in pieces."""
    words = {w.strip(".,;:()[]%+") for e in language_sample(500) for w in e.target.split()}
    for token in language.spoken:
        text = language.text(token)
        if text.isalpha() and len(text) > 1:
            assert text in words, text


def test_no_numeral_character_is_a_word(language: Language) -> None:
    assert not NUMERAL_CHARACTERS & {language.text(n) for n in language.words.nonzero().flatten().tolist()}


def test_a_broken_tokenizer_is_a_weights_error(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text("{}")
    with pytest.raises(WeightsError, match="reinstall"):
        load_tokenizer(path)
    with pytest.raises(WeightsError, match="not readable"):
        load_tokenizer(tmp_path / "missing.json")
