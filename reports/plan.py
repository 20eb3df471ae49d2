"""How much memory a study takes before it is read, and the largest plan that fits."""

from __future__ import annotations

from dataclasses import dataclass

from tomoscribe.core.errors import MemoryPlanError
from tomoscribe.encoders.devices import Device, choose_device
from tomoscribe.reports.examinations import Selection

BASE_BYTES = 0.9e9
"""The libraries and the networks themselves; a rough figure, on the safe side for LIDC-IDRI-0001 (docs/log.md)."""
BYTES_PER_VOXEL = {"CT": 22.0, "MR": 40.0}
"""What reading, measuring and encoding add for each voxel of the series that are read; rough."""
DECODER_BYTES = 0.4e9
"""What loading and running the decoder adds."""
GPU_BYTES = 1.5e9
"""What the networks take on a GPU; their inputs are resampled to fixed spacings, so the study's size hardly counts."""
RESERVE = 0.9
"""Share of the free memory that a plan may take."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What will run where.

    Args:
        device: where the networks run.
        text: ``decoder`` or ``writer``.
        estimated_bytes: peak memory of this process, estimated.
        free_bytes: memory that is free now.
        reductions: what was given up to make it fit, in words.
    """

    device: Device
    text: str
    estimated_bytes: float
    free_bytes: int
    reductions: tuple[str, ...] = ()

    def lines(self) -> tuple[str, ...]:
        """The plan in words, for a terminal or a dialog."""
        first = (
            f"Memory: about {self.estimated_bytes / 1e9:.1f} GB of {self.free_bytes / 1e9:.1f} GB free; "
            f"networks on {self.device.name} ({self.device.description}); text by the {self.text}."
        )
        return (first, *(f"Smaller plan: {r}." for r in self.reductions))


def make_plan(selection: Selection, device: str, text: str) -> Plan:
    """The largest plan that fits, the wanted one if it does.

    Raises:
        ConfigError: the device is not there.
        MemoryPlanError: not even the smallest plan fits.
    """
    chosen = choose_device(device)
    cpu = choose_device("cpu")
    reductions = []
    if chosen.name != "cpu" and chosen.free_bytes * RESERVE < GPU_BYTES:
        reductions.append(
            f"the networks run on the CPU, because {chosen.name} has {chosen.free_bytes / 1e9:.1f} GB free"
        )
        chosen = cpu
    needed = BASE_BYTES + sum(
        BYTES_PER_VOXEL[s.modality] * float(s.shape[0] * s.shape[1] * s.shape[2])
        for s in selection.series.values()
        if s.shape
    )
    limit = cpu.free_bytes * RESERVE
    if text == "decoder" and needed + DECODER_BYTES > limit:
        text = "writer"
        reductions.append("the plain writer words the report, because the decoder does not fit into memory")
    total = needed + (DECODER_BYTES if text == "decoder" else 0.0)
    if total > limit:
        raise MemoryPlanError(
            f"reading this study takes about {total / 1e9:.1f} GB and {cpu.free_bytes / 1e9:.1f} GB are free",
            where=", ".join(s.series_uid for s in selection.series.values()),
            remedy="close other programs, or read a series with fewer or smaller slices",
        )
    return Plan(
        device=chosen, text=text, estimated_bytes=total, free_bytes=cpu.free_bytes, reductions=tuple(reductions)
    )
