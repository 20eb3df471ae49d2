"""Results as files: JSON, HTML, DICOM SEG and SR, all of them or none; SEG and SR read back."""

from tomoscribe.reports.export.results import RESULT_FILES, check_writable, open_results, write_results

__all__ = ["RESULT_FILES", "check_writable", "open_results", "write_results"]
