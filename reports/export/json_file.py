"""``report.json``: the core types as JSON, sorted and indented, so that two files can be compared line by line."""

from __future__ import annotations

import json

from tomoscribe.core import Reading
from tomoscribe.core.serial import reading_to_json


def reading_to_text(reading: Reading) -> str:
    """The text of ``report.json``."""
    return json.dumps(reading_to_json(reading), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
