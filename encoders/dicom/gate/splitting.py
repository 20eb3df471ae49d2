"""One series UID -> the groups of slices that could each be one volume, named by what sets them apart.

Objects that are no slices (localizers, captures, dose sheets, reports) become groups of their own, so that they do not
spoil the rest. What alters an image (kernel, echo, b-value, plane) always separates; what merely counts images
(acquisition, phase, temporal position) separates only where two images lie at one position.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence

import numpy as np
from pydicom.uid import UID, CTImageStorage, MRImageStorage, PositronEmissionTomographyImageStorage

from tomoscribe.encoders.dicom.gate.grid import along_normal, axes, is_complete
from tomoscribe.encoders.dicom.gate.refusal import Slices
from tomoscribe.encoders.dicom.headers import SliceHeader
from tomoscribe.encoders.dicom.multiframe import ENHANCED_CLASSES

Group = tuple[tuple[str, ...], list[SliceHeader]]
"""What sets a group apart, in words, and its slices."""

VOLUME_CLASSES = {
    CTImageStorage: "CT", MRImageStorage: "MR", PositronEmissionTomographyImageStorage: "PT", **ENHANCED_CLASSES,
}  # fmt: skip
"""The SOP classes that hold slices of a volume, and their modality."""
ORIENTATION_TOLERANCE = 1e-4
"""Largest difference of a direction cosine within a volume: 0.03 mm at the edge of a 500 mm field."""
SPACING_TOLERANCE_SHARE = 1e-4
"""Largest difference of pixel spacing within a volume, of the spacing."""
SAME_POSITION_MM = 1e-3
"""Two slices nearer than this along the normal lie at one position."""
MAX_PLANES = 6
"""More orientations or sizes than this are no set of stacks but, e.g., a radial series: they are not split."""
ALTERING = ("kernel", "tube voltage", "echo time", "echo number", "inversion time", "flip angle", "b-value",
             "image component", "stack")  # fmt: skip
_COUNTING = ("temporal position", "cardiac phase", "acquisition", "image type", "gradient direction", "trigger time")


def split(slices: Slices) -> list[Group]:
    """Groups of slices, largest first; each name is empty where nothing sets its group apart."""
    groups: list[Group] = []
    for name, same_kind in _by_kind(slices):
        if name or not all(is_complete(s) for s in same_kind):
            groups.append((name, same_kind))
            continue
        for words, plane in _by_plane(same_kind):
            for more, altered in _by_facts(plane, ALTERING):
                groups += [((*words, *more, *last), group) for last, group in _by_count(altered)]
    return sorted(groups, key=lambda g: -len(g[1]))


def kind_of(header: SliceHeader) -> str | None:
    """What an object is that is no slice of a volume; None for a slice."""
    if header.sop_class_uid not in VOLUME_CLASSES:
        return UID(header.sop_class_uid).name.removesuffix(" Storage") if header.sop_class_uid else "unknown objects"
    if "LOCALIZER" in header.image_type:
        return "localizer"
    if "MOSAIC" in header.image_type:
        return "mosaic"
    return "color images" if (header.samples_per_pixel or 1) > 1 else None


def same_position_count(slices: Slices) -> int:
    """The largest number of slices at one position along the normal."""
    return max(Counter(_place_numbers(slices)).values(), default=0)


def _place_numbers(slices: Slices) -> list[int]:
    """For each slice the number of its position, counted along the normal."""
    along = along_normal(slices)
    order = np.argsort(along, kind="stable")
    steps = np.concatenate([[0], (np.diff(along[order]) >= SAME_POSITION_MM).cumsum()])
    places = np.empty(len(order), dtype=int)
    places[order] = steps
    return [int(p) for p in places]


def _grouped(
    slices: Iterable[SliceHeader], key: Callable[[SliceHeader], Hashable]
) -> dict[Hashable, list[SliceHeader]]:
    groups: dict[Hashable, list[SliceHeader]] = defaultdict(list)
    for one in slices:
        groups[key(one)].append(one)
    return dict(groups)


def _by_kind(slices: Slices) -> list[Group]:
    """Slices without a name, all else by kind; several modalities or frames of reference of slices are named too."""
    out: list[Group] = []
    for kind, group in _grouped(slices, kind_of).items():
        if kind is not None:
            out.append(((str(kind),), group))
            continue
        by_class = _grouped(group, lambda s: (s.modality, s.sop_class_uid))
        frames = _grouped(group, lambda s: s.frame_of_reference_uid)
        for same_class in by_class.values():
            words = (
                (f"{same_class[0].modality} as {UID(same_class[0].sop_class_uid).name}",) if len(by_class) > 1 else ()
            )
            for number, part in enumerate(_grouped(same_class, lambda s: s.frame_of_reference_uid).values(), start=1):
                more = (f"frame of reference {number}",) if len(frames) > 1 else ()
                out.append(((*words, *more), part))
    return out


def _by_plane(slices: list[SliceHeader]) -> list[Group]:
    """Slices of one orientation, size and pixel spacing each; unsplit where there are too many to be stacks."""
    planes: list[list[SliceHeader]] = []
    for one in slices:
        home = next((p for p in planes if _in_one_plane(p[0], one)), None)
        if home is None:
            planes.append([one])
        else:
            home.append(one)
    if len(planes) == 1 or len(planes) > MAX_PLANES or max(map(len, planes)) == 1:
        return [((), slices)]
    return _numbered([((_plane_name(p[0]),), p) for p in planes])


def _in_one_plane(first: SliceHeader, other: SliceHeader) -> bool:
    if (first.rows, first.columns) != (other.rows, other.columns):
        return False
    cosines = np.array(first.orientation) - np.array(other.orientation)
    spacings = np.array(first.pixel_spacing_mm) - np.array(other.pixel_spacing_mm)
    near = SPACING_TOLERANCE_SHARE * min(first.pixel_spacing_mm or (0.0,))
    return bool(np.abs(cosines).max() <= ORIENTATION_TOLERANCE and np.abs(spacings).max() <= near)


def _plane_name(header: SliceHeader) -> str:
    normal = axes(header)[2]
    name = ("sagittal", "coronal", "axial")[int(np.argmax(np.abs(normal)))]
    oblique = "" if np.abs(normal).max() > 0.999 else "oblique "
    return f"{oblique}{name} {header.rows} x {header.columns}"


def _by_facts(slices: list[SliceHeader], names: Sequence[str]) -> list[Group]:
    """Slices of the same value of every named fact; unsplit where no group would have two slices."""
    groups = _grouped(slices, lambda s: tuple(rounded(fact(s, n)) for n in names))
    if len(groups) == 1 or max(map(len, groups.values())) == 1:
        return [((), slices)]
    telling = _telling_facts(list(groups.values()), names)
    return _numbered([(tuple(_worded(n, group[0]) for n in telling), group) for group in groups.values()])


def _telling_facts(groups: Sequence[list[SliceHeader]], names: Sequence[str]) -> list[str]:
    """The fewest facts, in their order, that tell the groups apart: an echo number adds nothing to its echo time."""
    told: list[str] = []
    for name in names:
        before = {tuple(rounded(fact(g[0], n)) for n in told) for g in groups}
        after = {tuple(rounded(fact(g[0], n)) for n in (*told, name)) for g in groups}
        if len(after) > len(before):
            told.append(name)
    return told


def _by_count(slices: list[SliceHeader]) -> list[Group]:
    """Slices that share positions, separated by the fact that leaves one slice at each position; else unsplit."""
    depth = same_position_count(slices)
    if depth < 2:
        return [((), slices)]
    candidates = [(a,) for a in _COUNTING] + [(a, b) for n, a in enumerate(_COUNTING) for b in _COUNTING[n + 1 :]]
    for names in candidates:
        groups = _by_facts(slices, names)
        if 1 < len(groups) <= 2 * depth and all(same_position_count(g) == 1 for _, g in groups):
            return groups
    return _by_trigger_order(slices, depth)


def _by_trigger_order(slices: list[SliceHeader], depth: int) -> list[Group]:
    """A cine series: at each position the images by their trigger times, which differ from slice to slice."""
    places: dict[int, list[tuple[float, SliceHeader]]] = defaultdict(list)
    for place, one in zip(_place_numbers(slices), slices, strict=True):
        time_ms = _as_number(fact(one, "trigger time"))
        if time_ms is None:
            return [((), slices)]
        places[place].append((time_ms, one))
    if any(len({t for t, _ in at_place}) != depth or len(at_place) != depth for at_place in places.values()):
        return [((), slices)]
    in_order = [sorted(at_place, key=lambda pair: pair[0]) for at_place in places.values()]
    phases = [[at_place[n][1] for at_place in in_order] for n in range(depth)]
    return [((f"phase {n} of {depth}",), phase) for n, phase in enumerate(phases, start=1)]


def fact(header: SliceHeader, name: str) -> str | None:
    """The words of one acquisition fact, None where the header does not say."""
    if name == "image type":
        return "\\".join(header.image_type) or None
    return next((words for known, words in header.acquisition_facts if known == name), None)


def rounded(words: str | None) -> str | None:
    """Numbers to four digits: an echo time of 4.6 and one of 4.60000001 are the same."""
    number = _as_number(words)
    return words if number is None else f"{number:.4g}"


def _as_number(words: str | None) -> float | None:
    try:
        return float(words) if words else None
    except ValueError:
        return None


def _worded(name: str, header: SliceHeader) -> str:
    return f"{name} {rounded(fact(header, name)) or 'not stated'}"


def _numbered(groups: list[Group]) -> list[Group]:
    """The groups with a number added to names that occur twice."""
    count = Counter(name for name, _ in groups)
    seen: Counter[tuple[str, ...]] = Counter()
    out: list[Group] = []
    for name, slices in groups:
        seen[name] += 1
        out.append(((*name[:-1], f"{name[-1]} ({seen[name]})") if count[name] > 1 and name else name, slices))
    return out
