"""Speed, memory and values of the DICOM reader beside its peers, in one run."""

from tomoscribe.validation.dicom_speed.table import markdown, to_json
from tomoscribe.validation.dicom_speed.trial import Trial, run_trial

__all__ = ["Trial", "markdown", "run_trial", "to_json"]
