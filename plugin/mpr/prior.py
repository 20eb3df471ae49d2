"""An earlier examination beside the present one: whose it must be, where its slices lie, and what its panes draw."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from tomoscribe.core import Geometry, Study
from tomoscribe.encoders.rigid import onto, rigid
from tomoscribe.findings.measured import Progress
from tomoscribe.plugin.layers import KEY, LayerData, display_affine
from tomoscribe.plugin.mpr.cut import Grid, Slab, Vector
from tomoscribe.plugin.mpr.scene import Scene
from tomoscribe.plugin.planes import Plane
from tomoscribe.plugin.work import Opened

_YEARS_OFF = 1.1
"""Ages in whole years of two examinations may be off by this from what their dates say."""
_DAYS_PER_YEAR = 365.25


def objection(now: Study, then: Study) -> str | None:
    """Why an examination must not be shown beside this one; None where it may."""
    if now.patient_key != then.patient_key:
        return "this examination belongs to another patient"
    if now.sex and then.sex and now.sex != then.sex:
        return "the two examinations name different sexes of the patient"
    between, ages = _years_between(then.date, now.date), (then.age_years, now.age_years)
    if between is not None and None not in ages and abs(float(ages[1]) - float(ages[0]) - between) > _YEARS_OFF:  # type: ignore[arg-type]
        return "age and date of the two examinations contradict each other"
    return "this is the examination that is open already" if now.study_uid == then.study_uid else None


def _years_between(first: str | None, second: str | None) -> float | None:
    if first is None or second is None:
        return None
    days = (datetime.date.fromisoformat(second) - datetime.date.fromisoformat(first)).days
    return days / _DAYS_PER_YEAR


@dataclass(frozen=True, kw_only=True, eq=False)
class PriorImage:
    """One series of the earlier examination, upright as for napari.

    Args:
        array: (z, y, x).
        aligned: the same on the grid of the present image, after alignment.
    """

    study: Study
    name: str
    modality: str
    array: NDArray[Any]
    geometry: Geometry
    aligned: NDArray[Any] | None = None
    aligned_geometry: Geometry | None = None


def image_of(opened: Opened, modality: str) -> PriorImage | None:
    """The series of an opened study that is compared: the topmost visible one of the modality, or its last one."""
    of_kind = [layer for layer in opened.layers if layer[1]["metadata"][KEY]["modality"] == modality]
    shown = [layer for layer in of_kind if layer[1]["visible"]] or of_kind
    return _image(shown[-1], opened.study) if shown else None


def _image(layer: LayerData, study: Study) -> PriorImage:
    array, meta, _ = layer
    known = meta["metadata"][KEY]
    return PriorImage(
        study=study, name=meta["name"], modality=known["modality"], array=array, geometry=known["geometry"]
    )


def aligned(now: NDArray[Any], now_geometry: Geometry, prior: PriorImage, progress: Progress) -> PriorImage:
    """The prior with its voxels on the grid of the present image. Long work: not for the GUI thread."""
    progress("aligning the prior", 0.1)
    matrix = rigid(now, now_geometry, prior.array, prior.geometry)
    progress("aligning the prior", 0.7)
    fill = float(prior.array.min())
    moved = onto(prior.array, prior.geometry, now_geometry, matrix, fill=fill)
    return PriorImage(
        study=prior.study,
        name=prior.name,
        modality=prior.modality,
        array=prior.array,
        geometry=prior.geometry,
        aligned=moved,
        aligned_geometry=now_geometry,
    )


class _Affine:
    def __init__(self, geometry: Geometry) -> None:
        self.affine_matrix = display_affine(geometry)


class _Still:
    """What a pane reads of a layer, for the prior's image; its window is that of the present image."""

    def __init__(self, name: str, array: NDArray[Any], geometry: Geometry, scene: Scene) -> None:
        self.name, self.data, self.affine = name, array, _Affine(geometry)
        self._scene = scene

    @property
    def contrast_limits(self) -> tuple[float, float]:
        layer = self._scene.base()
        return (0.0, 1.0) if layer is None else (float(layer.contrast_limits[0]), float(layer.contrast_limits[1]))

    @property
    def metadata(self) -> dict[str, Any]:
        layer = self._scene.base()
        return {} if layer is None else dict(layer.metadata)


class PriorScene:
    """The earlier examination as panes see a scene: the same crosshair in mm, none of the present marks."""

    def __init__(self, scene: Scene, prior: PriorImage) -> None:
        self._scene = scene
        self.prior = prior
        self._native = _Still(prior.name, prior.array, prior.geometry, scene)
        self._moved: _Still | None = None
        if prior.aligned is not None and prior.aligned_geometry is not None:
            self._moved = _Still(prior.name, prior.aligned, prior.aligned_geometry, scene)
        self.is_aligned = self._moved is not None

    @property
    def viewer(self) -> Any:
        return self._scene.viewer

    @property
    def slab(self) -> Slab | None:
        return self._scene.slab

    @property
    def crosshair_visible(self) -> bool:
        return self._scene.crosshair_visible

    @property
    def point_mm(self) -> Vector:
        """The crosshair of the present image; aligned it is the same place, unaligned the same coordinates."""
        return self._scene.point_mm

    def move_to(self, point_mm: Sequence[float]) -> None:
        self._scene.move_to(point_mm)

    def step(self, plane: Plane, slices: int) -> None:
        self._scene.step(plane, slices)

    def base(self, series_uid: str | None = None) -> Any:
        """The prior's image."""
        return self._moved if self.is_aligned and self._moved is not None else self._native

    def grid(self, layer: Any) -> Grid:
        return Grid.of_affine(layer.affine.affine_matrix, layer.data.shape)

    def version(self, layer: Any) -> tuple[int, int]:
        return id(layer), 0

    def heats(self) -> Iterator[Any]:
        return iter(())

    def masks(self) -> Iterator[Any]:
        return iter(())

    def drawings(self) -> Iterator[Any]:
        return iter(())
