"""Compressed frames -> stored values, on all cores.

pydicom's decoders hold the interpreter's lock while they work, so threads wait for each other. ``jpegls`` and
``jpeg2000`` call the same libraries (CharLS, OpenJPEG, as bundled by pyjpegls and pylibjpeg-openjpeg) without the lock
and straight into the volume, as ``rle`` does through imagecodecs. What they do not take, and every other transfer
syntax, goes to ``other``: pydicom's own decoders. All give the same values; tests hold them against each other.
"""

from tomoscribe.encoders.dicom.codecs.decode import decode_frame, uses_all_cores
from tomoscribe.encoders.dicom.codecs.layout import CodecError, Layout

__all__ = ["CodecError", "Layout", "decode_frame", "uses_all_cores"]
