"""Heads fitted once more on frozen tokens: cheap, and the tokens (which fusion reads) stay what they are.

Shape letters: C channels, N cells, F heads, S sides (right, left).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from tomoscribe.encoders.unet import pool_cells
from tomoscribe.training.cases import Case, cell_targets
from tomoscribe.training.tower_data import Part
from tomoscribe.training.tower_module import CELL_MASKS, CELL_VOXELS, TowerModule

_CELL_SHARE = 0.3
_PENALTY = 1e-3


@dataclass(frozen=True, kw_only=True, eq=False)
class _Tokens:
    """Tokens of one case with what is known of them.

    Args:
        tokens_NC: of the head's level.
        left_N: bool.
        targets_FS: NaN where unknown.
        cells_FN: 1 where the cell holds some of the finding's mask, NaN for heads without a mask.
    """

    tokens_NC: Tensor
    left_N: Tensor
    targets_FS: Tensor
    cells_FN: Tensor


def refit_heads(module: TowerModule, part: Part, *, rounds: int, learning_rate: float = 0.02) -> None:
    """Fit the linear finding heads to the part's cases for ``rounds`` passes; the rest of the network stays."""
    cases = [_tokens(module, part.case(index)) for index in range(len(part))]
    stacked = torch.cat([c.tokens_NC for c in cases])
    mean_C, scale_C = stacked.mean(dim=0), stacked.std(dim=0) + 1e-4
    head = module.network.finding_head
    weight_FC = (head.weight.detach().flatten(1) * scale_C).clone().requires_grad_()
    bias_F = (head.bias.detach() + head.weight.detach().flatten(1) @ mean_C).clone().requires_grad_()
    optimizer = torch.optim.AdamW([weight_FC, bias_F], lr=learning_rate, weight_decay=_PENALTY)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, rounds)
    scaled = [(c.tokens_NC - mean_C) / scale_C for c in cases]
    for _ in range(rounds):
        optimizer.zero_grad()
        losses = [_loss(t @ weight_FC.T + bias_F, c, module) for t, c in zip(scaled, cases, strict=True)]
        torch.stack(losses).mean().backward()
        optimizer.step()
        scheduler.step()
    with torch.no_grad():
        plain_FC = weight_FC / scale_C
        head.weight.copy_(plain_FC.reshape(head.weight.shape))
        head.bias.copy_(bias_F - plain_FC @ mean_C)


def _tokens(module: TowerModule, case: Case) -> _Tokens:
    config = module.network.config
    level, stride = config.head_level, 2**config.head_level
    with torch.inference_mode():
        out = module.network(torch.from_numpy(case.image_CDHW.astype(np.float32))[None])
    tokens = out.tokens_BCdhw[level][0]
    left = torch.arange(tokens[0].numel()) % tokens.shape[-1] * stride + (stride - 1) / 2.0 > case.midline
    rows = []
    for name in config.heads:
        mask = CELL_MASKS.get(name)
        if mask is None:
            rows.append(torch.full((tokens[0].numel(),), float("nan")))
        else:
            voxels = CELL_VOXELS.get(mask, stride**3 // 16)
            found = cell_targets(case.labels_DHW, config.masks.index(mask) + 1, stride, voxels=voxels)
            rows.append(torch.from_numpy(found).flatten())
    return _Tokens(
        tokens_NC=tokens.flatten(1).T.clone(),
        left_N=left,
        targets_FS=torch.from_numpy(case.targets_FS),
        cells_FN=torch.stack(rows),
    )


def _loss(logits_NF: Tensor, case: _Tokens, module: TowerModule) -> Tensor:
    config = module.network.config
    both = pool_cells(logits_NF.T, torch.ones_like(case.left_N))
    sides = torch.stack((pool_cells(logits_NF.T, ~case.left_N), pool_cells(logits_NF.T, case.left_N)), dim=1)
    sided = torch.tensor([name in config.sided_heads for name in config.heads])
    pooled_FS = torch.where(sided[:, None], sides, both[:, None].expand(-1, 2))
    known = torch.isfinite(case.targets_FS)
    entropy = nn.functional.binary_cross_entropy_with_logits
    loss = entropy(pooled_FS[known], case.targets_FS[known]) if bool(known.any()) else logits_NF.sum() * 0
    masked = torch.isfinite(case.cells_FN)
    cells = entropy(logits_NF.T[masked], case.cells_FN[masked]) if bool(masked.any()) else 0.0
    return loss + _CELL_SHARE * cells
