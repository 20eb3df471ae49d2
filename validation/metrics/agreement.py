"""Agreement of measurements with their reference (Bland and Altman 1986)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tomoscribe.core.errors import InvalidValueError

_LIMIT = 1.96


@dataclass(frozen=True, kw_only=True)
class BlandAltman:
    """Bias and limits of agreement, in the measurement's unit or in percent of the mean of both.

    Args:
        bias: mean difference, measured minus reference.
        low, high: bias -+ 1.96 standard deviations of the differences.
        bias_low, bias_high: 95 % interval of the bias (t distribution).
        median_absolute: median of the differences' magnitudes.
    """

    bias: float
    low: float
    high: float
    bias_low: float
    bias_high: float
    median_absolute: float
    num_pairs: int


def bland_altman(measured: ArrayLike, reference: ArrayLike, *, in_percent: bool = False) -> BlandAltman:
    """Agreement of paired measurements.

    Args:
        in_percent: differences as percentages of the mean of the pair.

    Raises:
        InvalidValueError: fewer than two pairs, other lengths, or values that are no numbers.
    """
    from scipy.stats import t

    first, second = np.asarray(measured, float), np.asarray(reference, float)
    if first.shape != second.shape or first.ndim != 1 or first.size < 2:
        raise InvalidValueError(f"expected two lists of at least two values, found {first.shape} and {second.shape}")
    gaps = first - second
    if in_percent:
        gaps = 100.0 * gaps / ((first + second) / 2)
    if not np.isfinite(gaps).all():
        raise InvalidValueError("expected finite measurements, and pairs whose mean is not 0 for percentages")
    bias, spread = float(gaps.mean()), float(gaps.std(ddof=1))
    reach = float(t.ppf(0.975, gaps.size - 1)) * spread / np.sqrt(gaps.size)
    return BlandAltman(
        bias=bias,
        low=bias - _LIMIT * spread,
        high=bias + _LIMIT * spread,
        bias_low=bias - reach,
        bias_high=bias + reach,
        median_absolute=float(np.median(np.abs(gaps))),
        num_pairs=int(gaps.size),
    )
