"""Ranges from which chest patients and their scans are drawn."""

from __future__ import annotations

from dataclasses import dataclass

Range = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class ChestRanges:
    """Uniform ranges (low, high) and probabilities of chest CT patients.

    Args:
        half_width_mm, half_depth_mm: inner thorax at its widest.
        lung_height_mm: apex to costophrenic angle.
        lung_hu: parenchyma at mid-height; gravity_hu: added from the front to the back of the chest.
        texture_hu: standard deviation of the lung's slow density variation.
        num_vessels: end points of the vessel trees of each lung.
        nodule_axis_mm: long axis, drawn log-uniformly.
        emphysema_share: share of lung affected where emphysema is planted.
        noise_hu: standard deviation; noise_grain_mm: its texture; fwhm_mm: in-plane point spread.
        margin_mm: grid beyond the lungs at the top and bottom (negative: the lungs are cut).
    """

    half_width_mm: Range = (114.0, 152.0)
    half_depth_mm: Range = (78.0, 118.0)
    lung_height_mm: Range = (195.0, 285.0)
    fat_mm: Range = (4.0, 38.0)
    muscle_mm: Range = (10.0, 26.0)
    heart_scale: Range = (0.88, 1.22)
    dome_share: Range = (0.20, 0.36)
    lung_hu: Range = (-905.0, -800.0)
    gravity_hu: Range = (5.0, 90.0)
    texture_hu: Range = (3.0, 18.0)
    vessel_hu: Range = (25.0, 60.0)
    contrast_hu: Range = (110.0, 330.0)
    num_vessels: tuple[int, int] = (80, 160)
    nodule_axis_mm: Range = (5.0, 34.0)
    nodule_hu: Range = (10.0, 70.0)
    ground_glass_hu: Range = (-740.0, -520.0)
    emphysema_share: Range = (0.06, 0.45)
    emphysema_hu: Range = (-1000.0, -972.0)
    effusion_mm: Range = (8.0, 60.0)
    effusion_hu: Range = (0.0, 28.0)
    consolidation_mm: Range = (22.0, 62.0)
    consolidation_hu: Range = (0.0, 60.0)
    fwhm_mm: Range = (0.9, 2.6)
    noise_hu: Range = (12.0, 45.0)
    noise_grain_mm: Range = (0.4, 1.6)
    margin_mm: Range = (-12.0, 30.0)
    rotation_degrees: float = 7.0
    shift_mm: float = 40.0
    p_nodule: float = 0.5
    p_emphysema: float = 0.4
    p_effusion: float = 0.35
    p_consolidation: float = 0.35
    p_contrast: float = 0.4
    p_mimic: float = 0.5


TRAINING = ChestRanges()
