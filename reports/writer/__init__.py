"""The deterministic writer, in English and Chinese."""

from tomoscribe.reports.writer.language import CODES, Language, check_language, language_of
from tomoscribe.reports.writer.report import write_report
from tomoscribe.reports.writer.sentences import (
    Phrasebook,
    finding_statements,
    impression_statements,
    review_statement,
    unassessed_statement,
)

__all__ = [
    "CODES",
    "Language",
    "Phrasebook",
    "check_language",
    "finding_statements",
    "impression_statements",
    "language_of",
    "review_statement",
    "unassessed_statement",
    "write_report",
]
