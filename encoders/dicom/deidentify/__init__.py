"""De-identification by the Basic Application Level Confidentiality Profile of DICOM PS3.15, with named options."""

from tomoscribe.encoders.dicom.deidentify.key import VARIABLE, SecretKey, load_key
from tomoscribe.encoders.dicom.deidentify.options import Option
from tomoscribe.encoders.dicom.deidentify.report import DeidentificationReport
from tomoscribe.encoders.dicom.deidentify.run import REPORT_FILE, deidentify

__all__ = ["REPORT_FILE", "VARIABLE", "DeidentificationReport", "Option", "SecretKey", "deidentify", "load_key"]
