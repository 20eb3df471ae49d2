"""MONAI's LoadImage with PydicomReader."""

from tomoscribe.validation.peers.monai_readers import monai_contender

CONTENDER = monai_contender("PydicomReader", ("pydicom",))
