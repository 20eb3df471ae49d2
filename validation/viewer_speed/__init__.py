"""How fast the linked views are, beside napari's own canvas with the same voxels, in one run."""

from tomoscribe.validation.viewer_speed.table import markdown, to_json
from tomoscribe.validation.viewer_speed.trial import Trial, run_trial

__all__ = ["Trial", "markdown", "run_trial", "to_json"]
