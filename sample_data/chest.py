"""The sample chest CT: a patient smaller than any that is trained on, with planned nodules, mimics and emphysema."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import PCG64, Generator
from numpy.typing import NDArray

from tomoscribe.core import Acquisition, Geometry, Volume
from tomoscribe.core.errors import InvalidValueError
from tomoscribe.core.uids import derive_uid
from tomoscribe.phantoms.canvas import Canvas, Pose
from tomoscribe.phantoms.chest.anatomy import ChestBody
from tomoscribe.phantoms.chest.case import CtScanner, chest_truth, expose
from tomoscribe.phantoms.chest.lesions import Nodule, Point, candidates, draw_emphysema
from tomoscribe.phantoms.chest.mimics import Mimic, make_mimic
from tomoscribe.phantoms.chest.params import TRAINING, ChestRanges
from tomoscribe.phantoms.chest.patient import ChestPatient, LungTissue, airway_tree, vessel_trees
from tomoscribe.phantoms.chest.render import render
from tomoscribe.phantoms.naming import series_ref
from tomoscribe.phantoms.shapes import Tube, WaveField, rotation_from
from tomoscribe.phantoms.truth import ChestTruth

SEED = 9_000_001
SAMPLE: ChestRanges = replace(
    TRAINING,
    half_width_mm=(111.0, 112.0),
    half_depth_mm=(74.0, 75.0),
    lung_height_mm=(188.0, 190.0),
    fat_mm=(11.0, 13.0),
    muscle_mm=(13.0, 14.0),
    heart_scale=(0.82, 0.84),
    dome_share=(0.25, 0.27),
    texture_hu=(2.0, 2.5),
    num_vessels=(420, 421),
    emphysema_share=(0.125, 0.126),
    emphysema_hu=(-1000.0, -999.0),
    noise_hu=(7.0, 7.0),
)
"""Ranges of the sample patient."""
OUTSIDE = ("half_width_mm", "half_depth_mm", "lung_height_mm", "heart_scale", "texture_hu", "num_vessels", "noise_hu")
"""Fields of SAMPLE that do not overlap with TRAINING: no training patient or scan can be like this one."""

MATRIX, PIXEL_MM, SLICE_MM, NUM_SLICES = 256, 1.3, 1.25, 168


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Where a lesion is looked for, and what it is like.

    Args:
        sign: +1 left, -1 right.
        height, back: ranges of z and y as shares of the lung's height and the chest's half depth.
        out: range of the distance from the midline as a share of the chest's half width.
        clear_mm: least distance of its surface to vessels, airways, other lesions (large ones: 6 mm from the centre).
        depth_mm: range of the implicit value of the lung, negative inside.
    """

    sign: int
    height: tuple[float, float]
    back: tuple[float, float]
    size_mm: float
    out: tuple[float, float] = (0.0, 1.0)
    clear_mm: float = 2.5
    depth_mm: tuple[float, float] = (-60.0, -12.0)
    attenuation: str = "solid"
    hu: float = 40.0
    kind: str = "free"


NODULES = (
    Plan(sign=-1, height=(0.12, 0.30), back=(-0.5, 0.4), size_mm=6.4),
    Plan(sign=1, height=(-0.22, -0.02), back=(0.1, 0.6), size_mm=9.3),
    Plan(sign=-1, height=(-0.18, 0.0), back=(0.0, 0.6), size_mm=14.2, attenuation="part_solid", hu=-600.0),
    Plan(sign=1, height=(0.10, 0.28), back=(-0.4, 0.4), size_mm=11.2, attenuation="ground_glass", hu=-610.0),
    Plan(
        sign=-1,
        height=(-0.10, 0.2),
        back=(0.1, 0.8),
        out=(0.6, 1.0),
        size_mm=9.0,
        depth_mm=(-2.6, -1.9),
        kind="juxtapleural",
    ),
)
MIMICS = (
    ("granuloma", Plan(sign=-1, height=(0.2, 0.36), back=(-0.4, 0.5), size_mm=4.0)),
    ("scar", Plan(sign=-1, height=(-0.1, 0.1), back=(-0.7, -0.1), size_mm=26.0, clear_mm=1.0)),
    ("vessel_crossing", Plan(sign=1, height=(-0.1, 0.1), back=(-0.4, 0.3), size_mm=3.2, depth_mm=(-60.0, -20.0))),
    ("pleural_plaque", Plan(sign=1, height=(-0.05, 0.15), back=(0.2, 0.75), size_mm=18.0, depth_mm=(-0.9, -0.3))),
)


def chest_study() -> tuple[Volume, ChestTruth]:
    """The volume and its truth, the same on every call."""
    rng = Generator(PCG64(SEED))
    patient = sample_patient(rng)
    geometry = sample_geometry()
    clean = render(patient, geometry)
    scanner = CtScanner(fwhm_mm=(1.15, 1.35), noise_hu=SAMPLE.noise_hu[0], noise_grain_mm=1.15)
    array = expose(rng, clean.hu, geometry, scanner)
    skin = Canvas(geometry, patient.pose).distance(patient.body.skin)
    # air without noise, and the corners outside the reconstruction circle: both compress to almost nothing
    array[(clean.hu <= -999.5) & (skin > 2.0)] = -1000
    rows, columns = np.ogrid[-1 : 1 : MATRIX * 1j, -1 : 1 : MATRIX * 1j]
    array[:, rows**2 + columns**2 > 1.0] = -1024
    volume = Volume(
        array=array,
        geometry=geometry,
        modality="CT",
        value_unit="hu",
        series=replace(series_ref("chest", SEED, "CT", NUM_SLICES, number=2), description="Chest 1.25 mm"),
        acquisition=Acquisition(
            body_part="CHEST",
            slice_thickness_mm=SLICE_MM,
            kernel="STANDARD",
            contrast=False,
            kvp=120.0,
            ctdivol_mgy=6.1,
        ),
    )
    return volume, chest_truth(patient, clean, geometry, samples=60)


def sample_geometry() -> Geometry:
    """An axial grid over the whole chest."""
    half = PIXEL_MM * (MATRIX - 1) / 2
    return Geometry.from_parts(
        spacing_mm=(SLICE_MM, PIXEL_MM, PIXEL_MM),
        origin_mm=(-half, -half, -252.0),
        shape=(NUM_SLICES, MATRIX, MATRIX),
        frame_of_reference_uid=derive_uid("phantom", "chest", str(SEED), "frame of reference"),
    )


def sample_patient(rng: Generator) -> ChestPatient:
    """The patient: body from SAMPLE, lesions as planned."""
    body = ChestBody.draw(rng, SAMPLE)
    vessels = vessel_trees(rng, body, SAMPLE.num_vessels[0], leaf_radius_mm=0.55)
    airways = airway_tree(rng, body)
    search = Search(rng=rng, body=body, obstacles=[*vessels, *airways])
    nodules = tuple(search.nodule(plan) for plan in NODULES)
    mimics = [search.mimic(kind, plan) for kind, plan in MIMICS]
    x, y, z = body.hilum(-1)
    mimics.append(make_mimic("lymph_node", (x + 5.0, y + 6.0, z - 6.0), -1, body, 11.0))
    return ChestPatient(
        body=body,
        pose=Pose.from_degrees((0.0, 0.0, 1.5), (2.0, -14.0, -148.0)),
        tissue=LungTissue(hu=-866.0, gravity_hu=38.0, texture_hu=2.2, texture=WaveField.draw(rng, (12.0, 60.0), 10)),
        blood_hu=42.0,
        contrast=False,
        vessels=tuple(vessels),
        airways=tuple(airways),
        nodules=nodules,
        mimics=tuple(mimics),
        emphysema=replace(draw_emphysema(rng, SAMPLE, body), slope_per_mm=3.0 / body.height, ramp=0.45),
        effusions=(),
        consolidations=(),
    )


class Search:
    """Finds places for lesions that touch no vessel and no other lesion."""

    def __init__(self, *, rng: Generator, body: ChestBody, obstacles: list[Tube]) -> None:
        self.rng = rng
        self.body = body
        self.obstacles = obstacles
        self.taken: list[tuple[Point, float]] = []

    def place(self, plan: Plan) -> Point:
        """The place with most room among those that fit the plan."""
        points = candidates(self.rng, self.body, plan.sign, 60_000)
        x, y, z = points.T.astype(np.float32)
        value = self.body.lung(x, y, z, plan.sign)
        up = z / self.body.height
        back = (y - self.body.axis_y(z)) / self.body.half_depth
        fits = (value > plan.depth_mm[0]) & (value < plan.depth_mm[1])
        fits &= (up > plan.height[0]) & (up < plan.height[1]) & (back > plan.back[0]) & (back < plan.back[1])
        fits &= (np.abs(x) / self.body.half_width > plan.out[0]) & (np.abs(x) / self.body.half_width < plan.out[1])
        points = points[fits][:500]
        room = self._room(points)
        need = plan.clear_mm + min(plan.size_mm / 2, 6.0)
        if not len(points) or room.max() < need:
            raise InvalidValueError(f"no place for a lesion of {plan.size_mm} mm", remedy="choose another seed")
        best = points[int(np.argmax(room))]
        point = (float(best[0]), float(best[1]), float(best[2]))
        self.taken.append((point, plan.size_mm / 2))
        return point

    def _room(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Distance of each point (N, 3) to the nearest vessel, airway or lesion (lesions keep 12 mm more)."""
        x, y, z = points.T.astype(np.float32)
        room = np.full(len(points), np.inf)
        for tube in self.obstacles:
            room = np.minimum(room, tube.field()(x, y, z))
        for center, radius in self.taken:
            room = np.minimum(room, np.linalg.norm(points - center, axis=1) - radius - 12.0)
        return room

    def nodule(self, plan: Plan) -> Nodule:
        """A nodule as planned, slightly longer than thick."""
        half = plan.size_mm / 2
        return Nodule(
            center=self.place(plan),
            radii_mm=(half, half * 0.9, half * 0.85),
            rotation=rotation_from(self.rng),
            lobes=self.rng.normal(size=(2, 3)) * 0.8,
            depth=0.03,
            attenuation=plan.attenuation,
            hu=plan.hu,
            core_hu=35.0 if plan.attenuation == "part_solid" else plan.hu,
            core=0.5 if plan.attenuation == "part_solid" else 0.0,
            sign=plan.sign,
            kind=plan.kind,
        )

    def mimic(self, kind: str, plan: Plan) -> Mimic:
        return make_mimic(kind, self.place(plan), plan.sign, self.body, plan.size_mm)
