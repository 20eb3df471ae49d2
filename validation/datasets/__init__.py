"""Public data sets and a site's own folder as they lie on disk: cases, their truth, and what was left out and why."""

from tomoscribe.validation.datasets.leaks import Leak, LeakKind, find_leaks
from tomoscribe.validation.datasets.opened import Opened
from tomoscribe.validation.datasets.registry import ADAPTERS, NAMES, detect, open_dataset
from tomoscribe.validation.datasets.splits import split_by_patient
from tomoscribe.validation.datasets.verify import verify
from tomoscribe.validation.datasets.volumes import load_case, read_mask, read_volume

__all__ = [
    "ADAPTERS", "NAMES", "Leak", "LeakKind", "Opened", "detect", "find_leaks", "load_case", "open_dataset", "read_mask",
    "read_volume", "split_by_patient", "verify",
]  # fmt: skip
