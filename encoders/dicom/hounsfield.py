"""Are these voxels Hounsfield units? Told by where air, fat, soft tissue and bone stand; never repaired.

Air (-1000), fat (about -100) and soft tissue (0 to 80 HU) keep their distances whatever was added to them: a volume
that was never rescaled shows them at 24, 924 and 1064, one rescaled twice at -2024, -1124 and -984. The histogram is
fitted with these tissues where they belong, and again with each offset (and the factors 1/2 and 2). Another reading
than HU wins only if it explains the voxels far better and shows two of air, fat and soft tissue; so neither half a
lung, nor metal, contrast or a phantom is called wrong. HU too are an answer only where two of the tissues are seen: air
that was never rescaled stands at 24, where soft tissue is. Otherwise the answer is "cannot tell".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

OFFSET_TOLERANCE_HU = 90.0
"""An offset below this cannot be told from the spread of scanners and patients; an intercept of -1000 instead of -1024
is one of these."""
STORED_OFFSETS_HU = (1000.0, 1024.0)
"""What scanners add to HU to store them without a sign."""
LIKELIHOOD_GAIN = 0.2
"""By how much, in nats a voxel, another reading must explain the histogram better than HU do. With 1024
added the middle crop of a real chest gained 0.45 to 0.71; what good crops gain by chance stands in docs/log.md."""
MIN_SHARE = 0.05
"""Share of the voxels that a tissue needs to count as seen."""

MIN_DIFFERENT = 16
"""With fewer different values the voxels are a drawing or a mask, not a scan."""
MAX_BONE_SHARE = 0.12
"""Where nothing is darker than fat, more bone than this could be tissue that was never rescaled."""
CONTRAST_TOLERANCE_HU = 250.0
"""Without air a smaller offset could be soft tissue beside contrast medium, taken for fat beside soft tissue."""
DENSE_CONTRAST_HU = 850.0
"""Without air an offset up to this could be nothing but contrast medium: a crop within a vessel of 500 to 700 HU was
taken for fat and soft tissue."""
FAT_AS_AIR_HU = -965.0
"""Without outside air an offset above this puts fat and soft tissue where air within the body and lung are. In the same
way an offset of 40 to 420 puts air where lung is, and fat where soft tissue is: there all three must be seen,
fat and soft tissue in twice the share; and HU stand where they show both."""

_NARROW = (("air", -1000.0, 30.0), ("fat", -100.0, 30.0), ("soft tissue", 40.0, 38.0))
"""Name, place and spread (HU) of what stands at a fixed place."""
_BROAD_NORMAL = ((-980.0, 70.0), (-850.0, 85.0))
"""Noisy or partly clamped air, and lung."""
_BROAD = ((-960.0, -130.0), (70.0, 450.0), (150.0, 1900.0), (-5000.0, 15000.0))
"""Lung and edges, contrast medium, bone, and everything (metal, noise): each value alike."""
_BIN_HU = 8.0
_SCALES = (1.0, 0.5, 2.0)
_GRID_HU = np.arange(-1700.0, 1701.0, 25.0)
_ITERATIONS = 20
_MAX_SAMPLES = 500_000
_MIN_CONSTANT_SHARE = 0.01


class State(StrEnum):
    """What the values are."""

    HU = "Hounsfield units"
    RAW = "raw values, never rescaled"
    TWICE = "rescaled twice"
    INTERCEPT = "rescaled with a wrong intercept"
    SLOPE = "rescaled with a wrong slope"
    UNKNOWN = "cannot tell"


@dataclass(frozen=True, kw_only=True)
class HounsfieldState:
    """The state, and the evidence for it in words with the numbers that were seen."""

    state: State
    evidence: str

    @property
    def is_wrong(self) -> bool:
        return self.state not in (State.HU, State.UNKNOWN)


@dataclass(frozen=True, kw_only=True)
class _Reading:
    """One reading of the values as scale x HU + offset, and how well it explains them.

    Args:
        gain: mean log likelihood of a voxel.
        shares: of the tissues in the order of ``_NARROW``.
        bone: share of what is only explained as bone or metal.
    """

    scale: float
    offset: float
    gain: float
    shares: tuple[float, ...]
    bone: float

    @property
    def seen(self) -> list[str]:
        return [name for (name, _, _), share in zip(_NARROW, self.shares, strict=True) if share >= MIN_SHARE]

    def words(self) -> str:
        places = {name: self.scale * at + self.offset for name, at, _ in _NARROW}
        return " and ".join(
            f"{name} at about {places[name]:.0f}" + (f" instead of {at:.0f}" if self.offset or self.scale != 1 else "")
            for name, at, _ in _NARROW
            if name in self.seen
        )


def hounsfield_state(array: NDArray[Any], *, padding: float | None = None) -> HounsfieldState:
    """The state of a CT volume (k, j, i) that claims to be in HU.

    Args:
        array: the slices as acquired, rescaled.
        padding: value outside the field of view, not looked at.
    """
    samples = _samples(array, padding)
    if samples.size < 500 or np.unique(samples).size < MIN_DIFFERENT:
        return HounsfieldState(state=State.UNKNOWN, evidence="too few different values")
    values, weights = _histogram(samples)
    as_hu = _read(values, weights, 1.0, 0.0)
    if len(as_hu.seen) == len(_NARROW):
        return HounsfieldState(state=State.HU, evidence=as_hu.words())
    best = _best_other(values, weights)
    is_chest_as_it_is = best is not None and _may_be_lung(best) and min(as_hu.shares[1:]) >= MIN_SHARE
    if best is not None and best.gain - as_hu.gain > LIKELIHOOD_GAIN and not is_chest_as_it_is:
        return HounsfieldState(state=_state_of(best), evidence=best.words())
    is_high = as_hu.bone > MAX_BONE_SHARE and np.percentile(samples, 2) > -80
    if len(as_hu.seen) > 1 and not is_high:
        return HounsfieldState(state=State.HU, evidence=as_hu.words())
    below = "{:.0f}, {:.0f} and {:.0f}".format(*np.percentile(samples, (5, 50, 95)))
    alone = as_hu.words() if len(as_hu.seen) == 1 else ""
    what = f"{alone} alone is seen" if alone else "no tissue stands where it is sure to be HU"
    return HounsfieldState(
        state=State.UNKNOWN,
        evidence=f"{what} (5, 50 and 95 % of the values lie below {below})",
    )


def _samples(array: NDArray[Any], padding: float | None) -> NDArray[np.float64]:
    """Voxels of every n-th row and column, without padding and without a constant at the very bottom."""
    step = max(1, int(np.ceil(np.sqrt(array.size / _MAX_SAMPLES))))
    values = np.asarray(array[:, ::step, ::step], dtype=np.float64).ravel()
    values = values[np.isfinite(values)]
    if padding is not None:
        values = values[values != padding]
    lowest = values == values.min() if values.size else np.zeros(0, bool)
    if lowest.size and _MIN_CONSTANT_SHARE < lowest.mean() < 1.0:
        values = values[~lowest]
    return values


def _histogram(samples: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bin centers and the share of the voxels in each that is not empty; the outermost 0.05 % are left out."""
    low, high = np.percentile(samples, (0.05, 99.95))
    bins = int(np.clip((high - low) / _BIN_HU, 1, 4000))
    counts, edges = np.histogram(samples, bins=bins, range=(low, max(high, low + 1.0)))
    full = counts > 0
    return ((edges[1:] + edges[:-1]) / 2)[full], counts[full] / counts.sum()


def _densities(hu: NDArray[np.float64]) -> NDArray[np.float64]:
    """(C, N) density of each component at each value."""
    normals = [(at, spread) for _, at, spread in _NARROW] + list(_BROAD_NORMAL)
    rows = [np.exp(-0.5 * ((hu - at) / spread) ** 2) / (spread * np.sqrt(2 * np.pi)) for at, spread in normals]
    rows += [((hu >= low) & (hu <= high)) / (high - low) for low, high in _BROAD]
    rows[-1] = np.full_like(hu, 1.0 / (_BROAD[-1][1] - _BROAD[-1][0]))
    return np.stack(rows)


def _read(values: NDArray[np.float64], weights: NDArray[np.float64], scale: float, offset: float) -> _Reading:
    """The shares of the components that explain the histogram best (expectation maximization)."""
    densities = _densities((values - offset) / scale) / scale
    shares = np.full(len(densities), 1.0 / len(densities))
    for _ in range(_ITERATIONS):
        joint = shares[:, None] * densities
        total = joint.sum(axis=0)
        shares = (joint / total * weights).sum(axis=1)
    gain = float((np.log((shares[:, None] * densities).sum(axis=0)) * weights).sum())
    return _Reading(
        scale=scale,
        offset=offset,
        gain=gain,
        shares=tuple(float(s) for s in shares[: len(_NARROW)]),
        bone=float(shares[-2:].sum()),
    )


def _best_other(values: NDArray[np.float64], weights: NDArray[np.float64]) -> _Reading | None:
    """The best reading that is not HU and shows two tissues, one of them fat or soft (raw: soft tissue alone)."""
    found: list[_Reading] = []
    for scale in _SCALES:
        for offset in _offsets(values, weights, scale):
            if scale == 1.0 and abs(offset) < OFFSET_TOLERANCE_HU:
                continue
            reading = _read(values, weights, scale, float(offset))
            if _is_credible(reading):
                found.append(reading)
    return max(found, key=lambda r: r.gain, default=None)


def _offsets(values: NDArray[np.float64], weights: NDArray[np.float64], scale: float) -> Sequence[float]:
    """Offsets to try: a grid, and those that bring the fullest bins to a tissue."""
    fullest = values[np.argsort(weights)[-3:]]
    own = [float(v - scale * at) for v in fullest for _, at, _ in _NARROW]
    if scale != 1.0:
        return [-1024.0 * (1 - scale), -1000.0 * (1 - scale), -1024.0, 0.0]
    return [*_GRID_HU, *STORED_OFFSETS_HU, *(-o for o in STORED_OFFSETS_HU), *own]


def _is_credible(reading: _Reading) -> bool:
    """Whether a reading shows what no plain CT can look like: see the module's text."""
    air, fat, soft = reading.shares
    tissue = fat + soft
    if reading.scale != 1.0:
        return air >= MIN_SHARE and min(fat, soft) >= MIN_SHARE and tissue >= 4 * MIN_SHARE
    if air >= MIN_SHARE:
        return tissue >= 2 * MIN_SHARE and (not _may_be_lung(reading) or min(fat, soft) >= 2 * MIN_SHARE)
    is_stored = any(abs(abs(reading.offset) - o) < OFFSET_TOLERANCE_HU for o in STORED_OFFSETS_HU)
    if is_stored and not FAT_AS_AIR_HU <= reading.offset <= 0:
        return (min(fat, soft) >= MIN_SHARE and tissue >= 0.4) or (reading.offset > 0 and soft >= 0.6)
    may_be_air_and_lung = FAT_AS_AIR_HU <= reading.offset <= -600.0
    may_be_contrast = -CONTRAST_TOLERANCE_HU <= reading.offset <= DENSE_CONTRAST_HU
    return min(fat, soft) >= MIN_SHARE and tissue >= 0.6 and not may_be_air_and_lung and not may_be_contrast


def _may_be_lung(reading: _Reading) -> bool:
    """Whether its air stands where lung is, and its fat where soft tissue is."""
    return reading.scale == 1.0 and 40.0 <= reading.offset <= 420.0


def _state_of(reading: _Reading) -> State:
    if reading.scale != 1.0:
        return State.SLOPE
    for stored in STORED_OFFSETS_HU:
        if abs(reading.offset - stored) <= OFFSET_TOLERANCE_HU:
            return State.RAW
        if abs(reading.offset + stored) <= OFFSET_TOLERANCE_HU:
            return State.TWICE
    return State.INTERCEPT
