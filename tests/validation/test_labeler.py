"""The labeler on sentences that were frozen before it was written, and on public report texts."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from tomoscribe.core.errors import InvalidValueError
from tomoscribe.validation.labeler import Status, label_report, label_sentence
from tomoscribe.validation.labeler.classes import KEYS
from tomoscribe.validation.metrics.classification import Counts

SENTENCES = Path(__file__).parent / "labeled_sentences.txt"
CODES = dict(
    zip("MM AC CM PE CC HH LN EM AT NO OP FI PL MO PT CO BR IS WM VE BM".split(), KEYS, strict=True)  # noqa: SIM905
)
SIGNS = {"+": Status.PRESENT, "-": Status.ABSENT, "?": Status.UNCERTAIN}
MESH = {
    "cardiomegaly": {"cardiomegaly"},
    "pleural_effusion": {"pleural effusion"},
    "emphysema": {"emphysema", "pulmonary emphysema"},
    "atelectasis": {"pulmonary atelectasis", "atelectasis"},
    "nodule": {"nodule", "granuloma", "mass", "calcified granuloma"},
    "opacity": {"opacity", "infiltrate", "airspace disease"},
    "consolidation": {"consolidation"},
    "hiatal_hernia": {"hernia, hiatal"},
    "fibrotic_sequela": {"cicatrix", "pulmonary fibrosis"},
}
"""Classes that the MeSH terms of the chest X-ray reports name as well."""


def labeled() -> list[tuple[str, dict[str, Status], str]]:
    rows = []
    for line in SENTENCES.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            language, labels, text = (part.strip() for part in line.split("|", 2))
            truth = {} if labels == "none" else {CODES[t[:2]]: SIGNS[t[2]] for t in labels.split()}
            rows.append((language, truth, text))
    return rows


def test_the_frozen_sentences_are_three_hundred_in_two_languages() -> None:
    languages = Counter(language for language, _, _ in labeled())
    assert languages.total() == 300
    assert min(languages["en"], languages["zh"]) >= 145


@pytest.mark.parametrize("language", ["en", "zh"])
def test_precision_and_recall_on_the_frozen_sentences(language: str, capsys: pytest.CaptureFixture[str]) -> None:
    agreed = said = true = 0
    for spoken, truth, text in labeled():
        if spoken == language:
            found = label_sentence(text, language)
            agreed += len(truth.items() & found.items())
            said, true = said + len(found), true + len(truth)
    with capsys.disabled():
        print(f"\nlabeler, {language}: precision {agreed / said:.3f}, recall {agreed / true:.3f} of {true} labels")
    assert agreed / said > 0.97
    assert agreed / true > 0.97


def test_a_report_is_as_present_as_its_surest_sentence() -> None:
    text = "No nodule in the right lung. A 6 mm nodule in the left lower lobe. Emphysema may be present. No effusion."
    assert label_report(text, "en") == {
        "nodule": Status.PRESENT,
        "emphysema": Status.UNCERTAIN,
        "pleural_effusion": Status.ABSENT,
    }
    assert label_report("右肺未见结节。左肺下叶见6 mm结节。", "zh") == {"nodule": Status.PRESENT}


def test_another_language_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="expected a report in en or zh, found 'nl'"):
        label_report("Geen nodulus.", "nl")


@pytest.mark.real
def test_chest_x_ray_reports_against_their_mesh_terms(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = shared_data / "report_text" / "iu_xray_reports" / "indiana_reports.csv"
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    found: dict[str, list[bool]] = {key: [] for key in MESH}
    truth: dict[str, list[bool]] = {key: [] for key in MESH}
    for row in rows:
        labels = label_report(f"{row['findings']}\n{row['impression']}", "en")
        terms = set(row["Problems"].lower().split(";"))
        for key, names in MESH.items():
            found[key].append(labels.get(key) is Status.PRESENT)
            truth[key].append(bool(terms & names))
    counts = {key: Counts.of(found[key], truth[key]) for key in MESH}
    with capsys.disabled():
        for key, c in counts.items():
            print(f"\n{key}: precision {c.precision:.3f}, recall {c.recall:.3f}, {c.true_positive} of both", end="")
    assert all(c.f1 > 0.8 for c in counts.values())


def test_full_width_punctuation_is_read_like_ascii() -> None:
    wide = str.maketrans(dict(zip(",;:?()", "\uff0c\uff1b\uff1a\uff1f\uff08\uff09", strict=True)))
    chinese = [text for language, _, text in labeled() if language == "zh"]
    assert all(label_sentence(text.translate(wide), "zh") == label_sentence(text, "zh") for text in chinese)


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "Series 3: CT, kernel LUNG, tube voltage 120 kVp, CTDIvol 4 mGy.", {}),
        ("en", "Lung-RADS v2022: not assignable, missing: solid, part-solid or ground-glass.", {}),
        ("en", "Not assessed: lymph nodes. Not excluded: further pulmonary nodules, consolidation.", {}),
        ("en", "No increase in pleural effusion.", {"pleural_effusion": Status.PRESENT}),
        ("en", "A pancreatic tumor with infiltration along the vein.", {}),
        ("en", "An infiltrate in the right lower lobe.", {"opacity": Status.PRESENT}),
        ("zh", "不能排除：其他肺结节。", {}),
        (
            "zh",
            "左侧胸腔积液，无心包积液。",
            {"pleural_effusion": Status.PRESENT, "pericardial_effusion": Status.ABSENT},
        ),
        ("zh", "肺结节不能排除。", {"nodule": Status.UNCERTAIN}),
    ],
)
def test_what_the_projects_own_reports_taught(language: str, text: str, expected: dict[str, Status]) -> None:
    assert label_report(text, language) == expected


DRAGON = {
    "Task002": "NO+ BR? PL- LN-",
    "Task003": "NO+ LN+ PL+ PE+",
    "Task005": "LN+ AC+ CC+ PT+ BR+ OP+ NO+",
    "Task007": "NO+ EM+ FI+ CC+ LN-",
    "Task008": "PL- PE-",
    "Task009": "PL- PE-",
    "Task011": "",
    "Task013": "",
    "Task016": "LN+ AC+ CC+ PT+ BR+ OP+ NO+",
    "Task017": "PL- PE-",
    "Task018": "MM+",
    "Task022": "PL- PE-",
    "Task023": "NO+ EM+ FI+ CC+ LN-",
    "Task024": "LN+ AC+ CC+ PT+ BR+ OP+ NO+",
    "Task028": "",
}
"""Read by hand from the English sample reports that speak of the chest, or hold words that look like it."""


@pytest.mark.real
def test_translated_hospital_reports_against_labels_read_by_hand(
    shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shared_data / "report_text" / "dragon_sample_reports" / "english"
    agreed = said = true = 0
    for name, labels in DRAGON.items():
        (file,) = folder.glob(f"{name}_*.md")
        body = file.read_text(encoding="utf-8").split("```")[1].rpartition("####")[2]
        truth = {CODES[t[:2]]: SIGNS[t[2]] for t in labels.split()}
        found = label_report(body, "en")
        agreed += len(truth.items() & found.items())
        said, true = said + len(found), true + len(truth)
        if truth != found:
            with capsys.disabled():
                print(f"\n{name}: expected {truth}, found {found}", end="")
    with capsys.disabled():
        print(f"\ntranslated reports: precision {agreed / said:.3f}, recall {agreed / true:.3f} of {true} labels")
    assert agreed / said > 0.9
    assert agreed / true > 0.9
