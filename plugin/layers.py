"""Core types to napari layers: pure functions that give (data, arguments, layer type), in napari's world of LPS mm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tomoscribe.core import Finding, Geometry, LabelMap, Point, Series, Study, Volume
from tomoscribe.encoders.conversions import napari_affine
from tomoscribe.encoders.resample import resample
from tomoscribe.findings.surfaces import Mesh
from tomoscribe.plugin.windows import default_preset

LayerData = tuple[Any, dict[str, Any], str]
OnGrid = TypeVar("OnGrid", Volume, LabelMap)

KEY = "tomoscribe"
"""Key of a layer's metadata under which this plugin keeps what it knows of it."""
UNITS = ("mm", "mm", "mm")
AXES = ("feet-head", "front-back", "right-left")
_TILT_VOXELS = 0.5
"""A grid that leaves the axes of patient space by less than this over its whole extent is shown as it is."""

_ANATOMY_COLORS = {
    "lung_right": "#4c9be8",
    "lung_left": "#58c9b9",
    "airways": "#e8e46a",
    "intracranial": "#8a93a6",
    "brain": "#d9a7c7",
    "ventricles": "#4c9be8",
}
_FINDING_COLORS = ("#ff9f1c", "#ff4fa3", "#b6f23c", "#c792ff", "#ff6b5e", "#3ddbd9", "#ffd166", "#9fb4ff")
_OTHER_COLORS = ("#7f8fa9", "#a9987f", "#7fa98d", "#a97f9b")
CALIPER_COLOR = "#fff34d"
MARKER_COLOR = "#3ddbd9"
_LINE_MM = 0.5
_LIGHT_LPS = (0.35, -0.8, 0.5)
"""Where the light stands: before the patient, a little above, a little to the left."""


def display_grid(on_grid: OnGrid) -> OnGrid:
    """The same voxels with axes along z, y, x of patient space, for napari cuts only along the axes of its world.

    Axes are put in order and turned by the geometry's own operations; a tilted grid is resampled onto an upright one
    of the same voxel size that holds all of it.
    """
    order, turned = _upright_steps(on_grid.geometry)
    upright = on_grid.permute(order)
    for axis in turned:
        upright = upright.flip(axis)
    target = display_geometry(on_grid.geometry)
    return upright if target == upright.geometry else resample(upright, target)


def display_geometry(geometry: Geometry) -> Geometry:
    """The grid that ``display_grid`` gives."""
    order, turned = _upright_steps(geometry)
    upright = geometry.permute(order)
    for axis in turned:
        upright = upright.flip(axis)
    return _upright_geometry(upright) if _tilt_voxels(upright) > _TILT_VOXELS else upright


def display_affine(geometry: Geometry) -> NDArray[np.float64]:
    """napari's 4 x 4 of a grid from ``display_grid``; what is left of tilt is dropped (napari cannot cut along it)."""
    affine = napari_affine(geometry)
    affine[:3, :3] = np.diag(np.diag(affine)[:3])
    return affine


def image_layer(volume: Volume, study: Study, *, visible: bool = True) -> LayerData:
    """Gray image with a window preset; metadata hold series uid, study, modality and frame of reference."""
    shown = display_grid(volume)
    preset = default_preset(volume)
    meta = {
        "name": series_name(volume),
        "affine": display_affine(shown.geometry),
        "units": UNITS,
        "axis_labels": AXES,
        "colormap": "gray",
        "contrast_limits": preset.limits(shown.array),
        "interpolation2d": "linear",
        "visible": visible,
        "metadata": {
            KEY: {
                "kind": "image",
                "series_uid": volume.series.series_uid,
                "study": study,
                "modality": volume.modality,
                "preset": preset.name,
                "geometry": shown.geometry,
                "notes": volume.notes,
            }
        },
    }
    return shown.array, meta, "image"


def series_name(volume: Volume) -> str:
    """Modality, series number and description: how a radiologist names a series."""
    ref = volume.series
    parts = (volume.modality, None if ref.series_number is None else str(ref.series_number), ref.description)
    return " ".join(p for p in parts if p)


def labels_layer(label_map: LabelMap, study: Study) -> LayerData:
    """Outlines of the masks in fixed colors; ``features`` name each label."""
    from napari.utils.colormaps import DirectLabelColormap

    shown = display_grid(label_map)
    colors = segment_colors(label_map)
    numbers: dict[int | None, Any] = {None: "transparent", 0: "transparent"}
    numbers |= {s.number: colors[s.name] for s in label_map.segments}
    meta = {
        "name": label_map.name.capitalize(),
        "affine": display_affine(shown.geometry),
        "units": UNITS,
        "axis_labels": AXES,
        "colormap": DirectLabelColormap(color_dict=numbers),
        "features": {
            "index": [0, *(s.number for s in label_map.segments)],
            "segment": ["background", *(s.name for s in label_map.segments)],
        },
        "opacity": 0.9 if label_map.name == "findings" else 0.6,
        "metadata": {
            KEY: {
                "kind": "labels",
                "label_map": label_map.name,
                "study": study,
                "series_uid": label_map.series_uid,
                "segments": {s.name: s.number for s in label_map.segments},
                "source": label_map,
            }
        },
    }
    return shown.array, meta, "labels"


def surface_layer(meshes: Mapping[str, Mesh], label_map: LabelMap, name: str, study: Study) -> LayerData:
    """Surfaces of masks in one layer, on the grid of their label map; invisible until 3D is asked for.

    Vertices are kept in voxel indices with the images' affine, and inside the grid: so the dims keep the images'
    slices as steps. Light and shade are in the colors, because napari lights a world of the other handedness.

    Args:
        meshes: by segment name, at least one; translucent if the first is a hull around others.
    """
    geometry = display_geometry(label_map.geometry)
    colors = segment_colors(label_map)
    vertices, faces, shades, count, num_faces = [], [], [], 0, 0
    parts: dict[str, tuple[int, int, int, int]] = {}
    for segment, mesh in meshes.items():
        parts[segment] = (count, count + len(mesh.vertices_mm), num_faces, num_faces + len(mesh.faces))
        vertices.append(np.clip(geometry.to_index(mesh.vertices_mm), 0, np.array(geometry.shape) - 1))
        faces.append(mesh.faces + count)
        shades.append(_lit(mesh, colors[segment]))
        count, num_faces = parts[segment][1], parts[segment][3]
    hull = is_hull(next(iter(meshes)))
    meta = {
        "name": f"3D {name}",
        "affine": display_affine(geometry),
        "units": UNITS,
        "axis_labels": AXES,
        "vertex_colors": np.concatenate(shades),
        "opacity": 0.35 if hull else 1.0,
        "blending": "translucent_no_depth" if hull else "translucent",
        "shading": "none",
        "visible": False,
        "metadata": {
            KEY: {
                "kind": "surface",
                "label_map": label_map.name,
                "segments": tuple(meshes),
                "parts": parts,
                "study": study,
                "series_uid": label_map.series_uid,
            }
        },
    }
    return (np.concatenate(vertices).astype(np.float32), np.concatenate(faces)), meta, "surface"


def calipers_layer(findings: Sequence[Finding], volume: Volume, study: Study) -> LayerData | None:
    """The caliper lines of all length measurements, with their values, on the slices they were measured on.

    None when no measurement has end points. Lines are kept in voxel indices of the shown grid, so that each falls onto
    exactly one slice.
    """
    geometry = display_geometry(volume.geometry)
    lines: list[NDArray[np.float64]] = []
    texts: list[str] = []
    for finding in findings:
        drawn = [m for m in finding.measurements if m.endpoints_mm is not None]
        ends = [_on_one_slice(geometry, m.endpoints_mm) for m in drawn if m.endpoints_mm is not None]
        if ends:
            words = " × ".join(f"{m.value:.1f}" for m in drawn) + " mm"
            highest = int(np.argmin([line[:, 1].min() for line in ends]))
            texts += [words if n == highest else "" for n in range(len(ends))]
            lines += ends
    if not lines:
        return None
    meta = {
        "name": "Calipers",
        "shape_type": "line",
        "affine": display_affine(geometry),
        "units": UNITS,
        "axis_labels": AXES,
        "edge_color": CALIPER_COLOR,
        "edge_width": _LINE_MM / float(geometry.spacing_mm.min()),
        "opacity": 1.0,
        "features": {"value": texts},
        "text": {"string": "{value}", "color": CALIPER_COLOR, "size": 10, "anchor": "upper_left"},
        "metadata": {KEY: {"kind": "calipers", "study": study, "series_uid": volume.series.series_uid}},
    }
    return lines, meta, "shapes"


def marker_layer(box_mm: tuple[Point, Point], point_mm: ArrayLike, geometry: Geometry, study: Study) -> LayerData:
    """The box of a region without a mask: one rectangle in each plane through a point, LPS mm.

    Args:
        geometry: grid of the shown image.
    """
    upright = display_geometry(geometry)
    corners = np.sort(upright.to_index(np.array(box_mm)), axis=0)
    middle = np.round(upright.to_index(point_mm))
    rectangles = []
    for axis in range(3):
        a, b = (n for n in range(3) if n != axis)
        rectangle = np.full((4, 3), middle[axis])
        rectangle[:, a] = corners[[0, 0, 1, 1], a]
        rectangle[:, b] = corners[[0, 1, 1, 0], b]
        rectangles.append(rectangle)
    meta = {
        "name": "Region",
        "shape_type": "polygon",
        "affine": display_affine(upright),
        "units": UNITS,
        "axis_labels": AXES,
        "edge_color": MARKER_COLOR,
        "face_color": "transparent",
        "edge_width": _LINE_MM / float(upright.spacing_mm.min()),
        "metadata": {KEY: {"kind": "marker", "study": study}},
    }
    return rectangles, meta, "shapes"


def study_of(metadata: dict[str, Any]) -> Study | None:
    """The study behind a layer's metadata, None for layers of others."""
    known = metadata.get(KEY)
    return known["study"] if isinstance(known, dict) else None


def shown_first(series: Sequence[Series], wanted: Sequence[str]) -> list[Series]:
    """The series in the order in which layers are added: the wanted ones last, so that they lie on top."""
    return sorted(series, key=lambda s: (s.series_uid in wanted, -(s.number or 0)))


def segment_colors(label_map: LabelMap) -> dict[str, str]:
    """A fixed color for each segment, by name for anatomy and by number for findings."""
    is_anatomy = label_map.name == "anatomy"
    colors = {}
    for segment in label_map.segments:
        other = _OTHER_COLORS if is_anatomy else _FINDING_COLORS
        colors[segment.name] = _ANATOMY_COLORS.get(segment.name, other[(segment.number - 1) % len(other)])
    return colors


def is_hull(name: str) -> bool:
    """Whether a segment encloses others, so that it must be looked through in 3D."""
    return name.startswith(("lung", "intracranial", "brain"))


def _rgba(color: str) -> NDArray[np.float32]:
    parts = [int(color[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    return np.array([*parts, 1.0], np.float32)


def _lit(mesh: Mesh, color: str) -> NDArray[np.float32]:
    """(N, 4) RGBA of each vertex under a light that stands still beside the patient; the far side is not black."""
    corners = mesh.vertices_mm[mesh.faces].astype(np.float64)
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros((len(mesh.vertices_mm), 3))
    for corner in range(3):
        np.add.at(normals, mesh.faces[:, corner], across)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    light = np.array(_LIGHT_LPS) / np.linalg.norm(_LIGHT_LPS)
    brightness = 0.25 + 0.85 * (0.5 + 0.5 * normals @ light) ** 1.5
    rgba = np.tile(_rgba(color), (len(normals), 1))
    rgba[:, :3] = np.clip(rgba[:, :3] * brightness[:, None], 0, 1)
    return rgba


def _upright_steps(geometry: Geometry) -> tuple[tuple[int, int, int], tuple[int, ...]]:
    """Which of our axes lies nearest to z, y and x, and which of these three must then be turned."""
    direction = geometry.direction
    left = [0, 1, 2]
    order = []
    for world in (2, 1, 0):
        nearest = left[int(np.argmax(np.abs(direction[world, left])))]
        left.remove(nearest)
        order.append(nearest)
    turned = tuple(n for n, world in enumerate((2, 1, 0)) if direction[world, order[n]] < 0)
    return (order[0], order[1], order[2]), turned


def _tilt_voxels(geometry: Geometry) -> float:
    """How far, in the smallest voxel side, the far end of an axis lies from where an upright grid would have it."""
    matrix = napari_affine(geometry)[:3, :3]
    extent = np.abs(matrix * np.array(geometry.shape)[None, :])
    np.fill_diagonal(extent, 0.0)
    return float(extent.max() / geometry.spacing_mm.min())


def _upright_geometry(geometry: Geometry) -> Geometry:
    """The upright grid of the same voxel size around all corners."""
    low, high = geometry.corners_mm.min(axis=0), geometry.corners_mm.max(axis=0)
    spacing = geometry.spacing_mm
    sides = np.array([high[2] - low[2], high[1] - low[1], high[0] - low[0]])
    shape = np.maximum(1, np.ceil(sides / spacing - 1e-6).astype(int))
    first = low + spacing[[2, 1, 0]] / 2
    return Geometry.from_parts(
        spacing_mm=spacing.tolist(),
        origin_mm=first.tolist(),
        shape=shape.tolist(),
        frame_of_reference_uid=geometry.frame_of_reference_uid,
    )


def _on_one_slice(geometry: Geometry, ends_mm: tuple[Point, Point]) -> NDArray[np.float64]:
    """(2, 3) voxel indices of a caliper; the axis along which it moves least is rounded to one slice."""
    ends = geometry.to_index(ends_mm)
    along = int(np.argmin(np.abs(ends[1] - ends[0]) * geometry.spacing_mm))
    ends[:, along] = np.round(ends[:, along].mean())
    return ends
