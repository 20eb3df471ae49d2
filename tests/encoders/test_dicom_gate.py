"""One defect each: every row is refused with its reason; what is only unusual is accepted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import MPEG2MPML, ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from tomoscribe.core import Geometry, Verdict
from tomoscribe.core.errors import RefusedSeriesError
from tomoscribe.core.uids import derive_uid
from tomoscribe.encoders.dicom import load_volume, scan, write_series


def only_series(folder: Path):
    (study,) = scan(folder)
    (series,) = study.series
    return study, series


def at(number: int, **values):
    """Sets attributes of file ``number``."""
    return lambda k, ds: [setattr(ds, name, value) for name, value in values.items()] if k == number else None


def everywhere(**values):
    return lambda k, ds: [setattr(ds, name, value) for name, value in values.items()]


def move(number: int, *, x: float = 0.0, z: float = 0.0):
    def action(k, ds):
        if k == number:
            position = [float(v) for v in ds.ImagePositionPatient]
            ds.ImagePositionPatient = [position[0] + x, position[1], position[2] + z]

    return action


def shear(degrees: float):
    def action(k, ds):
        position = [float(v) for v in ds.ImagePositionPatient]
        ds.ImagePositionPatient = [position[0], position[1] + 2.5 * k * np.tan(np.radians(degrees)), position[2]]

    return action


def turned(ds):
    c, s = np.cos(0.01), np.sin(0.01)
    ds.ImageOrientationPatient = [c, s, 0, -s, c, 0]


def drop(keyword: str, number: int):
    return lambda k, ds: delattr(ds, keyword) if k == number else None


REFUSED = {
    "gap": (move(5, z=2.5), r"1 of 5 steps differ from the usual 2.500 mm .between -291.50 to -286.50 mm; found 5.000"),
    "uneven step": (move(5, z=0.06), r"steps differ from the usual 2.500 mm"),
    "same position": (move(3, z=-2.5), r"1 images lie at the position of another one"),
    "tilt": (shear(18.5), r"gantry tilt of 18.5 degrees"),
    "sideways": (move(2, x=3.0), r"1 of 6 images are shifted sideways"),
    "localizer": (everywhere(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]), r"this is a localizer"),
    "mosaic": (everywhere(ImageType=["ORIGINAL", "PRIMARY", "M", "MOSAIC"]), r"mosaics of several slices"),
    "no slope": (drop("RescaleSlope", 2), r"1 CT images have no usable rescale slope"),
    "slope zero": (at(2, RescaleSlope=0), r"no usable rescale slope"),
    "not Hounsfield": (everywhere(RescaleType="Z_EFF"), r"not Hounsfield units but Z_EFF"),
    "no position": (drop("ImagePositionPatient", 2), r"1 of 6 images have no valid position"),
    "broken orientation": (at(2, ImageOrientationPatient=[1, 0, 0, 1, 0, 0]), r"no valid position, orientation"),
    "inverted": (everywhere(PhotometricInterpretation="MONOCHROME1"), r"MONOCHROME1 with 1 sample"),
    "modality": (everywhere(Modality="PT"), r"modality PT is not read by this version"),
    "report": (everywhere(Modality="SR"), r"this is a structured report, not an image series"),
    "capture": (everywhere(SOPClassUID=SecondaryCaptureImageStorage), r"Secondary Capture.* hold no CT or MR slices"),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_defect_is_refused_with_its_reason(series_folder, edit, name):
    action, reason = REFUSED[name]
    for k, file in enumerate(sorted(series_folder.iterdir())):
        edit(file, lambda ds, k=k: action(k, ds))
    study, series = only_series(series_folder)
    assert series.verdict is Verdict.REFUSED
    assert series.shape is None
    assert series.remedy
    with pytest.raises(RefusedSeriesError, match=reason):
        load_volume(study, series)


def test_different_files_with_one_uid_are_refused(series_folder, edit):
    uid = pydicom.dcmread(series_folder / "0001.dcm").SOPInstanceUID
    edit(series_folder / "0002.dcm", lambda ds: setattr(ds, "SOPInstanceUID", uid))
    with pytest.raises(RefusedSeriesError, match="different files carry the same SOP Instance UID"):
        load_volume(*only_series(series_folder))


SPLIT = {
    "orientation": (lambda k, ds: turned(ds) if k >= 4 else None, ("axial 5 x 7 (1)", "axial 5 x 7 (2)")),
    "pixel spacing": (lambda k, ds: setattr(ds, "PixelSpacing", [0.8, 0.6]) if k >= 4 else None,
                      ("axial 5 x 7 (1)", "axial 5 x 7 (2)")),
    "frame of reference": (lambda k, ds: setattr(ds, "FrameOfReferenceUID", "1.2.3") if k >= 4 else None,
                           ("frame of reference 1", "frame of reference 2")),
    "kernel": (lambda k, ds: setattr(ds, "ConvolutionKernel", "B70f" if k >= 4 else "B30f"),
               ("kernel B30f", "kernel B70f")),
    "voltage": (lambda k, ds: setattr(ds, "KVP", 80 if k >= 4 else 120), ("tube voltage 120", "tube voltage 80")),
    "localizers": (lambda k, ds: setattr(ds, "ImageType", ["ORIGINAL", "PRIMARY", "LOCALIZER"]) if k >= 4 else None,
                   (None, "localizer")),
    "captures": (lambda k, ds: setattr(ds, "SOPClassUID", SecondaryCaptureImageStorage) if k >= 4 else None,
                 (None, "Secondary Capture Image")),
}  # fmt: skip


@pytest.mark.parametrize("name", list(SPLIT))
def test_what_is_no_part_of_the_volume_is_set_apart_and_named(series_folder, edit, name):
    action, parts = SPLIT[name]
    for k, file in enumerate(sorted(series_folder.iterdir())):
        edit(file, lambda ds, k=k: action(k, ds))
    (study,) = scan(series_folder)
    assert tuple(s.part for s in study.series) == parts
    first = load_volume(study, study.series[0])
    assert first.array.shape == (4, 5, 7)
    assert "the series UID also holds 1 other group of objects" in first.notes[0]
    assert first.series.part == parts[0]


def test_steps_that_drift_within_their_tolerance_are_refused(tmp_path, make_volume, identity, edit):
    steps = [2.54] * 4 + [2.5] * 3 + [2.46] * 4  # the fifth slice lies 4 x 0.04 mm beside its place on an even grid
    files = write_series(make_volume(shape=(12, 5, 7)), tmp_path, identity=identity)
    for z, file in zip(np.cumsum([0.0, *steps]), files, strict=True):
        edit(file, lambda ds, z=z: setattr(ds, "ImagePositionPatient", [0, 0, round(float(z), 3)]))
    with pytest.raises(RefusedSeriesError, match=r"uneven spacing: a slice lies 0.16 mm away"):
        load_volume(*only_series(tmp_path))


def test_one_slice_is_refused(tmp_path, make_volume, identity):
    write_series(make_volume(shape=(1, 5, 7)), tmp_path, identity=identity)
    with pytest.raises(RefusedSeriesError, match=r"only one slice.*choose the folder that holds the whole series"):
        load_volume(*only_series(tmp_path))


def test_two_echoes_become_two_volumes(tmp_path, make_volume, identity, edit):
    volume = make_volume(modality="MR")
    for echo, name in ((20, "a"), (80, "b")):
        for n, file in enumerate(write_series(volume, tmp_path / name, identity=identity)):
            uid = derive_uid(name, str(n))
            edit(file, lambda ds, u=uid, e=echo: (setattr(ds, "SOPInstanceUID", u), setattr(ds, "EchoTime", e)))
    (study,) = scan(tmp_path)
    assert [s.part for s in study.series] == ["echo time 20", "echo time 80"]
    for series in study.series:
        np.testing.assert_array_equal(load_volume(study, series).array, volume.array)


def test_missing_slice_is_refused_and_missing_end_is_not(series_folder):
    (series_folder / "0006.dcm").unlink()
    assert only_series(series_folder)[1].shape == (5, 5, 7)
    (series_folder / "0003.dcm").unlink()
    assert "found 5.000 to 5.000 mm" in only_series(series_folder)[1].reason


def test_thickness_says_nothing_about_spacing(series_folder, edit):
    for file in series_folder.iterdir():
        edit(file, lambda ds: setattr(ds, "SliceThickness", 10))
    volume = load_volume(*only_series(series_folder))
    np.testing.assert_allclose(volume.geometry.spacing_mm, (2.5, 0.75, 0.625), atol=1e-9)
    assert volume.acquisition.slice_thickness_mm == 10


@pytest.mark.parametrize(("spacing", "decimals"), [(0.625, 2), (2.5, 1), (1.25, 2)])
def test_rounded_positions_are_accepted(tmp_path, make_volume, identity, edit, spacing, decimals):
    volume = make_volume()
    affine = Geometry.from_parts(spacing_mm=(spacing, 0.75, 0.625), origin_mm=(0, 0, 0.3), shape=(6, 5, 7)).affine
    moved = type(volume)(**{**vars(volume), "geometry": Geometry(affine=affine, shape=(6, 5, 7))})
    for file in write_series(moved, tmp_path, identity=identity):

        def rounded(ds):
            ds.ImagePositionPatient = [round(float(v), decimals) for v in ds.ImagePositionPatient]

        edit(file, rounded)
    assert only_series(tmp_path)[1].verdict is Verdict.ACCEPTED


def test_a_file_that_changes_after_the_scan_is_refused(series_folder, edit):
    study, series = only_series(series_folder)
    edit(series_folder / "0003.dcm", lambda ds: move(0, x=5.0)(0, ds))
    with pytest.raises(RefusedSeriesError, match=r"changed since it was scanned.*scan it again"):
        load_volume(study, series)


def test_compression_without_decoder_is_refused(series_folder, edit):
    for file in series_folder.iterdir():
        edit(file, lambda ds: setattr(ds.file_meta, "TransferSyntaxUID", MPEG2MPML))
    _, series = only_series(series_folder)
    assert "no installed decoder reads its compression (MPEG2" in series.reason
    assert "uncompressed" in series.remedy


def uncompressed(tmp_path, make_volume, identity):
    return write_series(
        make_volume(shape=(3, 8, 8)), tmp_path, identity=identity, transfer_syntax=ExplicitVRLittleEndian
    )


def test_header_that_states_too_few_bits_is_refused(tmp_path, make_volume, identity, edit):
    for file in uncompressed(tmp_path, make_volume, identity):
        edit(file, lambda ds: (setattr(ds, "BitsStored", 8), setattr(ds, "HighBit", 7)))
    with pytest.raises(RefusedSeriesError, match="do not fit into the 8 bits that the header states"):
        load_volume(*only_series(tmp_path))


def test_declared_overlay_bits_are_no_pixels(tmp_path, make_volume, identity, edit):
    def draw(ds):
        ds.PixelData = (ds.pixel_array | 0x8000).astype("<u2").tobytes()
        ds.add_new(0x60000102, "US", 15)

    for file in uncompressed(tmp_path, make_volume, identity):
        edit(file, draw)
    np.testing.assert_array_equal(load_volume(*only_series(tmp_path)).array, make_volume(shape=(3, 8, 8)).array)


@pytest.mark.parametrize("sign_extended", [True, False])
def test_signed_pixels(tmp_path, make_volume, identity, edit, sign_extended):
    def make_signed(ds):
        values = ds.pixel_array.astype(np.int16) - 1024
        ds.PixelData = (values.view(np.uint16) & (0xFFFF if sign_extended else 0x0FFF)).astype("<u2").tobytes()
        ds.PixelRepresentation, ds.RescaleIntercept = 1, 0

    for file in uncompressed(tmp_path, make_volume, identity):
        edit(file, make_signed)
    np.testing.assert_array_equal(load_volume(*only_series(tmp_path)).array, make_volume(shape=(3, 8, 8)).array)
