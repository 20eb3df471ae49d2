"""Pictures of findings: one plane of the volume with the finding outlined, its calipers, side labels and scale bar.

Screen convention (CLINICAL 15): axial and coronal with the patient's left on the screen's right; sagittal with anterior
on the screen's left; head up. The plane is cut and turned through the geometry of the volume, on its native voxels;
only the voxel size along the two screen axes is evened out (bilinear), so that millimetres look alike both ways.
Marks are vectors in millimetres of the picture, apart from the pixels, so that a reader can hide them.
"""

from __future__ import annotations

import base64
import io
import itertools
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomoscribe.core import Finding, Geometry, LabelMap, Point, Presence, Reading, Segment, Volume, terms

_TOWARDS = {
    "axial": ((0, 0, 1), (0, 1, 0), (1, 0, 0)),
    "coronal": ((0, 1, 0), (0, 0, -1), (1, 0, 0)),
    "sagittal": ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
}
"""Per plane: direction (x, y, z) in LPS through the picture, down the screen, to the screen's right."""
_SIDES = {
    "axial": {"left": "R", "right": "L", "top": "A", "bottom": "P"},
    "coronal": {"left": "R", "right": "L", "top": "H", "bottom": "F"},
    "sagittal": {"left": "A", "right": "P", "top": "H", "bottom": "F"},
}
_MEDIASTINAL = (terms.PLEURAL_EFFUSION, terms.ORGAN_MEASUREMENT)
TINT_RGB = (255, 140, 0)
ORGANS = ""
"""Key of the overview of organs among the pictures of a reading."""
LOW_ATTENUATION = "low attenuation"
MAX_PIXELS = 460
"""Longer side of a picture, unless another is asked for."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """Grey scale: values from ``level - width / 2`` (black) to ``level + width / 2`` (white)."""

    name: str
    width: float
    level: float

    def apply(self, array: NDArray[Any]) -> NDArray[np.uint8]:
        """0 to 255."""
        scaled = (array.astype(np.float32) - (self.level - self.width / 2)) / self.width
        return np.asarray(np.clip(scaled * 255.0 + 0.5, 0, 255), dtype=np.uint8)


LUNG = Window(name="lung", width=1500, level=-600)
MEDIASTINUM = Window(name="mediastinum", width=350, level=40)


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A line on the picture.

    Args:
        kind: ``outline``, ``long``, ``short`` or ``frame``.
        points: (x, y) in mm of the picture, from its upper left corner.
        label: the length beside a caliper, the name of an outlined organ, or an empty string.
        color: number of the organ's color, 0 for findings.
    """

    kind: str
    points: tuple[tuple[float, float], ...]
    label: str = ""
    color: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class KeyImage:
    """One picture.

    Args:
        pixels: (H, W) grey without any mark, or (H, W, 3) with its marks drawn in; 8-bit.
        tint: (H, W) opacity of the color over a mask that is too scattered to outline, 8-bit; else None.
        width_mm, height_mm: size of what it shows.
        plane: ``axial``, ``coronal`` or ``sagittal``; ``oblique`` planes carry the nearest name.
        sides: letter at ``left``, ``right``, ``top``, ``bottom``.
        series_number, instance_number, instance_uid: of the slice, None where the plane is reformatted.
        position_mm: along the patient axis perpendicular to the plane.
    """

    pixels: NDArray[np.uint8]
    tint: NDArray[np.uint8] | None
    width_mm: float
    height_mm: float
    plane: str
    window: Window
    sides: dict[str, str]
    marks: tuple[Mark, ...]
    series_number: int | None
    instance_number: int | None
    position_mm: float
    is_native: bool
    instance_uid: str | None = None

    @property
    def is_marked(self) -> bool:
        """Whether the marks are drawn into the pixels, with letters and scale, so that nothing need be laid over."""
        return self.pixels.ndim == 3

    @property
    def png(self) -> bytes:
        """The pixels as a PNG."""
        from PIL import Image

        return _png(Image.fromarray(self.pixels))

    @property
    def data_uri(self) -> str:
        return "data:image/png;base64," + base64.b64encode(self.png).decode()

    @property
    def tint_uri(self) -> str | None:
        return None if self.tint is None else "data:image/png;base64," + base64.b64encode(_tint_png(self.tint)).decode()

    @property
    def bar_mm(self) -> float:
        """Length of the scale bar: the longest of these that fits into a quarter of the width."""
        return max((b for b in (5.0, 10.0, 20.0, 50.0, 100.0) if b <= self.width_mm / 4), default=5.0)


@dataclass(frozen=True, kw_only=True)
class _Cut:
    """One plane of a grid, turned to the screen: array (1, down, right) on ``geometry``."""

    volume: Volume
    plane: str
    axis: int
    index: int

    @property
    def geometry(self) -> Geometry:
        return self.volume.geometry


def windows_of(volume: Volume, finding: Finding | None = None) -> tuple[Window, ...]:
    """The presets that suit a finding: CT by its type, MR by the 1st and 99th percentile above the background."""
    if volume.value_unit != "hu":
        values = volume.array[:: max(1, volume.array.shape[0] // 32), ::2, ::2]
        bright = values[values > float(values.mean()) * 0.2] if values.any() else values
        low, high = (float(v) for v in np.percentile(bright if bright.size else values, (1, 99)))
        return (Window(name="MR percentiles 1 to 99", width=max(high - low, 1e-6), level=(high + low) / 2),)
    if finding is not None and finding.type in (terms.NODULE, terms.MASS):
        return LUNG, MEDIASTINUM
    if finding is not None and finding.type in _MEDIASTINAL and finding.site not in (terms.LUNG, terms.AIRWAYS):
        return (MEDIASTINUM,)
    return (LUNG,)


def draw_all(
    reading: Reading, volumes: Mapping[str, Volume], max_pixels: int = MAX_PIXELS
) -> dict[str, tuple[KeyImage, ...]]:
    """The pictures of each finding that is present or to be reviewed, by tracking UID; under ORGANS the overview.

    Args:
        volumes: by series UID; a finding whose volume is not among them has no picture.
    """
    shown = (Presence.PRESENT, Presence.UNCERTAIN)
    drawn = {
        f.tracking_uid: finding_images(f, reading, volumes, max_pixels)
        for f in reading.report.findings
        if f.presence in shown and f.type != terms.ORGAN_MEASUREMENT
    }
    organs = overview(reading, volumes, max_pixels)
    return {**drawn, ORGANS: organs} if organs else drawn


def overview(reading: Reading, volumes: Mapping[str, Volume], max_pixels: int = MAX_PIXELS) -> tuple[KeyImage, ...]:
    """The pictures of the organs of a reading; none where their volume is not at hand."""
    anatomy = reading.label_map("anatomy")
    if anatomy is None or anatomy.series_uid not in volumes:
        return ()
    regions = (f.region for f in reading.report.findings)
    measured = {r.segment for r in regions if r is not None and r.segment is not None}
    return organ_images(volumes[anatomy.series_uid], anatomy, max_pixels, measured)


def finding_images(
    finding: Finding, reading: Reading, volumes: Mapping[str, Volume], max_pixels: int = MAX_PIXELS
) -> tuple[KeyImage, ...]:
    """The pictures of one finding of a reading; none where its volume is not at hand."""
    region = finding.region
    if region is None:
        return ()
    label_map = None if region.label_map is None else reading.label_map(region.label_map)
    volume = _volume_of(finding, label_map, volumes)
    if volume is None:
        return ()
    counted = _counted_as_emphysema(finding, volume, reading.label_map("anatomy"))
    if counted is not None:
        label_map = counted
        finding = replace(finding, region=replace(region, label_map=LOW_ATTENUATION, segment=LOW_ATTENUATION))
    return key_images(volume, finding, label_map, max_pixels)


def _counted_as_emphysema(finding: Finding, volume: Volume, anatomy: LabelMap | None) -> LabelMap | None:
    """The lung voxels that the finding's share counts; None for other findings or without the lungs' masks."""
    from tomoscribe.findings.chest.emphysema import LAA_HU

    if finding.measurement(terms.LAA_950) is None or anatomy is None or anatomy.series_uid != volume.series.series_uid:
        return None
    lungs = [s.number for s in anatomy.segments if s.type == terms.LUNG]
    if not lungs or anatomy.array.shape != volume.array.shape:
        return None
    low = np.isin(anatomy.array, lungs) & (volume.array < LAA_HU)
    first = anatomy.segments[0]
    segment = Segment(number=1, name=LOW_ATTENUATION, category=first.category, type=terms.EMPHYSEMA)
    return replace(anatomy, name=LOW_ATTENUATION, array=low.astype(np.uint8), segments=(segment,))


def _volume_of(finding: Finding, label_map: LabelMap | None, volumes: Mapping[str, Volume]) -> Volume | None:
    """The volume of the mask, else of the evidence slice, else the first in the region's frame of reference."""
    if label_map is not None:
        return volumes.get(label_map.series_uid)
    for evidence in finding.evidence:
        if evidence.series_uid in volumes:
            return volumes[evidence.series_uid]
    frame = None if finding.region is None else finding.region.frame_of_reference_uid
    return next((v for v in volumes.values() if frame in (None, v.geometry.frame_of_reference_uid)), None)


def key_images(
    volume: Volume, finding: Finding, label_map: LabelMap | None, max_pixels: int = MAX_PIXELS
) -> tuple[KeyImage, ...]:
    """Whole slice and, for a finding small against it, its neighborhood in each suitable window.

    Args:
        volume: the one the finding was measured on, or any in its frame of reference.
        finding: with a region; without one there is no picture.
        label_map: that holds the region's segment, on the grid of ``volume``; None for a region without mask.
        max_pixels: longer side of each picture.
    """
    region = finding.region
    if region is None:
        return ()
    mask = _mask_of(label_map, finding)
    ends = _endpoints(finding)
    axis, index = _best_plane(volume, finding, mask, ends)
    cut = _cut(volume, axis, index)
    cut_mask = None if mask is None else _cut(mask, axis, index)
    windows = windows_of(volume, finding)
    box = _neighborhood(cut.geometry, finding)
    whole_height, whole_width = _size_mm(cut.geometry)
    if box is None or box[2] - box[0] > 0.5 * whole_width or box[3] - box[1] > 0.5 * whole_height:
        marks = _outline_and_calipers(cut, cut_mask, ends)
        return tuple(_render(_View(cut=cut, mask=cut_mask, max_pixels=max_pixels), w, marks) for w in windows)
    frame = Mark(kind="frame", points=((box[0], box[1]), (box[2], box[1]), (box[2], box[3]), (box[0], box[3])))
    marks = _outline_and_calipers(cut, cut_mask, ends)
    close = _View(cut=cut, mask=cut_mask, box=box, max_pixels=max_pixels)
    return (
        _render(_View(cut=cut, max_pixels=max_pixels), windows[0], (frame,)),
        *(_render(close, w, marks) for w in windows),
    )


def organ_images(
    volume: Volume, label_map: LabelMap, max_pixels: int = MAX_PIXELS, measured: Collection[str] = ()
) -> tuple[KeyImage, ...]:
    """Axial and coronal overview through the middle of all masks, each segment outlined in its color.

    Args:
        volume: the one the masks were drawn on.
        label_map: on its grid.
        measured: names of segments that are drawn over the others where borders meet; small ones over large ones.
    """
    where = np.argwhere(label_map.array > 0)
    if not len(where):
        return ()
    center = label_map.geometry.to_world(np.median(where, axis=0))
    pictures = []
    for plane in ("axial", "coronal"):
        axis = _axis_of(volume.geometry, plane)
        index = int(np.clip(round(float(volume.geometry.to_index(center)[axis])), 0, volume.geometry.shape[axis] - 1))
        cut = _cut(volume, axis, index)
        marks: list[Mark] = []
        for color, segment in _large_first(label_map, measured):
            mask = volume.with_array((label_map.array == segment.number).astype(np.uint8))
            outlines = _outlines(_cut(mask, axis, index))
            marks += [replace(m, label=segment.name.replace("_", " "), color=color) for m in outlines]
        pictures.append(_render(_View(cut=cut, max_pixels=max_pixels), windows_of(volume)[0], tuple(marks)))
    return tuple(pictures)


def _large_first(label_map: LabelMap, measured: Collection[str]) -> list[tuple[int, Segment]]:
    """The segments with their place in the label map, in the order in which they are drawn."""
    sizes = {s.number: int(np.count_nonzero(label_map.array == s.number)) for s in label_map.segments}
    return sorted(enumerate(label_map.segments), key=lambda one: (one[1].name in measured, -sizes[one[1].number]))


def _mask_of(label_map: LabelMap | None, finding: Finding) -> LabelMap | None:
    """The finding's mask alone, as a label map with values 0 and 1."""
    region = finding.region
    if label_map is None or region is None or region.segment is None or region.label_map != label_map.name:
        return None
    if region.segment not in {s.name for s in label_map.segments}:
        return None
    number = label_map.segment(region.segment).number
    first = label_map.segments[0]
    only = (Segment(number=1, name=region.segment, category=first.category, type=first.type),)
    return LabelMap(
        name=label_map.name,
        array=(label_map.array == number).astype(np.uint8),
        geometry=label_map.geometry,
        segments=only,
        algorithm=label_map.algorithm,
        series_uid=label_map.series_uid,
    )


def _endpoints(finding: Finding) -> dict[str, tuple[tuple[Point, Point], str]]:
    """Caliper points and the text beside them, of the long and the short axis."""
    found = {}
    for kind, name in (("long", terms.LONG_AXIS), ("short", terms.SHORT_AXIS)):
        measurement = finding.measurement(name)
        if measurement is not None and measurement.endpoints_mm is not None:
            found[kind] = (measurement.endpoints_mm, f"{measurement.value:.1f} mm")
    return found


def _best_plane(
    volume: Volume, finding: Finding, mask: LabelMap | None, ends: dict[str, tuple[tuple[Point, Point], str]]
) -> tuple[int, int]:
    """Array axis across the picture and index on it: the calipers' plane, else the evidence slice, else the mask's."""
    geometry = volume.geometry
    if "long" in ends:
        indices = geometry.to_index(np.array(ends["long"][0]))
        across = np.abs(indices[1] - indices[0])
        axis = 0 if across[0] <= 0.5 else int(np.argmin(across))
        return axis, _inside(float(indices[:, axis].mean()), geometry.shape[axis])
    named = {e.instance_uid for e in finding.evidence}
    for k, uid in enumerate(volume.series.instance_uids[: geometry.shape[0]]):
        if uid in named:
            return 0, k
    if mask is not None and mask.array.any() and mask.array.shape == volume.array.shape:
        return 0, int(np.argmax(mask.array.sum(axis=(1, 2))))
    center = finding.region.center_mm if finding.region is not None else geometry.center_mm
    return 0, _inside(float(geometry.to_index(center)[0]), geometry.shape[0])


def _inside(index: float, size: int) -> int:
    return int(np.clip(round(index), 0, size - 1))


def _axis_of(geometry: Geometry, plane: str) -> int:
    """The array axis that runs most nearly through the pictures of that plane."""
    return int(np.argmax(np.abs(np.array(_TOWARDS[plane][0], float) @ geometry.direction)))


def _cut(on_grid: Any, axis: int, index: int) -> Any:
    """Slice ``index`` along ``axis``, axes ordered (through, down, right) and turned as the screen wants them."""
    start, stop = [0, 0, 0], list(on_grid.geometry.shape)
    start[axis], stop[axis] = index, index + 1
    moved = on_grid.crop(start, stop)
    through = np.abs(moved.geometry.direction[:, axis])
    plane = ("sagittal", "coronal", "axial")[int(np.argmax(through))]
    towards = np.array(_TOWARDS[plane], float)
    rest = [a for a in range(3) if a != axis]
    orders = [(axis, *p) for p in itertools.permutations(rest)]
    agreement = towards @ moved.geometry.direction
    order = max(orders, key=lambda o: abs(agreement[1, o[1]]) + abs(agreement[2, o[2]]))
    moved = moved.permute(order)
    for screen_axis in (1, 2):
        if agreement[screen_axis, order[screen_axis]] < 0:
            moved = moved.flip(screen_axis)
    if isinstance(on_grid, Volume):
        return _Cut(volume=moved, plane=plane, axis=axis, index=index)
    return moved


def _size_mm(geometry: Geometry) -> tuple[float, float]:
    """Height and width of the picture."""
    _, rows, columns = geometry.shape
    return rows * float(geometry.spacing_mm[1]), columns * float(geometry.spacing_mm[2])


def _on_picture(geometry: Geometry, points_mm: Any) -> NDArray[np.float64]:
    """LPS mm (N, 3) to mm of the picture (N, 2), from its upper left corner."""
    indices = geometry.to_index(np.asarray(points_mm, float))[..., 1:]
    picture = (indices + 0.5) * geometry.spacing_mm[1:]
    return np.stack([picture[..., 1], picture[..., 0]], axis=-1)


def _neighborhood(geometry: Geometry, finding: Finding) -> tuple[float, float, float, float] | None:
    """A square of picture mm (x0, y0, x1, y1) around the finding, at least 50 mm wide, inside the picture."""
    region = finding.region
    if region is None:
        return None
    corners = np.array(list(itertools.product(*zip(region.box_min_mm, region.box_max_mm, strict=True))))
    points = _on_picture(geometry, corners)
    low, high = points.min(axis=0), points.max(axis=0)
    side = max(50.0, float((high - low).max()) * 2.0)
    height, width = _size_mm(geometry)
    center = (low + high) / 2
    x0 = float(np.clip(center[0] - side / 2, 0, max(width - side, 0)))
    y0 = float(np.clip(center[1] - side / 2, 0, max(height - side, 0)))
    return x0, y0, min(x0 + side, width), min(y0 + side, height)


def _outline_and_calipers(
    cut: _Cut, mask: LabelMap | None, ends: dict[str, tuple[tuple[Point, Point], str]]
) -> tuple[Mark, ...]:
    marks = [] if mask is None or _is_scattered(mask) else _outlines(mask)
    thick = float(cut.geometry.spacing_mm[0])
    for kind, (points, label) in ends.items():
        off = np.abs(cut.geometry.to_index(np.array(points))[:, 0]) * thick
        if off.max() <= max(thick, 1.0):
            line = _on_picture(cut.geometry, points)
            marks.append(Mark(kind=kind, points=tuple((float(x), float(y)) for x, y in line), label=label))
    return tuple(marks)


def _is_scattered(mask: LabelMap) -> bool:
    """Whether the mask falls into too many pieces on this plane to be outlined."""
    from scipy.ndimage import label

    return bool(label(mask.array[0])[1] > 12)


def _outlines(mask: Any) -> list[Mark]:
    """The borders of a mask on its plane, halfway between voxels."""
    from skimage.measure import find_contours

    grid = mask.volume if isinstance(mask, _Cut) else mask
    spacing = grid.geometry.spacing_mm
    padded = np.pad(grid.array[0].astype(np.float32), 1)
    marks = []
    for contour in find_contours(padded, 0.5):
        points = tuple((float((x - 0.5) * spacing[2]), float((y - 0.5) * spacing[1])) for y, x in contour)
        marks.append(Mark(kind="outline", points=points))
    return marks


@dataclass(frozen=True, kw_only=True)
class _View:
    """What of a plane is shown: the ``box`` of it in picture mm, or all; a mask that may have to be tinted."""

    cut: _Cut
    mask: LabelMap | None = None
    box: tuple[float, float, float, float] | None = None
    max_pixels: int = MAX_PIXELS

    def pixels(self, array: NDArray[np.uint8], *, smooth: bool) -> NDArray[np.uint8]:
        """(H, W) of the part of an 8-bit plane that is shown, with square pixels."""
        from PIL import Image

        _, row_mm, column_mm = (float(s) for s in self.cut.geometry.spacing_mm)
        x0, y0, x1, y1 = self.box or (0.0, 0.0, *reversed(_size_mm(self.cut.geometry)))
        pixels_per_mm = self.max_pixels / max(x1 - x0, y1 - y0)
        size = (max(1, round((x1 - x0) * pixels_per_mm)), max(1, round((y1 - y0) * pixels_per_mm)))
        how = Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST
        picture = Image.fromarray(np.ascontiguousarray(array))
        shown = picture.resize(size, how, box=(x0 / column_mm, y0 / row_mm, x1 / column_mm, y1 / row_mm))
        return np.asarray(shown, dtype=np.uint8)


def _render(view: _View, window: Window, marks: tuple[Mark, ...]) -> KeyImage:
    """What a view shows in a window; the marks moved into it."""
    cut = view.cut
    height, width = _size_mm(cut.geometry)
    x0, y0, x1, y1 = view.box or (0.0, 0.0, width, height)
    scattered = view.mask is not None and _is_scattered(view.mask)
    is_native = cut.axis == 0
    names = cut.volume.series
    known = is_native and len(names.instance_numbers) == 1
    through = int(np.argmax(np.abs(cut.geometry.direction[:, 0])))
    return KeyImage(
        pixels=view.pixels(window.apply(cut.volume.array[0]), smooth=True),
        tint=view.pixels(view.mask.array[0] * np.uint8(110), smooth=False) if view.mask and scattered else None,
        width_mm=x1 - x0,
        height_mm=y1 - y0,
        plane=cut.plane,
        window=window,
        sides=_SIDES[cut.plane],
        marks=tuple(_moved(m, x0, y0) for m in marks),
        series_number=names.series_number,
        instance_number=names.instance_numbers[0] if known else None,
        position_mm=float(cut.geometry.center_mm[through]),
        is_native=is_native,
        instance_uid=names.instance_uids[0] if is_native and len(names.instance_uids) == 1 else None,
    )


def _moved(mark: Mark, x0: float, y0: float) -> Mark:
    return replace(mark, points=tuple((x - x0, y - y0) for x, y in mark.points))


def _png(picture: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def _tint_png(opacity: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    color = Image.new("RGBA", (opacity.shape[1], opacity.shape[0]), (*TINT_RGB, 0))
    color.putalpha(Image.fromarray(opacity))
    return _png(color)
