"""What every object that is put together here element by element has in common: whose it is, and what made it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tomoscribe.reports.export.identity import copy_identity

MANUFACTURER = "tomoscribe developers"
MODEL_NAME = "tomoscribe"
_TYPE_2 = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID",
    "AccessionNumber", "ReferringPhysicianName",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where an object stands: its class and its series.

    Args:
        sop_class_uid, sop_instance_uid: of the object.
        series_uid, series_number, description, modality: of its series.
        number: of the object in the series, from 1.
    """

    sop_class_uid: str
    sop_instance_uid: str
    series_uid: str
    series_number: int
    description: str
    modality: str
    number: int


def new_object(place: Place, source: Any, version: str) -> Any:
    """A data set in UTF-8 with file meta, Patient, Study, Series, Equipment and SOP Common.

    Args:
        source: data set with the patient's and the study's attributes, copied verbatim; what it lacks stays empty.
        version: of the software.
    """
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = place.sop_class_uid
    made.file_meta.MediaStorageSOPInstanceUID = place.sop_instance_uid
    made.SpecificCharacterSet = "ISO_IR 192"
    made.SOPClassUID, made.SOPInstanceUID = place.sop_class_uid, place.sop_instance_uid
    for name in _TYPE_2:
        setattr(made, name, "")
    copy_identity(made, source)
    made.Modality = place.modality
    made.SeriesInstanceUID, made.SeriesNumber = place.series_uid, place.series_number
    made.SeriesDescription, made.InstanceNumber = place.description, place.number
    made.Manufacturer, made.ManufacturerModelName = MANUFACTURER, MODEL_NAME
    made.DeviceSerialNumber, made.SoftwareVersions = "1", version
    return made


def reference(instance: Any) -> Any:
    """Item that refers to an instance by class and UID."""
    from pydicom.dataset import Dataset

    item = Dataset()
    item.ReferencedSOPClassUID = str(instance.SOPClassUID)
    item.ReferencedSOPInstanceUID = str(instance.SOPInstanceUID)
    return item


def coded(value: str, scheme: str, meaning: str) -> Any:
    """Item of a code sequence."""
    from pydicom.dataset import Dataset

    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item
