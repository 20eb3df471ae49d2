"""The viewer asks the same roles as the commands, and its refusals stand in the same store."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from tomoscribe.core import Study
from tomoscribe.core.errors import ConfigError
from tomoscribe.plugin.reporting import steps
from tomoscribe.reports.audit import Event, entries, snapshot

ME = pwd.getpwuid(os.getuid()).pw_name


@pytest.mark.parametrize(
    ("event", "role"), [(Event.SIGNED, "sign"), (Event.RETRACTED, "retract"), (Event.EXPORTED, "export")]
)
def test_who_has_not_the_role_is_refused_in_the_viewer_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, event: Event, role: str
) -> None:
    monkeypatch.setenv("TOMOSCRIBE_AUDIT", str(tmp_path / "audit"))
    site = tmp_path / "site.yaml"
    monkeypatch.setenv("TOMOSCRIBE_SITE", str(site))
    study = Study(
        study_uid="1.2.3", patient_key="key", date=None, description=None, age_years=None, sex=None, series=()
    )
    site.write_text(f"roles: {{{role}: [somebody-else]}}")
    with pytest.raises(ConfigError, match=f"'{ME}' does not have the role '{role}'"):
        steps.record(study, event)
    steps.record(study, Event.EDITED, "a sentence")
    site.write_text(f"roles: {{{role}: [{ME}]}}")
    steps.record(study, event, "done")
    found = [(e["lifecycle"], e["outcome"]) for e in entries(snapshot(tmp_path / "audit")) if e]
    assert found == [(event.value[3], 4), ("amend", 0), (event.value[3], 0)]
