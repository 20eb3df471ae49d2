"""Tiny copies of public data sets, each in exactly the layout in which people have it on disk."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from tests.factories import IDENTITY, body, phantom
from tomoscribe.encoders.dicom import write_series
from tomoscribe.validation.labeler.classes import CLASSES, CT_RATE

SHAPE = (12, 24, 20)
AFFINE_RAS = np.array([[-0.75, 0, 0, 30.0], [0, -0.75, 0, 40.0], [0, 0, 2.5, -100.0], [0, 0, 0, 1]])
"""(i, j, k) to RAS: i to the left, j to the back, k to the head."""
TITLES = [next(c.title for c in CLASSES if c.key == key).capitalize() for key in CT_RATE]
LIDC_UID, LIDC_NODULE = "1.2.3.4.5", (6, 12, 10)


def hu(seed: int = 0) -> NDArray[np.int16]:
    """A patient of its own, (k, j, i): the phantom body with a lump at a place that depends on the seed."""
    array = body(*SHAPE)
    rng = np.random.default_rng(seed)
    k, j, i = np.indices(SHAPE)
    for _ in range(4):
        at = rng.uniform((2, 6, 5), (10, 18, 15))
        array[((k - at[0]) * 2) ** 2 + (j - at[1]) ** 2 + (i - at[2]) ** 2 < 9] = rng.integers(-800, 60)
    return array


def nifti(path: Path, array_kji: NDArray[np.generic], affine: NDArray[np.float64] = AFFINE_RAS) -> Path:
    """Writes (k, j, i) voxels, or (k, j, i, channel), by a library that the readers do not use."""
    path.parent.mkdir(parents=True, exist_ok=True)
    order = (2, 1, 0) if array_kji.ndim == 3 else (2, 1, 0, 3)
    nib.save(nib.Nifti1Image(np.ascontiguousarray(array_kji.transpose(order)), affine), path)
    return path


def table(path: Path, columns: Sequence[str], rows: Sequence[Sequence[object]], **how: str) -> Path:
    """Writes a table; ``how`` may name a delimiter and an encoding."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding=how.get("encoding", "utf-8")) as file:
        writer = csv.writer(file, delimiter=how.get("delimiter", ","))
        writer.writerow(columns)
        writer.writerows(rows)
    return path


def ct_rate(folder: Path) -> Path:
    """Two train scans of one patient, one of them with two reconstructions; one valid scan; one rescaled twice."""
    root = folder / "dataset"
    names = ["train_1_a_1", "train_1_a_2", "train_1_b_1", "train_2_a_1", "valid_1_a_1"]
    for n, name in enumerate(names):
        split, patient, scan, _ = name.split("_")
        values = hu(n) - (1024 if name == "train_2_a_1" else 0)
        nifti(root / split / f"{split}_{patient}" / f"{split}_{patient}_{scan}" / f"{name}.nii.gz", values)
    for split, word in (("train", "train"), ("valid", "validation")):
        mine = [n for n in names if n.startswith(split)]
        labels = [[f"{n}.nii.gz", *(int((c + len(n)) % 3 == 0) for c in range(18))] for n in mine]
        table(root / "multi_abnormality_labels" / f"{split}_predicted_labels.csv", ["VolumeName", *TITLES], labels)
        columns = ["VolumeName", "ClinicalInformation_EN", "Technique_EN", "Findings_EN", "Impressions_EN"]
        texts = [[f"{n}.nii.gz", "Not given.", "CT", f"A 7 mm nodule in {n}.", "Nodule."] for n in mine]
        table(root / "radiology_text_reports" / f"{word}_reports.csv", columns, texts)
        meta = [
            [f"{n}.nii.gz", "Siemens Healthineers", "F", "058Y", "1", "-1024", "['Br40f', '3']", "1.5"] for n in mine
        ]
        columns = [
            "VolumeName", "Manufacturer", "PatientSex", "PatientAge", "RescaleSlope", "RescaleIntercept",
            "ConvolutionKernel", "ZSpacing",
        ]  # fmt: skip
        table(root / "metadata" / f"{word}_metadata.csv", columns, meta)
    return folder


def radgenome(folder: Path) -> Path:
    """One volume with two regions' sentences and one mask, and one whose name is spelled the other way."""
    root = folder / "dataset"
    nifti(root / "train_preprocessed" / "train_1" / "train_1a" / "train_1a_1.nii.gz", hu(1))
    nifti(root / "train_region_mask" / "seg_train_1a_1" / "lung.nii.gz", (hu(1) < -600).astype(np.uint8))
    nifti(root / "valid_preprocessed" / "valid_3" / "valid_3a" / "valid_3a_1.nii.gz", hu(3))
    rows = [["train_1_a_1.nii.gz", "lung", "A nodule."], ["train_1_a_1.nii.gz", "heart", "Normal heart."]]
    rows += [["train_1_a_1.nii.gz", "", "See above."], ["train_9_a_1.nii.gz", "lung", "No image of this one."]]
    table(root / "radgenome_files" / "train_region_report.csv", ["Volumename", "Anatomy", "Sentence"], rows)
    rows = [["valid_3a_1.nii.gz", "lung", "Clear lungs."]]
    table(root / "radgenome_files" / "validation_region_report.csv", ["Volumename", "Anatomy", "Sentence"], rows)
    return folder


def merlin(folder: Path) -> Path:
    """Two studies, a workbook of reports, labels with -1 for what is not known."""
    from openpyxl import Workbook

    for n, study in enumerate(("AC42a", "AC42b")):
        nifti(folder / "merlin_data" / f"{study}.nii.gz", hu(n))
    book = Workbook()
    book.active.append(["study id", "Findings", "Split", "Few Shot"])
    for study, split in (("AC42a", "train"), ("AC42b", "test"), ("AC42gone", "test")):
        book.active.append([study, f"Liver: a cyst in {study}.", split, None])
    book.save(folder / "reports_final.xlsx")
    columns = ["study id", "renal_cyst", "ascites", "fracture"]
    table(folder / "zero_shot_findings_disease_cls.csv", columns, [["AC42a", 1, -1, 0], ["AC42b", 0, 1, -1]])
    return folder


def msd(folder: Path) -> Path:
    """A task of two channels in one file of four axes, a Macintosh's shadow file, and a test image."""
    for n, name in enumerate(("BRATS_001", "BRATS_002")):
        nifti(folder / "imagesTr" / f"{name}.nii.gz", np.stack([hu(n) + 1024, 2 * (hu(n) + 1024)], axis=3))
        nifti(folder / "labelsTr" / f"{name}.nii.gz", (hu(n) > 0).astype(np.uint8))
    (folder / "imagesTr" / "._BRATS_001.nii.gz").write_bytes(b"shadow")
    nifti(folder / "imagesTs" / "BRATS_003.nii.gz", hu(3))
    index = {
        "name": "BRATS",
        "modality": {"0": "FLAIR", "1": "T1w"},
        "labels": {"0": "background", "1": "edema"},
        "training": [
            {"image": f"./imagesTr/BRATS_00{n}.nii.gz", "label": f"./labelsTr/BRATS_00{n}.nii.gz"} for n in (1, 2, 7)
        ],
        "test": ["./imagesTs/BRATS_003.nii.gz"],
    }
    (folder / "dataset.json").write_text(json.dumps(index))
    return folder


def brats(folder: Path) -> Path:
    """A patient in the names of 2021, and two time points of one in those of 2023, one without its FLAIR."""
    old, new = ("t1", "t1ce", "t2", "flair"), ("t1n", "t1c", "t2w", "t2f")
    seg = np.zeros(SHAPE, np.uint8)
    seg[4:8, 8:12, 8:12] = 2
    for name, endings, sign, value in (
        ("BraTS2021_00003", old, "_", 4), ("BraTS-GLI-00005-000", new, "-", 3), ("BraTS-GLI-00005-001", new[:3], "-", 3)
    ):  # fmt: skip
        for n, ending in enumerate(endings):
            nifti(folder / name / f"{name}{sign}{ending}.nii.gz", hu(n) + 1024)
        seg[5, 9:11, 9:11] = value
        nifti(folder / name / f"{name}{sign}seg.nii.gz", seg)
    return folder


def totalsegmentator(folder: Path) -> Path:
    """Two subjects with a mask for each structure, and a row whose subject is not there."""
    for n, name in enumerate(("s0001", "s0002")):
        nifti(folder / name / "ct.nii.gz", hu(n))
        nifti(folder / name / "segmentations" / "lung_upper_lobe_left.nii.gz", (hu(n) < -600).astype(np.uint8))
        nifti(folder / name / "segmentations" / "liver.nii.gz", np.zeros(SHAPE, np.uint8))
    columns = (
        "image_id;age;gender;institute;study_type;split;manufacturer;scanner_model;kvp;pathology;pathology_location"
    )
    rows = [
        ["s0001", 61, "m", "A", "ct thorax", "train", "siemens", "x", 120, "tumor", "lung"],
        ["s0002", "", "f", "B", "ct thorax", "val", "ge", "x", 120, "no_pathology", ""],
        ["s0009", 40, "f", "B", "ct thorax", "test", "ge", "x", 120, "no_pathology", ""],
    ]
    table(folder / "meta.csv", columns.split(";"), rows, delimiter=";", encoding="utf-8-sig")
    return folder


def bids(folder: Path) -> Path:
    """A subject with two sessions, one without, a segmentation with its table, and a row without a subject."""
    (folder / "dataset_description.json").parent.mkdir(parents=True, exist_ok=True)
    (folder / "dataset_description.json").write_text(json.dumps({"Name": "tiny", "BIDSVersion": "1.9.0"}))
    rows = [["sub-01", "34", "F"], ["sub-02", "n/a", "M"], ["sub-03", "50", "M"]]
    table(folder / "participants.tsv", ["participant_id", "age", "sex"], rows, delimiter="\t")
    for session in ("ses-1", "ses-2"):
        stem = folder / "sub-01" / session / "anat" / f"sub-01_{session}"
        nifti(Path(f"{stem}_T1w.nii.gz"), hu(1) + 1024)
        Path(f"{stem}_T1w.json").write_text(json.dumps({"Manufacturer": "Philips", "SliceThickness": 1.2}))
    nifti(folder / "sub-01" / "ses-1" / "anat" / "sub-01_ses-1_run-2_T1w.nii.gz", hu(2) + 1024)
    nifti(folder / "sub-02" / "anat" / "sub-02_FLAIR.nii", hu(3) + 1024)
    seg = (hu(1) < -600).astype(np.uint8) * 2
    made = folder / "derivatives" / "seg" / "sub-01" / "ses-1" / "anat" / "sub-01_ses-1_dseg.nii.gz"
    nifti(made, seg)
    table(
        made.with_name("sub-01_ses-1_dseg.tsv"), ["index", "name"], [[0, "background"], [2, "lesion"]], delimiter="\t"
    )
    return folder


def luna16(folder: Path) -> Path:
    """A MetaImage with a nodule, an excluded finding without diameter, and annotations of a missing series."""
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(hu(1))
    image.SetSpacing((0.75, 0.75, 2.5))
    image.SetOrigin((-20.0, -30.0, -300.0))
    (folder / "subset0").mkdir(parents=True)
    sitk.WriteImage(image, str(folder / "subset0" / "1.2.3.mhd"))
    columns = ["seriesuid", "coordX", "coordY", "coordZ", "diameter_mm"]
    rows = [["1.2.3", -12.5, -21.0, -285.0, 6.5], ["9.9.9", 1, 2, 3, 8.0]]
    table(folder / "CSVFILES" / "annotations.csv", columns, rows)
    table(folder / "CSVFILES" / "annotations_excluded.csv", columns, [["1.2.3", -14, -20, -290, -1]])
    return folder


def lidc(folder: Path) -> Path:
    """One patient: a square drawn by three readers and one shifted by a pixel, a small nodule, a non-nodule."""
    volume = phantom(hu(0), name="lidc")
    series = folder / "LIDC-IDRI-0099" / "study" / "series"
    write_series(volume, series, identity=IDENTITY)
    uids = [str(p) for p in _instance_uids(series)]
    k, j, i = LIDC_NODULE
    readers = [_session(uids, k, j, i + shift, small=shift == 1) for shift in (0, 0, 0, 1)]
    header = f"<SeriesInstanceUid>{volume.series.series_uid}</SeriesInstanceUid>"
    (series / "072.xml").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<LidcReadMessage xmlns="http://www.nih.gov">'
        f"<ResponseHeader>{header}</ResponseHeader>{''.join(readers)}</LidcReadMessage>"
    )
    return folder


def _session(uids: Sequence[str], k: int, j: int, i: int, *, small: bool) -> str:
    """A reader whose line leaves 3 x 3 pixels around (j, i) inside, on two slices."""
    line = [(i + a, j + b) for a in range(-2, 3) for b in range(-2, 3) if max(abs(a), abs(b)) == 2]
    ordered = sorted(line, key=lambda p: np.arctan2(p[1] - j, p[0] - i))
    edges = "".join(f"<edgeMap><xCoord>{x}</xCoord><yCoord>{y}</yCoord></edgeMap>" for x, y in ordered)
    rois = "".join(
        f"<roi><imageSOP_UID>{uids[n]}</imageSOP_UID><inclusion>TRUE</inclusion>{edges}</roi>" for n in (k, k + 1)
    )
    nodule = (
        "<unblindedReadNodule><noduleID>1</noduleID><characteristics><malignancy>4</malignancy></characteristics>"
        f"{rois}</unblindedReadNodule>"
    )
    point = f"<imageSOP_UID>{uids[2]}</imageSOP_UID>"
    other = f"<nonNodule>{point}<locus><xCoord>5</xCoord><yCoord>9</yCoord></locus></nonNodule>"
    tiny = (
        f"<unblindedReadNodule><noduleID>2</noduleID><roi>{point}<inclusion>TRUE</inclusion><edgeMap><xCoord>7</xCoord>"
        "<yCoord>8</yCoord></edgeMap></roi></unblindedReadNodule>"
    )
    return f"<readingSession>{nodule}{tiny if small else other}</readingSession>"


def _instance_uids(series: Path) -> list[str]:
    """SOP Instance UIDs in slice order (from the foot on)."""
    import pydicom

    found = [pydicom.dcmread(p, stop_before_pixels=True) for p in series.glob("*.dcm")]
    return [d.SOPInstanceUID for d in sorted(found, key=lambda d: float(d.ImagePositionPatient[2]))]


def site(folder: Path) -> Path:
    """Three studies: one with a report beside it, one with one in GB18030 by UID, one without; a report of none."""
    for n, name in enumerate("abc"):
        volume = phantom(hu(n), name=name)
        write_series(volume, folder / name / "images", identity=replace(IDENTITY, patient_id=f"P-{n}"))
    (folder / "a" / "report.txt").write_text("A 7 mm nodule in the right upper lobe.", encoding="utf-8")
    (folder / "reports").mkdir()
    second = phantom(hu(1), name="b").series.study_uid
    (folder / "reports" / f"{second}.txt").write_bytes("右肺上叶见7毫米结节。".encode("gb18030"))
    (folder / "reports" / "1.2.3.txt").write_text("A report of a study that is not here.")
    first = phantom(hu(0), name="a").series.study_uid
    table(
        folder / "labels.csv", ["study_uid", "nodule", "emphysema", "mood"], [[first, 1, 0, "good"], ["9.9", 1, 1, ""]]
    )
    return folder


MAKERS = {
    "lidc": lidc,
    "luna16": luna16,
    "ct-rate": ct_rate,
    "radgenome": radgenome,
    "merlin": merlin,
    "msd": msd,
    "brats": brats,
    "totalsegmentator": totalsegmentator,
    "bids": bids,
    "site": site,
}
