"""Image tokens that cross the border between the towers and the decoder.

Letters in shapes: B batch, N image tokens, C channels of a tower, S scales, L latents, D width of the decoder or the
resampler, R reading layers, H heads, K width of a head, T text tokens.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jaxtyping import Bool, Float

from tomoscribe.core.errors import InvalidValueError

if TYPE_CHECKING:
    from torch import Tensor

    from tomoscribe.encoders.types import TowerOutput
else:
    Tensor = object

VisualStates = Float[Tensor, "B R 2 H L K"]
"""Keys and values of every reading layer, made once per study and passed with each call of the decoder."""
TokenMask = Bool[Tensor, "B N"]


@dataclass(frozen=True, kw_only=True, eq=False)
class ScaleTokens:
    """Tokens of one series at one scale.

    Args:
        source: name of the token source: that of the tower, e.g. ``unet-ct``.
        scale: 0 = the finest.
        tokens_NC: features, float.
        positions_mm: (N, 3) x, y, z in LPS mm.
    """

    source: str
    scale: int
    tokens_NC: Tensor
    positions_mm: Tensor

    def __post_init__(self) -> None:
        if self.tokens_NC.ndim != 2 or tuple(self.positions_mm.shape) != (self.tokens_NC.shape[0], 3):
            raise InvalidValueError(
                f"expected tokens (N, C) and positions (N, 3), found {tuple(self.tokens_NC.shape)} and "
                f"{tuple(self.positions_mm.shape)}"
            )

    def zeroed(self) -> ScaleTokens:
        """The same places, nothing seen: for tests of what the image adds."""
        return ScaleTokens(
            source=self.source, scale=self.scale, tokens_NC=self.tokens_NC * 0, positions_mm=self.positions_mm
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class StudyTokens:
    """All image tokens of one patient's study."""

    parts: tuple[ScaleTokens, ...]

    @classmethod
    def from_towers(cls, outputs: Iterable[TowerOutput]) -> StudyTokens:
        """The tokens of everything that the towers saw of one patient."""
        return cls(
            parts=tuple(
                ScaleTokens(source=out.tower, scale=n, tokens_NC=scale.tokens, positions_mm=scale.positions_mm)
                for out in outputs
                for n, scale in enumerate(out.scales)
            )
        )

    def zeroed(self) -> StudyTokens:
        """All features set to zero, the places kept."""
        return StudyTokens(parts=tuple(p.zeroed() for p in self.parts))
