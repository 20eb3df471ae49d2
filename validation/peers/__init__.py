"""Other readers of DICOM series, one adapter file each; a peer's package is imported only when its adapter runs.

An adapter names its packages, imports them in ``prepare``, reads a folder in ``read`` as its documentation says, and
says in ``grid`` where the voxels lie in the patient. Only ``read`` is timed.
"""

from tomoscribe.validation.peers.contender import ADAPTERS, Contender, Grid, contender

__all__ = ["ADAPTERS", "Contender", "Grid", "contender"]
