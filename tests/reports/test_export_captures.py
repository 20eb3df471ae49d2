"""Marked key images as Secondary Capture, organs as a SEG of their own, LABELMAP: valid, in place, and back."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest

from tomoscribe.core import ReportStatus, Review, ReviewState, terms
from tomoscribe.core.errors import InputError
from tomoscribe.reports import signing
from tomoscribe.reports.export import SegKind, open_folder, replace_report, write_results
from tomoscribe.reports.export.secondary_capture import build_captures, key_findings, read_picture
from tomoscribe.reports.export.seg import build_seg, read_seg
from tomoscribe.reports.export.seg_frames import binary_frames
from tomoscribe.reports.export.source_grid import source_grid
from tomoscribe.reports.signing import Signer

CYAN = np.array((53, 224, 255))


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    """A copy of the written results, to be changed at will."""
    return Path(shutil.copytree(written, tmp_path / "out"))


def test_every_object_in_a_result_folder_is_valid(folder: Path, dciodvfy_errors) -> None:
    objects = sorted(folder.rglob("*.dcm"))
    assert len(objects) >= 6
    for path in objects:
        assert dciodvfy_errors(path) == [], path.name


def test_dcmtk_reads_the_structured_report(folder: Path, dsrdump) -> None:
    text = dsrdump(folder / "sr.dcm")
    assert 'NUM:(,,"Long axis")="15.6' in text
    assert 'CODE:(,,"Finding Site")=(39607008,SCT,"Lung")' in text
    assert "UNVERIFIED" in text


def test_key_images_say_whose_they_are_and_that_they_are_marked(case, folder: Path) -> None:
    first = pydicom.dcmread(folder / "key_images" / "key_001.dcm")
    source = case.headers[0]
    for name in ("PatientID", "PatientName", "IssuerOfPatientID", "StudyInstanceUID", "AccessionNumber"):
        assert first[name].value == source[name].value, name
    assert first.SOPClassUID == "1.2.840.10008.5.1.4.1.1.7"
    assert (first.BurnedInAnnotation, list(first.ImageType)) == ("YES", ["DERIVED", "SECONDARY"])
    assert "Not a medical device" in first.DerivationDescription
    finding = key_findings(case.reading)[0]
    assert first.SourceImageSequence[0].ReferencedSOPInstanceUID == finding.evidence[0].instance_uid
    series = {pydicom.dcmread(p, stop_before_pixels=True).SeriesInstanceUID for p in (folder / "key_images").iterdir()}
    assert len(series) == 1
    assert first.SeriesInstanceUID != source.SeriesInstanceUID


def test_the_caliper_is_drawn_at_the_length_that_was_measured(case) -> None:
    """The close-up of the nodule: cyan pixels spread over as many mm as the long axis has, give or take a stroke."""
    finding = key_findings(case.reading)[0]
    captures = build_captures(*case.inputs, "0.1.0")
    close = read_picture(captures.by_finding[finding.tracking_uid][1])
    mm_per_pixel = close.width_mm / close.pixels.shape[1]
    picture = close.pixels[: round(close.height_mm / mm_per_pixel)].astype(int)
    rows, columns = np.nonzero(np.abs(picture - CYAN).sum(axis=-1) < 60)
    start, stop = (np.array(p) for p in finding.measurement(terms.LONG_AXIS).endpoints_mm)
    across_mm, down_mm = np.abs(stop - start)[:2]
    middle = finding.measurement(terms.LONG_AXIS).value / 2
    near = np.hypot(columns - np.median(columns), rows - np.median(rows)) * mm_per_pixel < middle + 2
    assert np.ptp(columns[near]) * mm_per_pixel >= across_mm - 1.0
    assert np.ptp(rows[near]) * mm_per_pixel >= down_mm - 1.0


def test_key_images_have_the_same_uids_again_and_others_when_the_picture_changes(case) -> None:
    one, again = build_captures(*case.inputs, "0.1.0"), build_captures(*case.inputs, "0.1.0")
    assert [c.SOPInstanceUID for c in one.all] == [c.SOPInstanceUID for c in again.all]
    assert len({c.SOPInstanceUID for c in one.all}) == len(one.all)
    reading, volumes, headers = case.inputs
    brighter = {uid: v.with_array(v.array + 100) for uid, v in volumes.items()}
    assert build_captures(reading, brighter, headers, "0.1.0").all[0].SOPInstanceUID != one.all[0].SOPInstanceUID


def test_a_rejected_finding_has_no_key_image(case) -> None:
    first = key_findings(case.reading)[0]
    no = Review(state=ReviewState.REJECTED, reviewer="reader 1", at="2031-05-05T10:00:00+08:00", reason="a vessel")
    rejected = signing.review(case.reading, [first.tracking_uid], no)
    assert first.tracking_uid not in build_captures(rejected, *case.inputs[1:], "0.1.0").by_finding


def test_a_key_image_without_its_private_elements_is_refused(case) -> None:
    capture = build_captures(*case.inputs, "0.1.0").all[0]
    capture.remove_private_tags()
    with pytest.raises(InputError, match="key image"):
        read_picture(capture)


def test_organs_stand_in_a_seg_of_their_own_and_open_again(case, folder: Path) -> None:
    opened = open_folder(folder)
    anatomy = case.reading.label_map("anatomy")
    assert np.array_equal(opened.reading.label_map("anatomy").array, anatomy.array)
    assert opened.reading.label_map("anatomy").segments == anatomy.segments
    assert opened.anatomy.SeriesInstanceUID != opened.seg.SeriesInstanceUID
    assert set(opened.captures) > {key_findings(case.reading)[0].tracking_uid}


def test_organs_are_not_written_twice_where_nothing_was_found(case, tmp_path: Path) -> None:
    findings = case.reading.label_map("findings")
    empty = replace(findings, array=np.zeros_like(findings.array))
    reading = replace(case.reading, label_maps=(empty, case.reading.label_map("anatomy")))
    write_results(case.reading, *case.inputs[1:], tmp_path)
    write_results(reading, *case.inputs[1:], tmp_path)
    assert not (tmp_path / "seg_anatomy.dcm").exists()


@pytest.mark.parametrize("axis", [None, 0, 1, 2])
def test_a_label_map_seg_holds_the_same_voxels(case, tmp_path: Path, axis: int | None, dciodvfy_errors) -> None:
    anatomy = case.reading.label_map("anatomy")
    shuffled = [case.headers[n] for n in np.random.default_rng(3).permutation(len(case.headers))]
    moved = anatomy if axis is None else anatomy.flip(axis)
    seg = build_seg(moved, source_grid(shuffled), {}, "0.1.0", SegKind.LABELMAP)
    seg.save_as(tmp_path / "seg.dcm", enforce_file_format=True)
    assert dciodvfy_errors(tmp_path / "seg.dcm") == []
    back = read_seg(pydicom.dcmread(tmp_path / "seg.dcm"))
    assert np.array_equal(back.array, anatomy.array)
    assert back.segments == anatomy.segments
    binary = build_seg(anatomy, source_grid(shuffled), {}, "0.1.0")
    assert binary.SOPInstanceUID != seg.SOPInstanceUID


@pytest.mark.parametrize("shape", [(5, 7, 9), (4, 6, 12), (3, 10, 16), (2, 16, 5)])
def test_frames_are_packed_as_pydicom_unpacks_them(shape: tuple[int, int, int]) -> None:
    """Matrices whose frames do and do not end at a byte."""
    array = np.random.default_rng(1).integers(0, 4, shape, dtype=np.uint8)
    array[1] = 0
    frames = binary_frames(array, 3)
    bits = np.unpackbits(np.frombuffer(frames.data, np.uint8), bitorder="little")[: len(frames.places) * array[0].size]
    for frame, (number, k) in zip(bits.reshape(-1, *shape[1:]), frames.places, strict=True):
        assert np.array_equal(frame.astype(bool), array[k] == number)
    assert len(frames.places) == 3 * (shape[0] - 1)


def test_highdicom_reads_the_frames_and_the_structured_report(case, folder: Path) -> None:
    import highdicom as hd

    seg = hd.seg.segread(folder / "seg_anatomy.dcm")
    anatomy = case.reading.label_map("anatomy")
    volume = seg.get_volume(combine_segments=True)
    index = np.argwhere(volume.array > 0)
    world = (volume.affine @ np.c_[index, np.ones(len(index))].T).T[:, :3]
    ours = np.round(anatomy.geometry.to_index(world)).astype(int)
    assert np.array_equal(anatomy.array[tuple(ours.T)], volume.array[tuple(index.T)])
    assert len(index) == int((anatomy.array > 0).sum())
    sr = hd.sr.srread(folder / "sr.dcm")
    assert len(sr.content.get_volumetric_roi_measurement_groups()) == 2


def test_a_changed_report_replaces_its_files_and_keeps_the_pictures(case, folder: Path, dciodvfy_errors) -> None:
    opened = open_folder(folder)
    uids = [f.tracking_uid for f in signing.unreviewed(opened.reading.report)]
    signer = Signer(login="reader1")
    accepted = signing.review(
        opened.reading, uids, Review(state=ReviewState.ACCEPTED, reviewer="reader1", at="2031-05-05T10:00:00+08:00")
    )
    signed = signing.release(accepted, ReportStatus.FINAL, signer, "2031-05-05T10:00:00+08:00")
    before = {p.name: p.read_bytes() for p in folder.rglob("*.dcm")}
    replace_report(opened, signed, folder)
    after = open_folder(folder)
    assert after.reading.report.status is ReportStatus.FINAL
    assert after.reading.report.statements == case.reading.report.statements
    predecessor = after.sr.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
    assert predecessor.ReferencedSOPInstanceUID == opened.sr.SOPInstanceUID
    assert {n for n, b in before.items() if (next(folder.rglob(n))).read_bytes() != b} == {"sr.dcm"}
    assert dciodvfy_errors(folder / "sr.dcm") == []
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png") >= len(after.captures)
    assert "FINAL" in page.upper()
