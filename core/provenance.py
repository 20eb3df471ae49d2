"""What made a result, so that it can be made again."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Seconds of each stage and the peak memory; the only part that differs between two equal runs."""

    seconds: tuple[tuple[str, float], ...] = ()
    peak_memory_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Software, model, weights, configuration, device and seed behind a finding or a report.

    Args:
        model: name of the algorithm or network, e.g. ``chest-ct/lung-nodules``.
        weights_sha256: of the weights file, None where no weights were used.
        config_sha256: of the configuration as canonical JSON.
    """

    version: str
    model: str
    weights_sha256: str | None = None
    config_sha256: str | None = None
    device: str = "cpu"
    seed: int = 0
    timing: Timing = field(default=Timing(), compare=False)
