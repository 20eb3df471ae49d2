"""One chest patient: body, densities, trees and lesions, drawn from ranges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from tomoscribe.phantoms.canvas import Pose
from tomoscribe.phantoms.chest.anatomy import ChestBody
from tomoscribe.phantoms.chest.lesions import (
    Consolidation,
    Effusion,
    Emphysema,
    Nodule,
    draw_consolidation,
    draw_emphysema,
    draw_nodule,
    lung_points,
)
from tomoscribe.phantoms.chest.mimics import Mimic, draw_mimic
from tomoscribe.phantoms.chest.params import ChestRanges
from tomoscribe.phantoms.chest.tree import TreeStyle, grow
from tomoscribe.phantoms.shapes import Tube, WaveField

SIDES = (-1, 1)
"""Right, left: the sign of x in the anatomical frame."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LungTissue:
    """Density of normal lung: a level, a slope from front to back, and a slow texture."""

    hu: float
    gravity_hu: float
    texture_hu: float
    texture: WaveField


@dataclass(frozen=True, kw_only=True, eq=False)
class ChestPatient:
    """All that is needed to render one patient on any grid, anatomical mm.

    Args:
        blood_hu: of heart, great vessels and lung vessels (higher with contrast).
    """

    body: ChestBody
    pose: Pose
    tissue: LungTissue
    blood_hu: float
    contrast: bool
    vessels: tuple[Tube, ...]
    airways: tuple[Tube, ...]
    nodules: tuple[Nodule, ...]
    mimics: tuple[Mimic, ...]
    emphysema: Emphysema | None
    effusions: tuple[Effusion, ...]
    consolidations: tuple[Consolidation, ...]


def draw_patient(rng: Generator, ranges: ChestRanges) -> ChestPatient:
    """A random patient."""
    body = ChestBody.draw(rng, ranges)
    contrast = bool(rng.random() < ranges.p_contrast)
    effusions = tuple(
        Effusion(sign=s, thickness_mm=rng.uniform(*ranges.effusion_mm), hu=rng.uniform(*ranges.effusion_hu), body=body)
        for s in SIDES
        if rng.random() < ranges.p_effusion
    )
    patches = tuple(draw_consolidation(rng, ranges, body, s) for s in SIDES if rng.random() < ranges.p_consolidation)
    emphysema = draw_emphysema(rng, ranges, body) if rng.random() < ranges.p_emphysema else None
    tissue = LungTissue(
        hu=rng.uniform(*ranges.lung_hu),
        gravity_hu=rng.uniform(*ranges.gravity_hu),
        texture_hu=rng.uniform(*ranges.texture_hu),
        texture=WaveField.draw(rng, (12.0, 60.0), 10),
    )
    nodules = _draw_nodules(rng, ranges, body, (*effusions, *patches))
    return ChestPatient(
        body=body,
        pose=draw_pose(rng, ranges),
        tissue=tissue,
        blood_hu=rng.uniform(*(ranges.contrast_hu if contrast else ranges.vessel_hu)),
        contrast=contrast,
        vessels=(*vessel_trees(rng, body, int(rng.integers(*ranges.num_vessels))), *_feeders(rng, body, nodules)),
        airways=tuple(airway_tree(rng, body)),
        nodules=nodules,
        mimics=tuple(draw_mimic(rng, body, s) for s in SIDES if rng.random() < ranges.p_mimic),
        emphysema=emphysema,
        effusions=effusions,
        consolidations=patches,
    )


def draw_pose(rng: Generator, ranges: ChestRanges) -> Pose:
    """A patient lying slightly askew, anywhere on the table."""
    degrees = rng.normal(0, ranges.rotation_degrees / 2, 3).clip(-ranges.rotation_degrees, ranges.rotation_degrees)
    shift = rng.uniform(-ranges.shift_mm, ranges.shift_mm, 3) + np.array([0.0, 0.0, -150.0])
    return Pose.from_degrees(degrees, shift)


def vessel_trees(rng: Generator, body: ChestBody, num_ends: int, *, leaf_radius_mm: float = 0.80) -> list[Tube]:
    """Arteries and veins of both lungs."""
    tubes: list[Tube] = []
    style = TreeStyle(leaf_radius_mm=leaf_radius_mm, power=0.40, max_radius_mm=6.5, reach=0.42)
    for sign in SIDES:
        x, y, z = body.hilum(sign)
        for root in ((x, y - 6, z), (x, y + 4, z - 0.07 * body.height)):
            ends = lung_points(rng, body, sign, num_ends, margin_mm=3.0)
            tubes += grow(rng, np.array(root), ends, style)
    return tubes


def airway_tree(rng: Generator, body: ChestBody) -> list[Tube]:
    """Trachea, main bronchi and a few generations; radii are those of the lumen."""
    carina = np.array(body.carina)
    top = (0.0, float(body.axis_y(body.top)) + 0.02 * body.half_depth, body.top + 60.0)
    radius = rng.uniform(7.2, 9.5)
    tubes = [Tube(start=top, end=body.carina, radius_start_mm=radius, radius_end_mm=radius)]
    style = TreeStyle(leaf_radius_mm=0.95, power=0.43, max_radius_mm=4.6, reach=0.34, min_radius_mm=1.0)
    for sign in SIDES:
        hilum = np.array(body.hilum(sign))
        x, y, z = hilum.tolist()
        main = radius * rng.uniform(0.62, 0.75)
        start = (float(carina[0]), float(carina[1]), float(carina[2]))
        tubes.append(Tube(start=start, end=(x, y, z), radius_start_mm=main, radius_end_mm=main * 0.85))
        tubes += grow(rng, hilum, lung_points(rng, body, sign, 22, margin_mm=12.0), style)
    return tubes


def _draw_nodules(
    rng: Generator, ranges: ChestRanges, body: ChestBody, opaque: tuple[Effusion | Consolidation, ...]
) -> tuple[Nodule, ...]:
    """One or two nodules per side, none of them hidden in fluid or airless lung."""
    nodules: list[Nodule] = []
    for sign in SIDES:
        if rng.random() >= ranges.p_nodule:
            continue
        for _ in range(1 + int(rng.random() < 0.3)):
            for _ in range(8):
                nodule = draw_nodule(rng, ranges, body, sign)
                x, y, z = (np.full(1, v, np.float32) for v in nodule.center)
                clear = all(o.sign != sign or float(o.field(x, y, z)[0]) > nodule.reach_mm for o in opaque)
                apart = all(np.linalg.norm(np.subtract(n.center, nodule.center)) > 40 for n in nodules)
                if clear and apart:
                    nodules.append(nodule)
                    break
    return tuple(nodules)


def _feeders(rng: Generator, body: ChestBody, nodules: tuple[Nodule, ...]) -> list[Tube]:
    """For each juxtavascular nodule a vessel that comes from the hilum and runs into it."""
    tubes = []
    for nodule in nodules:
        if nodule.kind == "juxtavascular":
            center, hilum = np.array(nodule.center), np.array(body.hilum(nodule.sign))
            a, b, c = (center + rng.uniform(0.3, 0.7) * (hilum - center)).tolist()
            radius = rng.uniform(1.0, 2.4)
            tubes.append(
                Tube(start=(a, b, c), end=nodule.center, radius_start_mm=radius * 1.2, radius_end_mm=radius * 0.8)
            )
    return tubes
