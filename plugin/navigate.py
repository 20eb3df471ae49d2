"""From a finding to a place in the viewer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tomoscribe.core import Finding, Point, Region
from tomoscribe.encoders.conversions import napari_point
from tomoscribe.plugin.layers import KEY

if TYPE_CHECKING:
    from napari.components import ViewerModel

_MIN_FIELD_MM = 110.0
_FIELD_PER_SIZE = 6.0
_ORGAN_MM = 90.0
"""Regions larger than this are organs: the whole image is shown."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where the viewer goes for a finding.

    Args:
        point_zyx_mm: in napari's world; the region's center, on the slice that carries the calipers.
        field_mm: side of the field that is then shown, None for the whole image.
        label_map, segment: the mask to select, None where there is none.
        series_uid: the series to show, None where the finding names no image.
        box_mm: corners of the region in LPS mm.
    """

    point_zyx_mm: tuple[float, float, float]
    field_mm: float | None
    label_map: str | None
    segment: str | None
    series_uid: str | None
    box_mm: tuple[Point, Point]


def target_of(finding: Finding) -> Target | None:
    """Where to look for a finding; None when it has no region (measured over everything, or not assessed)."""
    region = finding.region
    if region is None:
        return None
    z, y, x = (float(v) for v in napari_point(_key_point(finding, region)))
    size = max(b - a for a, b in zip(region.box_min_mm, region.box_max_mm, strict=True))
    return Target(
        point_zyx_mm=(z, y, x),
        field_mm=None if size > _ORGAN_MM else max(_MIN_FIELD_MM, _FIELD_PER_SIZE * size),
        label_map=region.label_map,
        segment=region.segment,
        series_uid=finding.evidence[0].series_uid if finding.evidence else None,
        box_mm=(region.box_min_mm, region.box_max_mm),
    )


def _key_point(finding: Finding, region: Region) -> Point:
    """The region's center, moved along the slices to the image on which the calipers lie."""
    center = list(region.center_mm)
    for measurement in finding.measurements:
        if measurement.endpoints_mm is not None:
            start, stop = measurement.endpoints_mm
            axis = min(range(3), key=lambda n: abs(stop[n] - start[n]))
            center[axis] = (start[axis] + stop[axis]) / 2
            break
    return center[0], center[1], center[2]


def go_to(viewer: ViewerModel, target: Target) -> None:
    """Moves the dims and the camera to the target, shows its series and selects its mask."""
    if target.series_uid is not None:
        show_series(viewer, target.series_uid)
    viewer.dims.set_point((0, 1, 2), target.point_zyx_mm)
    camera = viewer.scene.camera
    if target.field_mm is None:
        viewer.fit_to_view()
    else:
        camera.zoom = min(viewer.canvas.size) / target.field_mm
        displayed = viewer.dims.displayed
        place = [target.point_zyx_mm[axis] for axis in displayed]
        camera.center = (0.0, *place) if len(place) == 2 else tuple(place)
    select_mask(viewer, target)


def show_series(viewer: ViewerModel, series_uid: str) -> None:
    """Shows the image of a series and hides the other images of this plugin, if it is there."""
    images = list(our_layers(viewer, "image"))
    if any(meta["series_uid"] == series_uid for _, meta in images):
        for layer, meta in images:
            layer.visible = meta["series_uid"] == series_uid


def select_mask(viewer: ViewerModel, target: Target) -> None:
    """Makes the layer of the target's mask active and its label the selected one."""
    for layer, meta in our_layers(viewer, "labels"):
        if meta["label_map"] == target.label_map and target.segment in meta["segments"]:
            layer.selected_label = meta["segments"][target.segment]
            viewer.layers.selection.active = layer


def our_layers(viewer: ViewerModel, *kinds: str) -> Iterator[tuple[Any, dict[str, Any]]]:
    """The layers of this plugin, of the given kinds or all, with what it knows of each."""
    for layer in list(viewer.layers):
        known = layer.metadata.get(KEY)
        if isinstance(known, dict) and (not kinds or known["kind"] in kinds):
            yield layer, known
