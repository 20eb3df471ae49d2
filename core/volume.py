"""Voxels with their geometry: what was acquired (Volume) and what was segmented in it (LabelMap)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomoscribe.core.code import Code
from tomoscribe.core.errors import GeometryError, InvalidValueError
from tomoscribe.core.geometry import Geometry
from tomoscribe.core.study import Acquisition, SeriesRef

VALUE_UNITS = (
    "hu", "hu_monoenergetic", "hu_virtual", "hu_metal_reduced", "hu_projection", "iodine", "arbitrary", "bq/ml",
)  # fmt: skip
"""Only ``hu`` are Hounsfield units that thresholds apply to; ``hu_...`` are calculated images in their likeness."""


class _OnGrid:
    """What Volume and LabelMap share: an array that never leaves its geometry."""

    array: NDArray[Any]
    geometry: Geometry

    def _check(self) -> None:
        if self.array.ndim != 3 or self.array.shape != self.geometry.shape:
            raise GeometryError(f"expected an array of shape {self.geometry.shape}, found {self.array.shape}")

    def _moved(self, array: NDArray[Any], geometry: Geometry) -> Any:
        return replace(self, array=array, geometry=geometry)  # type: ignore[type-var]

    def flip(self, axis: int) -> Any:
        """The same voxels at the same places, stored in the opposite order along ``axis``."""
        return self._moved(np.flip(self.array, axis), self.geometry.flip(axis))

    def permute(self, order: Sequence[int]) -> Any:
        """The same voxels at the same places with axes in another order."""
        return self._moved(np.transpose(self.array, tuple(order)), self.geometry.permute(order))

    def crop(self, start: Sequence[int], stop: Sequence[int]) -> Any:
        """Voxels from ``start`` to before ``stop`` (k, j, i), inside the grid."""
        if any(a < 0 or b > n or a >= b for a, b, n in zip(start, stop, self.geometry.shape, strict=True)):
            raise GeometryError(f"expected a box inside {self.geometry.shape}, found {tuple(start)} to {tuple(stop)}")
        box = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
        return self._moved(self.array[box], self.geometry.crop(start, stop))

    def oriented(self, orientation: str) -> Any:
        """The same voxels at the same places, stored so that k, j, i run nearest to e.g. ``HPL``.

        Raises:
            GeometryError: the grid is so oblique that two of its axes lie nearest to the same direction.
        """
        order, flips = self.geometry.axes_to(orientation)
        turned = self.permute(order)
        for axis in flips:
            turned = turned.flip(axis)
        return turned

    @property
    def memory_bytes(self) -> int:
        return int(self.array.nbytes)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Volume(_OnGrid):
    """One acquired volume.

    Args:
        array: (D, H, W), int16 or float32; CT in Hounsfield units after the per-slice rescale.
        geometry: where the voxels are.
        modality: DICOM modality, ``CT``, ``MR`` or ``PT``.
        value_unit: one of ``VALUE_UNITS``.
        series: the series and the instance of each slice k.
        acquisition: how it was acquired, from the header.
        notes: what the reader had to do to make a volume of the series, in words.
    """

    array: NDArray[Any]
    geometry: Geometry
    modality: str
    value_unit: str
    series: SeriesRef
    acquisition: Acquisition
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._check()
        if self.value_unit not in VALUE_UNITS:
            raise InvalidValueError(f"expected a value unit of {VALUE_UNITS}, found {self.value_unit!r}")

    def flip(self, axis: int) -> Volume:
        """As for every grid; the instances of the slices are turned round with them."""
        flipped: Volume = super().flip(axis)
        return flipped._with_slices(slice(None, None, -1)) if axis == 0 else flipped

    def permute(self, order: Sequence[int]) -> Volume:
        """As for every grid; when k becomes another axis no instance belongs to a slice any more."""
        permuted: Volume = super().permute(order)
        return permuted if order[0] == 0 else permuted._with_slices(slice(0, 0))

    def crop(self, start: Sequence[int], stop: Sequence[int]) -> Volume:
        """As for every grid; keeps the instances of the slices that are kept."""
        cropped: Volume = super().crop(start, stop)
        return cropped._with_slices(slice(start[0], stop[0]))

    def _with_slices(self, chosen: slice) -> Volume:
        series = replace(
            self.series,
            instance_uids=self.series.instance_uids[chosen],
            instance_numbers=self.series.instance_numbers[chosen],
            frame_numbers=self.series.frame_numbers[chosen],
        )
        return replace(self, series=series)

    def with_array(self, array: NDArray[Any]) -> Volume:
        """Other values on the same grid."""
        return replace(self, array=array)

    def __repr__(self) -> str:
        megabytes = self.memory_bytes / 1e6
        return f"Volume({self.modality}, {self.value_unit}, {self.array.dtype}, {megabytes:.0f} MB, {self.geometry!r})"


@dataclass(frozen=True, kw_only=True)
class Segment:
    """One label of a LabelMap.

    Args:
        number: the voxel value, at least 1.
        name: short name, unique within the label map, e.g. ``lung_left`` or ``nodule_1``.
        category: segmented property category, e.g. anatomical structure.
        type: segmented property type.
        laterality: ``right``, ``left`` or None.
        tracking_uid: the Finding whose region this is, or None for anatomy.
    """

    number: int
    name: str
    category: Code
    type: Code
    laterality: str | None = None
    tracking_uid: str | None = None

    def __post_init__(self) -> None:
        if self.number < 1:
            raise InvalidValueError(f"expected a segment number of at least 1, found {self.number}")


@dataclass(frozen=True, kw_only=True)
class Algorithm:
    """What made a label map: a name and version, and the weights if it has any."""

    name: str
    version: str
    weights_sha256: str | None = None


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class LabelMap(_OnGrid):
    """Non-overlapping masks on one grid.

    Args:
        name: ``findings`` or ``anatomy``; Region.label_map refers to it.
        array: (D, H, W) unsigned integers, 0 is background.
        geometry: where the voxels are; the grid of the series it was drawn on.
        segments: one for each value above 0 that may occur.
        algorithm: what drew it.
        series_uid: the series it was drawn on.
    """

    name: str
    array: NDArray[Any]
    geometry: Geometry
    segments: tuple[Segment, ...]
    algorithm: Algorithm
    series_uid: str
    _by_name: dict[str, Segment] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._check()
        if self.array.dtype.kind != "u":
            raise InvalidValueError(f"expected unsigned integers in a label map, found {self.array.dtype}")
        numbers = [s.number for s in self.segments]
        by_name = {s.name: s for s in self.segments}
        if len(set(numbers)) != len(numbers) or len(by_name) != len(numbers):
            raise InvalidValueError("segment numbers and names must be unique within a label map")
        if self.array.size and int(self.array.max()) not in {0, *numbers}:
            raise InvalidValueError(f"value {int(self.array.max())} of label map '{self.name}' has no segment")
        object.__setattr__(self, "_by_name", by_name)

    def segment(self, name: str) -> Segment:
        """The segment of that name; KeyError if there is none."""
        return self._by_name[name]

    def mask(self, name: str) -> NDArray[np.bool_]:
        """(D, H, W) bool of the named segment."""
        return self.array == self.segment(name).number

    def __repr__(self) -> str:
        return f"LabelMap('{self.name}', {len(self.segments)} segments, {self.geometry!r})"
