"""From a stroke on the image to a changed reading: what runs off the GUI thread when something is added or measured."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import TYPE_CHECKING

from tomoscribe.core import Code, Finding, Laterality, Measurement, Point, Reading, Volume, terms
from tomoscribe.core.errors import InputError
from tomoscribe.findings import drawn
from tomoscribe.findings.measured import Progress
from tomoscribe.plugin.editing.tools import Stroke, Tool
from tomoscribe.reports import editing
from tomoscribe.reports.signing import Signer

if TYPE_CHECKING:
    from tomoscribe.findings.chest.seeded import PreparedChest


class Outliner:
    """Outlines under a click; keeps the lungs of the series that was clicked last."""

    def __init__(self) -> None:
        self._prepared: PreparedChest | None = None
        self._lock = Lock()

    def add(self, reading: Reading, volume: Volume, xyz_mm: Point, who: tuple[Signer, str], tell: Progress) -> Reading:
        """The reading with the nodule under a point, measured and written.

        Raises:
            InputError: nothing to outline there, or it is in the table already.
        """
        from tomoscribe.findings.chest import seeded

        with self._lock:
            if self._prepared is None or self._prepared.volume is not volume:
                tell("segmenting the lungs for the first outline", 0.1)
                self._prepared = seeded.prepare(volume)
            tell("outlining", 0.8)
            nodule = seeded.nodule_at(self._prepared, xyz_mm)
            finding = seeded.finding_of(self._prepared, nodule, editing.free_segment(reading))
            mask = seeded.outlined(self._prepared, nodule, finding)
        return editing.add_finding(reading, finding, mask, *who)


def measure(volume: Volume, stroke: Stroke) -> drawn.Drawn:
    """The numbers of a ruler, an ellipse or a probe.

    Raises:
        InputError: too short, outside the images, or a probe on an image that is not in HU.
    """
    if stroke.tool is Tool.RULER:
        return drawn.ruler(stroke.start_mm, stroke.stop_mm)
    if stroke.tool is Tool.PROBE:
        return drawn.probe(volume, stroke.start_mm)
    return drawn.ellipse(volume, *stroke.half_axes_mm())


def kind_for(volume: Volume) -> Code:
    """What a drawing on this image is called until its length says more."""
    return terms.NODULE if volume.modality == "CT" else terms.BRAIN_MASS


def side_for(reading: Reading, volume: Volume, measured: drawn.Drawn) -> Laterality | None:
    """The side of a drawing, from the masks of the lungs; None in the head, where nothing tells it.

    Raises:
        InputError: a drawing on a CT that is near no lung: no sentence has words for it.
    """
    if volume.modality != "CT":
        return None
    anatomy = reading.label_map("anatomy")
    low, high = measured.box_mm
    center = tuple((a + b) / 2 for a, b in zip(low, high, strict=True))
    side = drawn.side_near(anatomy, center) if anatomy is not None else None
    if side is None:
        raise InputError(
            "expected a drawing in a lung; what lies elsewhere has no sentence of its own in this version",
            remedy="write a sentence of your own with the number, under the section it belongs to",
        )
    return side


def add_drawn(reading: Reading, volume: Volume, measured: drawn.Drawn, who: tuple[Signer, str]) -> Reading:
    """The reading with a drawing as a new finding."""
    side = side_for(reading, volume, measured)
    finding = drawn.drawn_finding(volume, measured, kind_for(volume), side)
    return editing.add_finding(reading, finding, None, *who)


def remeasure(reading: Reading, uid: str, new: tuple[Measurement, ...], who: tuple[Signer, str]) -> Reading:
    """The reading with measurements of a finding replaced by drawn ones."""
    return editing.replace_finding(reading, drawn.remeasured(reading.report.finding(uid), new), *who)


def words_of(measured: drawn.Drawn) -> str:
    """The numbers of a drawing for the status bar."""
    names = {terms.MM: "mm", terms.HU: "HU"}
    parts = [f"{m.value:.1f} {names.get(m.unit, '')}" for m in measured.measurements if m.name != terms.MEAN_DIAMETER]
    if measured.deviation is not None:
        parts.append(f"SD {measured.deviation:.1f} HU, {measured.samples} voxels")
    return ", ".join(parts)


def offers(finding: Finding | None, stroke: Stroke) -> tuple[str, ...]:
    """What a drawing may become of the selected finding: keys of ``KEPT_AS``."""
    if finding is None or stroke.tool is Tool.OUTLINE:
        return ()
    if stroke.tool is Tool.RULER:
        return ("long", "short")
    return ("axes",) if stroke.tool is Tool.ELLIPSE else ("attenuation",)


KEPT_AS: Mapping[str, tuple[Code, ...]] = {
    "long": (terms.LONG_AXIS,),
    "short": (terms.SHORT_AXIS,),
    "axes": (terms.LONG_AXIS, terms.SHORT_AXIS, terms.MEAN_ATTENUATION),
    "attenuation": (terms.MEAN_ATTENUATION,),
}
"""Which measurements of a finding a drawing replaces."""


def kept(measured: drawn.Drawn, key: str) -> tuple[Measurement, ...]:
    """The measurements of a drawing that replace those of a finding; a ruler's length under the name that is wanted."""
    from dataclasses import replace

    if key == "short":
        return (replace(measured.measurements[0], name=terms.SHORT_AXIS),)
    return tuple(m for m in measured.measurements if m.name in KEPT_AS[key])
