"""Writes series with exactly one defect each, and good ones that are only unusual.

A maker edits, file by file, a small good series of a phantom patient (a body of soft tissue in a coat of fat, a lung, a
bone, air around it), or copies, removes or replaces some of its files. ``gate_rows`` names what the gate says of each.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    EnhancedCTImageStorage,
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    PositronEmissionTomographyImageStorage,
)

from tomoscribe.core import Acquisition, Geometry, SeriesRef, Volume
from tomoscribe.core.uids import derive_uid
from tomoscribe.encoders.dicom import SyntheticIdentity, write_series

DEPTH, HEIGHT, WIDTH = 10, 24, 20
STEP_MM, ROW_MM, COLUMN_MM = 2.5, 0.75, 0.625
IDENTITY = SyntheticIdentity(
    patient_id="P-1", patient_name="Nobody^Known", study_date="2024-05-06", sex="F", age_years=63
)
Edit = Callable[[int, Dataset], object]


def body(depth: int = DEPTH, height: int = HEIGHT, width: int = WIDTH) -> NDArray[np.int16]:
    """HU of the phantom patient with some noise: air, fat, soft tissue, lung and bone."""
    k, j, i = np.indices((depth, height, width))
    away = np.hypot((j - (height - 1) / 2) / (0.46 * height), (i - (width - 1) / 2) / (0.46 * width))
    lung = np.hypot((j - 0.4 * height) / (0.18 * height), (i - 0.35 * width) / (0.16 * width))
    bone = np.hypot((j - 0.68 * height) / (0.08 * height), (i - 0.5 * width) / (0.08 * width))
    hu = np.full(k.shape, -1000.0)
    for value, inside in ((-100, away < 1), (40, away < 0.82), (-850, lung < 1), (400, bone < 1)):
        hu[inside] = value
    hu += np.random.default_rng(7).normal(0, 12, k.shape) + k
    return np.rint(hu).clip(-1023).astype(np.int16)


def phantom(
    array: NDArray[np.int16] | None = None,
    *,
    modality: str = "CT",
    direction: NDArray[np.float64] | None = None,
    spacing_mm: tuple[float, float, float] = (STEP_MM, ROW_MM, COLUMN_MM),
    name: str = "a",
) -> Volume:
    """The phantom patient as a volume; MR holds its values above air."""
    hu = body() if array is None else array
    values = hu if modality == "CT" else np.clip(hu.astype(np.int32) + 1024, 0, None).astype(np.int16)
    return Volume(
        array=values,
        geometry=Geometry.from_parts(
            spacing_mm=spacing_mm,
            origin_mm=(-12.345678, 23.456789, -301.5),
            shape=values.shape,
            direction=direction,
            frame_of_reference_uid=derive_uid("frame", name),
        ),
        modality=modality,
        value_unit="hu" if modality == "CT" else "arbitrary",
        series=SeriesRef(
            study_uid=derive_uid("study", name),
            series_uid=derive_uid("series", name),
            series_number=3,
            description="generated",
            instance_uids=(),
            instance_numbers=(),
        ),
        acquisition=Acquisition(kvp=120.0 if modality == "CT" else None, kernel="B30f" if modality == "CT" else None),
    )


def write(folder: Path, volume: Volume | None = None, *, syntax: str = ExplicitVRLittleEndian) -> list[Path]:
    """A good series: one file a slice, in slice order."""
    return write_series(volume or phantom(), folder, identity=IDENTITY, transfer_syntax=syntax)


def edit_files(files: list[Path], edit: Edit) -> None:
    """Changes slice k's data set in place."""
    for k, path in enumerate(files):
        ds = pydicom.dcmread(path)
        edit(k, ds)
        ds.save_as(path, overwrite=True)


def edited(edit: Edit, *, modality: str = "CT") -> Callable[[Path], None]:
    """A good series with every file edited."""
    return lambda folder: edit_files(write(folder, phantom(modality=modality)), edit)


def sets(number: int | None = None, **values: object) -> Edit:
    """Sets attributes of slice ``number``, or of all."""

    def edit(k: int, ds: Dataset) -> None:
        if number is None or k == number:
            for keyword, value in values.items():
                setattr(ds, keyword, value)

    return edit


def drops(keyword: str, number: int) -> Edit:
    """Deletes an attribute of slice ``number``."""
    return lambda k, ds: delattr(ds, keyword) if k == number else None


def moves(*numbers: int, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Edit:
    """Moves slices, mm."""

    def edit(k: int, ds: Dataset) -> None:
        if k in numbers:
            ds.ImagePositionPatient = [float(p) + d for p, d in zip(ds.ImagePositionPatient, (x, y, z), strict=True)]

    return edit


def places(z_mm: Callable[[int], float], thickness: Callable[[int], float] | None = None) -> Edit:
    """Puts slice k at a height, and states its thickness."""

    def edit(k: int, ds: Dataset) -> None:
        x, y, _ = ds.ImagePositionPatient
        ds.ImagePositionPatient = [x, y, round(z_mm(k), 4)]
        if thickness:
            ds.SliceThickness = thickness(k)

    return edit


def shears(degrees: float, stated: float | None = None) -> Edit:
    """Shifts the slices along y as a tilted gantry does."""

    def edit(k: int, ds: Dataset) -> None:
        moves(k, y=STEP_MM * k * float(np.tan(np.radians(degrees))))(k, ds)
        if stated is not None:
            ds.GantryDetectorTilt = stated

    return edit


def turns(*numbers: int, angle: float = 0.01) -> Edit:
    """Turns slices about z, radians."""
    c, s = round(float(np.cos(angle)), 8), round(float(np.sin(angle)), 8)
    return lambda k, ds: setattr(ds, "ImageOrientationPatient", [c, s, 0, -s, c, 0]) if k in numbers else None


def both(*edits: Edit) -> Edit:
    """One edit after the other."""
    return lambda k, ds: [edit(k, ds) for edit in edits]


def removes(*numbers: int) -> Callable[[Path], None]:
    """A good series without some slices."""

    def make(folder: Path) -> None:
        files = write(folder)
        for number in numbers:
            files[number].unlink()

    return make


def copies(number: int, edit: Callable[[Dataset], object]) -> Callable[[Path], None]:
    """A good series with a second, edited version of one slice."""

    def make(folder: Path) -> None:
        files = write(folder)
        ds = pydicom.dcmread(files[number])
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = derive_uid("copy")
        edit(ds)
        ds.save_as(folder / "copy.dcm")

    return make


def twice(first: Edit, second: Edit, *, modality: str = "MR", interleaved: bool = True) -> Callable[[Path], None]:
    """Two volumes in one series: the second is 7 brighter."""

    def make(folder: Path) -> None:
        volume = phantom(modality=modality)
        edit_files(write(folder / "a", volume), first)
        files = write(folder / "b", volume.with_array((volume.array + 7).astype(np.int16)))
        edit_files(files, both(second, lambda k, ds: renamed(ds, f"b{k}")))
        if interleaved:
            for path in files:
                shutil.move(path, folder / "a" / f"x{path.name}")

    return make


def renamed(ds: Dataset, name: str) -> None:
    """Another SOP Instance UID."""
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = derive_uid("instance", name)


def beside(edit: Callable[[Dataset], object]) -> Callable[[Path], None]:
    """A good series and one more object of another kind under its series UID."""
    return copies(0, edit)


def shuffled(folder: Path) -> None:
    """File names and instance numbers that say nothing of the order."""
    files = write(folder)
    order = np.random.default_rng(3).permutation(len(files))
    edit_files(files, lambda k, ds: setattr(ds, "InstanceNumber", int(order[k]) + 1))
    for k, path in enumerate(files):
        path.rename(folder / f"f{order[k]:02d}{k}")


def pixels(change: Callable[[NDArray[np.int32]], NDArray[np.int32]], **values: object) -> Edit:
    """Changes the stored values; other attributes are set along with them."""

    def edit(k: int, ds: Dataset) -> None:
        signed = values.get("PixelRepresentation", ds.PixelRepresentation) == 1
        stored = change(ds.pixel_array.astype(np.int32))
        for keyword, value in values.items():
            setattr(ds, keyword, value)
        ds.PixelData = stored.astype("<i2" if signed else "<u2").tobytes()

    return edit


def overlay(k: int, ds: Dataset) -> None:
    """An overlay plane in bit 15 of the pixels."""
    stored = ds.pixel_array.astype(np.uint16)
    stored[2:4] |= 0x8000
    ds.PixelData = stored.astype("<u2").tobytes()
    for element, vr, value in ((0x10, "US", HEIGHT), (0x11, "US", WIDTH), (0x40, "CS", "G"), (0x50, "SS", [1, 1]),
                               (0x100, "US", 16), (0x102, "US", 15)):  # fmt: skip
        ds.add_new((0x6000, element), vr, value)


def colored(ds: Dataset) -> None:
    """Three samples a pixel, as a fused or annotated picture has."""
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "RGB", 0
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit = 7
    ds.PixelData = bytes(3 * ds.Rows * ds.Columns)


def becomes(uid: UID, modality: str) -> Callable[[Dataset], None]:
    """Another SOP class and modality."""

    def edit(ds: Dataset) -> None:
        ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = uid
        ds.Modality = modality

    return edit


def pet(units: str) -> Callable[[Path], None]:
    """A PET series whose slope differs from slice to slice."""

    def edit(k: int, ds: Dataset) -> None:
        becomes(PositronEmissionTomographyImageStorage, "PT")(ds)
        ds.Units, ds.RescaleSlope, ds.RescaleIntercept = units, 0.5 + 0.01 * k, 0

    return edited(edit, modality="MR")


def enhanced(modality: str, *, per_frame: Edit | None = None, repeats: int = 1) -> Callable[[Path], None]:
    """One enhanced multi-frame object of the phantom; frames in a shuffled order.

    Args:
        per_frame: sets attributes of frame n's functional groups item.
        repeats: how often each slice is there.
    """

    def make(folder: Path) -> None:
        sources = [pydicom.dcmread(f) for f in write(folder / "classic", phantom(modality=modality))]
        shutil.rmtree(folder / "classic")
        frames = [(n, ds) for n in range(repeats) for ds in sources]
        order = np.random.default_rng(5).permutation(len(frames))
        out = _enhanced_root(sources[0], modality, len(frames))
        groups, stored = [], []
        for number in order:
            repeat, ds = frames[int(number)]
            item = _frame_groups(ds, modality)
            if per_frame:
                per_frame(repeat, item)
            groups.append(item)
            stored.append(ds.pixel_array + 7 * repeat)
        out.PerFrameFunctionalGroupsSequence = groups
        out.PixelData = np.stack(stored).astype("<u2").tobytes()
        out.save_as(folder / "enhanced.dcm", enforce_file_format=True)

    return make


def _enhanced_root(ds: Dataset, modality: str, count: int) -> Dataset:
    out = Dataset()
    uid = EnhancedCTImageStorage if modality == "CT" else EnhancedMRImageStorage
    out.file_meta = FileMetaDataset()
    out.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    out.SOPClassUID = out.file_meta.MediaStorageSOPClassUID = uid
    out.SOPInstanceUID = out.file_meta.MediaStorageSOPInstanceUID = derive_uid("enhanced")
    for keyword in ("PatientID", "PatientName", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID",
                    "Modality", "Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated",
                    "BitsStored", "HighBit", "PixelRepresentation", "SeriesNumber", "StudyDate"):  # fmt: skip
        setattr(out, keyword, ds[keyword].value)
    out.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    out.NumberOfFrames, out.InstanceNumber = count, 1
    shared, measures, plane = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = ds.PixelSpacing, ds.SliceThickness
    plane.ImageOrientationPatient = ds.ImageOrientationPatient
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [plane]
    out.SharedFunctionalGroupsSequence = [shared]
    return out


def _frame_groups(ds: Dataset, modality: str) -> Dataset:
    item, place, values, content = Dataset(), Dataset(), Dataset(), Dataset()
    place.ImagePositionPatient = ds.ImagePositionPatient
    item.PlanePositionSequence = [place]
    content.StackID, content.FrameAcquisitionNumber = "1", 1
    item.FrameContentSequence = [content]
    if modality == "CT":
        values.RescaleSlope, values.RescaleIntercept, values.RescaleType = 1, -1024, "HU"
        item.PixelValueTransformationSequence = [values]
    return item


def frame_content(**values: Callable[[int], object]) -> Edit:
    """Sets attributes of the frame content macro by repeat."""
    return lambda n, item: [setattr(item.FrameContentSequence[0], k, v(n)) for k, v in values.items()]


def frame_diffusion(n: int, item: Dataset) -> None:
    """b-values 0 and 1000 in turn."""
    diffusion = Dataset()
    diffusion.DiffusionBValue = 1000.0 * n
    item.MRDiffusionSequence = [diffusion]


def pixels_of(source: int, target: int) -> Callable[[Path], None]:
    """Puts the pixels of one slice into another."""

    def make(folder: Path) -> None:
        files = write(folder)
        kept = pydicom.dcmread(files[source]).PixelData
        edit_files([files[target]], lambda k, ds: setattr(ds, "PixelData", kept))

    return make


def lying(position: str, down: tuple[float, float, float]) -> Callable[[Path], None]:
    """An axial series of a patient who lies as (0018,5100) says; ``down`` is the direction of a column, LPS."""
    column = np.array(down, dtype=float)
    row = np.cross(column, (0.0, 0.0, 1.0))

    def make(folder: Path) -> None:
        direction = np.stack([np.array([0.0, 0.0, 1.0]), column, row], axis=1)
        edit_files(write(folder, phantom(direction=direction)), sets(PatientPosition=position))

    return make


def values_shifted(offset: int) -> Edit:
    """Says an intercept that is wrong by ``offset``."""
    return lambda k, ds: setattr(ds, "RescaleIntercept", float(ds.RescaleIntercept) + offset)


def stored_as_signed(k: int, ds: Dataset) -> None:
    """HU stored with a sign, slope 1 and intercept 0."""
    pixels(lambda v: v - 1024, PixelRepresentation=1, BitsStored=16, HighBit=15, RescaleIntercept=0)(k, ds)
