"""Scores that cannot flatter: beside chance and always normal, with intervals by patient; and cheats found."""

from tomoscribe.validation.honesty.compare import compare
from tomoscribe.validation.honesty.examine import examine
from tomoscribe.validation.honesty.image_use import image_flags, image_scores
from tomoscribe.validation.honesty.settings import IMPORTANCE, UNASSESSED, Settings

__all__ = ["IMPORTANCE", "UNASSESSED", "Settings", "compare", "examine", "image_flags", "image_scores"]
