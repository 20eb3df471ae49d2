"""One examination laid over another: a known shift and turn are found again."""

from __future__ import annotations

import numpy as np
import pytest

from tomoscribe.core import Geometry
from tomoscribe.core.errors import InvalidValueError
from tomoscribe.encoders.rigid import onto, rigid


def body(geometry: Geometry, now_to_body: np.ndarray) -> np.ndarray:
    """An uneven body in air, drawn where a matrix takes the grid's points to."""
    points = np.moveaxis(np.indices(geometry.shape), 0, -1)
    x, y, z = np.moveaxis(geometry.to_world(points) @ now_to_body[:3, :3].T + now_to_body[:3, 3], -1, 0)
    array = np.full(geometry.shape, -1000.0)
    array[(x / 80) ** 2 + (y / 55) ** 2 + (z / 90) ** 2 <= 1] = 40
    array[((x + 35) / 28) ** 2 + (y / 35) ** 2 + (z / 55) ** 2 <= 1] = -850
    array[((x - 35) / 22) ** 2 + ((y + 5) / 30) ** 2 + ((z - 10) / 45) ** 2 <= 1] = -850
    array[np.hypot(x, y - 40) < 9] = 400
    array[np.linalg.norm(np.stack((x - 20, y + 30, z + 60)), axis=0) < 18] = 110
    return np.round(array).astype(np.int16)


def moved(degrees: float, shift_mm: tuple[float, float, float]) -> np.ndarray:
    angle = np.radians(degrees)
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    matrix[:3, 3] = shift_mm
    return matrix


@pytest.fixture(scope="module")
def grids() -> tuple[Geometry, Geometry]:
    """Of the present and of the earlier examination: other voxels, another field."""
    now = Geometry.from_parts(spacing_mm=(3.0, 2.5, 2.5), origin_mm=(-95.0, -75.0, -105.0), shape=(70, 60, 76))
    then = Geometry.from_parts(spacing_mm=(4.0, 2.0, 2.0), origin_mm=(-100.0, -90.0, -110.0), shape=(56, 90, 100))
    return now, then


def test_a_shift_and_a_turn_are_found_again(grids: tuple[Geometry, Geometry]) -> None:
    now, then = grids
    truth = moved(6.0, (7.0, -5.0, 9.0))
    present, earlier = body(now, truth), body(then, np.eye(4))
    found = rigid(present, now, earlier, then)
    spots = np.array([(-40.0, 0.0, 10.0), (35.0, -10.0, 30.0), (0.0, 35.0, -40.0), (20.0, -30.0, -60.0)])
    wanted = spots @ truth[:3, :3].T + truth[:3, 3]
    off = np.linalg.norm(spots @ found[:3, :3].T + found[:3, 3] - wanted, axis=1)
    assert off.max() < 2.0, off
    np.testing.assert_allclose(found, rigid(present, now, earlier, then), atol=1e-6)
    over = onto(earlier, then, now, found, fill=-1000.0)
    unaligned = onto(earlier, then, now, np.eye(4), fill=-1000.0)
    error = [np.abs(a.astype(float) - present).mean() for a in (over, unaligned)]
    assert error[0] < 0.35 * error[1]
    assert over.dtype == np.int16


def test_too_few_slices_are_refused(grids: tuple[Geometry, Geometry]) -> None:
    now, then = grids
    thin = now.crop((0, 0, 0), (2, 60, 76))
    with pytest.raises(InvalidValueError, match="so few slices"):
        rigid(body(thin, np.eye(4)), thin, body(then, np.eye(4)), then)
