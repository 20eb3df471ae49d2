"""An accepted series -> Volume: decoded slice by slice into one array, rescaled with each slice's own numbers."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels import pixel_array
from pydicom.uid import UID, JPEGLSNearLossless

from tomoscribe.core import Series, SeriesRef, Study, Verdict, Volume
from tomoscribe.core.errors import RefusedSeriesError
from tomoscribe.encoders.dicom.broken import BROKEN_FILE
from tomoscribe.encoders.dicom.finish import AIR_HU, finish
from tomoscribe.encoders.dicom.gate import judge_part
from tomoscribe.encoders.dicom.guarded import HeaderError
from tomoscribe.encoders.dicom.headers import (
    SliceHeader,
    integer,
    lenient_reading,
    read_slice_headers,
    read_some,
    slice_headers,
    text,
)
from tomoscribe.encoders.dicom.pixels import read_whole

_PADDING_CEILING_HU = -1000
"""A padding value that would lie above this is a tissue value as well and is left alone."""
_INT16 = np.iinfo(np.int16)
_DECODE_ERRORS = (*BROKEN_FILE, RuntimeError, NotImplementedError, IndexError)
_LOSSY = {JPEGLSNearLossless, "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.203"}


def load_volume(study: Study, series: Series) -> Volume:
    """The voxels of a series, slices in the order of their position along the normal (the k axis).

    CT becomes Hounsfield units; int16 where all values are whole numbers in its range, else float32. CT padding
    outside the field of view becomes -1024 HU, with a note. The peak is the volume plus a few slices.

    Raises:
        RefusedSeriesError: the gate refused the series, a file is truncated, damaged, gone or changed since the scan.
    """
    if series.verdict is Verdict.REFUSED:
        raise RefusedSeriesError(series.reason or "refused", where=series.series_uid, remedy=series.remedy)
    assembly = _Assembly(series)
    with lenient_reading():
        workers = max(1, min(4, os.cpu_count() or 1))
        with ThreadPoolExecutor(max_workers=workers) as pool:
            for _ in pool.map(assembly.read_file, assembly.slices_of_files()):
                pass
    headers = assembly.headers_in_order()
    part = judge_part(series.part, headers)
    if part.refusal is not None or part.geometry is None or part.slices != headers:
        reason = part.refusal.reason if part.refusal else "the positions of the slices changed"
        raise RefusedSeriesError(
            f"the series changed since it was scanned: {reason}", where=series.series_uid, remedy="scan it again"
        )
    finished = finish(assembly.array, part)
    at = [headers[n] for n in finished.source]
    return Volume(
        array=finished.array,
        geometry=part.geometry,
        modality=series.modality,
        value_unit=part.value_unit or "arbitrary",
        series=SeriesRef(
            study_uid=study.study_uid,
            series_uid=series.series_uid,
            series_number=series.number,
            description=series.description,
            instance_uids=tuple(h.instance_uid for h in at),
            instance_numbers=tuple(h.instance_number for h in at),
            sop_class_uid=headers[0].sop_class_uid,
            frame_numbers=tuple(h.frame + 1 for h in at) if series.frames else (),
            part=series.part,
        ),
        acquisition=series.acquisition,
        notes=(*series.notes, *assembly.notes(headers), *finished.notes),
    )


@dataclass
class _Assembly:
    """The one array of the volume while slices arrive from several threads; float32 as soon as one needs it."""

    series: Series
    array: NDArray[Any] = field(init=False)
    num_padded: int = 0
    padding_kept: bool = False
    headers: dict[int, SliceHeader] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        shape = _stacked_shape(self.series) if self.series.verdict is Verdict.RESAMPLED else self.series.shape
        if shape is None or shape[0] != len(self.series.files):
            raise RefusedSeriesError(
                "the series has no grid to fill", where=self.series.series_uid, remedy="scan it again"
            )
        self.array = np.empty(shape, dtype=np.int16)

    def slices_of_files(self) -> list[tuple[Path, dict[int, int]]]:
        """Each file once, with the slice k that each of its frames is."""
        places: dict[Path, dict[int, int]] = {}
        for k, (path, frame) in enumerate(self.series.slices):
            places.setdefault(path, {})[frame] = k
        return list(places.items())

    def read_file(self, file: tuple[Path, dict[int, int]]) -> None:
        """Decodes the frames of one file into their slices."""
        path, places = file
        ds = _read_whole(path)
        headers = slice_headers(ds, path)
        if max(places) >= len(headers):
            raise _damaged(headers[0], f"expected at least {max(places) + 1} frames, found {len(headers)}")
        for frame, k in places.items():
            self._read_slice(ds, headers[frame], k)

    def _read_slice(self, ds: Dataset, header: SliceHeader, k: int) -> None:
        stored = _decode(ds, header)
        if stored.shape != self.array.shape[1:]:
            raise _damaged(header, f"expected {self.array.shape[1:]} pixels, found {stored.shape}")
        values, num_padded, kept = _rescale(stored, ds, header)
        with self.lock:
            if values.dtype != np.int16 and self.array.dtype == np.int16:
                self.array = self.array.astype(np.float32)
            self.array[k] = values
            self.headers[k] = header
            self.num_padded += num_padded
            self.padding_kept |= kept

    def headers_in_order(self) -> tuple[SliceHeader, ...]:
        """The headers that were read, slice by slice."""
        return tuple(self.headers[k] for k in range(len(self.series.files)))

    def notes(self, headers: tuple[SliceHeader, ...]) -> tuple[str, ...]:
        """What was done to the values, in words."""
        notes = []
        if self.num_padded:
            notes.append(f"{self.num_padded} padding pixels outside the field of view set to {AIR_HU} HU")
        if self.padding_kept:
            notes.append("the header's padding value is a tissue value as well; it was left as it is")
        if len({(h.rescale_slope, h.rescale_intercept) for h in headers}) > 1:
            notes.append("rescale slope or intercept differ between slices; each slice was rescaled with its own")
        if any(h.lossy or UID(h.transfer_syntax_uid or "") in _LOSSY for h in headers):
            notes.append("the images were compressed with loss")
        return tuple(notes)


def _stacked_shape(series: Series) -> tuple[int, int, int]:
    """(D, rows, columns) of the slices before they are resampled."""
    path, frame = series.slices[0]
    try:
        headers = read_slice_headers(path)
    except HeaderError as error:
        raise RefusedSeriesError(error.reason, where=path.name, remedy=_COPY_AGAIN) from error
    first = headers[min(frame, len(headers) - 1)]
    return len(series.files), first.rows or 0, first.columns or 0


def _read_whole(path: Path) -> Dataset:
    try:
        return read_whole(path)
    except HeaderError as error:
        raise RefusedSeriesError(error.reason, where=_named(path), remedy=_COPY_AGAIN) from error


def _named(path: Path) -> str:
    """The file's name, with its SOP Instance UID where that can be read."""
    try:
        return f"{path.name}, SOP {text(read_some(path, ('SOPInstanceUID',)), 'SOPInstanceUID')}"
    except HeaderError:
        return path.name


def _decode(ds: Dataset, header: SliceHeader) -> NDArray[Any]:
    """(rows, columns) stored values, as the header's bits and sign say."""
    try:
        stored: NDArray[Any] = ds.pixel_array if header.frames == 1 else pixel_array(ds, index=header.frame, raw=True)
    except _DECODE_ERRORS as error:
        raise _damaged(header, "the pixels are truncated or cannot be decoded") from error
    bits = header.bits_stored or 16
    signed = stored.dtype.kind == "i"
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    fits = stored.size > 0 and int(stored.min()) >= low and int(stored.max()) <= high
    if not fits or not _unused_bits_are_empty(ds, stored, bits, header.frame):
        raise _damaged(header, f"the stored values do not fit into the {bits} bits that the header states")
    return stored


def _unused_bits_are_empty(ds: Dataset, stored: NDArray[Any], bits: int, frame: int) -> bool:
    """Whether the bits above (0028,0101) are zero, a copy of the sign, or declared overlays (60xx,0102).

    pydicom drops them: a header that states too few bits would quietly fold large values.
    """
    syntax = ds.file_meta.TransferSyntaxUID
    if syntax.is_compressed or stored.dtype.itemsize != 2 or bits >= 16:
        return True
    tags = tuple(ds.keys())
    if any(0x6000 <= tag.group <= 0x601E and tag.element == 0x0102 for tag in tags):
        return True
    order = "<u2" if syntax.is_little_endian else ">u2"
    raw = np.frombuffer(ds.PixelData, dtype=order, count=stored.size, offset=2 * stored.size * frame)
    plain = raw.max() >> bits == 0
    return bool(plain or np.array_equal(raw.astype(np.uint16).view(np.int16), stored.ravel().astype(np.int16)))


def _rescale(stored: NDArray[Any], ds: Dataset, header: SliceHeader) -> tuple[NDArray[Any], int, bool]:
    """Values of one slice, how many pixels were padding, and whether a padding value was left alone."""
    slope = 1.0 if header.rescale_slope is None else header.rescale_slope
    intercept = 0.0 if header.rescale_intercept is None else header.rescale_intercept
    padding = _padding_mask(stored, ds) if header.modality == "CT" else None
    kept = False
    if padding is not None and padding.any():
        kept = float(stored[padding].max()) * slope + intercept > _PADDING_CEILING_HU
        padding = None if kept else padding
    else:
        padding = None
    whole = slope == int(slope) and intercept == int(intercept)
    values: NDArray[Any]
    if whole:
        values = stored.astype(np.int64 if stored.dtype.itemsize > 2 else np.int32) * int(slope) + int(intercept)
    else:
        values = (stored.astype(np.float64) * slope + intercept).astype(np.float32)
    if padding is not None:
        values[padding] = AIR_HU
    if whole and int(values.min()) >= _INT16.min and int(values.max()) <= _INT16.max:
        values = values.astype(np.int16)
    elif whole:
        values = values.astype(np.float32)
    return values, 0 if padding is None else int(padding.sum()), kept


def _padding_mask(stored: NDArray[Any], ds: Dataset) -> NDArray[np.bool_] | None:
    """Pixels within (0028,0120) to (0028,0121); both read with the sign of the pixels, whatever their VR."""
    first = _signed_like(stored, integer(ds, "PixelPaddingValue"))
    if first is None:
        return None
    last = _signed_like(stored, integer(ds, "PixelPaddingRangeLimit"))
    low, high = sorted((first, first if last is None else last))
    return np.asarray((stored >= low) & (stored <= high))


def _signed_like(stored: NDArray[Any], value: int | None) -> int | None:
    if value is None:
        return None
    bits = 8 * stored.dtype.itemsize
    value &= (1 << bits) - 1
    return value - (1 << bits) if stored.dtype.kind == "i" and value >> (bits - 1) else value


def _damaged(header: SliceHeader, what: str) -> RefusedSeriesError:
    return RefusedSeriesError(what, where=f"{header.path.name}, SOP {header.instance_uid}", remedy=_COPY_AGAIN)


_COPY_AGAIN = "copy or export this image again"
