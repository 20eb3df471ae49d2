"""The site file: what it may say, and that everything else is an error with a remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tomoscribe.core import Acquisition, Series, Verdict
from tomoscribe.core.errors import ConfigError
from tomoscribe.reports.site import Retrieve, Role, Site, load_site, parse_site

EXAMPLE = Path(__file__).parents[2] / "docs" / "site.example.yaml"
DIMSE = {"ae_title": "PACS", "host": "127.0.0.1", "port": 104}
LISTEN: dict[str, Any] = {"folder": "/tmp/x", "callers": [{"ae_title": "CT1"}]}


def _series(description: str | None, modality: str = "CT", num_files: int = 40) -> Series:
    return Series(
        series_uid="1.2.3",
        modality=modality,
        number=1,
        description=description,
        files=(Path("x"),) * num_files,
        verdict=Verdict.ACCEPTED,
        acquisition=Acquisition(),
    )


def test_the_example_is_whole_and_says_what_the_page_says(monkeypatch: pytest.MonkeyPatch) -> None:
    site = load_site(EXAMPLE)
    assert site.ae_title == "TOMOSCRIBE"
    assert [p.name for p in site.peers] == ["archive", "archive-web"]
    archive, web = site.peers
    assert archive.dimse is not None
    assert (archive.dimse.port, archive.dimse.retrieve, archive.dimse.storage_commitment) == (4242, Retrieve.GET, True)
    assert web.dicomweb is not None
    assert web.dicomweb.secret is not None
    assert web.dicomweb.secret.variable == "TOMOSCRIBE_PACS_PASSWORD"
    assert web.dicomweb.tls is not None
    assert web.dicomweb.tls.verify
    assert site.listening().address == "127.0.0.1"
    assert [c.ae_title for c in site.listening().callers] == ["ORTHANC", "CT1"]
    assert site.destinations == ("archive",)
    monkeypatch.setenv("TOMOSCRIBE_SITE", str(EXAMPLE))
    assert load_site(None) == site


def test_an_empty_file_is_a_station_that_talks_to_nobody(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text("")
    site = load_site(tmp_path / "site.yaml")
    assert site == Site()
    with pytest.raises(ConfigError, match="'listen'"):
        site.listening()
    with pytest.raises(ConfigError, match="no peer 'x'"):
        site.peer("x")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"aetitle": "X"}, "unknown key 'aetitle'"),
        ({"ae_title": "A\\B"}, "AE title"),
        ({"ae_title": "SEVENTEEN_LETTERS"}, "AE title"),
        ({"ae_title": 7}, "ae_title"),
        ({"peers": [{"name": "a"}]}, "one of 'dimse' and 'dicomweb'"),
        ({"peers": [{"name": "a b", "dimse": DIMSE}]}, "peer name"),
        ({"peers": [{"name": "a", "dimse": DIMSE}, {"name": "a", "dimse": DIMSE}]}, "twice"),
        ({"peers": [{"name": "a", "dimse": {**DIMSE, "port": 0}}]}, "port of 1 to 65535"),
        ({"peers": [{"name": "a", "dimse": {**DIMSE, "password": "x"}}]}, "unknown key 'password'"),
        ({"peers": [{"name": "a", "dicomweb": {"url": "http://u:p@h/x"}}]}, "without user and password"),
        ({"peers": [{"name": "a", "dicomweb": {"url": "http://h/x", "user": "u"}}]}, "'secret'"),
        ({"peers": [{"name": "a", "dicomweb": {"url": "http://h", "secret": {"variable": "p w!"}}}]}, "not the secret"),
        ({"peers": [{"name": "a", "dicomweb": {"url": "http://h", "secret": {}}}]}, "one of 'variable'"),
        ({"peers": [{"name": "a", "dimse": {**DIMSE, "tls": {"key": "k"}}}]}, "both"),
        ({"listen": {"folder": "/tmp/x"}}, "nobody could send"),
        ({"listen": {**LISTEN, "any_caller": True}}, "found both"),
        ({"listen": {**LISTEN, "quiet_s": 0}}, "quiet_s"),
        ({"listen": {**LISTEN, "tls": {"ca": "x"}}}, "certificate"),
        ({"listen": {**LISTEN, "callers": [{"ae_title": "A", "report_port": 5}]}}, "'host' beside"),
        ({"destinations": ["a"]}, "none of the peers"),
        ({"read": {"modalities": ["US"]}}, "CT and MR"),
        ({"keep": {"days": -1}}, "days"),
        ({"language": "fr"}, "language"),
        (["a"], "object"),
    ],
)
def test_what_does_not_belong_is_an_error_with_a_remedy(data: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=r"site\.example\.yaml") as error:
        parse_site(data, "site.yaml")
    assert words in str(error.value)
    assert "p@h" not in str(error.value)
    assert "p w!" not in str(error.value)


def test_a_file_that_is_not_there_or_not_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOMOSCRIBE_SITE", raising=False)
    with pytest.raises(ConfigError, match="TOMOSCRIBE_SITE"):
        load_site(None)
    with pytest.raises(ConfigError, match="No such file"):
        load_site(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_text("a: [1\nb: 2\n")
    with pytest.raises(ConfigError, match="not YAML at line 2"):
        load_site(tmp_path / "bad.yaml")
    (tmp_path / "tag.yaml").write_text("!!python/object/apply:os.system ['true']")
    with pytest.raises(ConfigError, match="not YAML"):
        load_site(tmp_path / "tag.yaml")


def test_which_series_are_read() -> None:
    read = parse_site({"read": {"only": ["*thorax*"], "never": ["*scout*"], "min_slices": 20}}, "").read
    assert read.wants(_series("CT Thorax 1.0"))
    assert not read.wants(_series("Scout thorax"))
    assert not read.wants(_series("Abdomen"))
    assert not read.wants(_series(None))
    assert not read.wants(_series("thorax", num_files=19))
    assert not read.wants(_series("thorax", modality="US"))


def test_roles() -> None:
    site = parse_site({"roles": {"operate": ["ann"], "sign": ["bob"]}}, "")
    site.require("ann", Role.OPERATE)
    with pytest.raises(ConfigError, match="'ann' does not have the role 'sign'"):
        site.require("ann", Role.SIGN)
    with pytest.raises(ConfigError, match="roles: operate"):
        site.require("eve", Role.OPERATE)
    open_site = Site()
    open_site.require("eve", Role.OPERATE)
    with pytest.raises(ConfigError, match="sign"):
        open_site.require("eve", Role.SIGN)
