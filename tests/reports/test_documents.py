"""Documents that leave a result folder: only when they may, valid, and saying what the report says."""

from __future__ import annotations

import base64
import io
import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image

from tomoscribe.core import Presence, ReportStatus, Review, ReviewState, reportable, terms
from tomoscribe.core.errors import InputError, UnsignedError
from tomoscribe.reports import signing
from tomoscribe.reports.export import OpenedResults, open_folder, replace_report, write_results
from tomoscribe.reports.export.documents import FILES, Document, export_documents, write_rejection
from tomoscribe.reports.export.fhir import REPORT_STATUS, build_bundle
from tomoscribe.reports.export.hl7 import build_message, escape
from tomoscribe.reports.export.key_objects import Rejection
from tomoscribe.reports.export.patient_facts import name_groups
from tomoscribe.reports.export.results import open_objects, predecessors
from tomoscribe.reports.signing import Signer

SIGNER = Signer(login="reader1", full_name="Dr. Ada Reader")
AT = "2031-05-05T10:00:00+08:00"
LATER = "2031-05-06T08:30:00+08:00"
ALL = tuple(Document)
GATED = (Document.PDF, Document.FHIR, Document.HL7)


@pytest.fixture
def draft(written: Path, tmp_path: Path) -> Path:
    """A folder with the unsigned results."""
    return Path(shutil.copytree(written, tmp_path / "results"))


@pytest.fixture
def signed(draft: Path) -> Path:
    """The same folder after signing."""
    released(draft, ReportStatus.FINAL)
    return draft


def released(folder: Path, status: ReportStatus) -> OpenedResults:
    opened = open_folder(folder)
    uids = [f.tracking_uid for f in signing.unreviewed(opened.reading.report)]
    accepted = Review(state=ReviewState.ACCEPTED, reviewer=SIGNER.name, at=AT)
    reviewed = signing.review(opened.reading, uids, accepted)
    replace_report(opened, signing.release(reviewed, status, SIGNER, AT), folder)
    return open_folder(folder)


def poppler(tool: str, *arguments: object) -> str:
    """What a tool of poppler-utils prints."""
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed (Debian: poppler-utils)")
    done = subprocess.run([tool, *map(str, arguments)], capture_output=True, text=True, check=True)
    return done.stdout


def pages_of(pdf: Path) -> list[str]:
    """The text of each page."""
    return poppler("pdftotext", pdf, "-").split("\f")[:-1]


def segments(message: str, name: str) -> list[list[str]]:
    return [s.split("|") for s in message.split("\r") if s.startswith(f"{name}|")]


@pytest.mark.parametrize("document", GATED)
def test_a_draft_does_not_leave_as_a_document(draft: Path, tmp_path: Path, document: Document) -> None:
    with pytest.raises(UnsignedError, match=r"leaves only when"):
        export_documents(open_folder(draft), tmp_path / "out", [Document.TEXT, document])
    assert not (tmp_path / "out").exists()


def test_a_preliminary_report_leaves_as_partial_and_not_as_a_page(draft: Path, tmp_path: Path) -> None:
    opened = released(draft, ReportStatus.PRELIMINARY)
    with pytest.raises(UnsignedError, match="PDF"):
        export_documents(opened, tmp_path / "out", [Document.PDF])
    export_documents(opened, tmp_path / "out", [Document.FHIR, Document.HL7])
    bundle = json.loads((tmp_path / "out" / "fhir.json").read_text(encoding="utf-8"))
    report = bundle["entry"][0]["resource"]
    assert (report["resourceType"], report["status"]) == ("DiagnosticReport", "partial")
    assert [f["contentType"] for f in report["presentedForm"]] == ["text/plain; charset=utf-8"]
    assert "resultsInterpreter" not in report
    message = (tmp_path / "out" / "report.hl7").read_bytes().decode()
    assert {o[11] for o in segments(message, "OBX")} == {"P"}


def test_each_status_has_its_word_in_fhir(case) -> None:
    assert REPORT_STATUS == {
        ReportStatus.DRAFT: "partial",
        ReportStatus.PRELIMINARY: "partial",
        ReportStatus.FINAL: "final",
        ReportStatus.AMENDED: "amended",
        ReportStatus.APPENDED: "appended",
        ReportStatus.ENTERED_IN_ERROR: "entered-in-error",
    }


def test_all_documents_of_a_signed_report_are_valid(signed: Path, tmp_path: Path, dciodvfy_errors, dsrdump) -> None:
    paths = export_documents(open_folder(signed), tmp_path / "out", ALL)
    assert {p.name for p in paths} == {name for names in FILES.values() for name in names}
    for path in paths:
        if path.suffix == ".dcm":
            assert dciodvfy_errors(path) == [], path.name
    assert "Of Interest" in dsrdump(tmp_path / "out" / "key_objects.dcm")
    again = export_documents(open_folder(signed), tmp_path / "again", ALL)
    for one, other in zip(paths, again, strict=True):
        if one.name != "key_objects.dcm":
            assert one.read_bytes() == other.read_bytes(), one.name


def test_the_page_holds_every_sentence_and_names_the_patient_on_each_page(signed: Path, tmp_path: Path) -> None:
    opened = open_folder(signed)
    export_documents(opened, tmp_path / "out", [Document.PDF])
    pages = pages_of(tmp_path / "out" / "report.pdf")
    text = "".join("".join(pages).split())
    for statement in opened.reading.report.statements:
        assert "".join(statement.text.split()) in text, statement.text
    for number, page in enumerate(pages, start=1):
        assert "PHANTOM, CHEST 幻影胸" in page
        assert "PHANTOM-7" in page
        assert "Not a medical device" in page
        assert f"Page {number} of {len(pages)}" in page
    for words in (
        "PHANTOM HOSPITAL",
        "ACC-1",
        "1970-01-02",
        "Dr. Ada Reader (reader1)",
        "2031-05-05 10:00 +08:00",
        "15.6",
    ):
        assert "".join(words.split()) in text, words


def test_the_pdf_embeds_the_one_font_it_uses(signed: Path, tmp_path: Path) -> None:
    export_documents(open_folder(signed), tmp_path / "out", [Document.PDF])
    listed = poppler("pdffonts", tmp_path / "out" / "report.pdf").splitlines()[2:]
    assert listed
    for line in listed:
        name, kind, _, embedded, subset, unicode_map = line.split()[:6]
        assert name.split("+")[1].startswith("NotoSansSC-Regular-")
        assert (kind, embedded, subset, unicode_map) == ("TrueType", "yes", "yes", "yes")
    assert (tmp_path / "out" / "report.pdf").stat().st_size < 3_000_000


def test_a_character_without_glyph_is_spelled_and_not_dropped(signed: Path, tmp_path: Path) -> None:
    opened = open_folder(signed)
    opened.sr.PatientName = "Yoshi^A=𠮷^김"
    export_documents(
        replace(opened, sr=pydicom.dcmread(io.BytesIO(_bytes(opened.sr)))), tmp_path / "out", [Document.PDF]
    )
    text = pages_of(tmp_path / "out" / "report.pdf")[0]
    assert "[U+20BB7][U+AE40]" in text


def test_the_encapsulated_pdf_is_verified_and_refers_to_what_it_shows(signed: Path, tmp_path: Path) -> None:
    opened = open_folder(signed)
    export_documents(opened, tmp_path / "out", [Document.PDF])
    found = pydicom.dcmread(tmp_path / "out" / "pdf.dcm")
    assert found.EncapsulatedDocument[: found.EncapsulatedDocumentLength] == (tmp_path / "out/report.pdf").read_bytes()
    assert (found.VerificationFlag, found.BurnedInAnnotation, found.Modality) == ("VERIFIED", "YES", "DOC")
    assert found.SourceInstanceSequence[0].ReferencedSOPInstanceUID == opened.sr.SOPInstanceUID
    for name in ("PatientName", "PatientID", "AccessionNumber", "StudyInstanceUID"):
        assert found[name].value == opened.sr[name].value


def test_fhir_says_what_the_report_says(signed: Path, tmp_path: Path) -> None:
    opened = open_folder(signed)
    export_documents(opened, tmp_path / "out", [Document.FHIR])
    entries = json.loads((tmp_path / "out" / "fhir.json").read_text(encoding="utf-8"))["entry"]
    by_url = {e["fullUrl"]: e["resource"] for e in entries}
    report = entries[0]["resource"]
    assert report["status"] == "final"
    observations = [by_url[r["reference"]] for r in report["result"]]
    nodule = next(f for f in reportable(opened.reading.report.findings) if f.type == terms.NODULE)
    told = next(o for o in observations if o["identifier"][0]["value"] == f"urn:oid:{nodule.tracking_uid}")
    sizes = {c["code"]["text"]: c["valueQuantity"] for c in told["component"] if "valueQuantity" in c}
    assert sizes["Long axis"] == {
        "value": pytest.approx(nodule.measurement(terms.LONG_AXIS).value, abs=1e-4),
        "unit": "mm",
        "system": "http://unitsofmeasure.org",
        "code": "mm",
    }
    patient = next(r for r in by_url.values() if r["resourceType"] == "Patient")
    assert [(n["family"], n["given"]) for n in patient["name"]] == [("PHANTOM", ["CHEST"]), ("幻影", ["胸"])]
    assert patient["identifier"][0]["assigner"]["display"] == "PHANTOM HOSPITAL"
    study = next(r for r in by_url.values() if r["resourceType"] == "ImagingStudy")
    assert study["identifier"][0]["value"] == f"urn:oid:{opened.reading.study.study_uid}"
    assert study["numberOfInstances"] == 40
    assert base64.b64decode(report["presentedForm"][1]["data"]).startswith(b"%PDF")
    assert all(f"urn:uuid:{r['id']}" == url for url, r in by_url.items())


def test_a_wrong_resource_does_not_pass_the_models(signed: Path) -> None:
    from tomoscribe.reports.export.fhir import bundle_text

    opened = open_folder(signed)
    bundle = build_bundle(opened.reading, opened.patient, (), None)
    bundle["entry"][0]["resource"]["status"] = {"not": "a code"}
    with pytest.raises(ValueError, match="status"):
        bundle_text(bundle)


def test_hl7_carries_text_numbers_units_and_the_status(signed: Path) -> None:
    opened = open_folder(signed)
    message = build_message(opened.reading, opened.patient)
    header, patient, order = message.split("\r")[0].split("|"), *segments(message, "PID"), segments(message, "OBR")[0]
    assert (header[1], header[8], header[11], header[17]) == ("^~\\&", "ORU^R01^ORU_R01", "2.5.1", "UNICODE UTF-8")
    assert header[6] == "20310505100000+0800"
    assert patient[3] == "PHANTOM-7^^^PHANTOM HOSPITAL^MR"
    assert patient[5] == "PHANTOM^CHEST^^^^^L^A~幻影^胸^^^^^L^I"
    assert (order[18], order[24], order[25], order[32]) == ("ACC-1", "CT", "F", "&Dr. Ada Reader (reader1)")
    rows = segments(message, "OBX")
    assert [r[1] for r in rows] == [str(n) for n in range(1, len(rows) + 1)]
    texts = [r[5] for r in rows if r[2] == "TX"]
    assert texts[: len(opened.reading.report.statements)] == [escape(s.text) for s in opened.reading.report.statements]
    long_axis = next(r for r in rows if r[2] == "NM" and r[3].startswith("103339001^Long axis^SCT"))
    assert (long_axis[5], long_axis[6], long_axis[11]) == ("15.6", "mm^mm^UCUM", "F")
    assert len({(r[3], r[4]) for r in rows}) == len(rows)
    assert message.endswith("\r")
    assert "\n" not in message


def test_delimiters_in_a_sentence_are_escaped(signed: Path) -> None:
    assert escape("a|b^c&d~e\\f\r\n") == "a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f\\X0D\\\\X0A\\"
    opened = open_folder(signed)
    added = signing.append(opened.reading, "Told 2|3 of A&B^C.", SIGNER, LATER, "a~reason")
    row = next(r for r in segments(build_message(added, opened.patient), "OBX") if r[3].startswith("55107-7"))
    assert row[5] == "Told 2\\F\\3 of A\\T\\B\\S\\C."
    assert {r[11] for r in segments(build_message(added, opened.patient), "OBX")} == {"C"}


def test_text_is_marked_as_unsigned_until_it_is(draft: Path, tmp_path: Path) -> None:
    export_documents(open_folder(draft), tmp_path / "out", [Document.TEXT])
    assert (tmp_path / "out" / "report.txt").read_text(encoding="utf-8").startswith("DRAFT - NOT SIGNED\n")
    export_documents(released(draft, ReportStatus.FINAL), tmp_path / "out", [Document.TEXT])
    text = (tmp_path / "out" / "report.txt").read_text(encoding="utf-8")
    assert text.startswith("FINAL\n")
    assert f"Final: {SIGNER.name}, {AT}" in text


def test_key_objects_are_those_of_reported_findings(signed: Path, tmp_path: Path) -> None:
    opened = open_folder(signed)
    export_documents(opened, tmp_path / "out", [Document.KEY_OBJECTS])
    document = pydicom.dcmread(tmp_path / "out" / "key_objects.dcm")
    listed = {
        i.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for i in document.ContentSequence if i.ValueType == "IMAGE"
    }
    shown = [f for f in reportable(opened.reading.report.findings) if f.evidence]
    assert {e.instance_uid for f in shown for e in f.evidence} <= listed
    assert {c.SOPInstanceUID for f in shown for c in opened.captures.get(f.tracking_uid, ())} <= listed


def test_a_retraction_lists_everything_that_left(signed: Path, tmp_path: Path, dciodvfy_errors) -> None:
    opened = open_folder(signed)
    export_documents(opened, tmp_path / "out", [Document.PDF])
    exported = open_objects([tmp_path / "out" / "pdf.dcm"], opened.reading.study.study_uid)
    withdrawn = signing.withdraw(opened.reading, SIGNER, LATER, "filed with the wrong patient")
    replace_report(opened, withdrawn, signed)
    after = open_folder(signed)
    assert after.reading.report.status is ReportStatus.ENTERED_IN_ERROR
    assert after.sr.VerificationFlag == "UNVERIFIED"
    path = write_rejection(after, exported, Rejection.WRONG_PATIENT, signed)
    assert dciodvfy_errors(path) == []
    note = pydicom.dcmread(path)
    assert note.ConceptNameCodeSequence[0].CodeValue == "113037"
    listed = {
        i.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for i in note.ContentSequence
        if "ReferencedSOPSequence" in i
    }
    everything = {
        pydicom.dcmread(p, stop_before_pixels=True).SOPInstanceUID for p in signed.rglob("*.dcm") if p != path
    }
    assert everything | {exported[0].SOPInstanceUID, opened.sr.SOPInstanceUID} <= listed
    assert {p.SOPInstanceUID for p in predecessors(opened.sr)} <= listed
    words = next(i.TextValue for i in note.ContentSequence if i.ValueType == "TEXT" and "wrong patient" in i.TextValue)
    assert SIGNER.name in words
    export_documents(after, tmp_path / "late", [Document.FHIR, Document.HL7])
    assert '"status": "entered-in-error"' in (tmp_path / "late" / "fhir.json").read_text(encoding="utf-8")
    with pytest.raises(UnsignedError, match="PDF"):
        export_documents(after, tmp_path / "late", [Document.PDF])


def test_a_withdrawn_draft_leaves_no_message(draft: Path, tmp_path: Path) -> None:
    opened = open_folder(draft)
    replace_report(opened, signing.withdraw(opened.reading, SIGNER, AT, "test study"), draft)
    with pytest.raises(UnsignedError, match="released"):
        export_documents(open_folder(draft), tmp_path / "out", [Document.HL7])


def test_objects_of_another_study_are_not_retracted_with_it(signed: Path) -> None:
    with pytest.raises(InputError, match="same study"):
        open_objects([signed / "seg.dcm"], "1.2.3")


@pytest.mark.parametrize(
    ("value", "readable"),
    [
        ("Wang^XiaoDong=王^小东=wang^xiaodong", "Wang, XiaoDong 王小东"),
        ("Müller^Jörg^^Dr.", "Müller, Jörg Dr."),
        ("MONONYM", "MONONYM"),
        ("=王^小东", "王小东"),
        ("", ""),
    ],
)
def test_names_read_as_people_write_them(value: str, readable: str) -> None:
    assert name_groups(value).readable == readable


def test_a_chinese_report_with_a_translation_opens_and_prints(make_case: Callable, tmp_path: Path) -> None:
    from tomoscribe.reports.writer import write_report
    from tomoscribe.reports.writer.translation import translated

    case = make_case()
    old = case.reading.report
    chinese = write_report(case.reading.study, old.findings, provenance=old.provenance, language="zh")
    both = translated(chinese, case.reading.study, "en")
    write_results(replace(case.reading, report=both), *case.inputs[1:], tmp_path / "results")
    back = open_folder(tmp_path / "results").reading.report
    assert (back.language, back.sections, back.translation) == ("zh", both.sections, both.translation)
    opened = released(tmp_path / "results", ReportStatus.FINAL)
    export_documents(opened, tmp_path / "out", ALL)
    text = "".join("".join(pages_of(tmp_path / "out" / "report.pdf")).split())
    for statement in back.statements:
        assert "".join(statement.text.split()) in text, statement.text
    nodule = next(f for f in back.findings if f.presence is Presence.PRESENT and f.actionable)
    rejected = Review(state=ReviewState.REJECTED, reviewer=SIGNER.name, at=LATER, reason="a vessel")
    corrected = signing.reconsider(opened.reading, [nodule.tracking_uid], rejected, SIGNER).report
    assert corrected.status is ReportStatus.AMENDED
    assert not [s for s in corrected.statements if nodule.tracking_uid in s.finding_uids]
    assert not [
        s for section in corrected.translation.sections for s in section.statements
        if nodule.tracking_uid in s.finding_uids
    ]  # fmt: skip


def _bytes(dataset: pydicom.Dataset) -> bytes:
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def test_pixels_of_key_images_stand_on_the_page(signed: Path, tmp_path: Path) -> None:
    """The page shows the marked picture itself: its pixels, without the strip below it."""
    from tomoscribe.reports.export.secondary_capture import key_findings, read_picture

    opened = open_folder(signed)
    export_documents(opened, tmp_path / "out", [Document.PDF])
    poppler("pdfimages", "-png", tmp_path / "out" / "report.pdf", tmp_path / "picture")
    on_page = [np.asarray(Image.open(p).convert("RGB")) for p in sorted(tmp_path.glob("picture*.png"))]
    first = read_picture(opened.captures[key_findings(opened.reading)[0].tracking_uid][0])
    height = round(first.pixels.shape[1] * first.height_mm / first.width_mm)
    assert any(
        p.shape == (height, first.pixels.shape[1], 3) and np.array_equal(p, first.pixels[:height]) for p in on_page
    )
