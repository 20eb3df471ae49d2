"""The trials of the report model and of speed as reports, and the numbers of the model cards."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tomoscribe import sample_data
from tomoscribe.cli.main import main
from tomoscribe.core.errors import InputError
from tomoscribe.encoders.dicom import load_volume, scan
from tomoscribe.validation.dicom_speed.data import TrialSeries
from tomoscribe.validation.dicom_speed.trial import Entry, Run, SeriesResult, Trial
from tomoscribe.validation.fusion_trial import Row as TrialRow
from tomoscribe.validation.model_trial import Settings, model_report, validate_model
from tomoscribe.validation.report import card, model
from tomoscribe.validation.report.facts import Facts, facts
from tomoscribe.validation.report.model import Row, ValidationReport
from tomoscribe.validation.speed.document import speed_report
from tomoscribe.validation.speed.studies import study_of
from tomoscribe.validation.speed.trial import STAGES, Measured, StudyRun

CARDS = sorted((Path(__file__).resolve().parents[2] / "docs").glob("model_card_*.md"))


@cache
def known() -> Facts:
    return facts({"resampling": "0"})


def find(report: ValidationReport, name: str, subgroup: str) -> Row:
    return next(r for r in report.rows if r.key == (name, subgroup))


def trial_row(condition: str, value: float, low: float, high: float, reader: str = "decoder") -> TrialRow:
    return TrialRow(
        reader=reader, finding="all", condition=condition, value=value, low=low, high=high, chance=0.2, patients=90
    )


def one_row() -> ValidationReport:
    return model_report([trial_row("intact", 0.7, 0.6, 0.8)], known(), seconds=1, is_quick=False)


def test_an_image_that_adds_nothing_is_flagged() -> None:
    blind = [
        trial_row("intact", 0.4, 0.3, 0.5),
        trial_row("zeroed", 0.0, 0.0, 0.0),
        trial_row("swapped", 0.38, 0.3, 0.45),
    ]
    seeing = [trial_row("intact", 0.7, 0.6, 0.8), *blind[1:]]
    (flag,) = model_report(blind, known(), seconds=1, is_quick=False).flags
    assert flag.name == "image_may_not_matter"
    assert "0.400 intact, 0.380 with another patient's image" in flag.evidence
    report = model_report(seeing, known(), seconds=1, is_quick=False)
    assert report.flags == ()
    row = find(report, "model/F1 of the decoder/all", "tokens=intact").score
    assert (row.value, row.chance, row.always_normal) == (0.7, 0.2, 0.0)


@pytest.mark.slow
def test_the_trial_of_the_report_model_runs() -> None:
    report = validate_model(Settings(ct=2, mr=2), is_quick=True)
    assert find(report, "model/F1 of the decoder/all", "tokens=zeroed").score.n == 4
    assert find(report, "model/AUROC of the heads/all", "tokens=zeroed").score.value == 0.5
    assert report.is_quick


def study_run(measure_s: float, peak_gb: float = 1.0) -> StudyRun:
    seconds = dict.fromkeys(STAGES, 1.0) | {"measure": measure_s}
    return StudyRun(seconds=seconds, peak_bytes=int(peak_gb * 1e9))


def entry(adapter: str, walls: tuple[float, ...]) -> Entry:
    usual = {"import_s": 0.0, "start_s": None, "cpu_s": 1.0, "base_bytes": 0, "peak_bytes": 1, "helper_peak_bytes": 0}
    return Entry(adapter=adapter, name=adapter, runs=tuple(Run(wall_s=w, **usual) for w in walls))


def test_speed_in_rows_by_hand() -> None:
    series = TrialSeries(name="ct", folder=Path(), warm=Path(), shape=(1, 2, 3), is_compressed=False)
    entries = (entry("ours", (1.0, 2.0)), entry("peer", (3.0, 4.0)))
    measured = Measured(
        stages={"chest_ct": (study_run(4.0), study_run(6.0, 1.4))},
        readers=Trial(results=(SeriesResult(series=series, entries=entries),), repeats=2),
        writers={"ours, BINARY": [(1.0, 1.0, 9), (1.0, 1.0, 9)], "other, BINARY": [(2.0, 5.0, 9), (1.0, 5.0, 9)]},
        slices={100: study_run(5.0), 400: study_run(17.0)},
        batches={1: 5.0, 4: 11.0},
        workers={1: 30.0, 2: 20.0},
    )
    report = speed_report(measured, known(), seconds=1, is_quick=False)
    assert find(report, "speed/measure", "study=chest_ct").score.value == 5.0
    assert find(report, "speed/whole study", "study=chest_ct").score.value == 12.0
    assert find(report, "memory/peak", "study=chest_ct").score.value == pytest.approx(1.2)
    assert find(report, "speed/times ours, reading/peer", "study=CT").score.value == pytest.approx(7 / 3)
    assert find(report, "speed/times ours, writing SEG/other, BINARY", "study=20 organs").score.value == 1.5
    # 12 s for 100 slices, 24 s for 400: twice the time for four times the slices
    assert find(report, "speed/growth of the time with slices", "slices=100 to 400").score.value == pytest.approx(0.5)
    assert find(report, "speed/gain of workers", "workers=2").score.value == 1.5
    assert next(p.title for p in report.plots) == "Slices of one chest CT"
    assert report.extra["speed"]["workers"] == {"1": 30.0, "2": 20.0}


def test_a_study_of_another_length_covers_the_same_patient(tmp_path: Path) -> None:
    (study,) = scan(study_of(sample_data.path("chest_ct"), 42, tmp_path / "short"))
    (short,) = study.readable
    (original,) = scan(sample_data.path("chest_ct"))
    assert short.shape == (42, 256, 256)
    volume, whole = load_volume(study, short), load_volume(original, original.readable[0])
    assert volume.geometry.spacing_mm[0] == pytest.approx(5.0)
    assert (volume.array[10] == whole.array[40]).all()


@pytest.mark.slow
def test_a_study_is_timed_in_a_process_of_its_own(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tomoscribe.validation.speed.worker", str(sample_data.path("brain_mr"))]
    subprocess.run([*command, str(tmp_path / "result.json")], check=True, capture_output=True)
    row = json.loads((tmp_path / "result.json").read_text())
    assert tuple(row["seconds"]) == STAGES
    assert all(s > 0 for s in row["seconds"].values())
    assert 0.3e9 < row["peak_bytes"] < 3e9


@pytest.mark.parametrize("path", CARDS, ids=lambda p: p.stem)
def test_every_number_block_of_a_model_card_is_that_of_its_result(path: Path) -> None:
    """``tomoscribe validate cards docs/model_card_*.md`` writes them."""
    assert card.written(path) == path.read_text(encoding="utf-8")


def test_a_card_is_written_from_its_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model.save(
        model_report([trial_row("intact", 0.7, 0.6, 0.8)], known(), seconds=1, is_quick=False), tmp_path / "r.json"
    )
    text = "# Card\n<!-- numbers from r.json: model/ -->\nF1 0.99\n<!-- end of numbers -->\nafter\n"
    (tmp_path / "card.md").write_text(text)
    monkeypatch.setattr("sys.argv", ["tomoscribe", "validate", "cards", str(tmp_path / "card.md"), "--check"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 12
    assert "out of date: card.md" in capsys.readouterr().err
    assert card.rewrite(tmp_path / "card.md")
    assert not card.rewrite(tmp_path / "card.md")
    made = (tmp_path / "card.md").read_text()
    assert "0.99" not in made
    assert "**0.700**" in made
    assert made.startswith("# Card\n<!-- numbers from r.json: model/ -->\n")
    assert made.endswith("<!-- end of numbers -->\nafter\n")


def test_a_card_that_lost_its_figure_is_refused(tmp_path: Path) -> None:
    model.save(
        model_report([trial_row("intact", 0.7, 0.6, 0.8)], known(), seconds=1, is_quick=False), tmp_path / "r.json"
    )
    (tmp_path / "card.md").write_text("<!-- numbers from r.json: nodules/ -->\n<!-- end of numbers -->\n")
    with pytest.raises(InputError, match="no row that begins with 'nodules/'"):
        card.written(tmp_path / "card.md")
    (tmp_path / "plain.md").write_text("# nothing\n")
    with pytest.raises(InputError, match="expected a block of numbers"):
        card.written(tmp_path / "plain.md")
