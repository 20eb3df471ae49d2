"""Bad input: counted and listed by name, never dropped in silence, and it never takes the good cases with it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from tests.validation import layouts
from tomoscribe.validation.datasets import Opened, open_dataset, verify
from tomoscribe.validation.datasets.opened import Collector
from tomoscribe.validation.datasets.tables import decoded, label, number, read_table


def told(found: Opened, what: str) -> list[str]:
    return [e.where for e in found.excluded if e.what == what]


def test_what_is_missing_from_ct_rate_is_told_item_by_item(tmp_path: Path) -> None:
    folder = layouts.ct_rate(tmp_path)
    root = folder / "dataset"
    (root / "train" / "train_1" / "train_1_a" / "train_1_a_2.nii.gz").unlink()  # a report and labels without images
    labels = root / "multi_abnormality_labels" / "train_predicted_labels.csv"
    lines = labels.read_text().splitlines()
    lines[0] = lines[0].replace("Emphysema", "Emphys")  # a column under another name
    lines.append(lines[1])  # a patient twice
    lines.append("train_1_b_1.nii.gz,1")  # a row that breaks off
    labels.write_text("\n".join([*lines[:3], *lines[4:]]))  # train_1_b_1 has no labels
    (root / "radiology_text_reports" / "validation_reports.csv").unlink()
    found = open_dataset("ct-rate", folder)
    assert told(found, "report without images") == ["train_1_a_2"]
    assert told(found, "duplicated row") == ["dataset/multi_abnormality_labels/train_predicted_labels.csv train_1_a_1"]
    assert told(found, "broken row") == ["dataset/multi_abnormality_labels/train_predicted_labels.csv row 6"]
    assert told(found, "images without labels") == ["train_1_b_1"]
    assert told(found, "missing table") == ["dataset/radiology_text_reports/validation_reports.csv"]
    assert told(found, "images without report") == ["valid_1_a_1"]
    (missing,) = [e for e in found.excluded if e.what == "missing column"]
    assert missing.why == "classes without labels: emphysema"
    first = next(c for c in found.cases if c.case_id == "train_1_a_1")
    assert len(first.labels) == 17
    assert len(found.cases) == 4


def test_a_table_without_its_key_column_is_told_and_the_images_stay(tmp_path: Path) -> None:
    folder = layouts.totalsegmentator(tmp_path)
    meta = folder / "meta.csv"
    meta.write_text(meta.read_text(encoding="utf-8-sig").replace("image_id", "subject"))
    found = open_dataset("totalsegmentator", folder)
    (problem,) = [e for e in found.excluded if e.what == "table without a needed column"]
    assert problem.why.startswith("expected image_id, found subject, age, gender")
    assert len(found.cases) == 2


@pytest.mark.parametrize("damage", ["text", "header only", "empty", "cut off"])
def test_volumes_that_cannot_be_read_are_told(tmp_path: Path, damage: str) -> None:
    folder = layouts.merlin(tmp_path)
    bad = folder / "merlin_data" / "AC42a.nii.gz"
    whole = gzip.decompress(bad.read_bytes())
    contents = {
        "text": b"this is no image",
        "header only": gzip.compress(whole[:348]),
        "empty": b"",
        "cut off": bad.read_bytes()[: bad.stat().st_size // 2],
    }
    bad.write_bytes(contents[damage])
    found = verify(open_dataset("merlin", folder))
    assert [c.case_id for c in found.cases] == ["AC42b"]
    assert len(told(found, "unreadable volume")) == 1
    assert str(tmp_path) not in " ".join(e.why + e.where for e in found.excluded)


def test_a_mask_on_another_grid_costs_the_mask_and_not_the_image(tmp_path: Path) -> None:
    folder = layouts.totalsegmentator(tmp_path)
    moved = layouts.AFFINE_RAS.copy()
    moved[0, 3] += 5
    mask = folder / "s0001" / "segmentations" / "liver.nii.gz"
    layouts.nifti(mask, np.zeros(layouts.SHAPE, np.uint8), moved)
    found = verify(open_dataset("totalsegmentator", folder))
    assert told(found, "mask that does not fit its image") == ["s0001 liver"]
    assert [len(c.masks) for c in found.cases] == [0, 2]


def test_an_index_cannot_lead_out_of_its_folder(tmp_path: Path) -> None:
    folder = layouts.msd(tmp_path / "task")
    index = json.loads((folder / "dataset.json").read_text())
    layouts.nifti(tmp_path / "secret.nii.gz", layouts.hu(0))
    index["training"].append({"image": "../secret.nii.gz", "label": "../secret.nii.gz"})
    index["training"].append("nonsense")
    (folder / "dataset.json").write_text(json.dumps(index))
    found = open_dataset("msd", folder)
    assert len(told(found, "broken entry")) == 2
    assert len(found.cases) == 2


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (lambda t: t[: len(t) // 2], "unreadable reading file"),
        (lambda t: t.replace("<LidcRead", "<!DOCTYPE a [<!ENTITY b 'c'>]><LidcRead"), "unreadable reading file"),
        (lambda t: t.replace("LidcReadMessage", "IdriReadMessage"), "reading file of another kind"),
        (lambda t: t.replace("<xCoord>8<", "<xCoord>eight<"), "unreadable reading file"),
    ],
)  # fmt: skip
def test_broken_reading_files_are_told_and_their_images_too(tmp_path: Path, damage: object, what: str) -> None:
    from tomoscribe.core.errors import InputError

    folder = layouts.lidc(tmp_path)
    (path,) = folder.rglob("*.xml")
    path.write_text(damage(path.read_text()))  # type: ignore[operator]
    with pytest.raises(InputError, match=rf"1 x {what}; 1 x images without a reading file"):
        open_dataset("lidc", folder)


def test_outlines_on_images_that_are_not_there_are_counted(tmp_path: Path) -> None:
    folder = layouts.lidc(tmp_path)
    (path,) = folder.rglob("*.xml")
    text = path.read_text()
    uid = text.split("<imageSOP_UID>")[1].split("<")[0]
    path.write_text(text.replace(uid, "1.2.3"))
    found = open_dataset("lidc", folder)
    (problem,) = found.excluded
    assert (problem.what, problem.why) == ("outlines without their image", "4 outline(s) lie on images not here")


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8", "id,text\na,Größe 7 mm\n"),
        ("utf-8-sig", "id,text\na,结节\n"),
        ("utf-16", "id;text\na;结节\n"),
        ("gb18030", "id,text\na,右肺结节7毫米\n"),
        ("cp1252", "id\ttext\na\tNódulo de 7 mm, tamaño estable\n"),
    ],
)
def test_tables_in_other_encodings_and_with_other_separators(tmp_path: Path, encoding: str, text: str) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode(encoding))
    into = Collector(name="tiny", folder=tmp_path)
    found = read_table(path, into, ("ID",))
    assert found is not None
    assert (found.encoding, found.rows[0]["ID"]) == (encoding, "a")
    assert "".join(found.rows[0].values())[1:] in text
    assert bool(into.opened().warnings) == (encoding not in ("utf-8", "utf-8-sig"))


def test_bytes_that_are_no_text_are_told(tmp_path: Path) -> None:
    into = Collector(name="tiny", folder=tmp_path)
    (tmp_path / "a.csv").write_bytes(b"id,text\n\x00\x01\n")
    (tmp_path / "b.csv").write_bytes(b"")
    (tmp_path / "c.xlsx").write_bytes(b"PK no workbook")
    assert [read_table(tmp_path / n, into) for n in ("a.csv", "b.csv", "c.xlsx")] == [None] * 3
    assert into.opened().counts() == {"unreadable table": 3}


def test_cells_are_read_leniently_and_labels_strictly() -> None:
    assert [number(w) for w in ("058Y", "1.5 mm", "", "n/a", "-3e1")] == [58.0, 1.5, None, None, -30.0]
    assert [label(w) for w in ("1", "0.0", "-1", "", "maybe", "TRUE")] == [True, False, None, None, None, True]
    assert decoded("é".encode("cp1252"))[0] == "é"


@pytest.mark.parametrize("kept", [0.2, 0.9])
def test_a_metaimage_that_breaks_off_is_told(tmp_path: Path, kept: float) -> None:
    from tomoscribe.core.errors import InputError
    from tomoscribe.validation.datasets import read_volume

    folder = layouts.luna16(tmp_path)
    raw = folder / "subset0" / "1.2.3.raw"
    raw.write_bytes(raw.read_bytes()[: int(raw.stat().st_size * kept)])
    with pytest.raises(InputError, match=r"cannot be read to its end|breaks off"):
        read_volume(folder / "subset0" / "1.2.3.mhd", modality="CT")


def test_a_sites_folder_names_never_leave_it(tmp_path: Path) -> None:
    folder = layouts.site(tmp_path)
    (folder / "a").rename(folder / "DOE_JANE")
    (folder / "DOE_JANE" / "report.txt").write_bytes(b"\x00\x01")
    (folder / "DOE_JANE" / "images" / "broken.dcm").write_bytes(b"\x00" * 128 + b"DICM" + b"\xff" * 40)
    found = open_dataset("auto", folder)
    assert {"unreadable file", "unreadable report"} <= set(found.counts())
    assert "DOE" not in " ".join(f"{e.what} {e.where} {e.why}" for e in found.excluded)
    assert told(found, "unreadable report")[0].startswith("file ")
