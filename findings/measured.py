"""What measuring one study gives: findings with millimetres, and the masks they were measured from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tomoscribe.core import Finding, LabelMap

Progress = Callable[[str, float], None]
"""Called with the stage in words and the fraction done, 0 to 1; may raise CancelledError."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Findings of one study part and the label maps that their regions name.

    Args:
        findings: in the order in which a report lists them.
        label_maps: on the native grid of the series they were drawn on; ``findings`` and ``anatomy``.
        warnings: what the reader of the report should know about the measuring.
    """

    findings: tuple[Finding, ...]
    label_maps: tuple[LabelMap, ...]
    warnings: tuple[str, ...] = ()
