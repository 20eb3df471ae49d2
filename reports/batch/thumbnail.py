"""The small picture of a study in the worklist."""

from __future__ import annotations

import io
from collections.abc import Mapping

from tomoscribe.core import Presence, Reading, Volume
from tomoscribe.core.terms import ORGAN_MEASUREMENT
from tomoscribe.reports.key_images import KeyImage, key_images, organ_images
from tomoscribe.reports.writer.report import by_urgency

LONGER_SIDE = 96
"""Pixels."""


def thumbnail(reading: Reading, volumes: Mapping[str, Volume]) -> bytes:
    """A grey JPEG without any mark or word: the plane of the most urgent finding, else through the organs.

    Args:
        volumes: by series UID, those that the reading rests on; at least one.
    """
    picture = _most_urgent(reading, volumes) or _overview(reading, volumes)
    return _small(picture) if picture is not None else _middle(next(iter(volumes.values())))


def _most_urgent(reading: Reading, volumes: Mapping[str, Volume]) -> KeyImage | None:
    for finding in by_urgency(reading.report.findings):
        if finding.type == ORGAN_MEASUREMENT or finding.presence is not Presence.PRESENT or finding.region is None:
            continue
        name = finding.region.label_map
        label_map = None if name is None else reading.label_map(name)
        volume = None if label_map is None else volumes.get(label_map.series_uid)
        pictures = () if volume is None else key_images(volume, finding, label_map)
        if pictures:
            return pictures[0]
    return None


def _overview(reading: Reading, volumes: Mapping[str, Volume]) -> KeyImage | None:
    for label_map in reading.label_maps:
        volume = volumes.get(label_map.series_uid)
        pictures = () if volume is None else organ_images(volume, label_map)
        if pictures:
            return pictures[0]
    return None


def _small(picture: KeyImage) -> bytes:
    from PIL import Image

    return _jpeg(Image.open(io.BytesIO(picture.png)))


def _middle(volume: Volume) -> bytes:
    from PIL import Image

    from tomoscribe.reports.key_images import windows_of

    return _jpeg(Image.fromarray(windows_of(volume)[0].apply(volume.array[volume.array.shape[0] // 2])))


def _jpeg(picture: object) -> bytes:
    from PIL import Image

    if not isinstance(picture, Image.Image):
        raise TypeError("expected a Pillow image")
    small = picture.convert("L")
    small.thumbnail((LONGER_SIDE, LONGER_SIDE))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=70, optimize=True)
    return buffer.getvalue()
