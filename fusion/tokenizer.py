"""The tokenizer of the report language: BPE over whole words, one token per digit, tags as special tokens.

A decimal point and the digits inside a term (mm3, LAA-950) get letters of their own, so that a digit token always
belongs to a numeral and a full stop never does. Decoding brings the usual spelling back. Before each numeral of a
sentence stands the token of its role (``<long>``): the decoder chooses what to state, the sheet says the digits.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tomoscribe.core.errors import WeightsError

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

FOLDER = Path(__file__).resolve().parent / "weights"
_REMEDY = "reinstall tomoscribe"
SPACE = "▁"
POINT = "·"
TERMS = {
    "mm3": "mm³",
    "LAA-950": "LAA₋₉₅₀",
    "laa950": "laa₉₅₀",
    "perc15": "perc₁₅",
    "Perc15": "Perc₁₅",
    "below -950 HU": "below₋₉₅₀HU",
    "15th": "₁₅th",
}
"""Terms that hold digits but are no numerals, and how they stand inside the tokenizer."""

MAX_TAGS = 40
PAD, EOS, UNKNOWN = "<pad>", "<eos>", "<unk>"
SHEET, FINDINGS, IMPRESSION = "<sheet>", "<findings>", "<impression>"
ASK, ANSWER, NONE = "<ask>", "<answer>", "<none>"
REASON = "<reason>"
"""Stands for the words of a reason, which are copied in after generation."""
ROLES = (
    *("long", "short", "mean", "core", "volume", "attenuation", "laa950", "perc15", "count"),
    *("probability", "series", "image", "prior", "now", "percent", "date"),
)
"""What a numeral is. The token of its role stands before each numeral of a sentence and is left out of the text."""

ROLE_TOKENS = tuple(f"<{role}>" for role in ROLES)
TAGS = tuple(f"<f{n}>" for n in range(1, MAX_TAGS + 1))
SPECIALS = (PAD, EOS, UNKNOWN, SHEET, FINDINGS, IMPRESSION, ASK, ANSWER, NONE, REASON, *ROLE_TOKENS, *TAGS)

_SPECIAL = re.compile("|".join(rf"\s*{re.escape(s)}\s*" for s in SPECIALS))


def train_tokenizer(texts: Iterable[str], *, vocab_size: int = 2048) -> Tokenizer:
    """A tokenizer in which every word of ``texts`` is one token, if the vocabulary has room for it."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN))
    inside = [normalizers.Replace(Regex(rf"\b{re.escape(term)}\b"), mark) for term, mark in TERMS.items()]
    tokenizer.normalizer = normalizers.Sequence([*inside, normalizers.Replace(Regex(r"(?<=\d)\.(?=\d)"), POINT)])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme="always"),
            pre_tokenizers.Split(Regex(rf"{SPACE}?(?:[0-9]|[()\[\].,;:%?!/+=<>{POINT}]|-(?=[0-9]))"), "isolated"),
        ]
    )
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Metaspace(replacement=SPACE, prepend_scheme="always"),
            *(decoders.Replace(mark, term) for term, mark in TERMS.items()),
            decoders.Replace(POINT, "."),
        ]
    )
    marks = "".join(TERMS.values())
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=1,
        show_progress=False,
        initial_alphabet=sorted(set(string.ascii_letters + string.digits + string.punctuation + SPACE + POINT + marks)),
        special_tokens=[AddedToken(s, special=True, lstrip=True, rstrip=True) for s in SPECIALS],
    )
    parts = (part for text in texts for part in _SPECIAL.split(text))
    tokenizer.train_from_iterator(parts, trainer)
    return tokenizer


def wrap(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    """As transformers wants it: padding on the left, so that a batch can be continued."""
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=EOS,
        unk_token=UNKNOWN,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )


def load_tokenizer(path: Path = FOLDER / "tokenizer.json") -> PreTrainedTokenizerFast:
    """The tokenizer that ships with the report model.

    Raises:
        WeightsError: it is missing or not readable.
    """
    from tokenizers import Tokenizer

    try:
        return wrap(Tokenizer.from_str(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise WeightsError(f"the tokenizer is not readable: {error}", where=path.name, remedy=_REMEDY) from error
    except Exception as error:
        raise WeightsError(f"the tokenizer is not valid: {error}", where=path.name, remedy=_REMEDY) from error
