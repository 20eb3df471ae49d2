"""The harness beside peers: what it measures, and that it notices wrong values and wrong places."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tomoscribe.cli.main import main
from tomoscribe.core.errors import InvalidValueError
from tomoscribe.validation.dicom_speed import markdown, run_trial
from tomoscribe.validation.dicom_speed.compare import compare
from tomoscribe.validation.dicom_speed.data import generated, scan_and_copies
from tomoscribe.validation.dicom_speed.targets import targets
from tomoscribe.validation.dicom_speed.trial import Entry, Run, SeriesResult
from tomoscribe.validation.peers import ADAPTERS, Grid, contender


def grid(shape: tuple[int, int, int] = (3, 4, 5)) -> Grid:
    affine = np.array([[0, 0, 0.5, 10], [0, 0.75, 0, -20], [2.5, 0, 0, 30], [0, 0, 0, 1]])
    return Grid(array=np.arange(np.prod(shape), dtype=np.int16).reshape(shape), affine=affine)


def flipped(one: Grid, axis: int) -> Grid:
    affine = one.affine.copy()
    affine[:3, 3] += affine[:3, axis] * (one.array.shape[axis] - 1)
    affine[:3, axis] *= -1
    return Grid(array=np.flip(one.array, axis), affine=affine)


def run(**values: float) -> Run:
    usual = {"import_s": 0.1, "start_s": None, "wall_s": 1.0, "cpu_s": 1.0, "base_bytes": 0, "peak_bytes": 100}
    return Run(**{**usual, "helper_peak_bytes": 0, **values})


def test_another_order_of_axes_is_the_same_voxels() -> None:
    other = flipped(flipped(grid(), 0), 2)
    turned = Grid(array=np.transpose(other.array, (2, 1, 0)), affine=other.affine[:, [2, 1, 0, 3]])
    found = compare(grid(), turned)
    assert (found.num_different, found.words, found.is_same) == (0, "same", True)
    assert found.place_mm == pytest.approx(0)


def test_a_mirrored_array_without_its_affine_is_noticed() -> None:
    mirrored = Grid(array=np.flip(grid().array, 0), affine=grid().affine)
    assert compare(grid(), mirrored).words == "40 WRONG VALUES"


def test_a_swapped_spacing_is_noticed() -> None:
    affine = grid().affine.copy()
    affine[0, 2], affine[1, 1] = affine[1, 1], affine[0, 2]
    assert compare(grid(), Grid(array=grid().array, affine=affine)).words == "MISPLACED by 1.43 mm"
    assert compare(grid(), grid((3, 5, 4))).words == "WRONG SHAPE"


def test_padding_is_told_from_wrong_values() -> None:
    ours, theirs = grid(), grid()
    ours.array[0, 0, :2] = -1024
    theirs.array[0, 0, :2] = (-2000, -3024)
    found = compare(ours, theirs)
    assert (found.num_different, found.num_padding, found.is_same) == (2, 2, True)
    theirs.array[0, 0, 2] = -2000
    assert compare(ours, theirs).words == "1 WRONG VALUES"


def test_ratios_are_those_within_a_turn(tmp_path: Path) -> None:
    series = generated(tmp_path, (5, 8, 8))
    ours = Entry(adapter="ours", name="tomoscribe", runs=(run(wall_s=1.0), run(wall_s=4.0), run(wall_s=2.0)))
    same = compare(grid(), grid())
    slow = Entry(adapter="a", name="A", runs=(run(wall_s=3.0), run(wall_s=12.0), run(wall_s=2.0)), agreement=same)
    fast = replace(slow, adapter="b", name="B", runs=(run(wall_s=1.5), run(wall_s=6.0), run(wall_s=9.0)))
    wrong = replace(
        fast, adapter="c", name="C", runs=(run(wall_s=0.1),) * 3, agreement=compare(grid(), grid((1, 1, 1)))
    )
    result = SeriesResult(series=series, entries=(ours, slow, fast, wrong))
    assert (result.times_ours(slow), result.times_ours(fast)) == (3.0, 1.5)
    assert result.fastest_peer is fast
    speed, memory = targets(result, compressed=False)
    assert (speed.found, speed.is_reached) == (1.5, True)
    assert memory.found == pytest.approx(100 / (2 * 5 * 8 * 8))


def test_peak_of_a_temporary_array_is_seen() -> None:
    """In a process of its own: one that has held much already gives freed memory out again without growing."""
    code = (
        "import os, numpy as np\n"
        "from tomoscribe.validation.dicom_speed.memory import Watch\n"
        "watch = Watch.start([os.getpid()])\n"
        "array = np.ones(5_000_000)\n"
        "del array\n"
        "print(watch.grown_bytes(os.getpid()))"
    )
    grown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert 35e6 < int(grown) < 60e6


def test_installed_peers_read_a_series_and_its_copies(tmp_path: Path) -> None:
    """SimpleITK and pydicom are always there; a fresh process each, the same voxels, and a table that says so."""
    source = generated(tmp_path / "source", (6, 32, 48))
    series = scan_and_copies(source.folder, tmp_path / "copies")
    assert [s.is_compressed for s in series] == [False, False, True, True]
    trial = run_trial([series[3]], repeats=2, adapters=("simpleitk", "pydicom_loop"))
    for result in trial.results:
        assert [e.name for e in result.entries] == ["tomoscribe", "SimpleITK", "pydicom"]
        for entry in result.entries[1:]:
            assert entry.refusal is None
            assert entry.agreement is not None
            assert (entry.agreement.words, len(entry.runs)) == ("same", 2)
        assert all(0 < r.wall_s < 60 and r.peak_bytes > 0 for e in result.entries for r in e.runs)
    text = markdown(trial, command="tomoscribe validate dicom")
    assert text.count("| SimpleITK |") == 2
    assert "Explicit VR Little Endian" in series[0].name


def test_a_peer_that_refuses_is_named_with_its_reason(tmp_path: Path) -> None:
    """MR without rescale: the plain loop stumbles over the attribute that is not there."""
    import pydicom

    source = generated(tmp_path, (5, 8, 8))
    for folder in (source.folder, source.warm):
        for path in folder.iterdir():
            ds = pydicom.dcmread(path)
            del ds.RescaleSlope
            ds.Modality, ds.SOPClassUID = "MR", pydicom.uid.MRImageStorage
            ds.save_as(path)
    (result,) = run_trial([source], repeats=1, adapters=("pydicom_loop",)).results
    assert "RescaleSlope" in (result.entries[1].refusal or "")
    assert result.fastest_peer is None


def test_unknown_reader_and_no_repeats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match="expected one of ours, simpleitk"):
        run_trial([], repeats=1, adapters=("itksnap",))
    with pytest.raises(InvalidValueError, match="at least one repeat"):
        run_trial([], repeats=0)


def test_every_adapter_says_what_it_calls_and_what_it_needs() -> None:
    for adapter in ADAPTERS:
        chosen = contender(adapter)
        assert chosen.call
        assert chosen.packages
        assert set(chosen.versions) | set(chosen.missing) == set(chosen.packages)


def test_the_command_writes_table_and_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table, facts = tmp_path / "t.md", tmp_path / "t.json"
    arguments = ["validate", "dicom", "--quick", "--reader", "simpleitk", "--table", str(table), "--json", str(facts)]
    monkeypatch.setattr("sys.argv", ["tomoscribe", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    found = json.loads(facts.read_text())
    assert len(found["series"]) == 5
    assert {r["values"] for s in found["series"] for r in s["readers"] if r["name"] == "SimpleITK"} == {"same"}
    assert table.read_text().startswith("# Reading DICOM")
    assert "SimpleITK" in capsys.readouterr().out
