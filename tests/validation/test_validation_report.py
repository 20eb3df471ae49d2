"""The report of a run: what it holds, that it is one file, what moved against an earlier run; the small run itself."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tomoscribe import sample_data
from tomoscribe.cli.main import main
from tomoscribe.core.errors import InputError, InvalidValueError
from tomoscribe.validation.records import Better, Excluded, Flag, Severity
from tomoscribe.validation.report import model, outputs
from tomoscribe.validation.report.against import compare
from tomoscribe.validation.report.facts import Facts, facts
from tomoscribe.validation.report.figures import Figure, means, ratio
from tomoscribe.validation.report.html import html
from tomoscribe.validation.report.markdown import files, markdown
from tomoscribe.validation.report.model import CaseLine, Failure, Plot, Row, Series, Table, ValidationReport
from tomoscribe.validation.report.plots import svg
from tomoscribe.validation.report.words import interval, number, verdict

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
CURVE = Series(name="a", x=(0.0, 1.0), y=(0.0, 1.0))
DICE = Figure(name="masks/Dice/lungs", better=Better.HIGHER, source="mean over studies")
MISSED = Figure(name="actionable/missed per 100 reports", better=Better.LOWER, source="by hand", unit="per 100 reports")


def row(figure: Figure, values: dict[str, float], **beside: float) -> Row:
    made = ratio(figure, means(values), "set=a", **beside)
    assert made is not None
    return made


@cache
def _facts() -> Facts:
    return facts({"resampling": "0"})


def report(dice: dict[str, float], **others: object) -> ValidationReport:
    missed = row(MISSED, {"one": 100.0, "two": 0.0, "three": 0.0}, chance=150.0, always_normal=120.0)
    made = ValidationReport(
        title="Findings",
        facts=_facts(),
        tables=(
            Table(title="Masks", rows=(row(DICE, dice),), note="Of the report."),
            Table(title="Missed", rows=(missed,), is_headline=True),
        ),
        flags=(Flag(name="few_real_patients", severity=Severity.WARNING, evidence="2 < 20 & <b>", cases=("one",)),),
        cases=(CaseLine(group="a", case="one", what="nodule 1", true="9 mm", found="not stated", is_bad=True),),
        excluded=(Excluded(what="scan not there", where="b", why="expected | found"),),
        plots=(Plot(title="FROC", kind="steps", x_label="x", y_label="y", series=(CURVE,)),),
        failures=(Failure(case="one", kind="missed", caption="a nodule", png=PIXEL),),
        seconds=3.0,
    )
    return replace(made, **others)  # type: ignore[arg-type]


GOOD = {"one": 0.95, "two": 0.96, "three": 0.97, "four": 0.94}


def test_intervals_are_of_patients_and_one_patient_has_none() -> None:
    several, alone = row(DICE, GOOD).score, row(DICE, {"one": 0.9}).score
    assert several.value == pytest.approx(0.955)
    assert several.low >= 0.94
    assert several.high <= 0.97
    assert (several.n, several.num_patients) == (4, 4)
    assert math.isnan(alone.low)
    assert interval(alone) == "–"
    assert ratio(DICE, {}, "set=a") is None


def test_words_of_numbers() -> None:
    assert number(0.12345) == "0.123"
    assert number(1.2345, "mm") == "1.23"
    assert number(123.45, "ml") == "123.5"
    assert number(math.nan) == number(None) == "–"
    weak = row(DICE, GOOD, chance=0.96).score
    assert verdict(weak) == "no better than chance"
    assert verdict(row(DICE, GOOD, chance=0.5).score) == ""


def test_json_comes_back_and_holds_what_made_it(tmp_path: Path) -> None:
    made = report(GOOD)
    model.save(made, tmp_path / "run.json")
    back = model.load(tmp_path / "run.json")
    assert model.dumps(back) == model.dumps(made)
    data = json.loads((tmp_path / "run.json").read_text())
    assert data["schema"] == "tomoscribe.validation"
    assert set(data["facts"]["weights"]) == {"nodule-net", "unet-ct", "unet-mr", "report"}
    assert all(len(w["sha256"]) == 64 for w in data["facts"]["weights"].values())
    assert len(data["facts"]["code_sha256"]) == 64
    assert data["facts"]["seeds"] == {"resampling": "0"}


@pytest.mark.parametrize("text", ["{", "[]", '{"schema": "tomoscribe.reading", "schema_version": 1}'])
def test_what_is_no_result_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text(text)
    with pytest.raises(InputError, match=r"JSON|schema"):
        model.load(tmp_path / "old.json")
    with pytest.raises(InputError, match="cannot be read"):
        model.load(tmp_path / "none.json")


def test_the_page_is_one_file_and_headline_and_doubts_come_first() -> None:
    page = html(report(GOOD))
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    assert "http" not in re.sub(r"http-equiv", "", page)
    assert "<script" not in page
    places = [page.index(words) for words in ("<h2>Missed", "makes these figures doubtful", "<h2>Masks", "Every case")]
    assert places == sorted(places)
    assert "2 &lt; 20 &amp; &lt;b&gt;" in page
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page
    assert '<tr class="bad"><td>one</td>' in page


def test_markdown_says_the_same(tmp_path: Path) -> None:
    made = report(GOOD)
    text = markdown(made, images="pictures")
    assert "| missed per 100 reports | a | **33.3** | 0.00 to 100.0 | 150.0 | 120.0 | 3 | lower |" in text
    assert "| scan not there | b | expected / found |" in text
    assert text.index("## Missed") < text.index("## Masks")
    assert set(files(made)) == {"plot_1.svg", "failure_01.png"}
    assert "pictures/plot_1.svg" in text
    outputs.write_all(made, tmp_path / "out", name="run")
    assert (tmp_path / "out" / "run" / "failure_01.png").read_bytes().startswith(b"\x89PNG")
    ElementTree.fromstring((tmp_path / "out" / "run" / "plot_1.svg").read_text())


@pytest.mark.parametrize("kind", ["steps", "lines", "points"])
def test_plots_are_well_formed_and_inside_their_frame(kind: str) -> None:
    series = Series(
        name="a < b", x=(1.0, 10.0, 100.0), y=(-5.0, 0.0, math.nan), low=(-6.0, -1.0, 0.0), high=(-4.0, 1.0, 2.0)
    )
    plot = Plot(title="t", kind=kind, x_label="x", y_label="y", series=(series,), marks=((0.5, "bias"),), is_log_x=True)
    root = ElementTree.fromstring(svg(plot))
    numbers = [float(e.get(k)) for e in root.iter() for k in ("x1", "x2", "cx") if e.get(k)]
    assert 0 <= min(numbers) <= max(numbers) <= 560


def test_a_series_needs_as_many_x_as_y() -> None:
    with pytest.raises(InvalidValueError, match="as many x as y"):
        Series(name="a", x=(1.0,), y=())


def test_two_trials_with_the_same_row_are_not_merged() -> None:
    with pytest.raises(InvalidValueError, match="row of the same name"):
        model.merged("all", [report(GOOD), report(GOOD)])
    other = report(GOOD, tables=())
    assert model.merged("all", [report(GOOD), other]).title == "all"


def test_the_same_run_has_not_moved() -> None:
    found = compare(report(GOOD), report(GOOD))
    assert (found.moved, found.num_same, found.only_old) == ((), 2, ())


def test_worse_in_every_case_is_a_regression_though_the_intervals_overlap() -> None:
    worse = {case: value - 0.005 for case, value in GOOD.items()}
    found = compare(report(worse), report(GOOD))
    (moved,) = found.moved
    assert (moved.verdict, moved.method) == ("worse", "paired, 4 cases")
    assert found.regressions == (moved,)
    assert compare(report(GOOD), report(worse)).moved[0].verdict == "better"


def test_worse_in_one_case_and_better_in_another_is_noise() -> None:
    mixed = {"one": 0.96, "two": 0.95, "three": 0.98, "four": 0.93}
    (moved,) = compare(report(mixed), report(GOOD)).moved
    assert moved.verdict == "changed"


def test_other_cases_are_compared_by_their_intervals() -> None:
    other = {f"new {n}": 0.5 + n / 100 for n in range(4)}
    (moved,) = compare(report(other), report(GOOD)).moved
    assert (moved.verdict, moved.method) == ("worse", "intervals")
    near = {f"new {n}": 0.95 + n / 100 for n in range(4)}
    assert compare(report(near), report(GOOD)).moved[0].verdict == "changed"


def test_one_case_is_never_judged_and_lost_rows_are_named() -> None:
    old = report({"one": 0.9})
    (moved,) = compare(report({"one": 0.5}), old).moved
    assert (moved.verdict, moved.method) == ("changed", "no interval")
    gone = compare(report(GOOD, tables=report(GOOD).tables[1:]), old)
    assert gone.only_old == ("masks/Dice/lungs (set=a)",)
    assert "no longer measured" in gone.summary


def test_a_regression_ends_with_an_exit_code_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model.save(report(GOOD), tmp_path / "old.json")
    model.save(report({case: value - 0.3 for case, value in GOOD.items()}), tmp_path / "new.json")
    arguments = ["tomoscribe", "validate", "render", str(tmp_path / "new.json"), "--out", str(tmp_path / "out")]
    monkeypatch.setattr("sys.argv", [*arguments, "--against", str(tmp_path / "old.json")])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 12
    said = capsys.readouterr()
    assert "worse: masks: Dice: lungs" in said.out
    assert "1 figure is worse than before" in said.err
    assert 'class="worse">worse' in (tmp_path / "out" / "validation.html").read_text()


def test_the_small_run_over_the_sample_data(
    chest_sample, brain_sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``tomoscribe validate --quick``; the two readings are those of this session, kept under the program's key."""
    from tomoscribe.validation.findings_trial.reading import keep_result, kept_file, result_of
    from tomoscribe.validation.findings_trial.run import result_key
    from tomoscribe.validation.findings_trial.sources import sample_sources

    samples = {"sample chest_ct": chest_sample, "sample brain_mr": brain_sample}
    for source in sample_sources({name: sample_data.path(name) for name in sample_data.names()}):
        sample = samples[source.name]
        made = source.make(tmp_path)
        result = result_of(source, made, sample.reading, sample.reader.volumes(sample.study), pictures=True)
        keep_result(kept_file(tmp_path / "keep", source.name), result, result_key(), pictures=True)
    command = ["tomoscribe", "validate", "--quick", "--keep", str(tmp_path / "keep"), "--out", str(tmp_path / "out")]
    monkeypatch.setattr("sys.argv", command)
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 0
    assert "Missed and invented actionable findings per 100 reports" in capsys.readouterr().out
    rows = {r.key: r.score for r in model.load(tmp_path / "out" / "validation.json").rows}
    assert rows["nodules/sensitivity of the report", "set=sample"].value == 1.0
    assert rows["nodules/false positives of the report", "set=sample"].value == 0.0
    assert rows["actionable/missed per 100 reports", "set=sample"].value == 0.0
    assert rows["actionable/missed per 100 reports", "set=sample"].always_normal == 200.0
    assert rows["volume/absolute error/brain", "set=sample"].value < 4.0
    assert "A quick run" in (tmp_path / "out" / "validation.html").read_text()
