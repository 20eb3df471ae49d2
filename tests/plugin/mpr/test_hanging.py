"""How examinations hang; no window is opened."""

from __future__ import annotations

import pytest

from tomoscribe.plugin.mpr.hanging import FOUR, Shown, hangings, with_prior
from tomoscribe.plugin.planes import Plane


def series(modality: str, body_part: str, uid: str = "1") -> Shown:
    return Shown(series_uid=uid, modality=modality, body_part=body_part)


@pytest.mark.parametrize(
    ("shown", "first"),
    [
        ([series("CT", "CHEST")], "Four views"),
        ([series("CT", "HEAD")], "Brain and bone"),
        ([series("MR", "BRAIN")], "Axial large"),
        ([series("MR", "LSPINE")], "Sagittal large"),
        ([series("MR", "BRAIN", "1"), series("MR", "BRAIN", "2")], "Two series"),
        ([series("PT", "")], "Four views"),
        ([], "Four views"),
    ],
)
def test_what_hangs_first(shown: list[Shown], first: str) -> None:
    assert next(iter(hangings(shown))) == first


def test_a_chest_hangs_in_all_planes_and_3d() -> None:
    slots = hangings([series("CT", "CHEST")])["Four views"]
    assert slots is FOUR
    assert [(s.plane, s.row, s.column) for s in slots] == [
        (Plane.AXIAL, 0, 0), (Plane.CORONAL, 0, 1), (Plane.SAGITTAL, 1, 0), (None, 1, 1),
    ]  # fmt: skip


def test_two_series_hang_in_the_plane_that_is_read() -> None:
    brain = hangings([series("MR", "BRAIN", "1"), series("MR", "BRAIN", "2")])["Two series"]
    assert [(s.plane, s.series_uid) for s in brain[:2]] == [(Plane.AXIAL, "1"), (Plane.AXIAL, "2")]
    spine = hangings([series("MR", "LSPINE", "1"), series("MR", "LSPINE", "2")])["Two series"]
    assert [(s.plane, s.series_uid) for s in spine[:2]] == [(Plane.SAGITTAL, "1"), (Plane.SAGITTAL, "2")]


def test_no_two_views_hang_in_one_place() -> None:
    everything = [series("CT", "HEAD", "1"), series("CT", "HEAD", "2")]
    for slots in (*hangings(everything).values(), with_prior()):
        cells = [(s.row + r, s.column + c) for s in slots for r in range(s.rows) for c in range(s.columns)]
        assert len(set(cells)) == len(cells)


def test_the_prior_hangs_on_the_right() -> None:
    assert [(s.plane, s.column, s.is_prior) for s in with_prior()] == [
        (Plane.AXIAL, 0, False), (Plane.AXIAL, 1, True), (Plane.CORONAL, 0, False), (Plane.CORONAL, 1, True),
    ]  # fmt: skip
