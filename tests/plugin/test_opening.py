"""Opening: what the browser says, the memory plan, refused series slice by slice, recent studies."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tomoscribe.core import Acquisition, Series, Verdict
from tomoscribe.core.errors import CancelledError, MemoryPlanError, RefusedSeriesError
from tomoscribe.encoders.dicom import SyntheticIdentity, load_volume, scan, write_series
from tomoscribe.encoders.dicom.single import load_slice
from tomoscribe.plugin import words
from tomoscribe.plugin.opening.binned import load_binned
from tomoscribe.plugin.opening.memory import estimate, make_show_plan
from tomoscribe.plugin.opening.pictures import gray, small, thumbnails
from tomoscribe.plugin.opening.tree import tree_of
from tomoscribe.plugin.reader import common_place, get_reader
from tomoscribe.plugin.state import Memory
from tomoscribe.plugin.work import needs_choice, newest, scan_place

IDENTITY = SyntheticIdentity(
    patient_id="OPEN-1",
    patient_name="PHANTOM^OPEN",
    study_date="2031-05-04",
    birth_date="1970-01-02",
    sex="F",
    age_years=61,
    study_description="CT chest",
)
TIMEOUT_MS = 60_000


def silent(stage: str, fraction: float) -> None:
    """Progress that nobody looks at."""


def of_study(volume: Any, kit: Any, name: str) -> Any:
    depth = volume.geometry.shape[0]
    series = replace(
        volume.series,
        study_uid=kit.uid("study", name),
        series_uid=kit.uid("series", name),
        instance_uids=tuple(kit.uid("instance", name, str(k)) for k in range(depth)),
    )
    return replace(volume, series=series)


@pytest.fixture(scope="module")
def places(case: Any, kit: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two studies of one patient, one of another, and a series of one slice that the gate refuses."""
    root = tmp_path_factory.mktemp("places")
    earlier = replace(IDENTITY, study_date="2030-01-02", age_years=59)
    other = replace(IDENTITY, patient_id="OPEN-2", patient_name="PHANTOM^OTHER")
    write_series(case.volume, root / "one" / "new", identity=IDENTITY)
    write_series(of_study(case.volume, kit, "old"), root / "one" / "old", identity=earlier)
    write_series(of_study(case.volume, kit, "other"), root / "two" / "b", identity=other)
    write_series(case.volume, root / "two" / "a", identity=IDENTITY)
    single = sorted((root / "one" / "new").rglob("*.dcm"))[0]
    (root / "single").mkdir()
    (root / "single" / "one.dcm").write_bytes(single.read_bytes())
    return {name: root / name for name in ("one", "two", "single")}


def test_priors_are_found_and_the_newest_is_opened(places: dict[str, Path]) -> None:
    studies = scan_place(places["one"], silent)
    assert not needs_choice(studies)
    assert newest(studies).date == "2031-05-04"
    (patient,) = tree_of(studies)
    assert [s.name.split()[0] for s in patient.studies] == ["2031-05-04", "2030-01-02"]
    assert patient.studies[0].priors == "priors: 2030-01-02"
    assert patient.studies[0].series[0].verdict == "can be read"
    assert patient.name == "Patient 1, female, 61 years"


def test_several_patients_or_nothing_readable_is_a_choice(places: dict[str, Path]) -> None:
    assert needs_choice(scan_place(places["two"], silent))
    refused = scan_place(places["single"], silent)
    assert needs_choice(refused)
    row = tree_of(refused)[0].studies[0].series[0]
    assert row.is_refused
    assert row.verdict.startswith("refused: ")
    assert row.series.remedy
    assert row.series.remedy in row.verdict


def test_no_name_of_a_patient_stands_in_the_browser(places: dict[str, Path]) -> None:
    shown = repr([(p.name, [s.name for s in p.studies]) for p in tree_of(scan_place(places["two"], silent))])
    assert "PHANTOM" not in shown
    assert "OPEN-" not in shown


def test_a_slice_by_itself_has_the_values_of_the_volume(places: dict[str, Path]) -> None:
    study = newest(scan(places["one"]))
    volume = load_volume(study, study.readable[0])
    path, frame = study.readable[0].slices[7]
    np.testing.assert_array_equal(load_slice(path, frame), volume.array[7])
    with pytest.raises(RefusedSeriesError):
        load_slice(path.with_name("gone.dcm"))


def test_coarser_pixels_are_means_at_the_same_places(places: dict[str, Path]) -> None:
    study = newest(scan(places["one"]))
    whole = load_volume(study, study.readable[0])
    coarse = load_binned(study, study.readable[0], 2, silent)
    means = whole.array.astype(float).reshape(40, 30, 2, 32, 2).mean(axis=(2, 4))
    np.testing.assert_allclose(coarse.array, means, atol=0.51)
    for index in ((0, 0, 0), (39, 29, 31)):
        fine = whole.geometry.to_world(np.array(index) * (1, 2, 2) + (0, 0.5, 0.5))
        np.testing.assert_allclose(coarse.geometry.to_world(index), fine, atol=1e-6)
    assert coarse.notes

    def cancelled(stage: str, fraction: float) -> None:
        raise CancelledError("cancelled by the user")

    with pytest.raises(CancelledError):
        load_binned(study, study.readable[0], 2, cancelled)


def a_series(number: int, shape: tuple[int, int, int], verdict: Verdict = Verdict.ACCEPTED) -> Series:
    return Series(
        series_uid=f"1.2.{number}",
        modality="CT",
        number=number,
        description=None,
        files=(),
        verdict=verdict,
        acquisition=Acquisition(),
        shape=shape,
        reason=None if verdict is Verdict.ACCEPTED else "gantry tilt",
    )


def test_the_plan_gives_up_what_does_not_fit_and_says_so() -> None:
    large, second = a_series(1, (800, 512, 512)), a_series(2, (400, 512, 512))
    everything = make_show_plan([large, second], free=10**10)
    assert [s.factor for s in everything.shown] == [1, 1]
    assert everything.estimated_bytes == pytest.approx(estimate(large) + estimate(second))
    assert everything.notes == ()
    coarse = make_show_plan([large, second], free=400_000_000)
    assert [(s.series.number, s.factor) for s in coarse.shown] == [(1, 2), (2, 2)]
    assert "2 x 2 pixels" in coarse.notes[0]
    alone = make_show_plan([large, second], free=60_000_000)
    assert [(s.series.number, s.factor) for s in alone.shown] == [(1, 4)]
    assert "CT 2" in alone.notes[-1]
    with pytest.raises(MemoryPlanError, match="CT 1"):
        make_show_plan([large], free=10_000_000)
    with pytest.raises(MemoryPlanError):
        make_show_plan([a_series(3, (800, 512, 512), Verdict.RESAMPLED)], free=400_000_000)


def test_pictures_are_gray_between_percentiles() -> None:
    pixels = np.linspace(-1000, 1000, 200 * 100).reshape(200, 100).astype(np.int16)
    shown = gray(pixels)
    assert (shown.min(), shown.max()) == (0, 255)
    assert max(small(pixels).shape) <= 56
    assert small(pixels)[0].mean() < small(pixels)[-1].mean()


def test_thumbnails_leave_out_what_cannot_be_decoded(places: dict[str, Path]) -> None:
    series = newest(scan(places["one"])).series[0]
    gone = replace(series, part="gone", files=tuple(p.with_name("gone") for p in series.files), scanned=())
    assert list(thumbnails([series, gone], silent)) == [(series.series_uid, None)]


def test_a_dicomdir_stands_for_its_folder(places: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "DICOMDIR").write_bytes(b"")
    assert get_reader(str(tmp_path / "DICOMDIR")) is not None
    for path in (places["one"] / "new").rglob("*.dcm"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    assert newest(scan_place(tmp_path / "DICOMDIR", silent)).date == "2031-05-04"
    assert common_place([tmp_path / "a.dcm", tmp_path / "b.dcm"]) == tmp_path


def test_recent_studies_are_paths_that_are_still_there(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "state")
    assert memory.recent == ()
    for name in ("a", "b", "a"):
        (tmp_path / name).mkdir(exist_ok=True)
        memory.keep_recent(tmp_path / name)
    memory.keep_recent(tmp_path / "gone")
    assert memory.recent == (tmp_path / "a", tmp_path / "b")
    (tmp_path / "state" / "viewer.json").write_text("[")
    assert memory.recent == ()


@pytest.fixture
def in_english() -> Any:
    yield
    words.switch("en")


@pytest.mark.gui
def test_the_browser_shows_verdicts_and_refused_slices(places: dict[str, Path], qtbot: Any) -> None:
    from qtpy.QtCore import Qt

    from tomoscribe.plugin.opening.browser import StudyBrowser

    browser = StudyBrowser(scan_place(places["single"], silent))
    qtbot.addWidget(browser)
    browser.show()
    assert not browser.read.isEnabled(), "there is nothing to open"
    item = browser.tree.topLevelItem(0).child(0).child(0)
    assert item.text(2).startswith("refused: ")
    browser.tree.setCurrentItem(item)
    qtbot.mouseClick(browser.look, Qt.MouseButton.LeftButton)
    viewer = browser.viewer
    qtbot.waitUntil(lambda: viewer.shown == 0, timeout=TIMEOUT_MS)
    assert viewer.warning.text() == "geometry unknown, no measurements"
    assert viewer.picture.pixmap().width() > 100
    qtbot.waitUntil(lambda: not item.icon(0).isNull(), timeout=TIMEOUT_MS)
    viewer.close()


@pytest.mark.gui
def test_slices_are_gone_through_by_keys_and_wheel(places: dict[str, Path], qtbot: Any) -> None:
    from qtpy.QtCore import Qt

    from tomoscribe.plugin.opening.slices import SliceViewer

    viewer = SliceViewer(newest(scan_place(places["one"], silent)).series[0])
    qtbot.addWidget(viewer)
    viewer.show()
    qtbot.waitUntil(lambda: viewer.shown == 19, timeout=TIMEOUT_MS)
    qtbot.keyClick(viewer.slider, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: viewer.shown == 20, timeout=TIMEOUT_MS)
    qtbot.keyClick(viewer.slider, Qt.Key.Key_End)
    qtbot.waitUntil(lambda: viewer.shown == 39, timeout=TIMEOUT_MS)
    assert viewer.place.text().startswith("file 40 of 40")
    viewer.close()


@pytest.mark.gui
def test_a_lost_drive_is_told_and_ends_nothing(places: dict[str, Path], qtbot: Any, tmp_path: Path) -> None:
    import shutil

    from tomoscribe.plugin.opening.slices import SliceViewer

    shutil.copytree(places["one"] / "new", tmp_path / "usb")
    viewer = SliceViewer(scan_place(tmp_path / "usb", silent)[0].series[0])
    qtbot.addWidget(viewer)
    viewer.show()
    qtbot.waitUntil(lambda: viewer.shown == 19, timeout=TIMEOUT_MS)
    shutil.rmtree(tmp_path / "usb")
    viewer.slider.setValue(3)
    qtbot.waitUntil(lambda: viewer.shown == 3, timeout=TIMEOUT_MS)
    assert viewer.picture.text()
    viewer.close()


@pytest.mark.gui
def test_every_word_has_its_chinese(qtbot: Any, in_english: Any) -> None:
    """All literals given to ``tr`` and ``speak`` stand in the table, and a switch says them anew."""
    import ast

    import tomoscribe.plugin.words_zh as table
    from tomoscribe.plugin.editing.bar import FindingsBar

    missing = set()
    for path in Path(table.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = getattr(getattr(node, "func", None), "id", "")
            place = {"tr": 0, "speak": 2}.get(name)
            if place is not None and len(node.args) > place and isinstance(node.args[place], ast.Constant):
                missing |= {node.args[place].value} - table.CHINESE.keys()
    assert missing == set()
    bar = FindingsBar()
    qtbot.addWidget(bar)
    assert bar.deeds["accept"].text() == "Accept (A)"
    words.switch("zh")
    assert bar.deeds["accept"].text() == "接受 (A)"
    slots = {k: set(re.findall(r"{(\w+)}", k)) for k in table.CHINESE}
    assert all(set(re.findall(r"{(\w+)}", table.CHINESE[k])) == v for k, v in slots.items())
