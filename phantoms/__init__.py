"""Generated patients: anatomy, lesions, acquisition physics, and their truth."""

from tomoscribe.phantoms.brain.case import brain_case
from tomoscribe.phantoms.case import PhantomCase
from tomoscribe.phantoms.chest.case import chest_case

__all__ = ["PhantomCase", "brain_case", "chest_case"]
