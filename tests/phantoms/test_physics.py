"""Point spread, noise and signals against their textbook values."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.random import PCG64, Generator

from tomoscribe.phantoms.brain.params import SEQUENCES, TISSUES, Sequence, Tissue
from tomoscribe.phantoms.brain.render import signal
from tomoscribe.phantoms.physics import correlated_noise, point_spread, rician


def test_point_spread_has_the_asked_width() -> None:
    image = np.zeros((41, 41, 41), np.float32)
    image[20, 20, 20] = 1.0
    blurred = point_spread(image, (3.0, 4.0, 4.0), (0.5, 0.5, 0.5))
    for axis, fwhm in ((0, 3.0), (2, 4.0)):
        line = np.take(np.take(blurred, 20, axis=1), 20, axis=1 if axis == 0 else 0)
        offset = (np.arange(41) - 20) * 0.5
        sigma = np.sqrt((line * offset**2).sum() / line.sum())
        assert sigma * 2.3548 == pytest.approx(fwhm, rel=0.03)


def test_noise_has_the_asked_deviation_and_is_correlated_in_plane_only() -> None:
    noise = correlated_noise(Generator(PCG64(5)), (40, 64, 64), sigma=9.0, grain_voxels=(0.0, 0.9, 0.9))
    assert noise.std() == pytest.approx(9.0, rel=1e-3)
    in_plane = np.corrcoef(noise[:, :, 1:].ravel(), noise[:, :, :-1].ravel())[0, 1]
    across = np.corrcoef(noise[1:].ravel(), noise[:-1].ravel())[0, 1]
    assert in_plane > 0.4
    assert abs(across) < 0.02


def test_rician_noise_in_air_has_the_rayleigh_mean() -> None:
    air = rician(Generator(PCG64(6)), np.zeros((40, 40, 40), np.float32), 5.0)
    assert air.mean() == pytest.approx(5.0 * np.sqrt(np.pi / 2), rel=0.01)


def test_spin_echo_signal_by_hand() -> None:
    tissue = Tissue(t1_ms=1000.0, t2_ms=100.0, density=0.8)
    value = signal(tissue, Sequence(repetition_ms=1000.0, echo_ms=100.0))
    assert value == pytest.approx(0.8 * (1 - np.exp(-1)) * np.exp(-1))


def test_contrasts_order_tissues_as_scanners_do() -> None:
    t1, flair, t2 = (
        {name: signal(tissue, SEQUENCES[contrast]) for name, tissue in TISSUES.items()}
        for contrast in ("T1", "FLAIR", "T2")
    )
    assert t1["white"] > t1["gray"] > t1["csf"]
    assert t1["white"] > t1["lesion"]
    assert flair["lesion"] > 1.4 * flair["white"]
    assert flair["gray"] > flair["white"]
    assert flair["csf"] < 0.2 * flair["white"]
    assert t2["csf"] > t2["lesion"] > t2["gray"] > t2["white"]
