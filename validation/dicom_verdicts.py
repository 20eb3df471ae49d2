"""The verdict on every series of some folders, and on every generated defect: is anything wrong accepted in silence?

``python -m tomoscribe.validation.dicom_verdicts [--generated] [FOLDER ...] [--json FILE]`` prints Markdown. Of
generated series it is known what must be said (``tests/gate_rows.py``, so this part runs from the repository's root);
the exit code is 1 where one of them is accepted in silence, or a good one is refused. Of folders it prints what was
said, for a person to judge.
"""

from __future__ import annotations

import argparse
import importlib
import json
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tomoscribe.core.errors import InputError
from tomoscribe.core.serial import to_json
from tomoscribe.encoders.dicom.verdicts import SeriesVerdict, verdicts

_ROWS = "tests.gate_rows"


class Row(Protocol):
    """A generated series and what must be said of it, as in ``tests/gate_rows.py``."""

    make: Callable[[Path], object]
    verdict: str
    says: str


@dataclass(frozen=True, kw_only=True)
class Generated:
    """What was said of one generated series.

    Args:
        wanted: the verdict that it must have.
        words: reason and notes.
        is_said: whether they name the defect.
    """

    name: str
    wanted: str
    found: str
    words: tuple[str, ...]
    is_said: bool

    @property
    def kind(self) -> str:
        """How the verdict is to be taken."""
        if self.found == "refuse":
            return "refused" if self.wanted == "refuse" else "FALSE REFUSAL"
        if self.wanted == "refuse" or not self.is_said:
            return "SILENT ACCEPTANCE"
        if self.found != self.wanted:
            return "WRONG VERDICT"
        return "resampled, said" if self.found == "resample" else "accepted, said" if self.words else "accepted"


def judged(rows: Mapping[str, Row]) -> Iterator[Generated]:
    """Writes each generated series and asks for its verdict."""
    for name, row in rows.items():
        with tempfile.TemporaryDirectory(prefix="tomoscribe-verdicts-") as folder:
            row.make(Path(folder))
            first = verdicts(Path(folder))[0]
        words = tuple(w for w in (first.reason, *first.notes) if w)
        said = any(re.search(row.says, w) for w in words) if row.says else not words
        yield Generated(name=name, wanted=row.verdict, found=first.verdict, words=words, is_said=said)


def generated_lines(found: Sequence[Generated]) -> list[str]:
    """A count by kind, and every defect with the first thing that was said of it."""
    counts = Counter(one.kind for one in found)
    lines = [f"{len(found)} generated series: " + ", ".join(f"{n} {kind}" for kind, n in counts.most_common())]
    lines += ["", "| series | verdict | said |", "|---|---|---|"]
    return lines + [f"| {g.name} | {g.kind} | {(g.words or ('',))[0]} |" for g in found]


def real_lines(folder: Path, found: Sequence[SeriesVerdict]) -> list[str]:
    """One row for all series of a modality of which the same was said; numbers in the words are left out."""
    rows: Counter[tuple[str, str, str]] = Counter()
    for one in found:
        words = [w for w in (one.reason, *one.notes, one.measured.hounsfield if one.verdict != "refuse" else None) if w]
        said = "; ".join(re.sub(r"\d+(\.\d+)?", "N", w) for w in words)
        rows[one.verdict, one.modality, said] += 1
    lines = [f"{folder.name}: " + ", ".join(f"{n} {v}" for v, n in Counter(o.verdict for o in found).items())]
    lines += ["", "| series | verdict | modality | said |", "|---|---|---|---|"]
    return lines + [f"| {n} | {verdict} | {modality} | {said} |" for (verdict, modality, said), n in rows.items()]


def _of_folder(folder: Path) -> tuple[list[str], list[Any]]:
    left_out: Counter[str] = Counter()
    try:
        found = verdicts(folder, problem=lambda _, why: left_out.update([why]))
    except InputError as error:
        return [f"{folder.name}: {error.what}"], []
    lines = real_lines(folder, found)
    return [*lines, *(f"left out: {n} x {why}" for why, n in left_out.most_common())], [to_json(row) for row in found]


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="*")
    parser.add_argument("--generated", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    wrong, content = 0, {}
    if options.generated:
        rows: dict[str, Row] = importlib.import_module(_ROWS).ROWS
        found = list(judged(rows))
        wrong = sum(one.kind.isupper() for one in found)
        print("\n".join([*generated_lines(found), ""]))
    for folder in options.folders:
        lines, content[folder.name] = _of_folder(folder)
        print("\n".join([*lines, ""]))
    if options.json:
        options.json.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    raise SystemExit(wrong > 0)


if __name__ == "__main__":
    main()
