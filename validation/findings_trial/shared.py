"""Labelled real scans in the folder that lies beside the checkout, and in unpacked source archives below it.

Truth is what the folder's own README and files say. What was trained on a scan stands with it: its figures then show
that the machinery works, not what to expect. A scan that is not there is named in the result, not passed over.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomoscribe.core import Acquisition, Algorithm, Geometry, LabelMap, Segment, SeriesRef, Volume, terms
from tomoscribe.core.errors import InputError
from tomoscribe.core.uids import derive_uid
from tomoscribe.findings import measuring
from tomoscribe.validation.findings_trial.sources import Made, Source, write_study
from tomoscribe.validation.findings_trial.truth import Lesion, Truth, lesion_groups, point
from tomoscribe.validation.records import Excluded

NEW, TRAINED, OTHER = "real, new to the weights", "real, trained on", "real, other"
_READERS = 3
"""A nodule that fewer readers drew counts neither for nor against (LUNA16)."""
_BRAIN_LABELS = {
    "brain": (2, 3, 7, 8, 10, 11, 12, 13, 16, 17, 18, 26, 28, 41, 42, 46, 47, 49, 50, 51, 52, 53, 54, 58, 60, 77, 85,
              251, 252, 253, 254, 255),
    "ventricles": (4, 5, 14, 15, 31, 43, 44, 63, 72),
}  # fmt: skip
"""FreeSurfer's labels; choroid plexus counts to the ventricles, as in training."""
_UPRIGHT = ((1, 0, 0), (0, 0, -1), (0, -1, 0))
"""Of ``voxelmorph_t1``: its axes run to the left, to the feet and to the front (its header says otherwise)."""
UNLABELLED = {
    "brain/flair": "no aligned reference; lesion counts stand in docs/log.md",
    "brain/synthseg_labels": "label maps without images, used for training",
    "dicom_odd": "files for the DICOM reader: validate dicom",
    "report_text": "texts without images: the labeler's own test",
}


def shared_sources(folder: Path) -> tuple[list[Source], list[Excluded]]:
    """The scans that are there, and what is there but not scored or missing.

    Raises:
        InputError: the folder is not there.
    """
    if not folder.is_dir():
        raise InputError("expected a folder of labelled scans, found none", where=folder.name)
    wanted = _wanted(folder)
    sources = [source for place, source in wanted if place.exists()]
    missing = [
        Excluded(what="scan not there", where=source.name, why="expected below the folder of labelled scans")
        for place, source in wanted
        if not place.exists()
    ]
    unused = [
        Excluded(what="nothing to score", where=name, why=why)
        for name, why in UNLABELLED.items()
        if (folder / name).is_dir()
    ]
    return sources, [*missing, *unused]


def _wanted(folder: Path) -> list[tuple[Path, Source]]:
    lidc, more = folder / "lidc", folder / "chest_more"
    radiomics = _archive(folder, "pyradiomics-*") / "data"
    segmentator = _archive(folder, "totalsegmentator-*") / "tests" / "reference_files"
    aorta = segmentator / "aorta_report" / "example_ct.nii.gz"
    brain = folder / "brain" / "voxelmorph_t1" / "data"
    rows = [
        (lidc / "LIDC-IDRI-0001", _source("LIDC-IDRI-0001", NEW, _lidc(lidc, "LIDC-IDRI-0001"))),
        (lidc / "LIDC-IDRI-0003", _source("LIDC-IDRI-0003", TRAINED, _lidc(lidc, "LIDC-IDRI-0003"), "nodule-net")),
        (more / "popi_00", _source("popi_00", NEW, _popi(more / "popi_00"))),
        (more / "lungdx_A0001", _source("lungdx_A0001", TRAINED, _lungdx(more), "nodule-net")),
        (radiomics / "lung1_image.nrrd", _source("lung1", NEW, _radiomics(radiomics, "lung1"))),
        (radiomics / "lung2_image.nrrd", _source("lung2", NEW, _radiomics(radiomics, "lung2"))),
        (aorta, _source("totalsegmentator aorta", NEW, _dissection(aorta))),
        (brain / "test_vol.npz", _source("voxelmorph_t1", NEW, _voxelmorph(brain))),
    ]
    return rows


def _archive(folder: Path, pattern: str) -> Path:
    """An unpacked source archive; a path that is not there where none is."""
    return next(iter(sorted(folder.glob(pattern))), folder / pattern)


def _source(name: str, group: str, make: Callable[[Path], Made], *seen_by: str) -> Source:
    return Source(name=name, group=group, make=make, seen_by=seen_by)


def _lidc(lidc: Path, name: str) -> Callable[[Path], Made]:
    def make(folder: Path) -> Made:
        rows = json.loads((lidc / "truth" / "nodules.json").read_text())[name]["nodules"]
        labels, geometry = _read_image(lidc / "truth" / f"{name}_nodules_consensus.nii.gz")
        lesions = tuple(_drawn(row, labels, geometry) for row in rows)
        notes = ("nodules drawn by at least 3 of 4 readers are relevant",)
        truth = Truth(lesions=lesions, labels={"nodule": True}, groups={"manufacturer": "GE"}, notes=notes)
        return Made(folder=lidc / name, truth=truth)

    return make


def _drawn(row: dict[str, Any], labels: NDArray[Any], geometry: Geometry) -> Lesion:
    """A nodule of the readers' consensus, measured like ours: in the axial plane that shows it best."""
    size = measuring.axes(labels == row["nodule"], geometry)
    long_mm, short_mm = (size.long_mm, size.short_mm) if size is not None else (None, None)
    groups = {"readers": f"{row['readers']} of 4"}
    return Lesion(
        name=f"nodule {row['nodule']}",
        center_mm=point(row["center_world_mm_lps"]),
        diameter_mm=float(row["equiv_diameter_mm"]),
        relevant=row["readers"] >= _READERS,
        long_mm=long_mm,
        short_mm=short_mm,
        volume_mm3=float(row["volume_mm3"]),
        groups=lesion_groups(long_mm or float(row["equiv_diameter_mm"]), **groups),
    )


def _popi(place: Path) -> Callable[[Path], Made]:
    def make(folder: Path) -> Made:
        notes = ("no nodule was reported; nobody proved that there is none",)
        groups = {"manufacturer": "Philips"}
        return Made(folder=place, truth=Truth(lesions=(), labels={"nodule": False}, groups=groups, notes=notes))

    return make


def _lungdx(more: Path) -> Callable[[Path], Made]:
    def make(folder: Path) -> Made:
        from tomoscribe.encoders.dicom import load_volume, scan

        place = more / "lungdx_A0001"
        study = scan(place)[0]
        volume = load_volume(study, study.readable[0])
        lesion = _boxed(json.loads((more / "lungdx_A0001_boxes.json").read_text()), volume)
        notes = ("the mass is known by one box per slice, which nobody checked over the image",)
        groups = {"manufacturer": "Philips"}
        return Made(folder=place, truth=Truth(lesions=(lesion,), labels={"nodule": True}, groups=groups, notes=notes))

    return make


def _boxed(rows: dict[str, Any], volume: Volume) -> Lesion:
    """A lesion from boxes (left, top, right, bottom) in pixels, by the file of each slice."""
    numbers = list(volume.series.instance_numbers)
    corners = []
    for name, boxes in rows.items():
        number = int(name.removesuffix(".dcm").rpartition("-")[2])
        if number not in numbers:
            continue
        for x0, y0, x1, y1 in [box["box"] for box in boxes]:
            k = numbers.index(number)
            corners += [volume.geometry.to_world((k, y0, x0)), volume.geometry.to_world((k, y1, x1))]
    if not corners:
        raise InputError("the boxes of lungdx_A0001 name none of its slices")
    low, high = np.min(corners, axis=0), np.max(corners, axis=0)
    wide_mm = float(np.mean((high - low)[:2]))
    groups = lesion_groups(wide_mm, place="pleural")
    return Lesion(name="mass", center_mm=point((low + high) / 2), diameter_mm=wide_mm, groups=groups)


def _radiomics(place: Path, name: str) -> Callable[[Path], Made]:
    def make(folder: Path) -> Made:
        array, geometry = _read_image(place / f"{name}_image.nrrd")
        mask, _ = _read_image(place / f"{name}_label.nrrd")
        drawn = mask > 0
        size = measuring.axes(drawn, geometry)
        volume_mm3 = float(drawn.sum()) * geometry.voxel_volume_mm3
        center = geometry.to_world(np.argwhere(drawn).mean(axis=0))
        lesion = Lesion(
            name="lesion",
            center_mm=point(center),
            diameter_mm=float((6.0 * volume_mm3 / np.pi) ** (1 / 3)),
            long_mm=None if size is None else size.long_mm,
            short_mm=None if size is None else size.short_mm,
            volume_mm3=volume_mm3,
            groups=lesion_groups(0.0 if size is None else size.long_mm),
        )
        volume = _as_volume(array, geometry, "CT", name)
        notes = ("one lesion was drawn; whether there are others is not known",)
        return Made(
            folder=write_study({"CT": volume}, folder, name),
            truth=Truth(lesions=(lesion,), labels={"nodule": True}, notes=notes),
        )

    return make


def _dissection(file: Path) -> Callable[[Path], Made]:
    def make(folder: Path) -> Made:
        array, geometry = _read_image(file)
        volume = _as_volume(np.maximum(array, -1024), geometry, "CT", "aorta")
        known = replace(volume, acquisition=Acquisition(contrast=True, slice_thickness_mm=1.5, body_part="CHEST"))
        notes = ("a dissected aorta, which nothing here looks for: the report must not read as normal",)
        return Made(
            folder=write_study({"CT": known}, folder, "aorta"),
            truth=Truth(labels={"aortic_dissection": True}, notes=notes),
        )

    return make


def _voxelmorph(place: Path) -> Callable[[Path], Made]:
    def make(folder: Path) -> Made:
        with np.load(place / "test_vol.npz") as images, np.load(place / "test_seg.npz") as maps:
            image, labels = images["vol_data"], maps["vol_data"].astype(int)
        geometry = Geometry.from_parts(
            spacing_mm=(1, 1, 1), origin_mm=(-80, 112, 96), shape=image.shape, direction=np.array(_UPRIGHT).T
        )
        array = np.rint(1000 * image).astype(np.int16)
        upright = _upright(_as_volume(array, geometry, "MR", "voxelmorph"))
        masks = _upright(_structures(labels, geometry))
        ml = {name: float(masks.mask(name).sum()) / 1000.0 for name in _BRAIN_LABELS}
        notes = ("skull-stripped, which the report refuses: Dice is that of the tower's own masks",)
        return Made(
            folder=write_study({"T1": upright}, folder, "voxelmorph"),
            truth=Truth(volumes_ml=ml, notes=notes),
            masks=masks,
            tower_volumes={"T1": upright},
        )

    return make


def _upright(on_grid: Any) -> Any:
    """Axial slices from the feet up, rows to the back, columns to the left: the same voxels at the same places."""
    return on_grid.permute((1, 2, 0)).flip(0).flip(1)


def _structures(labels: NDArray[Any], geometry: Geometry) -> LabelMap:
    """Brain and ventricles of a FreeSurfer label map."""
    array = np.zeros(labels.shape, np.uint8)
    for number, members in enumerate(_BRAIN_LABELS.values(), start=1):
        array[np.isin(labels, members)] = number
    kinds = (terms.BRAIN, terms.VENTRICLES)
    segments = tuple(
        Segment(number=n, name=name, category=terms.ANATOMICAL_STRUCTURE, type=kind)
        for n, (name, kind) in enumerate(zip(_BRAIN_LABELS, kinds, strict=True), start=1)
    )
    algorithm = Algorithm(name="FreeSurfer", version="unknown")
    return LabelMap(
        name="truth", array=array, geometry=geometry, segments=segments, algorithm=algorithm, series_uid="0"
    )


def _as_volume(array: NDArray[Any], geometry: Geometry, modality: str, name: str) -> Volume:
    depth = array.shape[0]
    acquisition = (
        Acquisition(body_part="CHEST", slice_thickness_mm=float(geometry.spacing_mm[0]))
        if modality == "CT"
        else Acquisition(body_part="BRAIN", sequence="T1", repetition_time_ms=500.0, echo_time_ms=10.0)
    )
    return Volume(
        array=array.astype(np.int16),
        geometry=geometry,
        modality=modality,
        value_unit="hu" if modality == "CT" else "arbitrary",
        series=SeriesRef(
            study_uid=derive_uid("validation", name),
            series_uid=derive_uid("validation", name, modality),
            series_number=1,
            description="chest" if modality == "CT" else "T1",
            instance_uids=tuple(derive_uid("validation", name, modality, str(k)) for k in range(depth)),
            instance_numbers=tuple(range(1, depth + 1)),
        ),
        acquisition=acquisition,
    )


def _read_image(path: Path) -> tuple[NDArray[Any], Geometry]:
    """Voxels (k, j, i) and their places, from a file that SimpleITK reads."""
    import SimpleITK as sitk

    from tomoscribe.encoders.conversions import array_from_sitk, geometry_from_sitk

    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise InputError("the image cannot be read", where=path.name) from error
    return array_from_sitk(image), geometry_from_sitk(image)
