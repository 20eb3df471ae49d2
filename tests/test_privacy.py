"""No identifier of the input in what is no clinical export: logs, caches, errors, training data, output on screen."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from tests.encoders.identified import LABELS, Label, found_in, identifiers, label_study
from tomoscribe import sample_data
from tomoscribe.cli.main import main
from tomoscribe.core.errors import TomoscribeError
from tomoscribe.core.serial import to_json
from tomoscribe.encoders.dicom import load_volume, scan

LABEL = LABELS["utf-8"]
NOT_SECRET = {"QQNESTED"}
"""Words that the chosen elements of this file do not hold."""


def fill(ds: Dataset, label: Label) -> Dataset:
    """Names and numbers in the attributes of people, places and requests; descriptions stay those of a chest CT."""
    from tests.encoders.identified import identify

    description, kernel = ds.get("SeriesDescription"), ds.get("ConvolutionKernel")
    study, maker, part = ds.get("StudyDescription"), ds.get("Manufacturer"), ds.get("BodyPartExamined")
    model = ds.get("ManufacturerModelName")
    age, sex = ds.get("PatientAge"), ds.get("PatientSex")
    contrast = ds.get("ContrastBolusAgent")
    identify(ds, label)
    ds.SeriesDescription, ds.StudyDescription, ds.ConvolutionKernel = description or "", study or "", kernel or ""
    ds.Manufacturer, ds.ManufacturerModelName, ds.BodyPartExamined = maker or "", model or "", part or ""
    ds.PatientAge, ds.PatientSex = age or "", sex or ""
    ds.ContrastBolusAgent = contrast or ""
    for name in ("ProtocolName", "DerivationDescription", "ImageComments"):
        setattr(ds, name, "")
    return ds


@pytest.fixture(scope="module")
def chest(tmp_path_factory) -> Path:
    """Every sixth slice of the sample chest CT, full of names."""
    folder = tmp_path_factory.mktemp("chest") / "ct"
    folder.mkdir()
    for file in sorted(sample_data.path("chest_ct").rglob("*.dcm"))[::6]:
        shutil.copy(file, folder)
    label_study(folder, LABEL, fill)
    return folder


@pytest.fixture
def secrets() -> set[str]:
    return identifiers(LABEL) - NOT_SECRET - {"20190817", "2019-08-17"}


def leaks(words: Iterable[str], *places: Path, text: str = "") -> dict[str, set[str]]:
    """Where any of the words is found: files below the places, their names, and a text."""
    found = {"text": found_in(text.encode(), words)}
    for place in places:
        for file in place.rglob("*"):
            found[f"name of {file.name}"] = found_in(str(file.relative_to(place)).encode(), words)
            if file.is_file():
                found[file.name] = found_in(file.read_bytes(), words)
    return {k: v for k, v in found.items() if v}


def test_the_input_is_full_of_them(chest, secrets):
    found = found_in(b"".join(f.read_bytes() for f in chest.iterdir()), secrets)
    assert len(found) > 15


def test_scan_volume_and_errors(chest, secrets, caplog, tmp_path, monkeypatch):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    broken = tmp_path / "broken"
    shutil.copytree(chest, broken)
    victims = sorted(broken.iterdir())
    victims[3].write_bytes(victims[3].read_bytes()[:-40])
    said = []
    for folder in (chest, broken):
        try:
            (study,) = scan(folder)
            said.append(str(to_json(study)) + repr(study.warnings) + repr(study.series))
            volume = load_volume(study, study.series[0])
            said.append(repr(volume) + str(to_json(volume.series)) + str(volume.notes))
        except TomoscribeError as error:
            said += [error.line(), repr(error)]
    assert any("Volume" in s for s in said)
    assert leaks(secrets, tmp_path / "cache", text="\n".join(said) + caplog.text) == {}


@pytest.mark.slow
def test_reading_asking_and_every_command(chest, secrets, caplog, capfd, tmp_path, monkeypatch):
    """What is said, logged, cached and written beside the clinical objects (which carry the patient on purpose)."""
    caplog.set_level(logging.DEBUG, logger="tomoscribe")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    said = _read_and_ask(chest, tmp_path / "read")
    (tmp_path / "key").write_text("0123456789abcdef")
    clean = ["deidentify", str(chest), "--out", str(tmp_path / "clean"), "--key", str(tmp_path / "key")]
    calls = [clean, clean, ["read", str(tmp_path / "nowhere"), "--out", str(tmp_path / "x")]]
    if "check" in _commands():
        calls += [["check", str(chest)], ["check", str(chest), "--json"]]
    for words in calls:
        monkeypatch.setattr("sys.argv", ["tomoscribe", *words])
        with pytest.raises(SystemExit):
            main()
    said += "".join(capfd.readouterr()) + caplog.text
    assert len(list((tmp_path / "clean").rglob("*.dcm"))) == len(list(chest.iterdir()))
    places = [p for p in (tmp_path / "read", tmp_path / "clean", tmp_path / "cache") if p.exists()]
    assert leaks(secrets, *places, text=said) == {}


def _read_and_ask(folder: Path, out: Path) -> str:
    """Reads and asks as the commands do; the clinical objects are taken out of the results again; what was said."""
    from tomoscribe.encoders.dicom import read_headers
    from tomoscribe.reports.export import write_results
    from tomoscribe.reports.reader import StudyReader
    from tomoscribe.reports.summary import summary_lines

    (study,) = scan(folder)
    reader = StudyReader(device="cpu", text="writer")
    reading = reader.read(study)
    volumes = reader.volumes(study)
    headers = {s.series_uid: read_headers(s) for s in study.series if s.series_uid in volumes}
    write_results(reading, volumes, headers, out)
    clinical = list(out.rglob("*.dcm"))
    assert clinical
    assert all(b"Qzwangly" in f.read_bytes() for f in clinical)
    for file in clinical:
        file.unlink()
    said = ["\n".join(summary_lines(reading)), reader.ask(reading, "Is there a nodule in the left lung?").text]
    with pytest.raises(TomoscribeError) as caught:
        reader.ask(reading, " ")
    return "\n".join([*said, caught.value.line()])


def _commands() -> set[str | None]:
    from tomoscribe.cli.main import app

    return {c.name for c in app.registered_commands}


def test_training_cases(chest, secrets, caplog, tmp_path):
    """A prepared case of a real scan is voxels and labels, and its cache file holds nothing else."""
    from tomoscribe.encoders.processor import Processor
    from tomoscribe.encoders.towers import SPECS
    from tomoscribe.training.cases import Case, Drawing, prepare

    caplog.set_level(logging.DEBUG)
    (study,) = scan(chest)
    volume = load_volume(study, study.series[0])
    spec = SPECS["unet-ct"]
    drawing = Drawing(volume=volume, shares={"lung_right": volume.array < -500}, keep={})
    image, labels, _ = prepare(drawing, Processor(spec.processor), spec.masks)
    case = Case(image_CDHW=image, labels_DHW=labels, targets_FS=np.zeros((1, 2), np.float32), midline=0.0)
    case.save(tmp_path / "cases" / f"{study.patient_key}.npz")
    assert leaks(secrets | {str(pydicom.dcmread(next(chest.iterdir())).PatientName)}, tmp_path, text=caplog.text) == {}


def test_a_name_of_one_component_is_written_without_a_word():
    """In a process of its own, as pytest keeps its own list of warnings."""
    code = (
        "import tomoscribe.reports.export, highdicom.valuerep\n"
        "highdicom.valuerep.check_person_name('Lonelyname')\n"
        "print('checked')"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "checked"
    assert "Lonelyname" not in done.stderr
