"""Text in ultrasound pictures: blackened outside of the declared regions and, where it looks like text, within them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from scipy import ndimage

from tomoscribe.encoders.dicom import write_series
from tomoscribe.encoders.dicom.deidentify import REPORT_FILE, Option, SecretKey, deidentify
from tomoscribe.encoders.dicom.deidentify.drawn_text import drawn_text

KEY = SecretKey(secret=b"a key that is only for tests")
ROWS, COLUMNS = 240, 320


def echoes(seed: int, brightest: float = 130.0) -> np.ndarray:
    """Speckle: smoothed noise whose amplitude follows a Rayleigh law, as echoes do."""
    noise = np.random.default_rng(seed).normal(size=(2, ROWS, COLUMNS))
    amplitude = np.hypot(*(ndimage.gaussian_filter(part, (1.2, 2.5)) for part in noise))
    return (amplitude / amplitude.max() * brightest).astype(np.uint8)


def drawn(words: str, at: tuple[int, int], size: int, value: int = 255) -> np.ndarray:
    """A picture of words on black; ``at`` is (column, row)."""
    image = Image.new("L", (COLUMNS, ROWS))
    ImageDraw.Draw(image).text(at, words, fill=value, font=ImageFont.load_default(size))
    return np.asarray(image)


@pytest.mark.parametrize("size", [11, 14, 20, 28])
@pytest.mark.parametrize("value", [170, 255])
@pytest.mark.parametrize("behind", ["black", "echoes"])
def test_words_are_found_whatever_stands_behind_them(size, value, behind):
    words = drawn("QZWANGLY^M 0815", (30, 100), size, value)
    picture = np.maximum(words, echoes(1, 80.0)) if behind == "echoes" else words
    missed = (words > value // 2) & ~drawn_text(picture)
    assert missed.sum() <= 0.02 * (words > value // 2).sum()


def test_words_in_color_are_found():
    words = drawn("Sag Liver L-M", (40, 60), 18)
    picture = np.stack([words, words // 5 * 4, words // 3], axis=2)
    assert drawn_text(picture)[words > 128].all()


@pytest.mark.parametrize("seed", range(4))
def test_echoes_and_marks_are_left_alone(seed):
    picture = echoes(seed)
    picture[20:220, 300:302] = 255  # a depth scale with its ticks
    picture[20:220:20, 294:300] = 255
    assert drawn_text(picture).mean() < 0.03


@pytest.fixture
def ultrasound(tmp_path: Path, make_volume, identity) -> Path:
    """A picture of echoes in tmp_path/in with a name above the declared region and a note within it."""
    first, *others = write_series(make_volume(shape=(3, 5, 7)), tmp_path / "in", identity=identity)
    for file in others:
        file.unlink()
    ds = pydicom.dcmread(first)
    words = np.maximum(drawn("NOBODY KNOWN", (8, 4), 16), drawn("liver of N.K.", (60, 150), 16))
    ds.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    ds.SOPClassUID, ds.Modality = pydicom.uid.UltrasoundImageStorage, "US"
    ds.set_pixel_data(np.maximum(words, echoes(2, 70.0)), "MONOCHROME2", 8, generate_instance_uid=False)
    region = Dataset()
    region.RegionLocationMinX0, region.RegionLocationMaxX1 = 0, COLUMNS - 1
    region.RegionLocationMinY0, region.RegionLocationMaxY1 = 30, ROWS - 1
    ds.SequenceOfUltrasoundRegions = Sequence([region])
    ds.save_as(first, enforce_file_format=True)
    return tmp_path / "in"


def test_words_within_the_declared_region_are_blackened_too(ultrasound, tmp_path):
    deidentify(ultrasound, tmp_path / "out", key=KEY, options=[Option.CLEAN_PIXEL_DATA])
    (file,) = (tmp_path / "out").rglob("*.dcm")
    ds = pydicom.dcmread(file)
    found, words = ds.pixel_array, drawn("liver of N.K.", (60, 150), 16)
    assert not found[:30].any()
    assert not found[words > 128].any()
    kept = found[30:] == echoes(2, 70.0)[30:]
    assert kept.mean() > 0.9
    assert ds.BurnedInAnnotation == "NO"
    assert "113101" in [i.CodeValue for i in ds.DeidentificationMethodCodeSequence]
    report = json.loads((tmp_path / "out" / REPORT_FILE).read_text())
    assert report["files"][0]["counts"]["parts of pictures blackened that looked like text"] >= 1
    assert "look at each picture" in report["files"][0]["warnings"][0]
    assert "113101" in [c["value"] for c in report["codes"]]


def test_clean_pixel_data_is_claimed_only_where_pixels_were_cleaned(tmp_path, make_volume, identity):
    write_series(make_volume(shape=(3, 5, 7)), tmp_path / "in", identity=identity)
    options = [Option.CLEAN_PIXEL_DATA, Option.MODIFIED_DATES]
    report = deidentify(tmp_path / "in", tmp_path / "out", key=KEY, options=options)
    for file in (tmp_path / "out").rglob("*.dcm"):
        ds = pydicom.dcmread(file)
        assert [i.CodeValue for i in ds.DeidentificationMethodCodeSequence] == ["113100", "113107"]
    assert [c.value for c in report.codes] == ["113100", "113107"]
