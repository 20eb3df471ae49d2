"""Heads refitted on frozen tokens learn what the tokens hold and leave the rest alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from tomoscribe.training.cases import Case, CaseStore
from tomoscribe.training.recipe import Optimizer, Seeds, TowerRecipe
from tomoscribe.training.refit import refit_heads
from tomoscribe.training.tower_data import Part
from tomoscribe.training.tower_module import TowerModule, side_logits


def bright_side_case(key: str) -> Case:
    """A bright block on the right, the left, both or no side; PLEURAL_EFFUSION (head 2) is where it is."""
    number = int(key)
    rng = np.random.default_rng(number)
    image = rng.normal(0.3, 0.02, (2, 16, 16, 32)).astype(np.float16)
    labels = np.zeros((16, 16, 32), np.uint8)
    targets = np.full((4, 2), np.nan, np.float32)
    targets[2] = (number % 2, number // 2 % 2)
    for side in (0, 1):
        if targets[2, side]:
            part = slice(16 * side + 4, 16 * side + 12)
            image[0, 4:12, 4:12, part] = 1.0
            labels[4:12, 4:12, part] = 5
    return Case(image_CDHW=image, labels_DHW=labels, targets_FS=targets, midline=15.5)


def test_the_head_learns_the_side_and_the_trunk_stays(tmp_path: Path) -> None:
    none = Seeds(first=0, count=0)
    recipe = TowerRecipe(
        tower="unet-ct", train=none, validation=none, held_out=none, optimizer=Optimizer(steps=1), seed=5
    )
    module = TowerModule(recipe).eval()
    before = {k: v.clone() for k, v in module.network.state_dict().items() if "finding_head" not in k}
    part = Part(keys=tuple(str(n) for n in range(12)), store=CaseStore(folder=tmp_path, make=bright_side_case))
    refit_heads(module, part, rounds=80)
    for key, value in before.items():
        assert torch.equal(module.network.state_dict()[key], value)
    for number in (13, 14):
        case = bright_side_case(str(number))
        with torch.inference_mode():
            out = module.network(torch.from_numpy(case.image_CDHW.astype(np.float32))[None])
        right, left = side_logits(out, module.network, case.midline)[2].tolist()
        assert (right > left) == (number == 13)
