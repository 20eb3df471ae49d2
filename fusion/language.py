"""The tokens of the decoder by kind: words, glued words, signs, units, roles."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tomoscribe.fusion.tokenizer import POINT, REASON, ROLES, SPACE, SPECIALS

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

CLOSERS = frozenset(".,;:)]%?!")
NUMERAL_CHARACTERS = frozenset("0123456789-+" + POINT)
OPENERS = frozenset({"(", "["})
"""After these a word follows without a blank."""
UNITS = frozenset({"mm", "mm³", "ml", "HU", "%"})


class Language:
    """What the tokens are, for locking.

    Args:
        tokenizer: of the report model.
        spoken: ids of the tokens that occur in sentences; no other may be sampled. All of them are whole words or
            signs, so a banned word cannot be spelled in pieces.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast, spoken: Iterable[int]) -> None:
        self.tokenizer = tokenizer
        self.size = len(tokenizer)
        self.spoken = tuple(sorted(set(spoken)))
        raw = tokenizer.convert_ids_to_tokens(list(range(self.size)))
        self._ids = {token: n for n, token in enumerate(raw)}
        self._texts = [t.removeprefix(SPACE) or t for t in raw]
        words = [n for n in self.spoken if raw[n] not in SPECIALS and self._texts[n] not in NUMERAL_CHARACTERS]
        self.fact_tokens = {n: self._texts[n].lower() for n in words}
        self.words = self._mask(n for n in words if raw[n].startswith(SPACE) or not raw[n][0].isalnum())
        self.glued = self._mask(n for n in words if not raw[n].startswith(SPACE) and raw[n] not in CLOSERS)
        self.reason = self._ids[REASON]
        self.units = {n: self._texts[n] for n in words if self._texts[n] in UNITS}
        self.roles = {role: self._ids[f"<{role}>"] for role in ROLES}

    def _mask(self, ids: Iterable[int]) -> Tensor:
        mask = torch.zeros(self.size, dtype=torch.bool)
        mask[list(ids)] = True
        return mask

    def encode(self, text: str) -> tuple[int, ...]:
        """Ids of a text that begins with a blank."""
        return tuple(self.tokenizer(text)["input_ids"])

    def text(self, token: int) -> str:
        """A token without its leading blank."""
        return self._texts[token]

    def token(self, raw: str) -> int:
        """Id of a token as the vocabulary spells it; KeyError if there is none."""
        return self._ids[raw]
