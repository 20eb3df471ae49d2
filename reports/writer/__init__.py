"""The deterministic writer, in English and Chinese."""

from tomoscribe.reports.writer.language import CODES, DECODER_LANGUAGE, Language, check_language, language_of
from tomoscribe.reports.writer.report import write_report
from tomoscribe.reports.writer.sentences import (
    Phrasebook,
    finding_statements,
    impression_statements,
    review_statement,
    unassessed_statement,
    with_supplement,
)
from tomoscribe.reports.writer.translation import renewed, translated

__all__ = [
    "CODES",
    "DECODER_LANGUAGE",
    "Language",
    "Phrasebook",
    "check_language",
    "finding_statements",
    "impression_statements",
    "language_of",
    "renewed",
    "review_statement",
    "translated",
    "unassessed_statement",
    "with_supplement",
    "write_report",
]
