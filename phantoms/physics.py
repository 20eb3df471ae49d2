"""What a scanner does to a noise-free map: point spread, correlated noise, Rician noise, bias field, quantization."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from scipy import ndimage

from tomoscribe.phantoms.canvas import FloatArray

FWHM_PER_SIGMA = 2.354820045


def point_spread(image: FloatArray, fwhm_mm: Sequence[float], spacing_mm: Sequence[float]) -> FloatArray:
    """Gaussian blur of the given full widths at half maximum along (k, j, i)."""
    sigma = [f / FWHM_PER_SIGMA / s for f, s in zip(fwhm_mm, spacing_mm, strict=True)]
    return ndimage.gaussian_filter(image, sigma, mode="nearest", truncate=3.0)


def correlated_noise(
    rng: Generator, shape: Sequence[int], *, sigma: float, grain_voxels: Sequence[float]
) -> FloatArray:
    """Noise of standard deviation ``sigma`` with grains of the given standard deviation in voxels (k, j, i).

    The low frequencies are taken out in part, as filtered back-projection's ramp does.
    """
    white = rng.standard_normal(tuple(shape), dtype=np.float32)
    fine = ndimage.gaussian_filter(white, grain_voxels, mode="wrap", truncate=3.0)
    coarse = ndimage.gaussian_filter(fine, [0.0 if g == 0 else 2.0 * max(g, 0.5) for g in grain_voxels], mode="wrap")
    noise = fine - np.float32(0.7) * coarse
    return noise * np.float32(sigma / max(float(noise.std()), 1e-6))


def rician(rng: Generator, image: FloatArray, sigma: float) -> FloatArray:
    """Magnitude of the image plus complex Gaussian noise."""
    real = image + rng.standard_normal(image.shape, dtype=np.float32) * np.float32(sigma)
    imaginary = rng.standard_normal(image.shape, dtype=np.float32) * np.float32(sigma)
    return np.sqrt(real**2 + imaginary**2)
