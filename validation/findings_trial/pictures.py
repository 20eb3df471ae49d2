"""Pictures of what went wrong in a study: missed and invented nodules, and the worst measured one."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tomoscribe.core import Finding, Presence, Provenance, Reading, Region, Volume, terms
from tomoscribe.reports.key_images import KeyImage, finding_images, key_images
from tomoscribe.validation.findings_trial.match import Hit, matched, size_mm
from tomoscribe.validation.findings_trial.truth import Lesion, Truth

MAX_PIXELS = 240
PER_CASE = 4
_LARGE_ERROR = 0.1


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A failure to look at.

    Args:
        kind: ``missed``, ``invented`` or ``measured wrong``.
        png: base64.
    """

    case: str
    kind: str
    caption: str
    png: str


def pictures_of(name: str, truth: Truth, reading: Reading, volumes: Mapping[str, Volume]) -> tuple[Picture, ...]:
    """What is worth a look in this study, missed ones first."""
    found = matched(reading.report.findings, truth)
    rows: list[Picture] = []
    for hit in found.hits:
        if hit.found is None and hit.lesion.relevant:
            rows += _missed(name, hit, reading, volumes)
    for finding, mimic in found.invented:
        rows += _drawn(name, "invented", _invented_words(finding, mimic), finding_images(finding, reading, volumes))
    worst = max((h for h in found.hits if h.found is not None), key=_error, default=None)
    if worst is not None and worst.found is not None and _error(worst) > _LARGE_ERROR:
        rows += _drawn(name, "measured wrong", _size_words(worst), finding_images(worst.found, reading, volumes))
    return tuple(rows[:PER_CASE])


def _missed(name: str, hit: Hit, reading: Reading, volumes: Mapping[str, Volume]) -> list[Picture]:
    """A lesion that no sentence speaks of, at the place where it is."""
    volume = next(iter(volumes.values()))
    finding = _as_finding(hit.lesion, volume)
    words = f"{hit.lesion.name}, {_size(hit.lesion)}: the report does not state it"
    if hit.listed is not None:
        words += f"; on the review list with probability {hit.listed.probability or 0:.2f}"
    return _drawn(name, "missed", words, key_images(volume, finding, None))


def _as_finding(lesion: Lesion, volume: Volume) -> Finding:
    """The lesion as a finding with a place, so that it can be drawn like any other."""
    half = lesion.diameter_mm / 2
    x, y, z = lesion.center_mm
    return Finding(
        tracking_uid="0",
        type=terms.NODULE,
        site=terms.LUNG,
        presence=Presence.PRESENT,
        provenance=Provenance(version="0", model="truth"),
        region=Region(
            center_mm=lesion.center_mm,
            box_min_mm=(x - half, y - half, z - half),
            box_max_mm=(x + half, y + half, z + half),
            frame_of_reference_uid=volume.geometry.frame_of_reference_uid,
        ),
    )


def _drawn(name: str, kind: str, caption: str, images: tuple[KeyImage, ...]) -> list[Picture]:
    """The close-up, or the whole slice where there is none."""
    if not images:
        return []
    image = images[1] if len(images) > 1 else images[0]
    return [Picture(case=name, kind=kind, caption=caption, png=_png(image))]


def _png(image: KeyImage) -> str:
    """The picture with its outline drawn in, small."""
    from PIL import Image, ImageDraw

    picture = Image.fromarray(image.pixels).convert("RGB")
    scale = MAX_PIXELS / max(picture.size)
    picture = picture.resize((round(picture.width * scale), round(picture.height * scale)))
    draw = ImageDraw.Draw(picture)
    for mark in image.marks:
        points = [_on(picture, image, p) for p in mark.points]
        closed = mark.kind in ("outline", "frame")
        draw.line([*points, points[0]] if closed else points, fill=_COLORS.get(mark.kind, (255, 210, 31)), width=1)
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    return base64.b64encode(out.getvalue()).decode()


_COLORS = {"long": (53, 224, 255), "short": (255, 122, 217)}


def _on(picture: Any, image: KeyImage, point_mm: tuple[float, float]) -> tuple[float, float]:
    return point_mm[0] / image.width_mm * picture.width, point_mm[1] / image.height_mm * picture.height


def _error(hit: Hit) -> float:
    """Relative error of the long axis; 0 where one of the two is not known."""
    measured = None if hit.found is None else size_mm(hit.found, terms.LONG_AXIS)
    if measured is None or not hit.lesion.long_mm:
        return 0.0
    return abs(measured - hit.lesion.long_mm) / hit.lesion.long_mm


def _size_words(hit: Hit) -> str:
    measured = 0.0 if hit.found is None else size_mm(hit.found, terms.LONG_AXIS) or 0.0
    return f"{hit.lesion.name}: long axis {measured:.1f} mm measured, {hit.lesion.long_mm or 0:.1f} mm true"


def _invented_words(finding: Finding, mimic: str | None) -> str:
    long_mm = size_mm(finding, terms.LONG_AXIS)
    size = "" if long_mm is None else f" of {long_mm:.0f} mm"
    where = f", at a {mimic.replace('_', ' ')}" if mimic else ""
    sure = f"probability {finding.probability or 0:.2f}"
    return f"a {finding.type.meaning.lower()}{size} that is not there{where} ({sure})"


def _size(lesion: Lesion) -> str:
    words = f"{lesion.long_mm or lesion.diameter_mm:.0f} mm"
    kind = lesion.groups.get("attenuation")
    return f"{words}, {kind}" if kind else words
