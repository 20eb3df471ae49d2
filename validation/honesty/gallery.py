"""Which failures to look at: missed actionable findings first, then invented ones, then failed readings."""

from __future__ import annotations

from tomoscribe.validation.honesty.pairs import Pairs
from tomoscribe.validation.honesty.settings import Settings
from tomoscribe.validation.records import Gallery


def gallery(pairs: Pairs, settings: Settings) -> tuple[Gallery, ...]:
    """At most ``Settings.gallery`` cases of different patients, the worst first."""
    rank = {key: n for n, key in enumerate(settings.actionable)}
    columns = [(n, key) for n, key in enumerate(pairs.classes)]
    rows: list[tuple[tuple[int, int, int], int, Gallery]] = []
    for row, (case, said) in enumerate(zip(pairs.cases, pairs.predictions, strict=True)):
        missed = _named(columns, pairs.known[row] & pairs.truth[row] & ~pairs.found[row], rank)
        invented = _named(columns, pairs.known[row] & ~pairs.truth[row] & pairs.found[row], rank)
        if said.failed is not None:
            rows.append(((0, 0, 0), row, Gallery(case_id=case.case_id, reason=f"no result: {said.failed}")))
        elif missed or invented:
            worst = min(rank.get(k, len(rank)) for k in (missed or invented))
            words = [
                f"{word} {', '.join(names)}" for word, names in (("missed", missed), ("invented", invented)) if names
            ]
            kind = Gallery(case_id=case.case_id, reason="; ".join(words), classes=(*missed, *invented))
            rows.append(((1 if missed else 2, worst, -len(missed) - len(invented)), row, kind))
    chosen: dict[str, Gallery] = {}
    for _, row, kind in sorted(rows, key=lambda r: (r[0], r[1])):
        chosen.setdefault(pairs.patients[row], kind)
    return tuple(chosen.values())[: settings.gallery]


def _named(columns: list[tuple[int, str]], picked: object, rank: dict[str, int]) -> tuple[str, ...]:
    found = [key for n, key in columns if picked[n]]  # type: ignore[index]
    return tuple(sorted(found, key=lambda k: rank.get(k, len(rank))))
