"""What is true of a generated patient: millimetres, millilitres and Hounsfield units, in LPS."""

from __future__ import annotations

from dataclasses import dataclass

Point = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class NoduleTruth:
    """One nodule as it was made, measured on its noise-free shape at high resolution.

    Args:
        center_mm: centre of mass, LPS mm.
        long_axis_mm, short_axis_mm: largest extent on the axial plane where it is largest, and the extent across it.
        volume_mm3: of the part inside the lung.
        attenuation: ``solid``, ``part_solid`` or ``ground_glass``.
        solid_diameter_mm: largest axial extent of the solid part; 0 for ground glass.
        mean_hu: noise-free, over the whole nodule.
        side: ``right`` or ``left``.
        kind: ``free``, ``juxtapleural`` or ``juxtavascular``.
    """

    center_mm: Point
    long_axis_mm: float
    short_axis_mm: float
    volume_mm3: float
    attenuation: str
    solid_diameter_mm: float
    mean_hu: float
    side: str
    kind: str


@dataclass(frozen=True, kw_only=True)
class MimicTruth:
    """Something that looks like a finding and is none (or lies below its reporting size).

    Args:
        kind: ``vessel_crossing``, ``scar``, ``pleural_plaque``, ``granuloma`` or ``lymph_node``.
    """

    kind: str
    center_mm: Point
    size_mm: float
    side: str


@dataclass(frozen=True, kw_only=True)
class SidedTruth:
    """One number per side."""

    right: float
    left: float

    @property
    def total(self) -> float:
        return self.right + self.left


@dataclass(frozen=True, kw_only=True)
class ChestTruth:
    """Truth of a chest CT, over what the grid covers.

    Args:
        lung_ml: inside of the pleura without effusion, with vessels and lesions.
        laa950_percent: per side, share of the lung below -950 HU on the noise-free map before point spread.
        laa950_total_percent: the same over both lungs.
        emphysema: whether emphysema was planted.
        complete: whether the grid covers both lungs entirely.
    """

    nodules: tuple[NoduleTruth, ...]
    mimics: tuple[MimicTruth, ...]
    lung_ml: SidedTruth
    laa950_percent: SidedTruth
    laa950_total_percent: float
    emphysema: bool
    effusion_ml: SidedTruth
    consolidation_ml: SidedTruth
    airway_ml: float
    contrast: bool
    complete: bool


@dataclass(frozen=True, kw_only=True)
class LesionTruth:
    """One white-matter lesion or mass of the brain."""

    center_mm: Point
    volume_mm3: float
    kind: str


@dataclass(frozen=True, kw_only=True)
class BrainTruth:
    """Truth of a head MR.

    Args:
        intracranial_ml: everything inside the inner skull table.
        brain_ml: gray and white matter of cerebrum, cerebellum and brain stem, with lesions.
        ventricles_ml: lateral, third and fourth ventricles.
        lesions: white-matter lesions.
        mass: a space-occupying lesion, or None.
        enlarged_ventricles: whether the ventricles are above 3.2 % of the intracranial volume.
    """

    intracranial_ml: float
    brain_ml: float
    ventricles_ml: float
    lesion_count: int
    lesion_ml: float
    lesions: tuple[LesionTruth, ...]
    mass: LesionTruth | None
    edema_ml: float
    enlarged_ventricles: bool
