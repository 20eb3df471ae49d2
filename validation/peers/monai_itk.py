"""MONAI's LoadImage with ITKReader."""

from tomoscribe.validation.peers.monai_readers import monai_contender

CONTENDER = monai_contender("ITKReader", ("itk-io",))
