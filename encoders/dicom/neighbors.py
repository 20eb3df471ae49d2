"""Does one slice of a CT fall out of the stack? Each is compared with the next one, on some of its pixels.

Neighboring slices show nearly the same: what holds for the whole volume (``hounsfield``) says nothing of a single slice
that was rescaled otherwise than the rest, or that lost its pixels on the way.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomoscribe.encoders.dicom.hounsfield import STORED_OFFSETS_HU

STORED_TOLERANCE_HU = 60.0
"""How far a step between slices may lie from what scanners add to HU; phantoms step by 850 from air to an insert."""
ALIKE = 0.9
"""Correlation from which two slices show the same, so that their values can be compared."""
MAX_STEP_HU = 300.0
MAX_RATIO = 1.6
"""Between slices that state different slopes or intercepts: largest step of the mean and largest ratio of the contrast
of two slices that show the same. Whole good slices step by at most 50 HU; docs/log.md."""
_SAMPLES = 32
"""Rows and columns that are looked at."""


def break_in_values(array: NDArray[Any], rescaling: Sequence[Hashable]) -> str | None:
    """Why the slices of a CT (k, j, i) do not belong together, in words; None where they do.

    Args:
        rescaling: what each slice states as slope and intercept.
    """
    values = _samples(array)
    mean, spread = values.mean(axis=1), values.std(axis=1)
    empty = [k for k in np.flatnonzero(spread == 0) if _is_empty(array, int(k), spread)]
    if empty:
        found = f"slice {empty[0] + 1} of {len(array)} holds one value only ({values[empty[0], 0]:g})"
        return f"{found}, its neighbors do not: its pixels were lost"
    with np.errstate(divide="ignore", invalid="ignore"):
        scatter = values - mean[:, None]
        alike = np.einsum("ks,ks->k", scatter[1:], scatter[:-1]) / (values.shape[1] * spread[1:] * spread[:-1])
        ratio = spread[1:] / spread[:-1]
    step = np.diff(mean)
    for k in np.flatnonzero(np.nan_to_num(alike) > ALIKE).tolist():
        if _breaks(float(step[k]), float(ratio[k]), states_other=rescaling[k] != rescaling[k + 1]):
            return (
                f"from slice {k + 1} to slice {k + 2} of {len(array)} the values step by {step[k]:.0f} and their "
                f"contrast by a factor of {ratio[k]:.2f}, though both show the same: they were rescaled differently"
            )
    return None


def empty_ends(array: NDArray[Any]) -> str | None:
    """First and last slices (k, j, i) of a CT that hold one value only, in words: filled up, or their pixels lost."""
    full = np.flatnonzero(_samples(array).std(axis=1) > 0)
    if not full.size:
        return None
    outside = [*range(full[0]), *range(full[-1] + 1, len(array))]
    count = sum(bool((array[k] == array[k, 0, 0]).all()) for k in outside)
    return f"{count} slice{'s' * (count > 1)} at the ends hold{'s' * (count == 1)} one value only" if count else None


def copies_in_line(array: NDArray[Any]) -> str | None:
    """Neighboring slices (k, j, i) of a CT with exactly the same pixels, in words: noise never repeats itself."""
    values = _samples(array)
    same = np.flatnonzero((values[1:] == values[:-1]).all(axis=1) & (values[1:].std(axis=1) > 0))
    pairs = [int(k) for k in same if np.array_equal(array[k], array[k + 1])]
    if not pairs:
        return None
    more = f" ({len(pairs)} such pairs)" if len(pairs) > 1 else ""
    return (
        f"slices {pairs[0] + 1} and {pairs[0] + 2} of {len(array)} hold exactly the same pixels{more}: "
        "one may stand in the place of a lost one"
    )


def _samples(array: NDArray[Any]) -> NDArray[np.float32]:
    """Some pixels of each slice, (k, samples)."""
    steps = [max(1, size // _SAMPLES) for size in array.shape[1:]]
    return np.asarray(array[:, :: steps[0], :: steps[1]], dtype=np.float32).reshape(len(array), -1)


def _is_empty(array: NDArray[Any], k: int, spread: NDArray[np.float32]) -> bool:
    """Whether a slice within the stack holds one value only, beside two that hold more."""
    inside = 0 < k < len(array) - 1
    return inside and bool(spread[k - 1] and spread[k + 1]) and bool((array[k] == array[k, 0, 0]).all())


def _breaks(step: float, ratio: float, *, states_other: bool) -> bool:
    if states_other:
        return abs(step) > MAX_STEP_HU or not 1 / MAX_RATIO < ratio < MAX_RATIO
    is_stored = any(abs(abs(step) - offset) < STORED_TOLERANCE_HU for offset in STORED_OFFSETS_HU)
    return is_stored and 0.9 < ratio < 1.1
