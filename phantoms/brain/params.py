"""Ranges from which head patients and their scans are drawn, and the tissues' parameters at 1.5 T."""

from __future__ import annotations

from dataclasses import dataclass

Range = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Tissue:
    """T1 and T2 relaxation times in ms and proton density (water = 1)."""

    t1_ms: float
    t2_ms: float
    density: float


TISSUES: dict[str, Tissue] = {
    "white": Tissue(t1_ms=620, t2_ms=74, density=0.70),
    "gray": Tissue(t1_ms=1050, t2_ms=95, density=0.82),
    "deep_gray": Tissue(t1_ms=900, t2_ms=82, density=0.79),
    "stem": Tissue(t1_ms=700, t2_ms=78, density=0.72),
    "csf": Tissue(t1_ms=4200, t2_ms=1500, density=1.0),
    "lesion": Tissue(t1_ms=1050, t2_ms=165, density=0.86),
    "mass": Tissue(t1_ms=1450, t2_ms=130, density=0.86),
    "edema": Tissue(t1_ms=1150, t2_ms=150, density=0.86),
    "fat": Tissue(t1_ms=300, t2_ms=55, density=0.72),
    "muscle": Tissue(t1_ms=950, t2_ms=42, density=0.78),
    "skin": Tissue(t1_ms=500, t2_ms=45, density=0.7),
    "cortical_bone": Tissue(t1_ms=300, t2_ms=3, density=0.08),
    "marrow": Tissue(t1_ms=330, t2_ms=50, density=0.62),
    "vitreous": Tissue(t1_ms=4000, t2_ms=900, density=0.98),
    "air": Tissue(t1_ms=1000, t2_ms=1, density=0.0),
}
"""Rounded from common tables of relaxation times; their ratios, not their digits, make the contrasts."""


@dataclass(frozen=True, kw_only=True)
class Sequence:
    """Spin echo, or inversion recovery when ``inversion_ms`` is given (magnitude image)."""

    repetition_ms: float
    echo_ms: float
    inversion_ms: float | None = None


SEQUENCES: dict[str, Sequence] = {
    "T1": Sequence(repetition_ms=400, echo_ms=9),
    "T2": Sequence(repetition_ms=4500, echo_ms=100),
    "PD": Sequence(repetition_ms=2800, echo_ms=20),
    "FLAIR": Sequence(repetition_ms=9000, echo_ms=105, inversion_ms=2500),
}


@dataclass(frozen=True, kw_only=True)
class BrainRanges:
    """Uniform ranges (low, high) and probabilities of head MR patients.

    Args:
        half_width_mm, half_length_mm, half_height_mm: inner skull table.
        ventricle_scale: 1 is a young adult's; above about 2.1 the ventricles count as enlarged.
        atrophy_mm: width of the sulci; gap_mm: fluid between brain and skull.
        lesion_radius_mm: semi-axis of white-matter lesions, log-uniform.
        jitter: standard deviation of the logarithm of every tissue and sequence parameter.
        noise_share: noise as a share of white matter's signal.
    """

    half_width_mm: Range = (64.0, 75.0)
    half_length_mm: Range = (79.0, 92.0)
    half_height_mm: Range = (68.0, 80.0)
    skull_mm: Range = (4.5, 9.0)
    scalp_mm: Range = (3.0, 9.0)
    ventricle_scale: Range = (0.75, 3.1)
    atrophy_mm: Range = (0.6, 3.4)
    gap_mm: Range = (1.0, 4.5)
    cortex_mm: Range = (2.4, 3.4)
    gyrus_mm: Range = (20.0, 36.0)
    num_lesions: tuple[int, int] = (1, 26)
    lesion_radius_mm: Range = (1.8, 8.0)
    mass_radius_mm: Range = (8.0, 26.0)
    edema_mm: Range = (0.0, 14.0)
    jitter: float = 0.10
    bias_share: Range = (0.0, 0.35)
    noise_share: Range = (0.01, 0.07)
    fwhm_mm: Range = (0.8, 2.2)
    rotation_degrees: float = 14.0
    shift_mm: float = 25.0
    p_lesions: float = 0.6
    p_mass: float = 0.25
    p_enlarged: float = 0.35


TRAINING = BrainRanges()
