"""MR images of a TissueMap with random contrast, blur, slice thickness, bias field and noise (SynthSeg's way).

Sources: Billot et al. 2023, SynthSeg; signal equations of ``phantoms.brain.render``.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, uniform_filter1d, zoom

from tomoscribe.phantoms.brain.case import jittered_sequence
from tomoscribe.phantoms.brain.params import SEQUENCES, TISSUES
from tomoscribe.phantoms.brain.patient import jittered
from tomoscribe.phantoms.brain.render import signal
from tomoscribe.training.brain_tissue import MASK_OF, NAMES, NUMBER, SPACING_MM, TissueMap

Image = NDArray[np.float32]
ANY = "ANY"
"""A contrast that no scanner has: each tissue at a level of its own."""
CONTRASTS = ("T1", "FLAIR", "T2", "PD", ANY)
_SHARES = (0.40, 0.35, 0.10, 0.05, 0.10)
"""How often training sees each: what is measured today is measured on T1 and FLAIR."""
_LIKE = {
    "thalamus": "deep_gray", "caudate": "deep_gray", "putamen": "deep_gray", "pallidum": "deep_gray",
    "hippocampus": "gray", "ventral_dc": "stem", "choroid": "gray", "vessel": "muscle", "ventricle": "csf",
    "cerebellar_gray": "gray", "cerebellar_white": "white",
}  # fmt: skip
VISIBLE = 0.12
"""A lesion whose signal differs from white matter's by less than this share cannot be seen, and is not learned."""


def draw_contrast(rng: Generator) -> str:
    """One of CONTRASTS, as often as training sees it."""
    return str(rng.choice(CONTRASTS, p=_SHARES))


def draw_levels(contrast: str, rng: Generator) -> NDArray[np.float32]:
    """Signal of each tissue of NAMES, white and gray matter near 1."""
    levels = rng.uniform(0.05, 1.6, len(NAMES)).astype(np.float32)
    levels[NUMBER["air"]] = 0.0
    if contrast != ANY:
        _like_a_scanner(levels, contrast, rng)
    levels[NUMBER["choroid"]] = rng.uniform(0.4, 1.0) * levels[NUMBER["gray"]]
    if contrast == ANY:
        levels[NUMBER["ventricle"]] = levels[NUMBER["csf"]]
        levels[NUMBER["cerebellar_gray"]] = levels[NUMBER["gray"]] * rng.uniform(0.9, 1.1)
        levels[NUMBER["cerebellar_white"]] = levels[NUMBER["white"]] * rng.uniform(0.9, 1.1)
    return levels


def _like_a_scanner(levels: Image, contrast: str, rng: Generator) -> None:
    """Levels of the tissues that have relaxation times, from the signal equation; in place."""
    sequence = jittered_sequence(rng, SEQUENCES[contrast], 0.18)
    drawn = {name: signal(jittered(rng, tissue, 0.10), sequence) for name, tissue in TISSUES.items()}
    scale = 1.0 / max(drawn["white"], drawn["gray"], 1e-6)
    skull_as_drawn = rng.random() < 0.5
    for name, number in NUMBER.items():
        like = _LIKE.get(name, name)
        if like in drawn and (name in MASK_OF or skull_as_drawn):
            apart = rng.uniform(0.93, 1.07) if name in _LIKE and like != "csf" else 1.0
            levels[number] = scale * drawn[like] * apart


def visible(levels: Image, tissue: str) -> bool:
    """Whether the tissue's signal differs enough from white matter's."""
    white = float(levels[NUMBER["white"]])
    return abs(float(levels[NUMBER[tissue]]) - white) >= VISIBLE * max(white, 0.1)


def render(tissues: TissueMap, levels: Image, rng: Generator) -> Image:
    """(D, H, W) one acquisition, at least 0."""
    spread = levels * rng.uniform(0.0, 0.07, len(levels)).astype(np.float32)
    share = tissues.share.astype(np.float32) / np.float32(255)
    image = levels[tissues.first] * share + levels[tissues.second] * (1 - share)
    texture = rng.standard_normal(image.shape, dtype=np.float32)
    image += spread[tissues.first] * texture
    image = gaussian_filter(image, rng.uniform(0.0, 0.55, 3), mode="nearest", truncate=2.5)
    if rng.random() < 0.4:
        image = _thick_slices(image, int(rng.integers(3)), rng.uniform(2.5, 6.0))
    image *= np.exp(_bias(image.shape, rng))
    noise = rng.uniform(0, 0.07) * max(float(levels[NUMBER["white"]]), 0.2)
    real = image + noise * rng.standard_normal(image.shape, dtype=np.float32)
    if rng.random() < 0.5:
        return np.abs(real)
    return np.hypot(real, noise * rng.standard_normal(image.shape, dtype=np.float32)).astype(np.float32)


def without_skull(levels: Image) -> Image:
    """Levels of an image whose outside of the brain was removed."""
    stripped = np.zeros_like(levels)
    for name in MASK_OF:
        stripped[NUMBER[name]] = levels[NUMBER[name]]
    return stripped


def _thick_slices(image: Image, axis: int, thickness_mm: float) -> Image:
    """Averages over the slice thickness, sampled once a slice, and back to the grid by linear interpolation."""
    step = thickness_mm / SPACING_MM
    mean = uniform_filter1d(image, max(1, round(step)), axis=axis, mode="nearest")
    places = np.arange(0, image.shape[axis] - 1 + step, step)
    low = np.clip(np.floor(places).astype(int), 0, image.shape[axis] - 1)
    high = np.clip(low + 1, 0, image.shape[axis] - 1)
    along = [1, 1, 1]
    along[axis] = len(places)
    part = (places - np.floor(places)).astype(np.float32).reshape(along)
    slices = np.take(mean, low, axis=axis) * (1 - part) + np.take(mean, high, axis=axis) * part
    where = np.arange(image.shape[axis]) / step
    a = np.clip(np.floor(where).astype(int), 0, len(places) - 1)
    b = np.clip(a + 1, 0, len(places) - 1)
    along[axis] = len(where)
    weight = (where - a).astype(np.float32).reshape(along)
    return (np.take(slices, a, axis=axis) * (1 - weight) + np.take(slices, b, axis=axis) * weight).astype(np.float32)


def _bias(shape: tuple[int, ...], rng: Generator) -> Image:
    """Logarithm of a smooth receive field."""
    knots = rng.normal(0, rng.uniform(0, 0.3), (4, 4, 4))
    middle = zoom(knots, 4, order=3, mode="nearest")
    grid = [np.linspace(0, 15, n) for n in shape]
    field = middle
    for axis, places in enumerate(grid):
        low = np.clip(np.floor(places).astype(int), 0, 14)
        along = [1, 1, 1]
        along[axis] = len(places)
        part = (places - low).reshape(along)
        field = np.take(field, low, axis=axis) * (1 - part) + np.take(field, low + 1, axis=axis) * part
    return field.astype(np.float32)
