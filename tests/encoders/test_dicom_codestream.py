"""A compressed frame's own size is known before a decoder allocates it."""

from __future__ import annotations

import random
import struct

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from tomoscribe.core.errors import RefusedSeriesError
from tomoscribe.encoders.dicom import load_volume, scan, write_series
from tomoscribe.encoders.dicom.codecs import Layout, rle
from tomoscribe.encoders.dicom.codestream import stated_size

JPEG_LS, J2K, RLE = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5"


def frame(ds: Dataset) -> bytes:
    return next(pydicom.encaps.generate_frames(ds.PixelData, number_of_frames=1))


@pytest.mark.parametrize(("syntax", "expected"), [(JPEG_LS, (40, 50, 1)), (J2K, (40, 50, 1)), (RLE, None)])
def test_size_that_a_codestream_states(tmp_path, make_volume, identity, syntax, expected):
    (first, *_) = write_series(make_volume(shape=(2, 40, 50)), tmp_path, identity=identity, transfer_syntax=syntax)
    assert stated_size(frame(pydicom.dcmread(first))) == expected


@pytest.mark.parametrize("data", [
    b"", b"\xff\xd8", b"\xff\xd8\xff\xd9", b"\xff\xd8\xff\xfe\x00\x04ab\xff\xc0\x00", b"\xff\x4f\xff\x51" + bytes(10),
    b"\xff\xd8" + b"\xff" * 100, bytes(100),
])  # fmt: skip
def test_no_size_is_made_up(data):
    assert stated_size(data) is None


def test_the_usual_jpeg_with_comments_and_fill_bytes():
    data = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xff\xfe\x00\x05abc\xff\xc1\x00\x0b\x0c\x01\x00\x02\x00\x03"
    assert stated_size(data) == (256, 512, 3)


@pytest.mark.parametrize(("syntax", "at", "size"), [(JPEG_LS, b"\xff\xf7", 5), (J2K, b"\xff\x51", 6)])
def test_a_codestream_larger_than_its_header_is_never_decoded(tmp_path, make_volume, identity, syntax, at, size):
    files = write_series(make_volume(shape=(3, 40, 50)), tmp_path, identity=identity, transfer_syntax=syntax)
    content = bytearray(files[2].read_bytes())
    place = content.index(at, content.index(b"\xe0\x7f\x10\x00")) + size
    width = 2 if syntax == JPEG_LS else 4
    content[place : place + 2 * width] = (65535).to_bytes(width, "big") * 2
    files[2].write_bytes(content)
    (study,) = scan(tmp_path)
    with pytest.raises(RefusedSeriesError, match=r"pixels are 65535 x 65535 x 1, the header describes 40 x 50"):
        load_volume(study, study.series[0])


@pytest.mark.real
def test_every_real_codestream_has_the_size_of_its_header(shared_data):
    compared = 0
    for path in sorted((shared_data / "dicom_odd" / "wg04").rglob("*")):
        if not path.is_file() or path.read_bytes()[128:132] != b"DICM":
            continue
        ds = pydicom.dcmread(path)
        encapsulated = "PixelData" in ds and ds["PixelData"].is_undefined_length
        found = stated_size(frame(ds)) if encapsulated else None
        if found is None:
            continue
        assert (found.rows, found.columns) == (ds.Rows, ds.Columns), path.name
        assert found.components in (1, ds.SamplesPerPixel)
        compared += 1
    assert compared > 10


def rle_frame(values: np.ndarray) -> bytes:
    ds = Dataset()
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    ds.SOPClassUID, ds.SOPInstanceUID = pydicom.uid.CTImageStorage, "1.2.3"
    ds.set_pixel_data(values, "MONOCHROME2", 16)
    ds.compress(RLE, generate_instance_uid=False)
    return frame(ds)


def rle_layout(values: np.ndarray) -> Layout:
    rows, columns = values.shape
    return Layout(
        transfer_syntax_uid=RLE, rows=rows, columns=columns, bits_allocated=16, bits_stored=16, is_signed=False
    )


def test_rle_is_decoded_without_the_lock():
    assert rle.lets_lock_go()
    values = np.random.default_rng(1).integers(0, 300, (40, 51)).astype(np.uint16)
    out = np.empty_like(values)
    assert rle._decoded_without_lock(rle_frame(values), rle_layout(values), out)
    np.testing.assert_array_equal(out, values)


@pytest.mark.parametrize(
    ("at", "value"), [(0, 3), (0, 1), (0, 2**31), (4, 60), (8, 0), (8, 63), (8, 2**31), (8, 2**32 - 1)]
)
def test_a_table_that_leads_out_of_the_frame_is_never_believed(at, value):
    values = np.arange(200, dtype=np.uint16).reshape(10, 20)
    data = bytearray(rle_frame(values))
    struct.pack_into("<L", data, at, value)
    out = np.empty_like(values)
    assert not rle._decoded_without_lock(bytes(data), rle_layout(values), out)


def test_damaged_segments_are_refused_or_decoded_as_the_careful_decoder_decodes_them():
    rng = random.Random(5)
    values = np.random.default_rng(2).integers(0, 40, (16, 24)).astype(np.uint16).repeat(3, axis=1)
    good, layout = rle_frame(values), rle_layout(values)
    seen = {"decoded": 0, "refused": 0}
    for _ in range(3000):
        data = bytearray(good)
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(64 if rng.random() < 0.2 else len(data))] = rng.randrange(256)
        if rng.random() < 0.2:
            del data[rng.randrange(len(data)) :]
        out, careful = np.empty_like(values), rle._careful_decoder()
        fast = rle._decoded_without_lock(bytes(data), layout, out)
        seen["decoded" if fast else "refused"] += 1
        if fast:
            expected = careful(bytes(data), values.size, 16, "<")
            np.testing.assert_array_equal(out, np.frombuffer(expected, "<u2").reshape(out.shape))
    assert min(seen.values()) > 100
