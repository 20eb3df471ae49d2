"""The command on a tiny CT-RATE: its figures, what was left out, and predictions that are none."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.validation import layouts
from tomoscribe.core.errors import InputError
from tomoscribe.validation.honesty.__main__ import main
from tomoscribe.validation.honesty.predictions import read_predictions


def test_reports_of_another_machine_on_a_data_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = layouts.ct_rate(tmp_path / "ct-rate")
    names = ["train_1_a_1", "train_1_a_2", "train_1_b_1", "train_2_a_1", "valid_1_a_1"]
    rows = [
        {"case_id": n, "text": "A 7 mm nodule. No pleural effusion.", "probabilities": {"nodule": 0.7}} for n in names
    ]
    said = tmp_path / "said.jsonl"
    said.write_text("\n".join(json.dumps(r) for r in rows) + "\n\n")
    out = tmp_path / "out.json"
    assert main([str(folder), "--predictions", str(said), "--verify", "--json", str(out)]) == 0
    text = capsys.readouterr().out
    assert "ct-rate: 4 cases" in text
    assert "left out: 1 x volume not in Hounsfield units" in text
    assert "actionable/missed_per_100" in text.split("figure")[1].splitlines()[1]
    assert "not tested: 1 prediction(s) without a case are in no figure" in text
    facts = json.loads(out.read_text())
    assert facts["left_out"] == {"volume not in Hounsfield units": 1}
    assert facts["honesty"]["scores"][0]["name"] == "actionable/missed_per_100"
    assert "NaN" not in out.read_text()
    assert [f["name"] for f in facts["honesty"]["flags"]] == ["not_beyond_chance"]
    assert "A 7 mm nodule in train_1_a_1" not in out.read_text()


@pytest.mark.parametrize(
    "line",
    [
        "no json",
        "[1]",
        '{"text": "no name"}',
        '{"case_id": "1", "mood": 1}',
        '{"case_id": "1", "language": "nl"}',
        '{"case_id": "1", "probabilities": {"nodule": 70}}',
    ],
)
def test_a_line_that_is_no_prediction_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "said.jsonl"
    path.write_text('{"case_id": "0", "text": ""}\n' + line)
    with pytest.raises(InputError, match=r"said.jsonl line 2"):
        read_predictions(path)
    assert main([str(tmp_path / "nowhere"), "--predictions", str(path)]) == 3


@pytest.mark.slow
def test_our_own_reader_on_a_sites_folder(tmp_path: Path) -> None:
    from tomoscribe import sample_data
    from tomoscribe.reports.reader import StudyReader
    from tomoscribe.validation.datasets import open_dataset
    from tomoscribe.validation.honesty import UNASSESSED, Settings, examine
    from tomoscribe.validation.honesty.ours import predict

    opened = open_dataset("auto", sample_data.path("chest_ct"))
    assert (opened.name, len(opened.cases)) == ("site", 1)
    gone = replace(opened.cases[0], case_id="gone", uids=("1.2.3",))
    (said, failed) = predict([opened.cases[0], gone], StudyReader(device="cpu", text="writer"))
    assert "nodule" in (said.text or "").lower()
    assert said.seconds is not None
    assert said.findings
    assert failed.failed == "the study is no longer in its folder"
    report = examine([said], opened.cases, settings=Settings(unassessed=UNASSESSED, rounds=20))
    assert report.flags == ()
    assert next(s for s in report.scores if s.name == "coverage/unassessed_called_normal_per_100").value == 0.0
