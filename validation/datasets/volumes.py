"""NIfTI and MetaImage files -> Volume and mask, in LPS and Hounsfield units; the one place that reads them.

SimpleITK gives LPS itself (NIfTI's RAS is turned by the library), ``encoders.conversions`` turns its index order.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomoscribe.core import Acquisition, Geometry, SeriesRef, Volume
from tomoscribe.core.errors import GeometryError, InputError, TomoscribeError
from tomoscribe.core.uids import derive_uid
from tomoscribe.encoders.conversions import array_from_sitk, geometry_from_sitk
from tomoscribe.encoders.dicom import load_volume, scan
from tomoscribe.validation.datasets.nifti_check import require_whole
from tomoscribe.validation.records import Case, Layout, TruthMask

MAX_VOXELS = 2_000_000_000
GRID_FILES = (".nii.gz", ".nii", ".mhd", ".mha")
GRID_TOLERANCE_MM = 0.05
_MR_ROLES = {"t1", "t1n", "t1c", "t1ce", "t2", "t2w", "t2f", "flair", "t1w", "mr", "pd", "adc"}


def is_grid_file(path: Path) -> bool:
    """Whether a file is a NIfTI or MetaImage by its name; a Macintosh's ``._`` shadow is none."""
    return path.name.lower().endswith(GRID_FILES) and not path.name.startswith("._")


def stem_of(path: Path) -> str:
    """The name without ``.nii.gz`` and the like."""
    ending = next((e for e in GRID_FILES if path.name.lower().endswith(e)), path.suffix)
    return path.name[: len(path.name) - len(ending)]


def header_problem(path: Path) -> str | None:
    """Why a file cannot be an image, from its header alone; None where it may be one."""
    try:
        _header(path)
    except TomoscribeError as error:
        return error.what
    return None


def read_volume(path: Path, *, modality: str, channel: int | None = None) -> Volume:
    """One image file.

    CT values are taken for Hounsfield units; ``verify`` holds them against ``hounsfield_state``.

    Args:
        channel: of a file with a fourth axis; None for a file of three.

    Raises:
        InputError: absent, damaged, not an image, or of another number of axes.
        GeometryError: its grid is none.
    """
    array, geometry = _read(path, channel)
    return Volume(
        array=_values(array, modality),
        geometry=geometry,
        modality=modality,
        value_unit="hu" if modality == "CT" else "arbitrary",
        series=_reference(path, channel),
        acquisition=Acquisition(),
    )


def read_mask(mask: TruthMask, geometry: Geometry) -> NDArray[np.bool_]:
    """(D, H, W) of a reference mask on the grid of its image.

    Raises:
        GeometryError: the mask lies on another grid.
        InputError: as ``read_volume``.
    """
    array, own = _read(mask.path, None)
    same = own.shape == geometry.shape and np.abs(own.corners_mm - geometry.corners_mm).max() <= GRID_TOLERANCE_MM
    if not same:
        raise GeometryError(
            f"expected the mask on its image's grid {geometry!r}, found {own!r}",
            where=mask.path.name,
            remedy="resample the mask to the image",
        )
    return np.asarray(array > 0 if mask.value is None else array == mask.value)


def load_case(case: Case) -> dict[str, Volume]:
    """The images of a case by role.

    Raises:
        TomoscribeError: an image cannot be read; the message says which and why.
    """
    if case.layout is Layout.DICOM:
        return _dicom_volumes(case)
    return {
        role: read_volume(path, modality=modality_of(role), channel=case.channels.get(role))
        for role, path in case.images.items()
    }


def modality_of(role: str) -> str:
    """DICOM modality of an image role."""
    return "MR" if role.lower() in _MR_ROLES else role if role in ("CT", "PT") else "MR"


def _dicom_volumes(case: Case) -> dict[str, Volume]:
    found = {}
    for role, folder in case.images.items():
        pairs = [(study, series) for study in scan(folder) for series in study.readable]
        wanted = [p for p in pairs if p[1].series_uid in case.uids] or pairs
        if not wanted:
            raise InputError("expected a series that can be read, found none", where=folder.name)
        found[role] = load_volume(*wanted[0])
    return found


def _header(path: Path) -> Any:
    """SimpleITK's reader with the header read; GeometryError or InputError where that fails."""
    import SimpleITK as sitk

    if not path.is_file():
        raise InputError("the image file is not there", where=path.name)
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise InputError(f"not a readable image ({_reason(error)})", where=path.name) from error
    size = reader.GetSize()
    if np.prod([float(n) for n in size]) > MAX_VOXELS:
        raise InputError(f"expected at most {MAX_VOXELS} voxels, found {size}", where=path.name)
    return reader


def _read(path: Path, channel: int | None) -> tuple[NDArray[Any], Geometry]:
    reader = _header(path)
    if path.name.lower().endswith((".nii", ".nii.gz")):
        require_whole(path)
    size = list(reader.GetSize())
    if len(size) == 4 and channel is None and size[3] == 1:
        channel = 0
    if (len(size), channel is None) not in ((3, True), (4, False)):
        raise InputError(f"expected an image of three axes, or a channel of four, found {len(size)}", where=path.name)
    if channel is not None:
        if not 0 <= channel < size[3]:
            raise InputError(f"expected a channel below {size[3]}, found {channel}", where=path.name)
        reader.SetExtractIndex([0, 0, 0, channel])
        reader.SetExtractSize([*size[:3], 0])
    try:
        image = reader.Execute()
    except RuntimeError as error:
        raise InputError(f"the image cannot be read to its end ({_reason(error)})", where=path.name) from error
    if image.GetNumberOfComponentsPerPixel() != 1:
        raise InputError("expected one value a voxel, found colors or vectors", where=path.name)
    return array_from_sitk(image), geometry_from_sitk(image)


def _reason(error: RuntimeError) -> str:
    """The last line of SimpleITK's message, without the path in it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    last = lines[-1].rpartition("ITK ERROR:")[2] if lines else "unknown"
    return " ".join(word for word in last.split() if "/" not in word)[:160].strip() or "unknown"


def _values(array: NDArray[Any], modality: str) -> NDArray[Any]:
    """int16 for CT where every value is whole and fits, else float32; what is not finite becomes the lowest value."""
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        finite = array[np.isfinite(array)]
        array = np.nan_to_num(array, nan=float(finite.min()) if finite.size else 0.0)
    if modality == "CT" and array.min() >= -32768 and array.max() <= 32767:
        whole = np.rint(array)
        if array.dtype.kind in "iu" or bool(np.abs(array - whole).max() < 1e-3):
            return whole.astype(np.int16)
    return array.astype(np.float32)


def _reference(path: Path, channel: int | None) -> SeriesRef:
    """UIDs from the file's name: these files have none of their own."""
    name = f"{path.parent.name}/{path.name}/{channel}"
    return SeriesRef(
        study_uid=derive_uid("grid file study", str(path.parent.name)),
        series_uid=derive_uid("grid file series", name),
        series_number=None,
        description=None,
        instance_uids=(),
        instance_numbers=(),
    )
