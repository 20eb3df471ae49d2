"""The gate's table: for each defect and each unusual but good series, the verdict and what is said of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.uid import JPEGLSLossless, SecondaryCaptureImageStorage, UltrasoundMultiFrameImageStorage

from tests.factories import (
    becomes,
    beside,
    colored,
    copies,
    drops,
    edit_files,
    edited,
    enhanced,
    frame_content,
    frame_diffusion,
    lying,
    moves,
    overlay,
    pet,
    phantom,
    pixels,
    pixels_of,
    places,
    removes,
    renamed,
    sets,
    shears,
    shuffled,
    stored_as_signed,
    turns,
    twice,
    values_shifted,
    write,
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the gate's table.

    Args:
        make: writes the series into a folder.
        verdict: ``accept``, ``resample`` or ``refuse``; of the first series listed.
        says: what its reason or one of its notes says (regular expression); empty: nothing is to be said.
        parts: the names of the parts of the series, in the order of the listing.
        unit: the value unit; None for the plain one of the modality.
    """

    make: Callable[[Path], None]
    verdict: str
    says: str
    parts: tuple[str | None, ...] = (None,)
    unit: str | None = None


ROWS: dict[str, Row] = {}


def _row(name: str, make: Callable[[Path], None], verdict: str, says: str, **more: object) -> None:
    ROWS[name] = Row(make=make, verdict=verdict, says=says, **more)  # type: ignore[arg-type]


_LOCALIZER = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
# order of slices, repeats, gaps
_row("good", write, "accept", "")
_row("shuffled", shuffled, "accept", "")
_row("compressed", lambda folder: write(folder, syntax=JPEGLSLossless), "accept", "")
_row("byte-identical copy", lambda f: shutil.copy(write(f)[4], f / "again.dcm"), "accept", "")
_row("repeated image", copies(4, lambda ds: None), "accept", r"1 repeated image with the same pixels at the same place")
_row(
    "repeated image, compressed anew",
    copies(4, lambda ds: ds.compress(JPEGLSLossless, generate_instance_uid=False)),
    "accept",
    r"1 repeated image with the same pixels",
)
_row(
    "contradictory image",
    copies(4, lambda ds: pixels(lambda v: v + 1)(0, ds)),
    "refuse",
    r"1 images lie at the position of another one",
)
_row(
    "two images of one UID",
    edited(lambda k, ds: renamed(ds, "same") if k in (3, 4) else None),
    "refuse",
    r"different files carry the same SOP Instance UID",
)
_row(
    "first slices missing", removes(0, 1), "accept", r"numbered from 3: up to 2 slices may be missing before the first"
)
_row(
    "last slice missing, stated",
    edited(sets(ImagesInAcquisition=12)),
    "accept",
    r"states 12 images in this acquisition, 10 are here: slices may be missing at the ends",
)
_row(
    "one slice missing",
    removes(5),
    "refuse",
    r"1 of 8 steps differ from the usual 2.500 mm .between -291.50 to -286.50 mm; found 5.000",
)
_row("many slices missing", removes(2, 4, 5, 7), "refuse", r"gaps or uneven spacing: [23] of 5 steps differ")
_row("every second slice missing but one", removes(1, 3, 5), "refuse", r"gaps or uneven spacing")
_row(
    "one slice missing between overlapping ones",
    lambda f: (edit_files(write(f), sets(SliceThickness=5)), (f / "0005.dcm").unlink()),
    "refuse",
    r"gaps or uneven spacing: 1 of 8 steps",
)
_row(
    "thin slices far apart",
    edited(sets(SliceThickness=1)),
    "accept",
    r"slices of 1 mm every 2.50 mm: 60 % .* not imaged",
)
_row(
    "steps that jitter",
    edited(moves(5, z=0.06)),
    "resample",
    r"uneven slice spacing of 2.440 to 2.560 mm .* to 2.500 mm",
)
_row(
    "steps that drift",
    edited(places(lambda k: 2.5 * k + 0.03 * k * (9 - k))),
    "resample",
    r"uneven slice spacing of 2.26",
)
_row(
    "5 mm slices, then 7.5 mm slices",
    edited(places(lambda k: 5.0 * k if k < 5 else 20 + 7.5 * (k - 4), lambda k: 5.0 if k < 5 else 7.5)),
    "refuse",
    r"gaps or uneven spacing",
)
_row(
    "5 mm slices, then 7.5 mm slices, joined",
    edited(places(lambda k: 5.0 * k if k < 5 else 26.25 + 7.5 * (k - 5), lambda k: 5.0 if k < 5 else 7.5)),
    "resample",
    r"uneven slice spacing of 5.000 to 7.500 mm .* to 5.114 mm",
)
_row("one slice", lambda f: [p.unlink() for p in write(f)[1:]], "refuse", r"only one slice")
# grid
_row("thickness says nothing of spacing", edited(sets(SliceThickness=2.4)), "accept", "")
_row("pixels not square", lambda f: write(f, phantom(spacing_mm=(2.5, 0.9, 0.4))), "accept", "")
_row("swapped sideways", edited(moves(2, x=3.0)), "refuse", r"1 of 10 images are shifted sideways")
_row(
    "gantry tilt",
    edited(shears(18.5, 18.5)),
    "resample",
    r"gantry tilt of 18.5 degrees: each slice was moved .* 7.5 mm",
)
_row("gantry tilt, negative tag", edited(shears(-12, -12)), "resample", r"gantry tilt of 12.0 degrees")
_row("gantry tilt not stated", edited(shears(10)), "resample", r"states no gantry tilt, the positions show one")
_row(
    "gantry tilt stated otherwise",
    edited(shears(18.5, 5.0)),
    "refuse",
    r"states a gantry tilt of 5.0 .* show 18.5 degrees",
)
_row(
    "gantry tilt stated, none seen",
    edited(sets(GantryDetectorTilt=15)),
    "refuse",
    r"tilt of 15.0 .* positions show 0.0",
)
_row("sheared beyond a gantry", edited(shears(55)), "refuse", r"sheared by 55.0 degrees, more than a gantry tilts")
_row("tilt and a gap", lambda f: (edit_files(write(f), shears(10, 10)), (f / "0005.dcm").unlink()), "refuse", r"gaps")
_row(
    "odd orientation within",
    edited(turns(4)),
    "refuse",
    r"gaps or uneven",
    parts=("axial 24 x 20 (1)", "axial 24 x 20 (2)"),
)
_row(
    "odd orientation at the end",
    edited(turns(9)),
    "accept",
    r"also holds 1 other group .*axial",
    parts=("axial 24 x 20 (1)", "axial 24 x 20 (2)"),
)
_row(
    "each slice turned",
    edited(lambda k, ds: turns(k, angle=0.02 * k)(k, ds)),
    "refuse",
    r"another orientation than the rest",
)
_row(
    "other pixel spacing within",
    edited(sets(4, PixelSpacing=[0.8, 0.6])),
    "refuse",
    r"gaps",
    parts=("axial 24 x 20 (1)", "axial 24 x 20 (2)"),
)
_row(
    "two frames of reference",
    edited(lambda k, ds: sets(FrameOfReferenceUID="1.2.3")(k, ds) if k > 6 else None),
    "accept",
    r"also holds 1 other group",
    parts=("frame of reference 1", "frame of reference 2"),
)
_row("position missing", edited(drops("ImagePositionPatient", 4)), "refuse", r"1 of 10 images have no valid position")
_row("orientation broken", edited(sets(4, ImageOrientationPatient=[1, 0, 0, 1, 0, 0])), "refuse", r"no valid position")
_row(
    "prone, drawn as if supine",
    edited(sets(PatientPosition="HFP")),
    "accept",
    r"the patient lay prone .HFP., the images stand as if not",
)
_row(
    "on the side, drawn as if supine",
    edited(sets(PatientPosition="FFDL")),
    "accept",
    r"the patient lay on the left side .FFDL.",
)
_row("prone, drawn so", lying("HFP", (0, -1, 0)), "accept", "")
_row("on the right side, drawn so", lying("HFDR", (-1, 0, 0)), "accept", "")
_row("prone in an MR", edited(sets(PatientPosition="HFP"), modality="MR"), "accept", "")
# whose images they are
_row(
    "two patients in one series",
    edited(lambda k, ds: sets(PatientID="P-2")(k, ds) if k > 4 else None),
    "refuse",
    r"images of this series carry 2 different patient IDs",
)
_row(
    "two issuers of one ID",
    edited(lambda k, ds: sets(IssuerOfPatientID="A" if k > 4 else "B")(k, ds)),
    "refuse",
    r"carry 2 different patient IDs",
)
_row(
    "two birth dates",
    edited(lambda k, ds: sets(PatientBirthDate="19600102" if k > 4 else "19600201")(k, ds)),
    "refuse",
    r"contradict each other in the patient's birth date or sex",
)
_row("birth date of one slice missing", edited(sets(4, PatientBirthDate="", PatientSex="")), "accept", "")
# several volumes in one series
_row(
    "two echoes",
    twice(sets(EchoTime=20), sets(EchoTime=80)),
    "accept",
    r"also holds 1 other group",
    parts=("echo time 20", "echo time 80"),
)
_row(
    "two b-values",
    twice(sets(DiffusionBValue=0.0), sets(DiffusionBValue=1000.0)),
    "accept",
    r"part 'b-value 0'",
    parts=("b-value 0", "b-value 1000"),
)
_row(
    "magnitude and phase",
    twice(sets(ImageType=["ORIGINAL", "PRIMARY", "M"]), sets(ImageType=["ORIGINAL", "PRIMARY", "P"])),
    "accept",
    r"also holds",
    parts=("image component magnitude", "image component phase"),
)
_row(
    "two dynamics",
    twice(sets(TemporalPositionIdentifier=1), sets(TemporalPositionIdentifier=2)),
    "accept",
    r"also holds",
    parts=("temporal position 1", "temporal position 2"),
)
_row(
    "two acquisitions",
    twice(sets(AcquisitionNumber=1), sets(AcquisitionNumber=2), modality="CT"),
    "accept",
    r"also holds",
    parts=("acquisition 1", "acquisition 2"),
)
_row(
    "two cardiac phases",
    twice(sets(NominalPercentageOfCardiacPhase=40.0), sets(NominalPercentageOfCardiacPhase=75.0), modality="CT"),
    "accept",
    r"also holds",
    parts=("cardiac phase 40", "cardiac phase 75"),
)
_row(
    "cine",
    twice(lambda k, ds: setattr(ds, "TriggerTime", 3 * k), lambda k, ds: setattr(ds, "TriggerTime", 400 + 3 * k)),
    "accept",
    r"also holds",
    parts=("phase 1 of 2", "phase 2 of 2"),
)
_row(
    "two volumes that nothing tells apart", twice(sets(), sets()), "refuse", r"10 images lie at the position of another"
)
_row("acquisition counted per slice", edited(lambda k, ds: setattr(ds, "AcquisitionNumber", k + 1)), "accept", "")
_row(
    "kernel changes",
    edited(lambda k, ds: sets(ConvolutionKernel="B70f")(k, ds) if k > 6 else None),
    "accept",
    r"part 'kernel B30f'",
    parts=("kernel B30f", "kernel B70f"),
)
_row(
    "kernel of one slice within",
    edited(sets(4, ConvolutionKernel="B70f")),
    "refuse",
    r"gaps",
    parts=("kernel B30f", "kernel B70f"),
)
_row(
    "voltage changes",
    edited(lambda k, ds: sets(KVP=80)(k, ds) if k > 6 else None),
    "accept",
    r"also holds",
    parts=("tube voltage 120", "tube voltage 80"),
)
# objects that are no slices
_row(
    "localizer inside",
    beside(lambda ds: setattr(ds, "ImageType", _LOCALIZER)),
    "accept",
    r"also holds 1 other group of objects .localizer.; they are not part",
    parts=(None, "localizer"),
)
_row(
    "localizer instead of a slice", edited(sets(4, ImageType=_LOCALIZER)), "refuse", r"gaps", parts=(None, "localizer")
)
_row("localizer alone", edited(sets(ImageType=_LOCALIZER)), "refuse", r"this is a localizer")
_row(
    "dose sheet inside",
    beside(becomes(SecondaryCaptureImageStorage, "CT")),
    "accept",
    r"Secondary Capture Image",
    parts=(None, "Secondary Capture Image"),
)
_row(
    "captures alone",
    edited(lambda k, ds: becomes(SecondaryCaptureImageStorage, "CT")(ds)),
    "refuse",
    r"'Secondary Capture Image Storage' are pictures of a screen or a dose sheet",
)
_row("color picture inside", beside(colored), "accept", r"color images", parts=(None, "color images"))
_row("color pictures", edited(lambda k, ds: colored(ds)), "refuse", r"one sample per pixel, found RGB with 3")
_row(
    "mosaic",
    edited(sets(ImageType=["ORIGINAL", "PRIMARY", "M", "MOSAIC"]), modality="MR"),
    "refuse",
    r"mosaics of several",
)
_row(
    "ultrasound",
    edited(lambda k, ds: becomes(UltrasoundMultiFrameImageStorage, "US")(ds)),
    "refuse",
    r"ultrasound .modality US. is not read as a volume",
)
_row("report", edited(sets(Modality="SR")), "refuse", r"a structured report, not an image series")
_row(
    "another modality inside",
    edited(sets(4, Modality="SR")),
    "refuse",
    r"gaps",
    parts=("CT as CT Image Storage", "SR as CT Image Storage"),
)
# enhanced objects
_row("enhanced CT", enhanced("CT"), "accept", "")
_row("enhanced MR", enhanced("MR"), "accept", "")
_row(
    "enhanced MR, two b-values",
    enhanced("MR", per_frame=frame_diffusion, repeats=2),
    "accept",
    r"also holds",
    parts=("b-value 0", "b-value 1000"),
)
_row(
    "enhanced MR, two dynamics",
    enhanced("MR", per_frame=frame_content(TemporalPositionIndex=lambda n: n + 1), repeats=2),
    "accept",
    r"also holds",
    parts=("temporal position 1", "temporal position 2"),
)
_row(
    "enhanced MR, two stacks",
    enhanced("MR", per_frame=frame_content(StackID=lambda n: str(n + 1)), repeats=2),
    "accept",
    r"also holds",
    parts=("stack 1", "stack 2"),
)
_row(
    "enhanced CT without rescaling",
    enhanced("CT", per_frame=lambda n, item: delattr(item, "PixelValueTransformationSequence")),
    "refuse",
    r"10 CT images have no usable rescale slope",
)
# values
_row(
    "rescaling differs per slice",
    edited(lambda k, ds: pixels(lambda v: v + 3 * k, RescaleIntercept=-1024 - 3 * k)(k, ds)),
    "accept",
    r"each slice was rescaled with its own",
)
_row(
    "rescaling differs per slice, MR",
    edited(lambda k, ds: sets(RescaleSlope=1 + k, RescaleIntercept=0)(k, ds), modality="MR"),
    "accept",
    r"each slice was rescaled with its own",
)
_row(
    "intercept of one slice missing",
    edited(sets(4, RescaleIntercept=0)),
    "refuse",
    r"from slice 4 to slice 5 of 10 the values step by 102\d .* rescaled differently",
)
_row(
    "slope of the last slices doubled",
    edited(lambda k, ds: sets(RescaleSlope=2)(k, ds) if k > 6 else None),
    "refuse",
    r"from slice 7 to slice 8 of 10 .* contrast by a factor of 2",
)
_row(
    "one slice rescaled once more than it says",
    edited(lambda k, ds: pixels(lambda v: v + 1024)(k, ds) if k == 5 else None),
    "refuse",
    r"from slice 5 to slice 6 of 10 the values step by 102\d",
)
_row(
    "pixels of one slice lost",
    edited(lambda k, ds: pixels(lambda v: 0 * v)(k, ds) if k == 5 else None),
    "refuse",
    r"slice 6 of 10 holds one value only .-1024.*its pixels were lost",
)
_row(
    "empty slice at the end",
    edited(lambda k, ds: pixels(lambda v: 0 * v)(k, ds) if k == 9 else None),
    "accept",
    r"1 slice at the ends holds one value only",
)
_row(
    "pixels of one slice in the place of the next",
    pixels_of(4, 5),
    "accept",
    r"slices 5 and 6 of 10 hold exactly the same pixels",
)
_row("PET", pet("BQML"), "accept", r"each slice was rescaled with its own", unit="bq/ml")
_row("PET in counts", pet("CNTS"), "accept", r"PET values are in CNTS, not Bq/ml", unit="arbitrary")
_row("signed pixels", edited(stored_as_signed), "accept", "")
_row("overlay in a high bit", edited(overlay), "accept", "")
_row("too few bits stated", edited(sets(BitsStored=8, HighBit=7)), "refuse", r"do not fit into the 8 bits")
_row("pixels in the high bits", edited(sets(HighBit=15)), "refuse", r"expected pixels in the lowest bits")
_row("inverted display", edited(sets(PhotometricInterpretation="MONOCHROME1")), "accept", r"MONOCHROME1.*not inverted")
_row(
    "inverted values",
    edited(pixels(lambda v: 2048 - v, PhotometricInterpretation="MONOCHROME1")),
    "refuse",
    r"the (CT values are not|images are MONOCHROME1)",
)
_row(
    "inverted display, MR",
    edited(sets(PhotometricInterpretation="MONOCHROME1"), modality="MR"),
    "accept",
    r"MONOCHROME1",
)
_row(
    "inverted values, MR",
    edited(pixels(lambda v: 4000 - v, PhotometricInterpretation="MONOCHROME1"), modality="MR"),
    "refuse",
    r"background is brighter than the body",
)
_row("no slope", edited(drops("RescaleSlope", 4)), "refuse", r"1 CT images have no usable rescale slope")
_row("slope zero", edited(sets(4, RescaleSlope=0)), "refuse", r"no usable rescale slope")
_row(
    "never rescaled",
    edited(sets(RescaleIntercept=0)),
    "refuse",
    r"raw values, never rescaled: air at about 2\d instead",
)
_row(
    "rescaled twice", edited(values_shifted(-1024)), "refuse", r"rescaled twice: .*fat at about -11\d\d instead of -100"
)
_row(
    "intercept wrong by 300",
    edited(values_shifted(300)),
    "refuse",
    r"rescaled with a wrong intercept: air at about -\d\d\d",
)
_row("slope wrong", edited(sets(RescaleSlope=0.5)), "refuse", r"rescaled with a wrong slope: air at about -101\d")
_row(
    "nothing but soft tissue",
    lambda f: write(f, phantom(np.random.default_rng(1).normal(40, 12, (10, 24, 20)).astype("i2"))),
    "accept",
    r"do not show whether they are Hounsfield units: soft tissue at about 40 alone",
)
_row(
    "nothing but air",
    lambda f: write(f, phantom(np.random.default_rng(1).normal(-990, 9, (10, 24, 20)).astype("i2"))),
    "accept",
    r"do not show whether they are Hounsfield units: air at about -1000 alone",
)
_row("atomic numbers", edited(sets(RescaleType="Z_EFF")), "accept", r"not Hounsfield units but Z_EFF", unit="arbitrary")
_row("two quantities", edited(sets(4, RescaleType="Z_EFF")), "refuse", r"hold different quantities .HU, Z_EFF.")
for _words, _unit, _name in (
    ("Thorax 1.5 Mono+ 55 keV", "hu_monoenergetic", "virtual monoenergetic"),
    ("Abd VNC 3.0", "hu_virtual", "virtual non-contrast"),
    ("Iodine map", "iodine", "an iodine map"),
    ("Hip iMAR 2.0", "hu_metal_reduced", "metal artifact reduced"),
    ("Thorax MIP 10/2", "hu_projection", "a projection"),
    ("CBF", "arbitrary", "a perfusion map"),
):
    _row(_name, edited(sets(SeriesDescription=_words)), "accept", f"this CT is {_name}", unit=_unit)
_row(
    "monoenergetic by image type",
    edited(sets(ImageType=["DERIVED", "PRIMARY", "AXIAL", "VMI"])),
    "accept",
    r"virtual monoenergetic",
    unit="hu_monoenergetic",
)
_row(
    "monoenergetic by attribute",
    edited(sets(MonoenergeticEnergyEquivalent=70.0)),
    "accept",
    r"says 'mono",
    unit="hu_monoenergetic",
)
for _words in ("Thorax with iodine contrast", "12 MAR 2020", "Thorax arterial", "Mona Lisa", "Monosegment", "Liver"):
    _row(f"plain CT called '{_words}'", edited(sets(SeriesDescription=_words)), "accept", "")
