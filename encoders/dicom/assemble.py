"""An accepted series -> Volume: decoded slice by slice into one array, rescaled with each slice's own numbers."""

from __future__ import annotations

from pydicom.uid import UID, JPEGLSNearLossless

from tomoscribe.core import Geometry, Series, SeriesRef, Study, Verdict, Volume
from tomoscribe.core.errors import RefusedSeriesError
from tomoscribe.encoders.dicom.finish import finish
from tomoscribe.encoders.dicom.gate import Part, judge_part
from tomoscribe.encoders.dicom.headers import SliceHeader, lenient_reading, read_slice_headers
from tomoscribe.encoders.dicom.values import AIR_HU, Padding
from tomoscribe.encoders.dicom.voxels import read_voxels

_LOSSY = {JPEGLSNearLossless, "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.203"}


def load_volume(study: Study, series: Series) -> Volume:
    """The voxels of a series, slices in the order of their position along the normal (the k axis).

    CT becomes Hounsfield units; int16 where all values are whole numbers in its range, else float32. CT padding
    outside the field of view becomes -1024 HU, with a note. The peak is the volume plus a few slices. Compressed
    slices are decoded on all cores. Headers are read again only where a file changed since the scan.

    Raises:
        RefusedSeriesError: the gate refused the series, a file is truncated, damaged, gone or changed since the scan.
    """
    if series.verdict is Verdict.REFUSED:
        raise RefusedSeriesError(series.reason or "refused", where=series.series_uid, remedy=series.remedy)
    part = _judged(series)
    if part.geometry is None:
        raise RefusedSeriesError("the series has no grid to fill", where=series.series_uid, remedy="scan it again")
    array, paddings = read_voxels(part.slices)
    finished = finish(array, part)
    at = [part.slices[n] for n in finished.source]
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
            sop_class_uid=part.slices[0].sop_class_uid,
            frame_numbers=tuple(h.frame + 1 for h in at) if series.frames else (),
            part=series.part,
        ),
        acquisition=series.acquisition,
        notes=(*series.notes, *_notes(part.slices, paddings), *finished.notes),
    )


def slice_grid(series: Series) -> tuple[Geometry, tuple[str, ...]]:
    """Grid of a series and the SOP Instance UID of each slice k; nothing is decoded.

    Raises:
        RefusedSeriesError: as ``load_volume``.
    """
    if series.verdict is Verdict.REFUSED:
        raise RefusedSeriesError(series.reason or "refused", where=series.series_uid, remedy=series.remedy)
    part = _judged(series)
    if part.geometry is None:
        raise RefusedSeriesError("the series has no grid", where=series.series_uid, remedy="scan it again")
    return part.geometry, tuple(h.instance_uid for h in part.slices)


def _judged(series: Series) -> Part:
    """The slices that the gate accepted: those of the scan where no file changed since, else read and judged again."""
    if series.scanned:
        part: Part = series.scanned[1]
        places = {header.path: header.pixels for header in part.slices}.values()
        if all(place is not None and place.is_unchanged() for place in places):
            return part
    headers = _read_again(series)
    part = judge_part(series.part, headers)
    if part.refusal is not None or part.slices != headers:
        reason = part.refusal.reason if part.refusal else "the positions of the slices changed"
        raise RefusedSeriesError(
            f"the series changed since it was scanned: {reason}", where=series.series_uid, remedy="scan it again"
        )
    return part


def _read_again(series: Series) -> tuple[SliceHeader, ...]:
    files = list(dict.fromkeys(series.files))
    with lenient_reading():
        slices = dict(zip(files, read_slice_headers(files), strict=True))
    for path, frame in series.slices:
        if frame >= len(slices[path]):
            what = "can no longer be read" if not slices[path] else f"has {len(slices[path])} frames only"
            raise RefusedSeriesError(f"a file {what}", where=path.name, remedy="copy or export it again")
    return tuple(slices[path][frame] for path, frame in series.slices)


def _notes(headers: tuple[SliceHeader, ...], paddings: list[Padding]) -> tuple[str, ...]:
    """What was done to the values, in words."""
    notes = []
    num_padded = sum(p.num_pixels for p in paddings)
    if num_padded:
        notes.append(f"{num_padded} padding pixels outside the field of view set to {AIR_HU} HU")
    if any(p.kept for p in paddings):
        notes.append("the header's padding value is a tissue value as well; it was left as it is")
    if len({(h.rescale_slope, h.rescale_intercept) for h in headers}) > 1:
        notes.append("rescale slope or intercept differ between slices; each slice was rescaled with its own")
    if any(h.lossy or UID(h.transfer_syntax_uid or "") in _LOSSY for h in headers):
        notes.append("the images were compressed with loss")
    return tuple(notes)
