"""The page and its key images: sides, millimetres, windows, links, and nothing from outside."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from tomoscribe.core import Measurement, Presence, Review, ReviewState, Source, terms
from tomoscribe.core.report import Section, SectionName
from tomoscribe.reports.export.html import _label_place as label_place
from tomoscribe.reports.export.html import render_html
from tomoscribe.reports.key_images import (
    LUNG,
    MEDIASTINUM,
    KeyImage,
    Mark,
    finding_images,
    key_images,
    organ_images,
    windows_of,
)

FINDINGS = {"right lung": 0, "left lung": 1, "nodule": 2, "small": 3, "effusion": 4, "emphysema": 5}


def finding(case, name: str):
    return case.reading.report.findings[FINDINGS[name]]


def pixels(image: KeyImage) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(image.png)))


def value_at(image: KeyImage, x_mm: float, y_mm: float) -> int:
    """Grey value at a place in mm of the picture."""
    picture = pixels(image)
    return int(picture[int(y_mm / image.height_mm * picture.shape[0]), int(x_mm / image.width_mm * picture.shape[1])])


def extent(mark: Mark) -> tuple[float, float, float, float]:
    xs, ys = zip(*mark.points, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def marks(image: KeyImage, kind: str) -> list[Mark]:
    return [m for m in image.marks if m.kind == kind]


class Tags(HTMLParser):
    """Every tag with its attributes, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture(scope="module")
def page(case) -> str:
    return render_html(case.reading, case.inputs[1])


def test_window_presets_by_hand() -> None:
    """Lung W 1500 L -600: black at -1350 HU, white at 150 HU; mediastinum W 350 L 40: -135 and 215 HU."""
    assert LUNG.apply(np.array([-2000, -1350, -600, 150, 400])).tolist() == [0, 0, 128, 255, 255]
    assert MEDIASTINUM.apply(np.array([-135, 40, 215])).tolist() == [0, 128, 255]


def test_the_left_lung_is_on_the_right_of_the_screen(case) -> None:
    image = key_images(case.volume, finding(case, "nodule"), case.reading.label_map("findings"))[0]
    assert image.sides == {"left": "R", "right": "L", "top": "A", "bottom": "P"}
    outline = extent(marks(image, "outline")[0])
    grid_left_mm = -47.0 - 0.6
    assert (outline[0] + outline[2]) / 2 == pytest.approx(24.0 - grid_left_mm, abs=1.2)
    assert (outline[0] + outline[2]) / 2 > image.width_mm / 2
    assert (image.width_mm, image.height_mm) == pytest.approx((80 * 1.2, 62 * 1.5))


def test_outline_and_calipers_are_as_long_as_measured(case) -> None:
    image = key_images(case.volume, finding(case, "nodule"), case.reading.label_map("findings"))[0]
    left, top, right, bottom = extent(marks(image, "outline")[0])
    assert right - left == pytest.approx(16.0, abs=1.3)
    assert bottom - top == pytest.approx(16.0, abs=1.6)
    (x0, y0), (x1, y1) = marks(image, "long")[0].points
    assert np.hypot(x1 - x0, y1 - y0) == pytest.approx(15.6)
    assert marks(image, "long")[0].label == "15.6 mm"
    (x0, y0), (x1, y1) = marks(image, "short")[0].points
    assert np.hypot(x1 - x0, y1 - y0) == pytest.approx(15.0)


def test_pixels_are_square_and_hold_the_nodule_where_the_outline_is(case) -> None:
    image = key_images(case.volume, finding(case, "nodule"), case.reading.label_map("findings"))[0]
    height, width = pixels(image).shape
    assert width / image.width_mm == pytest.approx(height / image.height_mm, rel=0.01)
    left, top, right, bottom = extent(marks(image, "outline")[0])
    assert value_at(image, (left + right) / 2, (top + bottom) / 2) == pytest.approx((60 + 1350) / 1500 * 255, abs=2)
    assert value_at(image, left - 4, (top + bottom) / 2) == pytest.approx((-850 + 1350) / 1500 * 255, abs=2)


@pytest.mark.parametrize("change", ["flip 0", "flip 1", "flip 2", "permute"])
def test_the_picture_does_not_depend_on_how_the_voxels_are_stored(case, change: str) -> None:
    def moved(on_grid):
        return on_grid.permute((2, 0, 1)) if change == "permute" else on_grid.flip(int(change[-1]))

    label_map = case.reading.label_map("findings")
    plain = key_images(case.volume, finding(case, "nodule"), label_map)[0]
    stored = replace(finding(case, "nodule"), evidence=())
    other = key_images(moved(case.volume), stored, moved(label_map))[0]
    assert np.array_equal(pixels(plain), pixels(other))
    assert extent(marks(plain, "outline")[0]) == pytest.approx(extent(marks(other, "outline")[0]))
    assert other.plane == "axial"


def test_a_coronal_picture_has_the_head_up(case) -> None:
    """A box at the patient's right and towards the feet is drawn on the left and below one at the left and above."""
    label_map = case.reading.label_map("findings")
    array = np.zeros_like(label_map.array)
    for number, center_mm in ((1, (24.0, 6.0, -70.0)), (2, (-24.0, 6.0, -104.0))):
        k, j, i = np.round(label_map.geometry.to_index(center_mm)).astype(int)
        array[k - 3 : k + 4, j - 3 : j + 4, i - 3 : i + 4] = number
    coronal = organ_images(case.volume, replace(label_map, array=array))[1]
    assert coronal.plane == "coronal"
    assert coronal.sides == {"left": "R", "right": "L", "top": "H", "bottom": "F"}
    high, low = (extent(next(m for m in coronal.marks if m.label == n)) for n in ("nodule 1", "nodule 2"))
    assert (low[1] + low[3] - high[1] - high[3]) / 2 == pytest.approx(34.0)
    assert (high[0] + high[2] - low[0] - low[2]) / 2 == pytest.approx(48.0)
    assert (coronal.width_mm, coronal.height_mm) == pytest.approx((96.0, 80.0))


def test_calipers_in_a_sagittal_plane_show_that_plane(case) -> None:
    nodule = finding(case, "nodule")
    x, y, z = nodule.region.center_mm
    long_axis = replace(nodule.measurements[0], endpoints_mm=((x, y - 5, z - 5), (x, y + 5, z + 5)))
    turned = replace(nodule, measurements=(long_axis,))
    image = key_images(case.volume, turned, case.reading.label_map("findings"))[0]
    assert image.plane == "sagittal"
    assert image.sides == {"left": "A", "right": "P", "top": "H", "bottom": "F"}
    assert image.instance_number is None
    front, back = sorted(marks(image, "long")[0].points)
    assert back[0] - front[0] == pytest.approx(10.0)
    assert front[1] - back[1] == pytest.approx(10.0)


def test_series_and_image_numbers_are_those_of_the_slice(case) -> None:
    """z = -80 mm is slice 20 of slices from -120 mm every 2 mm; image numbers start at 11."""
    image = key_images(case.volume, finding(case, "nodule"), case.reading.label_map("findings"))[0]
    assert (image.series_number, image.instance_number) == (4, 31)
    assert image.position_mm == -80.0
    assert image.bar_mm == 20.0


def test_magnetic_resonance_is_windowed_by_percentiles(make_case) -> None:
    volume = make_case(None, "MR").volume
    window = windows_of(volume)[0]
    assert window.name == "MR percentiles 1 to 99"
    assert window.level + window.width / 2 == pytest.approx(1500.0)


def test_a_finding_without_region_has_no_picture(case) -> None:
    assert key_images(case.volume, finding(case, "emphysema"), None) == ()


def test_a_finding_of_a_head_has_a_picture_without_outline(case) -> None:
    images = key_images(case.volume, finding(case, "effusion"), None)
    assert {i.window for i in images} == {MEDIASTINUM}
    assert all(m.kind == "frame" for i in images for m in i.marks)


def test_the_page_needs_nothing_from_outside(page: str) -> None:
    for tag, attributes in Tags(page).tags:
        assert tag not in ("link", "iframe", "object", "embed", "base")
        for name in ("src", "href", "action", "data"):
            value = attributes.get(name) or "#"
            assert value.startswith(("data:image/png;base64,", "#")), f"{tag} {name}={value[:60]}"
    assert "url(" not in page
    assert not re.search(r"https?://", page)
    assert "default-src 'none'" in page


def test_every_sentence_stands_there_and_leads_to_its_evidence(page: str, case) -> None:
    parsed = Tags(page)
    text = " ".join(" ".join(parsed.words).split())
    ids = [a["id"] for _, a in parsed.tags if a.get("id")]
    assert len(ids) == len(set(ids))
    for statement in case.reading.report.statements:
        assert statement.text in text
    targets = {(a.get("href") or "#")[1:] for t, a in parsed.tags if t == "a"}
    assert targets <= set(ids)
    assert {f"finding-{n}" for n in range(1, 7)} <= targets


def test_banner_language_numbers_and_provenance(page: str, case) -> None:
    parsed = Tags(page)
    text = " ".join(" ".join(parsed.words).split())
    assert parsed.tags[0] == ("html", {"lang": "en"})
    assert text.count("Not a medical device.") >= 2
    for words in ("draft", "15.6", "2138.4 mm³", "60.0 HU", "61 years", "female", "2031-05-04", "a" * 64, "b" * 64):
        assert words in text, words
    images = [a for t, a in parsed.tags if t == "img" and a.get("alt")]
    assert len(images) == 2 + 1 + 1 + 2
    assert case.reading.study.study_uid not in page


def test_words_of_others_are_escaped(case) -> None:
    evil = "<script>alert(1)</script>"
    statement = replace(
        case.reading.report.section(SectionName.FINDINGS).statements[2],
        text=evil,
        source=Source.WRITER,
        replaces=f"A nodule {evil}",
        objection="side",
    )
    report = replace(case.reading.report, sections=(Section(name=SectionName.FINDINGS, statements=(statement,)),))
    study = replace(case.reading.study, description=evil)
    page = render_html(replace(case.reading, report=report, study=study), case.inputs[1])
    assert evil not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 3
    assert "Refused by the evidence lock" in page


def test_a_count_is_whole_and_a_negative_number_has_its_sign(case) -> None:
    nodule = finding(case, "nodule")
    measurements = (
        replace(nodule.measurements[0], name=terms.COUNT, value=7.0, unit=terms.ONE, endpoints_mm=None),
        replace(nodule.measurements[4], value=-612.34),
    )
    changed = tuple(replace(f, measurements=measurements) if f is nodule else f for f in case.reading.report.findings)
    report = replace(case.reading.report, findings=changed)
    page = render_html(replace(case.reading, report=report), case.inputs[1])
    assert '<td class="number">7</td>' in page
    assert '<td class="number">−612.3</td><td>HU</td>' in page


def test_a_section_without_a_sentence_has_no_heading(case) -> None:
    report = case.reading.report
    empty = tuple(replace(s, statements=()) if s.name is SectionName.REVIEW_LIST else s for s in report.sections)
    assert "<h2>Review list</h2>" in render_html(case.reading, {})
    page = render_html(replace(case.reading, report=replace(report, sections=empty)), {})
    assert "<h2>Review list</h2>" not in page
    assert "<h2>Not assessed</h2>" in page


def test_a_rejected_finding_stands_among_the_rest_with_its_reason(case) -> None:
    nodule = finding(case, "nodule")
    rejected = Review(state=ReviewState.REJECTED, reviewer="Dr. Ada Reader", at="2031-05-05", reason="a vessel")
    changed = tuple(replace(f, review=rejected) if f is nodule else f for f in case.reading.report.findings)
    page = render_html(replace(case.reading, report=replace(case.reading.report, findings=changed)), {})
    assert (
        page.count('class="panel card present"')
        == render_html(case.reading, {}).count('class="panel card present"') - 1
    )
    assert "a vessel (Dr. Ada Reader)" in " ".join(Tags(page).words)


def test_the_colored_voxels_are_the_share_that_was_counted(case) -> None:
    """Of 50 air voxels in a hole of the left lung, all below -950 HU, the picture colors those on its plane."""
    volume, array = case.volume, case.volume.array.copy()
    anatomy = case.reading.label_map("anatomy")
    array[20:22, 30:35, 60:65] = -990
    array[20, 5, 5] = -1000
    assert (anatomy.array[20:22, 30:35, 60:65] == 2).all()
    lungs = np.isin(anatomy.array, (1, 2))
    share = 100.0 * np.count_nonzero(lungs & (array < -950)) / np.count_nonzero(lungs)
    where = volume.geometry.to_world(np.array((20.0, 32.0, 62.0)))
    center = (float(where[0]), float(where[1]), float(where[2]))
    box = case.reading.report.findings[1].region
    emphysema = replace(
        finding(case, "emphysema"),
        presence=Presence.PRESENT,
        region=replace(box, center_mm=center, label_map=None, segment=None),
        measurements=(Measurement(name=terms.LAA_950, value=share, unit=terms.PERCENT),),
        evidence=(),
        note=None,
    )
    uid = volume.series.series_uid
    (image,) = finding_images(emphysema, case.reading, {uid: volume.with_array(array)})
    (outline,) = marks(image, "outline")
    x0, y0, x1, y1 = extent(outline)
    assert (x1 - x0, y1 - y0) == pytest.approx((5 * 1.2, 5 * 1.5))
    assert share == pytest.approx(100.0 * 50 / np.count_nonzero(lungs))


def test_a_length_leaves_the_side_letters_readable(case) -> None:
    image = key_images(case.volume, finding(case, "nodule"), case.reading.label_map("findings"))[1]
    middle, em = image.height_mm / 2, 2.0
    for y in (middle - 0.5, middle, middle + 0.5):
        _, place, _ = label_place(image, Mark(kind="long", points=((10.0, y), (20.0, y)), label="10.0 mm"), em)
        assert abs(place - (middle + 0.35 * em)) >= 1.3 * em
    _, place, _ = label_place(image, Mark(kind="long", points=((10.0, 5.0), (20.0, 5.0)), label="10.0 mm"), em)
    assert place == pytest.approx(5.0 + 0.35 * em)


def test_measured_organs_are_drawn_over_the_others_and_small_ones_over_large_ones(case) -> None:
    anatomy = case.reading.label_map("anatomy")
    ring, small = anatomy.array.copy(), anatomy.array.copy()
    small[anatomy.array == 1] = 0
    small[18:22, 30:34, 15:19] = 1
    left_first = organ_images(case.volume, replace(anatomy, array=ring), measured={"lung_right"})[0]
    assert [m.label for m in marks(left_first, "outline")] == ["lung left", "lung right"]
    both = organ_images(case.volume, replace(anatomy, array=small), measured={"lung_right", "lung_left"})[0]
    assert [m.label for m in marks(both, "outline")] == ["lung left", "lung right"]
    right_first = organ_images(case.volume, anatomy, measured={"lung_left"})[0]
    assert [m.label for m in marks(right_first, "outline")] == ["lung right", "lung left"]
