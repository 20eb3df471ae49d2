"""Results as files: JSON, HTML, DICOM SEG, SR and key images, all of them or none; and back."""

import warnings

from tomoscribe.reports.export.atomic import check_writable
from tomoscribe.reports.export.results import (
    OPTIONAL_RESULTS,
    RESULT_FILES,
    OpenedResults,
    open_folder,
    open_results,
    replace_report,
    write_results,
)
from tomoscribe.reports.export.seg import SegKind

__all__ = [
    "OPTIONAL_RESULTS",
    "RESULT_FILES",
    "OpenedResults",
    "SegKind",
    "check_writable",
    "open_folder",
    "open_results",
    "replace_report",
    "write_results",
]

# highdicom quotes a patient's name of one component in a warning; names are copied as they are and stand in no log
warnings.filterwarnings("ignore", message=r'The string ".*" is unlikely to represent the intended person name')
