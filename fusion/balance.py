"""Router balancing without an auxiliary loss: the library has the correction bias but never moves it.

After each step the bias of an expert that was chosen too often goes down, of one chosen too seldom up, by a fixed
amount (DeepSeek-V3 report, section 2.1.2).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils.hooks import RemovableHandle

from tomoscribe.fusion.model import FusionModel


class RouterBalancer:
    """Counts which experts are chosen in training mode and moves the correction biases.

    Args:
        model: the model whose routers are watched.
        rate: how much a bias moves per step.
    """

    def __init__(self, model: FusionModel, rate: float = 0.001) -> None:
        self.rate = rate
        self._gates = [block.gate for block in model.moe_layers()]
        self._counts = [torch.zeros(g.num_experts) for g in self._gates]
        self._handles: list[RemovableHandle] = [
            gate.register_forward_hook(self._counter(n)) for n, gate in enumerate(self._gates)
        ]

    def _counter(self, index: int) -> Any:
        def count(module: torch.nn.Module, inputs: tuple[Tensor, ...], output: tuple[Tensor, Tensor, Tensor]) -> None:
            if module.training:
                chosen = torch.bincount(output[2].flatten(), minlength=module.num_experts)
                self._counts[index] = self._counts[index].to(chosen.device) + chosen

        return count

    def load(self) -> Tensor:
        """Share of the choices that each expert got since the last step, (layers, experts); 1 / experts is even."""
        counts = torch.stack(self._counts)
        return counts / counts.sum(1, keepdim=True).clamp_min(1)

    @torch.no_grad()
    def step(self) -> Tensor:
        """Moves the biases, forgets the counts, and returns the load that was seen; zeros if nothing was routed."""
        load = self.load()
        if not load.any():
            return load
        for gate, share in zip(self._gates, load, strict=True):
            bias = gate.e_score_correction_bias
            bias += self.rate * torch.sign(share.mean() - share).to(bias.device)
        self._counts = [torch.zeros_like(c) for c in self._counts]
        return load

    def close(self) -> None:
        """Stops watching."""
        for handle in self._handles:
            handle.remove()
