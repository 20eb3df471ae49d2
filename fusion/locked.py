"""Locked generation: a numeral, side, site or finding that is not on the row cannot be sampled.

The processor follows each sequence of a batch as a small machine: which tag comes next, which row the running sentence
stands on, and which numeral is being spelled. The decoder says that a numeral of a role follows (``<long>``); its
digits are then those of the row and no others. Everything else that the row does not license gets a score of -inf,
at any temperature.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import LogitsProcessor

from tomoscribe.core.errors import InvalidValueError
from tomoscribe.fusion.language import OPENERS, Language
from tomoscribe.fusion.licence import Licence

MAX_SENTENCE_TOKENS = 72
MIN_SENTENCE_TOKENS = 3


@dataclass(frozen=True, kw_only=True)
class Script:
    """Which tags have to come, in order; after each of them one sentence.

    Args:
        order: ids of special tokens from the first to ``<eos>``.
        silent: special tokens that no sentence follows (``<impression>``, ``<none>``, ``<eos>``).
    """

    order: tuple[int, ...]
    silent: frozenset[int]

    def following(self, place: int) -> dict[int, int]:
        """The special token that has to come after ``order[place]`` (-1 = at the start) -> its place in the order."""
        after = min(place + 1, len(self.order) - 1)
        return {self.order[after]: after}


@dataclass(kw_only=True)
class _State:
    """Where one sequence is: place in the script, the running sentence, the running numeral."""

    place: int = -1
    licence: Licence | None = None
    length: int = 0
    forced: tuple[int, ...] = ()
    used: frozenset[int] = frozenset()
    unit: str = ""
    last: str = ""
    ended: bool = True


@dataclass(frozen=True, kw_only=True)
class Lock:
    """What one sequence of a batch may say.

    Args:
        script: the tags in their order.
        licences: one for each place of the script's order, None where no sentence follows.
    """

    script: Script
    licences: tuple[Licence | None, ...]


class LockedGeneration(LogitsProcessor):
    """Masks everything that the rows do not license.

    Args:
        language: the words of the decoder by kind.
        locks: one for each sequence of the batch.
        start: length of the prompt; what comes after it is followed.
    """

    def __init__(self, language: Language, locks: Sequence[Lock], start: int) -> None:
        self.language = language
        self.locks = tuple(locks)
        self.start = start
        self._states: list[_State] = []
        self._seen: Tensor | None = None

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        if input_ids.shape[0] != len(self.locks):
            raise InvalidValueError(f"expected {len(self.locks)} sequences in the batch, found {input_ids.shape[0]}")
        self._follow(input_ids)
        allowed = torch.zeros(scores.shape, dtype=torch.bool)
        for n, (lock, state) in enumerate(zip(self.locks, self._states, strict=True)):
            allowed[n] = self._allowed(lock, state)
        return scores.masked_fill(~allowed.to(scores.device), float("-inf"))

    def _follow(self, input_ids: Tensor) -> None:
        """Brings the states up to date; from the prompt's end again when the sequences were reordered."""
        before = self._seen
        grown = before is not None and torch.equal(input_ids[:, :-1], before)
        if not grown:
            self._states = [_State() for _ in self.locks]
        first = input_ids.shape[1] - 1 if grown else self.start
        for step in range(first, input_ids.shape[1]):
            for n, token in enumerate(input_ids[:, step].tolist()):
                self._advance(n, token)
        self._seen = input_ids.clone()

    def _advance(self, n: int, token: int) -> None:
        lock, state = self.locks[n], self._states[n]
        follow = lock.script.following(state.place)
        if state.ended:
            if token in follow:
                place, silent = follow[token], token in lock.script.silent
                self._states[n] = _State(place=place, licence=lock.licences[place], ended=silent)
            return
        state.length += 1
        state.last = self.language.text(token)
        if state.forced:
            state.forced = state.forced[1:]
        elif state.licence is not None and token in state.licence.numerals:
            state.forced = state.licence.numerals[token]
            state.used |= {token}
            state.unit = state.licence.units.get(token, "")
        else:
            state.ended = state.last == "."

    def _allowed(self, lock: Lock, state: _State) -> Tensor:
        mask = torch.zeros(self.language.size, dtype=torch.bool)
        if state.ended or state.licence is None:
            mask[list(lock.script.following(state.place))] = True
        elif state.forced:
            mask[state.forced[0]] = True
        elif state.length >= MAX_SENTENCE_TOKENS and state.last not in OPENERS:
            mask[self.language.token(".")] = True
        else:
            mask |= self._words(state, state.licence)
        return mask

    def _words(self, state: _State, licence: Licence) -> Tensor:
        """Words and signs that may follow now, and the roles that this sentence has not stated yet."""
        opened = state.last in OPENERS
        mask = (licence.glued if opened else licence.words).clone()
        mask[[role for role in licence.numerals if role not in state.used]] = True
        mask[[n for n, unit in self.language.units.items() if unit != state.unit]] = False
        if licence.reason and state.last in ("because", "("):
            mask[self.language.reason] = True
        if state.length < MIN_SENTENCE_TOKENS or opened:
            mask[self.language.token(".")] = False
        return mask
