"""Results as files: JSON, HTML, DICOM SEG, SR and key images, all of them or none; and back."""

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
