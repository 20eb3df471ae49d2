"""Headers that the gate accepted -> the one array of the volume, filled by threads that decode without the lock."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tomoscribe.core.errors import RefusedSeriesError
from tomoscribe.encoders.dicom.codecs import CodecError
from tomoscribe.encoders.dicom.frames import Frames, open_frames
from tomoscribe.encoders.dicom.guarded import HeaderError
from tomoscribe.encoders.dicom.headers import SliceHeader
from tomoscribe.encoders.dicom.place import PixelPlace
from tomoscribe.encoders.dicom.values import Padding, Rescale, check_bits, padding_range, to_float32, to_int16

MAX_THREADS = 8
_FRAMES_PER_UNIT = 16
"""Frames of one file that one thread reads in a row."""
_COPY_AGAIN = "copy or export this image again"
Unit = TypeVar("Unit")


class _NeedsFloatError(Exception):
    """A slice holds values beyond int16."""


def read_voxels(headers: Sequence[SliceHeader]) -> tuple[NDArray[Any], list[Padding]]:
    """(D, H, W) values, int16 where it holds them all, else float32; and what became of each slice's padding.

    Raises:
        RefusedSeriesError: a file is truncated, damaged, gone or changed.
    """
    shape = (len(headers), headers[0].rows or 0, headers[0].columns or 0)
    whole = all(_rescale(h).is_whole for h in headers)
    if whole:
        try:
            return _filled(headers, np.empty(shape, np.int16))
        except _NeedsFloatError:
            pass  # rare, and only known when the last slice has been seen: everything is read once more
    return _filled(headers, np.empty(shape, np.float32))


def _filled(headers: Sequence[SliceHeader], array: NDArray[Any]) -> tuple[NDArray[Any], list[Padding]]:
    reading = _Reading(headers=headers, array=array)
    on_all_cores(reading.read, _units(headers))
    return array, [reading.paddings[k] for k in range(len(headers))]


@dataclass(kw_only=True)
class _Reading:
    """Slices on their way into the array; each belongs to one thread."""

    headers: Sequence[SliceHeader]
    array: NDArray[Any]
    paddings: dict[int, Padding] = field(default_factory=dict)

    def read(self, unit: Sequence[int]) -> None:
        """Reads slices k of one file."""
        header = self.headers[unit[0]]
        place = header.pixels
        try:
            if place is None:
                raise CodecError("the header does not say how its pixels are stored")
            with open_frames(place) as frames:
                for k in unit:
                    header = self.headers[k]
                    self.paddings[k] = self._slice(frames, place, header, self.array[k])
        except HeaderError as error:
            raise _damaged(header, error.reason) from error
        except CodecError as error:
            raise _damaged(header, str(error)) from error

    def _slice(self, frames: Frames, place: PixelPlace, header: SliceHeader, out: NDArray[Any]) -> Padding:
        layout = place.layout
        if (layout.rows, layout.columns) != out.shape:
            raise CodecError(f"expected {out.shape} pixels, found {(layout.rows, layout.columns)}")
        in_place = out.dtype == np.int16 and layout.bits_allocated == 16
        stored = out.view(layout.dtype) if in_place else np.empty(out.shape, layout.dtype)
        frames.read(header.frame, stored)
        check_bits(stored, layout)
        rescale = _rescale(header)
        padding = to_int16(stored, rescale, out) if out.dtype == np.int16 else to_float32(stored, rescale, out)
        if padding is None:
            raise _NeedsFloatError
        return padding


def on_all_cores(work: Callable[[Unit], None], units: Sequence[Unit]) -> None:
    """Does all units, as many at once as there are cores; the first error stops the rest and is raised."""
    waiting, stop = iter(units), threading.Event()

    def run() -> None:
        try:
            for unit in waiting:  # one iterator for all threads: each unit is taken once
                if stop.is_set():
                    return
                work(unit)
        except BaseException:
            stop.set()
            raise

    num_threads = min(MAX_THREADS, os.cpu_count() or 1, len(units))
    with ThreadPoolExecutor(max_workers=max(1, num_threads), thread_name_prefix="dicom-pixels") as pool:
        futures = [pool.submit(run) for _ in range(num_threads)]
    for future in futures:
        future.result()


def _units(headers: Sequence[SliceHeader]) -> list[list[int]]:
    """Slices k that one thread reads in a row: of one file, which is opened once for them."""
    by_file: dict[Any, list[int]] = {}
    for k, header in enumerate(headers):
        by_file.setdefault(header.path, []).append(k)
    return [part for slices in by_file.values() for part in _pieces(slices, headers[slices[0]])]


def _pieces(slices: list[int], header: SliceHeader) -> Iterable[list[int]]:
    """All of a deflated file, which must be inflated from its beginning; else a few frames each."""
    is_deflated = header.pixels is not None and header.pixels.facts.deflated_at >= 0
    size = len(slices) if is_deflated else _FRAMES_PER_UNIT
    return (slices[n : n + size] for n in range(0, len(slices), size))


def _rescale(header: SliceHeader) -> Rescale:
    """Slope and intercept of a slice; with its padding where it is CT."""
    place = header.pixels
    return Rescale(
        slope=1.0 if header.rescale_slope is None else header.rescale_slope,
        intercept=0.0 if header.rescale_intercept is None else header.rescale_intercept,
        padding=padding_range(place.padding, place.layout) if place and header.modality == "CT" else None,
    )


def _damaged(header: SliceHeader, what: str) -> RefusedSeriesError:
    return RefusedSeriesError(what, where=f"{header.path.name}, SOP {header.instance_uid}", remedy=_COPY_AGAIN)
