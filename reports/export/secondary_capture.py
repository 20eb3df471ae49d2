"""Marked key images as Secondary Capture, and back as pictures.

Single-frame Secondary Capture Image Storage, RGB, uncompressed: the one class that every PACS shows. One series holds
all of them, the most urgent finding first, each with the slices it was made from. The burned-in marks are declared in
Burned In Annotation, although they name no patient, so that nothing downstream takes the pixels for an acquired image.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tomoscribe.core import Finding, Presence, Reading, Volume, reportable, terms
from tomoscribe.core.errors import InputError
from tomoscribe.core.uids import derive_uid
from tomoscribe.reports.export.html import title_of
from tomoscribe.reports.export.objects import Place, coded, new_object, reference
from tomoscribe.reports.key_images import ORGANS, KeyImage, Window, finding_images, overview
from tomoscribe.reports.labels import labels_of
from tomoscribe.reports.marked import draw_marked
from tomoscribe.reports.writer.report import by_urgency

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
SERIES_NUMBER = 9004
DESCRIPTION = "tomoscribe key images, not a medical device"
MAX_FINDINGS = 12
"""So many findings have key images of their own, the most urgent ones."""
_PRIVATE_GROUP, _PRIVATE_CREATOR = 0x0071, "TOMOSCRIBE"
"""Where a key image carries its scale, plane and window as JSON."""
PIXELS = 512
"""Longer side of the picture above its strip of text."""
MARKED_BY = "Outlined and measured by software, not an acquired image. Not a medical device."


@dataclass(frozen=True, kw_only=True)
class Captures:
    """The key images of a reading.

    Args:
        by_finding: tracking UID to the objects that show the finding; under ORGANS the overview.
    """

    by_finding: Mapping[str, tuple[Any, ...]]

    @property
    def all(self) -> tuple[Any, ...]:
        """Every object once, in the order of the series."""
        return tuple(capture for several in self.by_finding.values() for capture in several)


def build_captures(
    reading: Reading, volumes: Mapping[str, Volume], headers: Mapping[str, Sequence[Any]], version: str
) -> Captures:
    """The key images of the reported findings, at most MAX_FINDINGS of them, and of the organs.

    Args:
        volumes: by series UID; a finding whose volume is not among them has no picture.
        headers: by series UID, data sets without pixels.
        version: of the software.
    """
    known = {str(h.SOPInstanceUID): h for series in headers.values() for h in series}
    maker = _Maker(known=known, headers=headers, version=version)
    made: dict[str, tuple[Any, ...]] = {}
    words = labels_of("en")
    for finding in key_findings(reading):
        pictures = finding_images(finding, reading, volumes, PIXELS)
        made[finding.tracking_uid] = tuple(maker.make(p, title_of(finding, words), finding) for p in pictures)
    organs = overview(reading, volumes, PIXELS)
    made[ORGANS] = tuple(maker.make(p, "Organs as outlined by software", None) for p in organs)
    return Captures(by_finding={uid: captures for uid, captures in made.items() if captures})


def key_findings(reading: Reading) -> tuple[Finding, ...]:
    """The findings that have key images: present, not rejected, no organs, the most urgent first."""
    shown = [f for f in reportable(reading.report.findings) if f.type != terms.ORGAN_MEASUREMENT]
    return tuple(by_urgency(f for f in shown if f.presence is Presence.PRESENT))[:MAX_FINDINGS]


@dataclass(kw_only=True)
class _Maker:
    """Numbers the objects of one series."""

    known: Mapping[str, Any]
    headers: Mapping[str, Sequence[Any]]
    version: str
    made: int = 0

    def make(self, picture: KeyImage, title: str, finding: Finding | None) -> Any:
        """The object of one picture."""
        self.made += 1
        where = _where(picture)
        pixels = draw_marked(picture, (title, where, f"tomoscribe {self.version}. Not a medical device."))
        sources = self._sources(picture, finding)
        first = sources[0]
        study, digest = str(first.StudyInstanceUID), hashlib.sha256(pixels.tobytes()).hexdigest()
        uid = "" if finding is None else finding.tracking_uid
        capture = new_object(
            Place(
                sop_class_uid=SECONDARY_CAPTURE,
                sop_instance_uid=derive_uid(study, "key-image", uid, str(self.made), digest),
                series_uid=derive_uid(study, str(first.SeriesInstanceUID), "key-images", self.version),
                series_number=SERIES_NUMBER,
                description=DESCRIPTION,
                modality="OT",
                number=self.made,
            ),
            first,
            self.version,
        )
        _add_pixels(capture, pixels)
        _add_derivation(capture, sources, f"{title}; {where}. {MARKED_BY}")
        capture.ImageComments = f"{title}; {where}. {MARKED_BY}"
        block = capture.private_block(_PRIVATE_GROUP, _PRIVATE_CREATOR, create=True)
        block.add_new(1, "UT", json.dumps(_facts(picture), sort_keys=True))
        return capture

    def _sources(self, picture: KeyImage, finding: Finding | None) -> list[Any]:
        """The slice that is shown; for a reformatted plane those the finding is seen on, else the whole series."""
        shown = self.known.get(picture.instance_uid or "")
        if shown is not None:
            return [shown]
        evidence = () if finding is None else finding.evidence
        seen = [self.known[e.instance_uid] for e in evidence if e.instance_uid in self.known]
        numbered = (s for s in self.headers.values() if s and s[0].get("SeriesNumber") == picture.series_number)
        return seen or list(next(numbered, next(iter(self.headers.values()))))


def read_picture(capture: Any) -> KeyImage:
    """The picture in an object that ``build_captures`` made, its marks in the pixels.

    Raises:
        InputError: an object of another origin, or one whose private elements were taken out on its way.
    """
    try:
        facts = json.loads(str(capture.private_block(_PRIVATE_GROUP, _PRIVATE_CREATOR)[1].value))
    except KeyError as error:
        raise InputError(
            "expected a key image with the facts that tomoscribe wrote into it, found none",
            where=str(capture.SOPInstanceUID),
            remedy="take the results from the folder they were written to",
        ) from error
    return KeyImage(
        pixels=np.asarray(capture.pixel_array, dtype=np.uint8),
        tint=None,
        width_mm=facts["width_mm"],
        height_mm=facts["height_mm"],
        plane=facts["plane"],
        window=Window(name=facts["window"], width=facts["width"], level=facts["level"]),
        sides={},
        marks=(),
        series_number=facts["series_number"],
        instance_number=facts["instance_number"],
        position_mm=facts["position_mm"],
        is_native=facts["is_native"],
    )


def _facts(picture: KeyImage) -> dict[str, Any]:
    return {
        "width_mm": round(picture.width_mm, 3),
        "height_mm": round(picture.height_mm, 3),
        "plane": picture.plane,
        "window": picture.window.name,
        "width": round(picture.window.width, 3),
        "level": round(picture.window.level, 3),
        "series_number": picture.series_number,
        "instance_number": picture.instance_number,
        "position_mm": round(picture.position_mm, 3),
        "is_native": picture.is_native,
    }


def _where(picture: KeyImage) -> str:
    """Plane, place and window in words."""
    image = "reformatted" if picture.instance_number is None else f"image {picture.instance_number}"
    series = "series ?" if picture.series_number is None else f"series {picture.series_number}"
    window = picture.window
    name = window.name if window.name.startswith("MR") else f"{window.name} window"
    return f"{picture.plane}, {series}, {image}, {name} W {window.width:.0f} L {window.level:.0f}"


def _add_pixels(capture: Any, pixels: Any) -> None:
    capture.ImageType = ["DERIVED", "SECONDARY"]
    capture.ConversionType = "WSD"
    capture.SamplesPerPixel, capture.PhotometricInterpretation, capture.PlanarConfiguration = 3, "RGB", 0
    capture.Rows, capture.Columns = pixels.shape[:2]
    capture.BitsAllocated, capture.BitsStored, capture.HighBit, capture.PixelRepresentation = 8, 8, 7, 0
    capture.BurnedInAnnotation = "YES"
    data = pixels.tobytes()
    capture.PixelData = data + b"\0" * (len(data) % 2)
    capture.PatientOrientation = capture.Laterality = ""


def _add_derivation(capture: Any, sources: Sequence[Any], words: str) -> None:
    purpose = coded("121322", "DCM", "Source image for image processing operation")
    items = [reference(source) for source in sources]
    for item in items:
        item.PurposeOfReferenceCodeSequence = [purpose]
    capture.SourceImageSequence = items
    capture.DerivationDescription = words[:1024]
