"""Image tokens of phantoms for the report model: cached once per tower, asked about in batches."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tomoscribe.core import Code, Geometry, Laterality, terms
from tomoscribe.encoders.processor import flatten_tokens, token_grid
from tomoscribe.encoders.towers import SPECS, Tower
from tomoscribe.fusion.config import FusionConfig, TokenSource
from tomoscribe.fusion.prompts import ROWS_PER_PIECE
from tomoscribe.fusion.types import ScaleTokens, StudyTokens
from tomoscribe.training.cases import Case
from tomoscribe.training.report_data import TextBatch, collate, encode
from tomoscribe.training.report_text import Asked, image_example
from tomoscribe.training.tower_module import side_logits

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

HEAD_TYPES: dict[str, Code] = {
    "EMPHYSEMA": terms.EMPHYSEMA,
    "NODULE": terms.NODULE,
    "PLEURAL_EFFUSION": terms.PLEURAL_EFFUSION,
    "CONSOLIDATION": terms.CONSOLIDATION,
    "WHITE_MATTER_LESIONS": terms.WHITE_MATTER_LESIONS,
    "VENTRICULAR_ENLARGEMENT": terms.VENTRICULAR_ENLARGEMENT,
    "BRAIN_MASS": terms.BRAIN_MASS,
}
ASKED: dict[str, tuple[tuple[Code, Laterality | None], ...]] = {
    name: tuple(
        (HEAD_TYPES[head], side)
        for head in spec.heads
        for side in ((Laterality.RIGHT, Laterality.LEFT) if head in spec.sided_heads else (None,))
    )
    for name, spec in SPECS.items()
}
"""What can be asked about the image of each tower, in a fixed order."""
NUM_ASKED = sum(len(rows) for rows in ASKED.values())


def token_sources() -> tuple[TokenSource, ...]:
    """The kinds of tokens that the towers of this version give."""
    sources = []
    for name, spec in SPECS.items():
        for scale, level in enumerate(spec.network().token_levels):
            sources.append(TokenSource(name=name, scale=scale, channels=spec.channels[level]))
    return tuple(sources)


@dataclass(frozen=True, kw_only=True, eq=False)
class SeenCase:
    """Tokens of one phantom and what is true of it.

    Args:
        truth: one number per ``ASKED`` row of its tower: 1 present, 0 absent, NaN unknown.
        logits: the tower's own finding logits in the same order.
    """

    tower: str
    seed: int
    tokens: StudyTokens
    truth: NDArray[np.float32]
    logits: NDArray[np.float32]


def see_case(case: Case, tower: Tower, seed: int) -> SeenCase:
    """What the tower sees in a prepared case; tokens as float16 to spare memory."""
    image = torch.from_numpy(case.image_CDHW.astype(np.float32))[None].to(tower.device)
    with torch.inference_mode():
        out = tower.network(image)
        logits_FS = side_logits(out, tower.network, case.midline).float().cpu().numpy()
    grid = Geometry.from_parts(
        spacing_mm=(tower.processor.config.spacing_mm,) * 3, origin_mm=(0.0, 0.0, 0.0), shape=tuple(image.shape[2:])
    )
    parts = []
    for scale, level in enumerate(tower.network.config.token_levels):
        tokens, places = flatten_tokens(out.tokens_BCdhw[level][0].cpu(), token_grid(grid, 2**level))
        parts.append(ScaleTokens(source=tower.name, scale=scale, tokens_NC=tokens.half().clone(), positions_mm=places))
    return SeenCase(
        tower=tower.name,
        seed=seed,
        tokens=StudyTokens(parts=tuple(parts)),
        truth=_in_order(case.targets_FS, tower),
        logits=_in_order(logits_FS, tower),
    )


def _in_order(values_FS: NDArray[np.float32], tower: Tower) -> NDArray[np.float32]:
    """(heads, sides) as one row in the order of ``ASKED``; a head without sides counts once."""
    config = tower.network.config
    rows = [values_FS[n] if head in config.sided_heads else values_FS[n, :1] for n, head in enumerate(config.heads)]
    return np.concatenate(rows).astype(np.float32)


class Probe(nn.Module):
    """Finding logits straight from the latents, to teach the resampler what to keep. Does not ship."""

    def __init__(self, config: FusionConfig) -> None:
        super().__init__()
        scales = len({s.scale for s in config.sources})
        self.out = nn.Linear(scales * config.num_latents * config.resampler_width, NUM_ASKED)
        nn.init.zeros_(self.out.weight)

    def forward(self, latents_BSLD: Tensor) -> Tensor:
        return self.out(latents_BSLD.flatten(1))


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageBatch:
    """Withheld rows of some studies.

    Args:
        studies: B studies.
        rows: (Q,) which study each text is about.
        text: Q texts.
        truth: (B, NUM_ASKED), NaN where not asked or unknown.
    """

    studies: tuple[StudyTokens, ...]
    rows: Tensor
    text: TextBatch
    truth: Tensor

    def to(self, device: torch.device) -> ImageBatch:
        """The same on a device; the studies move when they are read."""
        return ImageBatch(
            studies=self.studies, rows=self.rows.to(device), text=self.text.to(device), truth=self.truth.to(device)
        )


def truth_row(case: SeenCase) -> NDArray[np.float32]:
    """The truth of a case in the order of all towers' questions, NaN for the other towers'."""
    row = np.full(NUM_ASKED, np.nan, np.float32)
    start = 0
    for name, asked in ASKED.items():
        if name == case.tower:
            row[start : start + len(asked)] = case.truth
        start += len(asked)
    return row


def image_batch(
    cases: Sequence[SeenCase], tokenizer: PreTrainedTokenizerFast, draw: random.Random, *, weight: float, keep: float
) -> ImageBatch:
    """Texts on what is known of some cases, each of a few withheld rows.

    Args:
        weight: of the words that decide.
        keep: share of the image tokens that is kept, drawn anew each time.
    """
    rows, texts = [], []
    for n, case in enumerate(cases):
        for asked in _groups(case, draw):
            rows.append(n)
            texts.append(encode(tokenizer, image_example(asked), weight))
    return ImageBatch(
        studies=tuple(_thinned(c.tokens, draw, keep) for c in cases),
        rows=torch.tensor(rows),
        text=collate(texts, tokenizer.pad_token_id),
        truth=torch.from_numpy(np.stack([truth_row(c) for c in cases])),
    )


def _groups(case: SeenCase, draw: random.Random) -> list[list[Asked]]:
    """Everything that is known of a case, in random order and groups of one to three."""
    known = [
        Asked(kind=kind, side=side, seen=bool(truth > 0.5))
        for (kind, side), truth in zip(ASKED[case.tower], case.truth, strict=True)
        if np.isfinite(truth)
    ]
    draw.shuffle(known)
    groups = []
    while known:
        count = draw.randint(1, ROWS_PER_PIECE)
        groups.append(known[:count])
        known = known[count:]
    return groups


def _thinned(tokens: StudyTokens, draw: random.Random, keep: float) -> StudyTokens:
    """A random share of the tokens; the box that holds their places stays nearly the same."""
    if keep >= 1:
        return tokens
    parts = []
    for part in tokens.parts:
        count = part.tokens_NC.shape[0]
        chosen = torch.tensor(sorted(draw.sample(range(count), max(1, round(keep * count)))))
        parts.append(
            ScaleTokens(
                source=part.source,
                scale=part.scale,
                tokens_NC=part.tokens_NC[chosen],
                positions_mm=part.positions_mm[chosen],
            )
        )
    return StudyTokens(parts=tuple(parts))
