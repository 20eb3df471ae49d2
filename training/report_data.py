"""Batches for the report model: texts made on the fly, padded on the right, with the weight of each target token."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.utils.data import IterableDataset

from tomoscribe.core import Presence
from tomoscribe.fusion.language import NUMERAL_CHARACTERS
from tomoscribe.fusion.prompts import ROWS_PER_PIECE
from tomoscribe.fusion.tokenizer import ANSWER, EOS, NONE, SPACE, TAGS
from tomoscribe.training import report_cases
from tomoscribe.training.report_text import Asked, Example, image_example, question_example, report_example

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

IGNORE = -100
NUMERAL_WEIGHT = 0.1
POOL = 320
_KINDS = ("report", "question", "image")
_WEIGHTS = (0.5, 0.44, 0.06)
CITED_WEIGHT = 4.0
"""Of the tags of an answer: which rows it cites."""


@dataclass(frozen=True, kw_only=True)
class TextBatch:
    """Texts of one step.

    Args:
        ids: (B, T) tokens, padded on the right.
        labels: (B, T) next-token targets, IGNORE on prompt and padding; shifted inside the loss.
        weights: (B, T) float, of each label.
    """

    ids: Tensor
    labels: Tensor
    weights: Tensor

    def to(self, device: torch.device) -> TextBatch:
        """The same on a device."""
        return TextBatch(ids=self.ids.to(device), labels=self.labels.to(device), weights=self.weights.to(device))


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """One text as tokens."""

    prompt: list[int]
    target: list[int]
    weights: list[float]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.target)


def encode(tokenizer: PreTrainedTokenizerFast, example: Example, image_weight: float = 1.0) -> Encoded:
    """Tokens of an example; prompt and target are encoded apart, so that none spans both.

    Numerals weigh little in the loss: the lock copies them off the sheet, the decoder only says which. In a sentence
    that only the image can give, the word that decides weighs ``image_weight``.
    """
    target = tokenizer(example.target)["input_ids"]
    texts = [t.removeprefix(SPACE) for t in tokenizer.convert_ids_to_tokens(target)]
    weights = [NUMERAL_WEIGHT if t in NUMERAL_CHARACTERS else 1.0 for t in texts]
    if example.image:
        weights = [image_weight if _decides(texts, n) else w for n, w in enumerate(weights)]
    elif example.prompt.endswith(ANSWER):
        weights = [CITED_WEIGHT if t in (*TAGS, NONE, EOS) else w for t, w in zip(texts, weights, strict=True)]
    return Encoded(prompt=tokenizer(example.prompt)["input_ids"], target=target, weights=weights)


def _decides(texts: Sequence[str], n: int) -> bool:
    """Whether a token of a sentence on a withheld row says that the finding is there, or that it is not."""
    if texts[n] == "suspected":
        return texts[n - 1] != "not"
    return texts[n] == "not" and texts[n + 1] == "suspected"


def collate(rows: Sequence[Encoded], pad: int) -> TextBatch:
    """One padded batch."""
    longest = max(len(r) for r in rows)
    ids = torch.full((len(rows), longest), pad)
    labels = torch.full((len(rows), longest), IGNORE)
    weights = torch.zeros(len(rows), longest)
    for n, row in enumerate(rows):
        start, end = len(row.prompt), len(row)
        ids[n, :end] = torch.tensor(row.prompt + row.target)
        labels[n, start:end] = torch.tensor(row.target)
        weights[n, start:end] = torch.tensor(row.weights)
    return TextBatch(ids=ids, labels=labels, weights=weights)


def text_example(seed: int) -> Example:
    """The text of a seed: a report, a question, or (seldom) a withheld row without an image, which teaches the form."""
    draw = random.Random(f"report text {seed}")
    kind = draw.choices(_KINDS, _WEIGHTS)[0]
    if kind == "image":
        heads = draw.choice((report_cases.HEADS_CT, report_cases.HEADS_MR))
        sides = report_cases.SIDES if heads is report_cases.HEADS_CT else (None,)
        rows = [(kind, side) for kind in heads for side in sides]
        asked = draw.sample(rows, draw.randint(1, ROWS_PER_PIECE))
        return image_example([Asked(kind=k, side=s, seen=draw.random() < 0.5) for k, s in asked])
    while True:
        findings = report_cases.random_findings(draw, 4)
        if kind == "question":
            return question_example(findings, seed)
        if any(f.presence is Presence.PRESENT for f in findings):
            return report_example(findings, seed)


class TextBatches(IterableDataset[TextBatch]):
    """Endless batches of about ``tokens_per_batch`` padded tokens, texts of like length together.

    Args:
        first_pool: where to go on after a resumed run.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerFast, *, tokens_per_batch: int, seed: int, first_pool: int = 0
    ) -> None:
        self.tokenizer = tokenizer
        self.tokens_per_batch = tokens_per_batch
        self.seed = seed
        self.first_pool = first_pool

    def __iter__(self) -> Iterator[TextBatch]:
        pool = self.first_pool
        while True:
            yield from self.pool(pool)
            pool += 1

    def pool(self, number: int) -> list[TextBatch]:
        """The batches of one pool of texts, in random order."""
        start = (self.seed * 1_000_003 + number) * POOL
        rows = [encode(self.tokenizer, text_example(start + n)) for n in range(POOL)]
        rows.sort(key=len)
        groups: list[list[Encoded]] = [[]]
        for row in rows:
            if groups[-1] and (len(groups[-1]) + 1) * len(row) > self.tokens_per_batch:
                groups.append([])
            groups[-1].append(row)
        batches = [collate(g, self.tokenizer.pad_token_id) for g in groups]
        random.Random(start).shuffle(batches)
        return batches
