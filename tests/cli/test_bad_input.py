"""A user's mistake gives one line that says what, where and what to do; exit code not 0; nothing half-written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest

from tomoscribe import sample_data
from tomoscribe.cli.main import main
from tomoscribe.validation import hostile

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command in this process; gives exit code and stderr."""

    def call(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["tomoscribe", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        return int(end.value.code or 0), capsys.readouterr().err

    return call


@pytest.fixture
def slices(tmp_path: Path) -> Path:
    """A writable copy of twelve neighbouring slices of the sample chest CT."""
    folder = tmp_path / "series"
    folder.mkdir()
    for file in sorted(sample_data.path("chest_ct").rglob("*.dcm"))[60:72]:
        shutil.copy(file, folder)
    return folder


def _one_line(err: str) -> str:
    assert "Traceback" not in err
    lines = [line for line in err.splitlines() if line.startswith("tomoscribe: ")]
    assert len(lines) == 1, err
    return lines[0]


def test_no_such_folder(run: Run, tmp_path: Path) -> None:
    code, err = run("read", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out"))
    assert code != 0
    assert "nowhere" in _one_line(err)
    assert not (tmp_path / "out").exists()


def test_folder_without_dicom(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "holiday"
    folder.mkdir()
    (folder / "notes.txt").write_text("no images here")
    code, err = run("read", str(folder), "--out", str(tmp_path / "out"))
    assert code != 0
    assert "DICOM" in _one_line(err)
    assert not (tmp_path / "out").exists()


def test_truncated_file(run: Run, slices: Path, tmp_path: Path) -> None:
    victim = sorted(slices.glob("*.dcm"))[5]
    data = victim.read_bytes()
    victim.write_bytes(data[: len(data) - len(data) // 4])
    code, err = run("read", str(slices), "--out", str(tmp_path / "out"))
    assert code != 0
    assert victim.name in _one_line(err)
    assert not (tmp_path / "out").exists()


def test_series_of_one_slice(run: Run, slices: Path, tmp_path: Path) -> None:
    for extra in sorted(slices.glob("*.dcm"))[1:]:
        extra.unlink()
    code, err = run("read", str(slices), "--out", str(tmp_path / "out"))
    assert code != 0
    assert "slice" in _one_line(err)
    assert not (tmp_path / "out").exists()


def test_modality_that_nobody_reads(run: Run, slices: Path, tmp_path: Path) -> None:
    for file in slices.glob("*.dcm"):
        dataset = pydicom.dcmread(file)
        dataset.Modality = "NM"
        dataset.save_as(file)
    code, err = run("read", str(slices), "--out", str(tmp_path / "out"))
    assert code != 0
    assert "NM" in _one_line(err)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("below", ["file", "file/deeper"])
def test_unwritable_output(run: Run, slices: Path, tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("in the way")
    code, err = run("read", str(slices), "--out", str(tmp_path / below))
    assert code != 0
    assert "file" in _one_line(err)
    assert (tmp_path / "file").read_text() == "in the way"


def test_unknown_device(run: Run, slices: Path, tmp_path: Path) -> None:
    code, err = run("read", str(slices), "--out", str(tmp_path / "out"), "--device", "tpu")
    assert code != 0
    assert "--device auto, cpu or cuda:N" in _one_line(err)


def test_a_slab_of_the_chest_is_refused_or_reported_as_incomplete(run: Run, slices: Path, tmp_path: Path) -> None:
    """Twelve slices are no chest: either an error, or results that say so; never a silent report."""
    code, err = run("read", str(slices), "--out", str(tmp_path / "out"))
    if code == 0:
        assert "WARNING" in (tmp_path / "out" / "report.html").read_text() or "incomplete" in err
    else:
        _one_line(err)
        assert not (tmp_path / "out").exists()


def test_check_names_the_files_that_are_left_out(slices, monkeypatch, capsys):
    (slices / "odd.dcm").write_bytes(hostile.file(hostile.nested(60, undefined=True)))
    monkeypatch.setattr("sys.argv", ["tomoscribe", "check", "--json", str(slices)])
    with pytest.raises(SystemExit) as end:
        main()
    said = capsys.readouterr()
    assert end.value.code in (0, None)
    assert [row["verdict"] for row in json.loads(said.out)] == ["accept"]
    assert "left out: odd.dcm: its sequences are nested more than 32 deep" in said.err
