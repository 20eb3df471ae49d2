"""What an adapter gives: the cases of a folder, and a list of everything that was left out."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from tomoscribe.validation.records import Case, Excluded


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A data set as it lies on disk.

    Args:
        name: of the adapter.
        cases: in a stable order.
        excluded: what was found and not used, each with its reason.
        warnings: what concerns the set as a whole.
    """

    name: str
    cases: tuple[Case, ...]
    excluded: tuple[Excluded, ...]
    warnings: tuple[str, ...] = ()

    def counts(self) -> dict[str, int]:
        """How often each kind of thing was left out, most frequent first."""
        return dict(Counter(e.what for e in self.excluded).most_common())


@dataclass
class Collector:
    """Cases and exclusions while an adapter goes through a folder.

    Args:
        hides_paths: whether folders below may bear patients' names; files in them are then told by a hash of their path
            (``tomoscribe check FOLDER`` names them on the spot).
    """

    name: str
    folder: Path
    hides_paths: bool = False
    _cases: dict[str, Case] = field(default_factory=dict)
    _excluded: list[Excluded] = field(default_factory=list)
    _warnings: list[str] = field(default_factory=list)

    def add(self, case: Case) -> None:
        """Keeps a case; a second one of the same name is left out."""
        if case.case_id in self._cases:
            self.leave_out("duplicated case", case.case_id, "expected each name once; the first one is used")
            return
        self._cases[case.case_id] = case

    def leave_out(self, what: str, where: Path | str, why: str) -> None:
        """Notes something that is not used; ``where`` is told relative to the folder."""
        self._excluded.append(Excluded(what=what, where=self.place(where), why=why))

    def warn(self, words: str) -> None:
        """Notes something about the set as a whole, once."""
        if words not in self._warnings:
            self._warnings.append(words)

    def place(self, where: Path | str) -> str:
        """A path as the user knows it: relative to the data set."""
        if not isinstance(where, Path):
            return where
        place = where.relative_to(self.folder) if where.is_relative_to(self.folder) else Path(where.name)
        if self.hides_paths and len(place.parts) > 1 and place.parts[0] != "reports":
            return f"file {hashlib.sha256(str(place).encode()).hexdigest()[:12]}"
        return str(place)

    def __contains__(self, case_id: str) -> bool:
        return case_id in self._cases

    def opened(self) -> Opened:
        """The result; patients that stand in several splits are told."""
        cases = tuple(self._cases[n] for n in sorted(self._cases))
        splits: dict[str, set[str]] = defaultdict(set)
        for case in cases:
            splits[case.patient_key].add(case.split)
        mixed = sum(len(found - {"none"}) > 1 for found in splits.values())
        if mixed:
            self.warn(f"{mixed} patient(s) stand in more than one split of the data set itself")
        return Opened(name=self.name, cases=cases, excluded=tuple(self._excluded), warnings=tuple(self._warnings))


def patient_key(dataset: str, patient: str) -> str:
    """Hash of a data set's own name of a patient; equal names of different sets differ."""
    return hashlib.sha256(f"{dataset}\x1f{patient}".encode()).hexdigest()[:32]
