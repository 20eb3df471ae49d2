"""Predictions of any machine as JSON lines: case_id, text, language, probabilities, seconds, failed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tomoscribe.core.errors import InputError
from tomoscribe.validation.records import Prediction

_KEYS = frozenset({"case_id", "text", "language", "probabilities", "seconds", "failed"})


def read_predictions(path: Path) -> tuple[Prediction, ...]:
    """One prediction a line.

    Raises:
        InputError: a line that is no such object, with its number; nothing is skipped.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("expected predictions as JSON lines in UTF-8", where=path.name) from error
    return tuple(_prediction(line, f"{path.name} line {n}") for n, line in enumerate(lines, start=1) if line.strip())


def _prediction(line: str, where: str) -> Prediction:
    try:
        row: Any = json.loads(line)
    except json.JSONDecodeError as error:
        raise InputError(f"expected a JSON object ({error})", where=where) from error
    if not isinstance(row, dict) or not isinstance(row.get("case_id"), str) or not set(row) <= _KEYS:
        raise InputError(f"expected an object with a case_id and keys of {', '.join(sorted(_KEYS))}", where=where)
    if row.get("language", "en") not in ("en", "zh"):
        raise InputError(f"expected a report in en or zh, found {row['language']!r}", where=where)
    chances = row.get("probabilities", {})
    if not isinstance(chances, dict) or not all(isinstance(p, int | float) and 0 <= p <= 1 for p in chances.values()):
        raise InputError("expected probabilities of 0 to 1 by class", where=where)
    return Prediction(**row)
