"""The evidence lock: every claim of a report is entailed by a finding, and every finding is in the report."""

from tomoscribe.reports.lock.compare import Difference, differences
from tomoscribe.reports.lock.lock import EvidenceLock
from tomoscribe.reports.lock.objection import Fault, Objection
from tomoscribe.reports.lock.replace import lock_report

__all__ = ["Difference", "EvidenceLock", "Fault", "Objection", "differences", "lock_report"]
