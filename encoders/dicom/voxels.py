"""Headers that the gate accepted -> the one array of the volume, filled by threads that decode without the lock."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tomoscribe.core.errors import RefusedSeriesError
from tomoscribe.encoders.dicom.codecs import CodecError, uses_all_cores
from tomoscribe.encoders.dicom.frames import Frames, open_frames
from tomoscribe.encoders.dicom.guarded import HeaderError
from tomoscribe.encoders.dicom.headers import SliceHeader
from tomoscribe.encoders.dicom.place import PixelPlace
from tomoscribe.encoders.dicom.values import Padding, Rescale, check_bits, padding_range, to_float32, to_int16

MAX_THREADS = 8
_MAX_RUN = 16
"""Slices that one thread reads in a row."""
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
    count = num_threads(headers)
    in_threads(reading.read, _units(headers, count), count)
    return array, [reading.paddings[k] for k in range(len(headers))]


@dataclass(kw_only=True)
class _Reading:
    """Slices on their way into the array; each belongs to one thread."""

    headers: Sequence[SliceHeader]
    array: NDArray[Any]
    paddings: dict[int, Padding] = field(default_factory=dict)

    def read(self, unit: Sequence[int]) -> None:
        """Reads slices k, those of one file in one go."""
        for _, slices in groupby(unit, key=lambda k: self.headers[k].path):
            self._read_file(list(slices))

    def _read_file(self, slices: list[int]) -> None:
        header = self.headers[slices[0]]
        place = header.pixels
        try:
            if place is None:
                raise CodecError("the header does not say how its pixels are stored")
            with open_frames(place) as frames:
                for k in slices:
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


def in_threads(work: Callable[[Unit], None], units: Sequence[Unit], count: int) -> None:
    """Does all units, ``count`` at once; the first error stops the rest and is raised."""
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

    count = min(count, len(units))
    with ThreadPoolExecutor(max_workers=max(1, count), thread_name_prefix="dicom-pixels") as pool:
        futures = [pool.submit(run) for _ in range(count)]
    for future in futures:
        future.result()


def num_threads(headers: Sequence[SliceHeader]) -> int:
    """How many threads read these slices: one per core where their decoder lets them."""
    parallel = all(uses_all_cores(h.transfer_syntax_uid or "") for h in headers)
    return min(MAX_THREADS, os.cpu_count() or 1) if parallel else 1


def _units(headers: Sequence[SliceHeader], count: int) -> list[Sequence[int]]:
    """Runs of neighboring slices, long ones first and single ones at the end, so that all threads end together.

    Neighbors in memory belong to one thread: two that fill the same (huge) page for the first time hinder each other.
    All of a deflated file is one unit, because it must be inflated from its beginning.
    """
    if any(h.pixels is not None and h.pixels.facts.deflated_at >= 0 for h in headers):
        by_file: dict[Path, list[int]] = {}
        for k, header in enumerate(headers):
            by_file.setdefault(header.path, []).append(k)
        return list(by_file.values())
    units: list[Sequence[int]] = []
    start = 0
    while start < len(headers):
        size = min(_MAX_RUN, max(1, (len(headers) - start) // (2 * count)))
        units.append(range(start, min(start + size, len(headers))))
        start += size
    return units


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
