"""The viewer's trial: what is wanted is judged right, and a small run measures both viewers in real windows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tomoscribe.validation.dicom_speed.data import QUICK_SHAPE, TrialSeries, generated
from tomoscribe.validation.viewer_speed import Trial, markdown, run_trial, to_json
from tomoscribe.validation.viewer_speed.table import TASKS, reached
from tomoscribe.validation.viewer_speed.trial import Entry, SeriesResult


def task(key: str):  # type: ignore[no-untyped-def]
    return next(t for t in TASKS if t.key == key)


@pytest.mark.parametrize(
    ("key", "value", "wanted"),
    [
        ("open_s", 2.0, "reached"),
        ("open_s", 2.1, "**not reached**"),
        ("scroll_axial_per_s", 30.0, "reached"),
        ("scroll_axial_per_s", 29.9, "**not reached**"),
        ("volumes", 2.6, "**not reached**"),
        ("turn_ms", 5.0, ""),
        ("surfaces_s", None, ""),
    ],
)
def test_what_is_wanted_is_judged(key: str, value: float | None, wanted: str) -> None:
    assert reached(task(key), value) == wanted


def test_medians_and_volumes_stand_in_the_table(tmp_path: Path) -> None:
    series = TrialSeries(name="made", folder=tmp_path, warm=tmp_path, shape=(300, 512, 512), is_compressed=False)
    volume = series.volume_bytes
    ours = tuple({"open_s": s, "peak_bytes": 1.5 * volume} for s in (1.0, 9.0, 1.2))
    theirs = ({"open_s": 2.5, "peak_bytes": 3.0 * volume},)
    result = SeriesResult(
        series=series, entries=(Entry(viewer="linked", runs=ours), Entry(viewer="napari", runs=theirs))
    )
    trial = Trial(results=(result,), repeats=3, renderer="software", display="virtual (Xvfb)", real_time=False)
    page = markdown(trial, command="tomoscribe validate viewer")
    assert "| open the study to the first image, s | 1.20 | 2.50 | <= 2 | reached |" in page
    assert "| peak memory without masks, int16 volumes | 1.50 | 3.00 | <= 2.5 | reached |" in page
    assert "OpenGL by software" in page
    assert to_json(trial, command="x")["series"][0]["viewers"]["linked"][1]["open_s"] == 9.0


@pytest.mark.gui
@pytest.mark.slow
def test_a_small_run_measures_both_viewers(tmp_path: Path) -> None:
    told: list[str] = []
    trial = run_trial([generated(tmp_path, QUICK_SHAPE)], repeats=1, real_time=False, tell=told.append)
    linked, plain = trial.results[0].entries
    assert (linked.viewer, plain.viewer) == ("linked", "napari")
    for entry in (linked, plain):
        for key in ("open_s", "scroll_axial_per_s", "scroll_sagittal_per_s", "window_ms", "crosshair_ms", "peak_bytes"):
            assert (entry.middle(key) or 0) > 0, (entry.viewer, key)
    assert (linked.middle("surfaces_s") or 0) >= (linked.middle("surfaces_made_s") or 0) > 0
    assert plain.middle("surfaces_s") is None
    assert len(told) == 2
