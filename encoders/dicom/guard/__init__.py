"""The header guard: child processes that read DICOM headers under limits, so that no file can harm the reader.

``limits`` what is too much; ``walk`` and ``source`` the bounded reading; ``child`` the process; ``process`` and
``client`` its parent's side; ``wire`` what passes between them.
"""

from tomoscribe.encoders.dicom.guard.client import Guard, Want
from tomoscribe.encoders.dicom.guard.limits import Limits

__all__ = ["Guard", "Limits", "Want"]
