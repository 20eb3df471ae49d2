"""What a person does with a study: asked of the site's roles and written into the audit store before it is done.

Viewer and commands take each such step through a ``Desk``. Programs that nobody sits at (``listen``, ``batch``) write
into the ``AuditLog`` themselves.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from tomoscribe.core.errors import ConfigError, OutputError
from tomoscribe.reports.audit import PATIENT_KEYWORDS, AuditLog, Event, Outcome, PatientRef, patient_in
from tomoscribe.reports.signing import Signer, process_identity
from tomoscribe.reports.site import Role, Site, sites_in_force

if TYPE_CHECKING:
    from tomoscribe.reports.export import OpenedResults


class Act(Enum):
    """In words, the event of the audit store, and the role it needs; None: open to every account of the machine."""

    OPEN = ("open results", Event.READ, None)
    EDIT = ("edit a report", Event.EDITED, None)
    SIGN = ("sign a report", Event.SIGNED, Role.SIGN)
    EXPORT = ("export a report", Event.EXPORTED, Role.EXPORT)
    RETRACT = ("retract results", Event.RETRACTED, Role.RETRACT)
    DEIDENTIFY = ("export a de-identified copy", Event.DEIDENTIFIED, Role.EXPORT)
    PUSH = ("send to a peer", Event.SENT, Role.OPERATE)
    PULL = ("fetch from a peer", Event.IMPORTED, Role.OPERATE)
    LISTEN = ("run the listener", Event.IMPORTED, Role.OPERATE)

    @property
    def words(self) -> str:
        return self.value[0]

    @property
    def event(self) -> Event:
        return self.value[1]

    @property
    def role(self) -> Role | None:
        return self.value[2]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What an act is done to; None where it is no single study."""

    study_uid: str | None = None
    patient: PatientRef | None = None

    @classmethod
    def of(cls, opened: OpenedResults) -> Subject:
        """The study and the patient of opened results."""
        patient = PatientRef(patient_id=opened.patient.patient_id or None, issuer=opened.patient.issuer or None)
        return cls(study_uid=opened.reading.study.study_uid, patient=patient)


NOTHING = Subject()


@dataclass(frozen=True, kw_only=True)
class Desk:
    """The account that acts, at this machine.

    Args:
        sites: every site file whose roles hold here.
    """

    log: AuditLog
    signer: Signer
    sites: tuple[Site, ...] = ()

    @classmethod
    def here(cls, program: str, site_file: Path | None = None) -> Desk:
        """The account that this process runs under, and the site files in force (see ``sites_in_force``).

        Raises:
            ConfigError: a site file cannot be used; nobody may then act under it.
        """
        sites = sites_in_force(site_file)
        return cls(log=AuditLog.from_environment(program), signer=process_identity(), sites=sites)

    def allow(self, act: Act, subject: Subject = NOTHING) -> Signer:
        """Who acts. A refusal is written down as well.

        Raises:
            ConfigError: a site file does not give the account the role.
        """
        if act.role is None:
            return self.signer
        for site in self.sites:
            try:
                site.require(self.signer.login, act.role)
            except ConfigError:
                self._record(act, subject, f"refused to {act.words}: no role '{act.role}'", Outcome.MINOR_FAILURE)
                raise
        return self.signer

    @contextlib.contextmanager
    def doing(self, act: Act, subject: Subject, detail: str | None = None) -> Iterator[Signer]:
        """Asks, writes the entry, lets it be done; what fails on the way gets an entry that says so.

        Raises:
            ConfigError: a site file does not give the account the role; nothing is to be done.
            OutputError: the store cannot be written; nothing is to be done.
        """
        signer = self.allow(act, subject)
        self._record(act, subject, detail, Outcome.SUCCESS)
        try:
            yield signer
        except BaseException as error:
            with contextlib.suppress(OutputError):
                words = f"not done: {type(error).__name__}"
                self._record(act, subject, words, Outcome.SERIOUS_FAILURE)
            raise

    def note(self, act: Act, subject: Subject, detail: str | None = None) -> None:
        """Asks and writes the entry of an act that cannot fail once it is allowed."""
        with self.doing(act, subject, detail):
            pass

    def _record(self, act: Act, subject: Subject, detail: str | None, outcome: Outcome) -> None:
        self.log.record(act.event, study_uid=subject.study_uid, patient=subject.patient, outcome=outcome, detail=detail)


def subjects_in(path: Path) -> tuple[Subject, ...]:
    """Each study with its patient among the DICOM objects below a folder, in a zip or in a file; in order of UID.

    Raises:
        InputError: the path is absent or unreadable.
    """
    from tomoscribe.encoders.dicom.broken import BROKEN_FILE
    from tomoscribe.encoders.dicom.files import find_dicom
    from tomoscribe.encoders.dicom.headers import read_some, text

    found: dict[str, PatientRef] = {}
    for file in find_dicom(path).candidates:
        with contextlib.suppress(*BROKEN_FILE):
            ds = read_some(file, ("StudyInstanceUID", *PATIENT_KEYWORDS))
            found.setdefault(text(ds, "StudyInstanceUID") or "", patient_in(ds))
    return tuple(Subject(study_uid=uid or None, patient=patient) for uid, patient in sorted(found.items()))
