"""Volume -> CT or MR Image Storage objects, one per slice (PS3.3 A.3 and A.4), losslessly compressed.

For generated patients. Results of a reading leave through ``reports.export``, not through here.
"""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, JPEGLSLossless, MRImageStorage
from pydicom.valuerep import DSfloat

from tomoscribe.core import Geometry, Volume
from tomoscribe.core.errors import InvalidValueError, OutputError, UnsupportedError
from tomoscribe.core.uids import derive_uid
from tomoscribe.encoders.dicom.identity import SyntheticIdentity

IMPLEMENTATION_UID = derive_uid("tomoscribe", "implementation")
_SOP_CLASS = {"CT": CTImageStorage, "MR": MRImageStorage}
_SEQUENCES = {"FLAIR": ["SE", "IR"], "T1": ["GR"], "T2": ["SE"], "PD": ["SE"]}


def write_series(
    volume: Volume,
    folder: Path,
    *,
    identity: SyntheticIdentity,
    transfer_syntax: str = JPEGLSLossless,
    rescale_slope: float = 1.0,
    rescale_intercept: float | None = None,
) -> list[Path]:
    """One file per slice k, named ``0001.dcm`` onwards in the order of k; UIDs are those of ``volume.series``.

    Stored as the nearest integer of (value - intercept) / slope, unsigned, in 12 bits where they fit, else in 16.

    Args:
        volume: CT (HU) or MR (arbitrary units, at least 0); each finite.
        folder: made if it is not there; files of the same names are replaced.
        transfer_syntax: UID of a lossless syntax that pydicom can encode, or of an uncompressed one.
        rescale_slope, rescale_intercept: CT only; the intercept is -1024 by default. MR is stored as it is.

    Returns:
        The files in the order of the slices.

    Raises:
        UnsupportedError: a modality other than CT or MR.
        InvalidValueError: values that do not fit into 16 unsigned bits, or are not finite.
        OutputError: the folder cannot be written; files of this call are removed again.
    """
    if volume.modality not in _SOP_CLASS:
        raise UnsupportedError(f"expected modality CT or MR to write, found {volume.modality!r}")
    is_ct = volume.modality == "CT"
    slope = rescale_slope if is_ct else 1.0
    intercept = 0.0 if not is_ct else -1024.0 if rescale_intercept is None else rescale_intercept
    bits = _bits_needed(volume, slope, intercept)
    series = _series_header(volume, identity)
    _add_pixel_description(series, volume, bits)
    if is_ct:
        _add_ct(series, volume, slope, intercept)
    else:
        _add_mr(series, volume)
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for k in range(volume.geometry.shape[0]):
            path = folder / f"{k + 1:04d}.dcm"
            written.append(path)
            stored = _stored(volume.array[k], slope, intercept)
            _write_slice(_slice_header(series, volume, k), stored, path, transfer_syntax)
    except (OSError, RuntimeError, NotImplementedError) as error:
        for path in written:
            path.unlink(missing_ok=True)
        raise _failed(error, folder, transfer_syntax) from error
    return written


def _failed(error: Exception, folder: Path, transfer_syntax: str) -> OutputError:
    if isinstance(error, OSError):
        remedy = "choose a folder that can be written and has room"
        return OutputError(f"the series cannot be written: {error.strerror}", where=folder.name, remedy=remedy)
    return OutputError(
        f"the pixels cannot be encoded as {UID(transfer_syntax).name}",
        where=folder.name,
        remedy="choose another transfer syntax, e.g. JPEG-LS lossless",
    )


def _stored(plane: NDArray[np.generic], slope: float, intercept: float) -> NDArray[np.uint16]:
    return np.rint((plane.astype(np.float64) - intercept) / slope).astype(np.uint16)


def _bits_needed(volume: Volume, slope: float, intercept: float) -> int:
    low, high = float(volume.array.min()), float(volume.array.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise InvalidValueError(
            "expected finite values to write, found NaN or infinity", where=volume.series.series_uid
        )
    if not slope > 0:
        raise InvalidValueError(f"expected a rescale slope above 0, found {slope}")
    low, high = round((low - intercept) / slope), round((high - intercept) / slope)
    if low < 0 or high > 65535:
        raise InvalidValueError(
            f"stored values of {low} to {high} do not fit into 16 unsigned bits",
            where=volume.series.series_uid,
            remedy="choose another rescale slope and intercept, or scale the values",
        )
    return 12 if high < 4096 else 16


def _series_header(volume: Volume, identity: SyntheticIdentity) -> Dataset:
    """Patient, study, series, equipment and frame of reference: what all slices share."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = _SOP_CLASS[volume.modality]
    _add_patient_and_study(ds, volume, identity)
    ref, acquisition = volume.series, volume.acquisition
    ds.Modality = volume.modality
    ds.SeriesInstanceUID = ref.series_uid
    ds.SeriesNumber = identity.series_number if identity.series_number is not None else ref.series_number or 1
    ds.SeriesDescription = identity.series_description or ref.description or f"{volume.modality} series"
    ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = ds.StudyDate
    ds.SeriesTime = ds.AcquisitionTime = ds.ContentTime = ds.StudyTime
    ds.PatientPosition = identity.patient_position
    if acquisition.body_part:
        ds.BodyPartExamined = acquisition.body_part
    else:
        ds.Laterality = ""
    frame = volume.geometry.frame_of_reference_uid
    ds.FrameOfReferenceUID = frame or derive_uid(ref.study_uid, "frame of reference")
    ds.PositionReferenceIndicator = ""
    ds.Manufacturer = acquisition.manufacturer or "tomoscribe phantom"
    ds.ManufacturerModelName = acquisition.model_name or "generated"
    ds.SoftwareVersions = "tomoscribe"
    return ds


def _add_patient_and_study(ds: Dataset, volume: Volume, identity: SyntheticIdentity) -> None:
    ds.PatientName = identity.patient_name
    ds.PatientID = identity.patient_id
    if identity.issuer_of_patient_id:
        ds.IssuerOfPatientID = identity.issuer_of_patient_id
    ds.PatientBirthDate = (identity.birth_date or "").replace("-", "")
    ds.PatientSex = identity.sex or ""
    if identity.age_years is not None:
        ds.PatientAge = f"{identity.age_years:03d}Y"
    ds.StudyInstanceUID = volume.series.study_uid
    ds.StudyDate = identity.study_date.replace("-", "")
    ds.StudyTime = identity.study_time
    ds.StudyID = identity.study_id
    ds.StudyDescription = identity.study_description or ""
    ds.AccessionNumber = identity.accession_number or ""
    ds.ReferringPhysicianName = identity.referring_physician or ""


def _add_pixel_description(ds: Dataset, volume: Volume, bits: int) -> None:
    geometry = volume.geometry
    _, ds.Rows, ds.Columns = geometry.shape
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.BitsAllocated = 16
    ds.BitsStored = bits
    ds.HighBit = bits - 1
    ds.PixelRepresentation = 0
    thickness, between_rows, between_columns = geometry.spacing_mm
    ds.PixelSpacing = [_ds(between_rows), _ds(between_columns)]
    along_columns, along_row = geometry.direction[:, 1], geometry.direction[:, 2]
    ds.ImageOrientationPatient = [_ds(v) for v in (*along_row, *along_columns)]
    ds.SliceThickness = _ds(volume.acquisition.slice_thickness_mm or thickness)
    ds.AcquisitionNumber = 1
    ds.BurnedInAnnotation = "NO"


def _add_ct(ds: Dataset, volume: Volume, slope: float, intercept: float) -> None:
    acquisition = volume.acquisition
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.RescaleIntercept = _ds(intercept)
    ds.RescaleSlope = _ds(slope)
    ds.RescaleType = "HU"
    ds.KVP = _ds(acquisition.kvp) if acquisition.kvp else None
    if acquisition.kernel:
        ds.ConvolutionKernel = acquisition.kernel
    if acquisition.ctdivol_mgy:
        ds.CTDIvol = acquisition.ctdivol_mgy
    _add_contrast(ds, volume)


def _add_mr(ds: Dataset, volume: Volume) -> None:
    acquisition = volume.acquisition
    ds.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
    ds.ScanningSequence = _SEQUENCES.get(acquisition.sequence or "", ["RM"])
    ds.SequenceVariant = "NONE"
    ds.ScanOptions = ""
    ds.MRAcquisitionType = "3D"
    ds.RepetitionTime = _ds(acquisition.repetition_time_ms) if acquisition.repetition_time_ms else None
    ds.EchoTime = _ds(acquisition.echo_time_ms) if acquisition.echo_time_ms else None
    ds.EchoTrainLength = 1
    if "IR" in ds.ScanningSequence or acquisition.inversion_time_ms:
        ds.InversionTime = _ds(acquisition.inversion_time_ms) if acquisition.inversion_time_ms else None
    if acquisition.field_strength_t:
        ds.MagneticFieldStrength = _ds(acquisition.field_strength_t)
    _add_contrast(ds, volume)


def _add_contrast(ds: Dataset, volume: Volume) -> None:
    if volume.acquisition.contrast:
        ds.ContrastBolusAgent = "IV"


def _slice_header(series: Dataset, volume: Volume, k: int) -> Dataset:
    ds = copy.deepcopy(series)
    ref, geometry = volume.series, volume.geometry
    named = len(ref.instance_uids) == geometry.shape[0]
    ds.SOPInstanceUID = ref.instance_uids[k] if named else derive_uid(ref.series_uid, "instance", str(k))
    number = ref.instance_numbers[k] if named and len(ref.instance_numbers) == geometry.shape[0] else None
    ds.InstanceNumber = k + 1 if number is None else number
    position = geometry.to_world((k, 0, 0))
    ds.ImagePositionPatient = [_ds(v) for v in position]
    ds.SliceLocation = _ds(float(position @ _normal(geometry)))
    return ds


def _normal(geometry: Geometry) -> NDArray[np.float64]:
    return np.cross(geometry.direction[:, 2], geometry.direction[:, 1])


def _write_slice(ds: Dataset, stored: NDArray[np.uint16], path: Path, transfer_syntax: str) -> None:
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.ImplementationClassUID = IMPLEMENTATION_UID
    ds.file_meta.ImplementationVersionName = "TOMOSCRIBE"
    ds.set_pixel_data(stored, "MONOCHROME2", int(ds.BitsStored), generate_instance_uid=False)
    if ds.file_meta.TransferSyntaxUID != transfer_syntax:
        ds.compress(transfer_syntax, generate_instance_uid=False)
    ds.save_as(path, enforce_file_format=True, overwrite=True)


def _ds(value: float) -> DSfloat:
    """A decimal string of at most 16 characters (PS3.5 6.2)."""
    return DSfloat(float(value), auto_format=True)
