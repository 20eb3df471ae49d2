"""Vision towers by name: volumes in, tokens with places in mm, masks and finding probabilities out."""

from tomoscribe.encoders.towers.interface import VisionTower
from tomoscribe.encoders.towers.registry import create_tower, list_towers
from tomoscribe.encoders.towers.unet import (
    SIDES,
    SILENT,
    SPECS,
    HeadCalibration,
    StudyTower,
    Tower,
    TowerSpec,
    load_unet,
    midline_x_mm,
    region_of,
    shared_tower,
    side_members,
)

__all__ = [
    "SIDES",
    "SILENT",
    "SPECS",
    "HeadCalibration",
    "StudyTower",
    "Tower",
    "TowerSpec",
    "VisionTower",
    "create_tower",
    "list_towers",
    "load_unet",
    "midline_x_mm",
    "region_of",
    "shared_tower",
    "side_members",
]
