"""Every study of an export to its results: resumable, on one process, several, or a Ray cluster."""

from tomoscribe.reports.batch.folder import RunFolder, Settings
from tomoscribe.reports.batch.run import BatchResult, Standing, run_batch

__all__ = ["BatchResult", "RunFolder", "Settings", "Standing", "run_batch"]
