"""An earlier examination beside the present one: whose it may be, what is shown, alignment on and off."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from tomoscribe.encoders.dicom import SyntheticIdentity, write_series
from tomoscribe.plugin.mpr.prior import objection
from tomoscribe.plugin.planes import Plane
from tomoscribe.plugin.work import open_study

TIMEOUT_MS = 120_000


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"patient_key": "other"}, "another patient"),
        ({"sex": "M"}, "different sexes"),
        ({"age_years": 40.0}, "contradict"),
        ({"date": "2020-01-01"}, "contradict"),
        ({"study_uid": "now"}, "open already"),
    ],
)
def test_priors_that_are_refused(case: Any, change: dict[str, Any], words: str) -> None:
    now = replace(case.study, study_uid="now")
    then = replace(case.study, study_uid="then", date="2030-04-01", age_years=60.0)
    assert objection(now, then) is None
    assert words in (objection(now, replace(then, **change)) or "")


def test_what_is_unknown_is_no_contradiction(case: Any) -> None:
    now = replace(case.study, study_uid="now")
    assert objection(now, replace(case.study, study_uid="then", date=None, sex=None)) is None
    assert objection(now, replace(case.study, study_uid="then", age_years=None, date="1990-01-01")) is None


@pytest.fixture
def folders(body: Any, tmp_path: Any) -> Any:
    """The body now, the same body a year ago 14 mm more to the patient's left, and somebody else."""
    import tomoscribe.core as core

    affine = body.geometry.affine.copy()
    affine[0, 3] += 14.0
    frame = "1.2.826.0.1.3680043.8.498.7"
    elsewhere = core.Geometry(affine=affine, shape=body.geometry.shape, frame_of_reference_uid=frame)
    earlier = replace(
        body,
        geometry=elsewhere,
        series=replace(body.series, study_uid=f"{frame}.1", series_uid=f"{frame}.2", instance_uids=tuple(
            f"{frame}.3.{k}" for k in range(body.geometry.shape[0])
        )),
    )  # fmt: skip
    for name, volume, patient, date, age in (
        ("now", body, "P", "2031-05-04", 61),
        ("then", earlier, "P", "2030-05-04", 60),
        ("somebody", earlier, "Q", "2030-05-04", 60),
    ):
        identity = SyntheticIdentity(
            patient_id=patient, patient_name=f"{patient}^X", study_date=date, sex="F", age_years=age
        )
        write_series(volume, tmp_path / name, identity=identity)
    return tmp_path


@pytest.fixture
def linked(napari_viewer: Any, folders: Any, qtbot: Any) -> Any:
    """The linked views with the present examination."""
    from napari.layers import Layer

    from tomoscribe.plugin.mpr.linked import Linked

    opened = open_study(folders / "now", lambda stage, fraction: None)
    widget = Linked(napari_viewer)
    widget.resize(900, 900)
    widget.show()
    napari_viewer.add_layer(Layer.create(*opened.layers[0])).contrast_limits = (400, 1100)
    widget.show_study(opened.study)
    yield widget
    widget.scene.let_go()
    widget.close()
    widget.deleteLater()


def white_column(pane: Any) -> float:
    """Column of the middle of the letter, in mm from the pane's middle."""
    from qtpy.QtGui import QImage

    image = pane.grab().toImage().convertToFormat(QImage.Format.Format_Grayscale8)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())[:, : image.width()]
    inner = rows[60:-60, 30:-30]
    columns = np.nonzero(inner > 200)[1]
    return float((columns.mean() + 30 - image.width() / 2) / pane.frame.zoom + pane.frame.center_mm[1])


@pytest.mark.gui
def test_the_prior_stands_beside_and_is_aligned_on_request(
    linked: Any, folders: Any, qtbot: Any, letters: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tomoscribe.plugin import notices

    told: list[str] = []
    monkeypatch.setattr(notices, "show_error", told.append)
    linked.open_prior(folders / "somebody")
    qtbot.waitUntil(lambda: bool(told), timeout=TIMEOUT_MS)
    assert "another patient" in told[0]
    assert linked.prior is None

    linked.open_prior(folders / "then")
    qtbot.waitUntil(lambda: linked.prior is not None, timeout=TIMEOUT_MS)
    linked.scene.crosshair_visible = False
    x, y, z = letters.middle_mm["Axial"]
    linked.scene.move_to((z, y, x))
    now, then = (p for p in linked.all_panes if p.plane is Plane.AXIAL and not p.isHidden())
    assert then.heading == "PRIOR 2030-05-04, not aligned"
    assert "60 years" in then.banner[1]
    assert then.words()[0] == now.words()[0]
    here = white_column(now)
    # The weight of an R lies to the left of its middle.
    assert here == pytest.approx(x, abs=4.0)
    assert white_column(then) == pytest.approx(here + 14.0, abs=1.0)

    qtbot.keyClick(linked, Qt.Key.Key_P)
    qtbot.waitUntil(lambda: linked.prior.is_aligned, timeout=TIMEOUT_MS)
    then = next(p for p in linked.all_panes if p.plane is Plane.AXIAL and p.heading)
    assert then.heading == "PRIOR 2030-05-04, aligned"
    assert white_column(then) == pytest.approx(here, abs=2.0)
    qtbot.keyClick(linked, Qt.Key.Key_P)
    assert white_column(then) == pytest.approx(here + 14.0, abs=1.0)
    assert told == [told[0]]
