"""Edits as preference pairs: only what the lock understands, and nothing that names anybody."""

from __future__ import annotations

import json

from tomoscribe.core import Override, Presence, Reading, terms
from tomoscribe.reports import editing
from tomoscribe.reports.preferences import pairs_of, save_pairs


def number_of_nodule(reading: Reading) -> int:
    uid = next(
        f.tracking_uid for f in reading.report.findings if f.type == terms.NODULE and f.presence is Presence.PRESENT
    )
    return next(n for n, s in enumerate(reading.report.statements) if s.finding_uids == (uid,))


def other_wording(reading: Reading, number: int) -> str:
    """The writer's sentence with the image left out: understood, true and different."""
    return reading.report.statements[number].text.split(" (series")[0] + "."


def test_an_understood_edit_is_a_pair_with_the_row_it_stands_on(case, tmp_path) -> None:
    number = number_of_nodule(case.reading)
    said = editing.say(case.reading, number, other_wording(case.reading, number))
    (pair,) = pairs_of(said)
    assert pair.rejected == case.reading.report.statements[number].text
    assert pair.chosen == other_wording(case.reading, number)
    assert "nodule present" in pair.prompt
    path = tmp_path / "pairs.jsonl"
    save_pairs([pair], path)
    save_pairs([pair], path)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(lines) == 2
    assert set(lines[0]) == {"section", "language", "prompt", "chosen", "rejected"}
    assert case.reading.study.study_uid not in path.read_text()
    assert path.stat().st_mode & 0o077 == 0


def test_names_remarks_contradictions_and_overrides_are_left_out(case) -> None:
    number = number_of_nodule(case.reading)
    why = Override(by="reader1", at="2031-05-05T10:00:00+08:00", reason="seen elsewhere")
    assert pairs_of(case.reading) == ()
    for words, override in (
        ("Nodule as discussed with Dr. Miller.", None),
        ("Nodule of 40 mm in the right lung.", None),
        ("Nodule of 40 mm in the right lung.", why),
    ):
        assert pairs_of(editing.say(case.reading, number, words, override)) == ()
