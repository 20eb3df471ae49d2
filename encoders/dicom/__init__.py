"""The one DICOM reader of the project, and a writer for generated patients."""

from tomoscribe.encoders.dicom.assemble import load_volume, slice_grid
from tomoscribe.encoders.dicom.headers import read_headers
from tomoscribe.encoders.dicom.identity import SyntheticIdentity
from tomoscribe.encoders.dicom.scan import scan, scan_with_priors
from tomoscribe.encoders.dicom.write import write_series

__all__ = [
    "SyntheticIdentity",
    "load_volume",
    "read_headers",
    "scan",
    "scan_with_priors",
    "slice_grid",
    "write_series",
]
