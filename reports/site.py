"""The site file: one YAML that says who this station is, whom it talks to, what it reads and what it keeps.

Unknown keys are errors; secrets do not stand in it (see ``Secret``). ``docs/site.example.yaml`` is a whole one.
"""

from __future__ import annotations

import fnmatch
import os
import re
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from tomoscribe.core import Series
from tomoscribe.core.errors import ConfigError, InputError, InvalidValueError
from tomoscribe.core.serial import from_json

SITE_VARIABLE = "TOMOSCRIBE_SITE"
"""Environment variable with the path of the site file, for commands that are not given one."""
SYSTEM_SITE = (
    Path(os.environ.get("PROGRAMDATA", "C:\\ProgramData")) / "tomoscribe" / "site.yaml"
    if os.name == "nt"
    else Path("/etc/tomoscribe/site.yaml")
)
"""The machine's own site file; used where no other is named, and its roles hold whichever other is named."""
MAX_SITE_BYTES = 1 << 20
_AE_TITLE = re.compile(r"[\x21-\x5b\x5d-\x7e](?:[\x20-\x5b\x5d-\x7e]{0,14}[\x21-\x5b\x5d-\x7e])?")
_PEER_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Language(StrEnum):
    ENGLISH = "en"
    CHINESE = "zh"


class CharacterSet(StrEnum):
    """Specific Character Set (0008,0005) of the results that are sent; each holds every name and sentence of ours."""

    UTF_8 = "ISO_IR 192"
    GB18030 = "GB18030"
    GBK = "GBK"


class Retrieve(StrEnum):
    """How images are fetched over DIMSE: C-GET on one association, or C-MOVE to the port of ``listen``."""

    GET = "get"
    MOVE = "move"


class Text(StrEnum):
    """Who words the reports."""

    DECODER = "decoder"
    WRITER = "writer"


class Role(StrEnum):
    """What a user of this station may do."""

    OPERATE = "operate"
    SIGN = "sign"
    EXPORT = "export"
    RETRACT = "retract"


@dataclass(frozen=True, kw_only=True)
class Tls:
    """TLS of one connection.

    Args:
        ca: PEM file with the authorities that the other side is checked against; the system's where it is left out.
        certificate, key: PEM files with our own certificate and its key, both or none.
        verify: False accepts any certificate: for trials only.
    """

    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    verify: bool = True

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise InvalidValueError("expected both 'certificate' and 'key' of tls, found one of them")


@dataclass(frozen=True, kw_only=True)
class Secret:
    """Where a password or a token is kept: never in the site file, never on a command line.

    Args:
        variable: name of an environment variable that holds it.
        keyring: service name in the system's keyring (under the user's name, or ``token``).
    """

    variable: str | None = None
    keyring: str | None = None

    def __post_init__(self) -> None:
        if (self.variable is None) == (self.keyring is None):
            raise InvalidValueError("expected one of 'variable' and 'keyring' of a secret")
        if self.variable is not None and not _VARIABLE.fullmatch(self.variable):
            raise InvalidValueError("expected the name of an environment variable of a secret, not the secret itself")


@dataclass(frozen=True, kw_only=True)
class Dimse:
    """A peer that speaks DIMSE."""

    ae_title: str
    host: str
    port: int
    tls: Tls | None = None
    retrieve: Retrieve = Retrieve.GET
    storage_commitment: bool = False
    """Whether the peer is asked to commit to what it was sent."""

    def __post_init__(self) -> None:
        _check_ae_title(self.ae_title)
        _check_port(self.port)


@dataclass(frozen=True, kw_only=True)
class DicomWeb:
    """A peer that speaks DICOMweb.

    Args:
        url: root of QIDO-RS, WADO-RS and STOW-RS; without user and password.
        user: of HTTP basic authentication, whose password is the secret; without one the secret is a bearer token.
    """

    url: str
    user: str | None = None
    secret: Secret | None = None
    tls: Tls | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"https?://[^\s@]+", self.url):
            raise InvalidValueError("expected an http or https URL without user and password for a DICOMweb peer")
        if self.user is not None and self.secret is None:
            raise InvalidValueError("expected a 'secret' beside the 'user' of a DICOMweb peer")


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A PACS or an archive, under a name of our own.

    Args:
        label_maps: whether it takes Label Map Segmentations, a class of 2024; without them organs go as BINARY ones.
        timeout_s: for connecting, and for each answer.
        num_tries: of a command before it gives up; the listener's outbox goes on for ``keep_trying_days``.
        backoff_s: pause before the second try; each further one is twice as long, up to ten minutes.
    """

    name: str
    dimse: Dimse | None = None
    dicomweb: DicomWeb | None = None
    label_maps: bool = False
    timeout_s: float = 30.0
    num_tries: int = 5
    backoff_s: float = 2.0
    keep_trying_days: float = 14.0

    def __post_init__(self) -> None:
        if not _PEER_NAME.fullmatch(self.name):
            raise InvalidValueError(f"expected a peer name of letters, digits, - and _, found {self.name!r}")
        if (self.dimse is None) == (self.dicomweb is None):
            raise InvalidValueError(f"expected one of 'dimse' and 'dicomweb' for peer '{self.name}'")
        _check_range("timeout_s", self.timeout_s, 0.1, 3600)
        _check_range("num_tries", self.num_tries, 1, 1000)
        _check_range("backoff_s", self.backoff_s, 0.01, 600)
        _check_range("keep_trying_days", self.keep_trying_days, 0, 3650)


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who may send to us.

    Args:
        host: the address it must call from; any where it is left out.
        report_port: where it takes storage commitment reports, on ``host``; on its own association otherwise.
    """

    ae_title: str
    host: str | None = None
    report_port: int | None = None

    def __post_init__(self) -> None:
        _check_ae_title(self.ae_title)
        if self.report_port is not None:
            _check_port(self.report_port)
            if self.host is None:
                raise InvalidValueError(f"expected a 'host' beside 'report_port' of caller '{self.ae_title}'")


@dataclass(frozen=True, kw_only=True)
class Listen:
    """The C-STORE SCP of ``tomoscribe listen``.

    Args:
        folder: inbox, results and state; made if it is not there, readable by this user only.
        address: where it listens; the machine itself unless said otherwise.
        callers: calling AE titles that are let in; nobody else is.
        any_caller: True lets everybody in who reaches the port.
        quiet_s: a study is read once nothing of it came for so long.
        accept_commitment: whether callers may ask for storage commitment; what was committed is never deleted by us.
        max_associations: at a time.
        timeout_s: an association that sends nothing for so long is ended.
    """

    folder: str
    port: int = 11112
    address: str = "127.0.0.1"
    callers: tuple[Caller, ...] = ()
    any_caller: bool = False
    quiet_s: float = 60.0
    accept_commitment: bool = False
    max_associations: int = 10
    timeout_s: float = 60.0
    tls: Tls | None = None

    def __post_init__(self) -> None:
        _check_port(self.port)
        _check_range("quiet_s", self.quiet_s, 0.1, 86400)
        _check_range("max_associations", self.max_associations, 1, 100)
        _check_range("timeout_s", self.timeout_s, 0.5, 3600)
        if self.any_caller and self.callers:
            raise InvalidValueError("expected 'callers' or 'any_caller: true', found both")
        if not self.any_caller and not self.callers:
            raise InvalidValueError("expected at least one of 'callers' in 'listen', found none: nobody could send")
        if self.tls is not None and self.tls.certificate is None:
            raise InvalidValueError("expected 'certificate' and 'key' of the tls of 'listen'")


@dataclass(frozen=True, kw_only=True)
class Keep:
    """What is kept how long, and when the disk counts as full.

    Args:
        days: received images and results of a study that was dealt with are deleted after so long.
        max_gb: of received images (10^9 bytes); more is refused with status A700.
        min_free_gb: on the disk of the folder; less, and images are refused with status A700.
        max_object_mb: of one received object (10^6 bytes).
    """

    days: float = 14.0
    max_gb: float = 200.0
    min_free_gb: float = 2.0
    max_object_mb: float = 4096.0

    def __post_init__(self) -> None:
        _check_range("days", self.days, 0, 36500)
        _check_range("max_gb", self.max_gb, 1e-6, 1e6)
        _check_range("min_free_gb", self.min_free_gb, 0, 1e6)
        _check_range("max_object_mb", self.max_object_mb, 1e-3, 1e6)


@dataclass(frozen=True, kw_only=True)
class Read:
    """Which series are read, and how.

    Args:
        modalities: others are stored and never read.
        min_slices: series of fewer slices are passed over.
        only, never: series descriptions as patterns with ``*`` and ``?``, case ignored; ``never`` wins.
        device: where the networks run.
        num_tries: of a study whose reading fails by no fault of its own (memory, a lost worker).
        max_minutes: a reading that takes longer is ended and counted as failed.
    """

    modalities: tuple[str, ...] = ("CT", "MR")
    min_slices: int = 8
    only: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    text: Text = Text.DECODER
    device: str = "auto"
    num_tries: int = 3
    max_minutes: float = 60.0

    def __post_init__(self) -> None:
        if not self.modalities or set(self.modalities) - {"CT", "MR"}:
            raise InvalidValueError(f"expected 'modalities' of CT and MR, found {list(self.modalities)}")
        _check_range("min_slices", self.min_slices, 2, 100_000)
        _check_range("num_tries", self.num_tries, 1, 100)
        _check_range("max_minutes", self.max_minutes, 0.01, 1440)

    def wants(self, series: Series) -> bool:
        """Whether a series is to be read, by modality, number of slices and description."""
        words = (series.description or "").casefold()
        if series.modality not in self.modalities or len(series.files) < self.min_slices:
            return False
        if any(fnmatch.fnmatchcase(words, p.casefold()) for p in self.never):
            return False
        return not self.only or any(fnmatch.fnmatchcase(words, p.casefold()) for p in self.only)


@dataclass(frozen=True, kw_only=True)
class Roles:
    """User names (of the operating system) by what they may do; nobody may sign who is not named.

    Args:
        operate: pull, push and listen; everybody where nobody is named.
        sign: sign reports, also as preliminary, add to and correct them.
        export: write documents and de-identified copies; everybody where nobody is named.
        retract: take results back; those who may sign where nobody is named.
    """

    operate: tuple[str, ...] = ()
    sign: tuple[str, ...] = ()
    export: tuple[str, ...] = ()
    retract: tuple[str, ...] = ()

    def allows(self, user: str, role: Role) -> bool:
        """Whether the user has that role."""
        if role is Role.SIGN:
            return user in self.sign
        if role is Role.RETRACT:
            return user in (self.retract or self.sign)
        named = self.operate if role is Role.OPERATE else self.export
        return not named or user in named


@dataclass(frozen=True, kw_only=True)
class Site:
    """One station.

    Args:
        ae_title: our own AE title, calling and called.
        destinations: names of the peers that get the results of ``listen``.
        language: of the reports; ``translation``: a second one, in which each carries a marked translation.
    """

    ae_title: str = "TOMOSCRIBE"
    peers: tuple[Peer, ...] = ()
    listen: Listen | None = None
    keep: Keep = field(default_factory=Keep)
    read: Read = field(default_factory=Read)
    destinations: tuple[str, ...] = ()
    language: Language = Language.ENGLISH
    translation: Language | None = None
    character_set: CharacterSet = CharacterSet.UTF_8
    roles: Roles = field(default_factory=Roles)

    def __post_init__(self) -> None:
        _check_ae_title(self.ae_title)
        names = [p.name for p in self.peers]
        if len(set(names)) != len(names):
            raise InvalidValueError("expected peers of different names, found a name twice")
        unknown = [d for d in self.destinations if d not in names]
        if unknown:
            raise InvalidValueError(f"destination '{unknown[0]}' is none of the peers ({', '.join(names) or 'none'})")
        if len(set(self.destinations)) != len(self.destinations):
            raise InvalidValueError("expected each destination once")
        if self.translation is self.language:
            raise InvalidValueError("expected a translation into another language than the report's")

    def peer(self, name: str) -> Peer:
        """The peer of that name.

        Raises:
            ConfigError: there is none.
        """
        for peer in self.peers:
            if peer.name == name:
                return peer
        names = ", ".join(p.name for p in self.peers) or "none"
        raise ConfigError(f"no peer '{name}' in the site file", remedy=f"name one of its peers: {names}")

    @property
    def sends_label_maps(self) -> bool:
        """Whether every destination takes Label Map Segmentations."""
        return bool(self.destinations) and all(self.peer(name).label_maps for name in self.destinations)

    def listening(self) -> Listen:
        """The part ``listen``.

        Raises:
            ConfigError: the site file has none.
        """
        if self.listen is None:
            raise ConfigError("expected a part 'listen' in the site file", remedy="add one with folder and callers")
        return self.listen

    def require(self, user: str, role: Role) -> None:
        """Raises ConfigError where the user does not have the role."""
        if not self.roles.allows(user, role):
            raise ConfigError(
                f"user '{user}' does not have the role '{role.value}' at this site",
                remedy=f"add the name under roles: {role.value} of the site file",
            )


def load_site(path: Path | None) -> Site:
    """Reads a site file; without a path, the one that ``TOMOSCRIBE_SITE`` names, else the machine's own.

    Raises:
        ConfigError: no file, not YAML, an unknown key, or a value out of range.
    """
    import yaml

    named = path or os.environ.get(SITE_VARIABLE) or (SYSTEM_SITE if _is_there(SYSTEM_SITE) else None)
    if not named:
        raise ConfigError("no site file named", remedy=f"name one with --site FILE or in {SITE_VARIABLE}")
    where = str(named)
    try:
        with Path(named).open("rb") as file:
            text = file.read(MAX_SITE_BYTES)
        data = yaml.safe_load(text)
    except OSError as error:
        raise ConfigError(f"the site file cannot be read: {error.strerror}", where=where) from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" at line {mark.line + 1}" if mark is not None else ""
        raise ConfigError(f"the site file is not YAML{line}", where=where, remedy="check its indentation") from error
    return parse_site(data, where)


def sites_in_force(path: Path | None) -> tuple[Site, ...]:
    """Those whose roles hold: the machine's own, and the one that is named; none where there is neither.

    Raises:
        ConfigError: one of them cannot be used.
    """
    named = path or os.environ.get(SITE_VARIABLE)
    files = [SYSTEM_SITE] if _is_there(SYSTEM_SITE) else []
    files += [Path(named)] if named else []
    return tuple(load_site(file) for file in dict.fromkeys(files))


def parse_site(data: object, where: str) -> Site:
    """A site of the parsed YAML. Raises ConfigError."""
    try:
        return from_json(Site, {} if data is None else data)
    except (InputError, InvalidValueError) as error:
        raise ConfigError(error.what, where=where, remedy="compare it with docs/site.example.yaml") from error


def _is_there(path: Path) -> bool:
    """Also where it cannot be looked at: then reading it says why."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _check_ae_title(title: str) -> None:
    if not _AE_TITLE.fullmatch(title):
        raise InvalidValueError(
            f"expected an AE title of 1 to 16 printable characters without backslash, found {title!r}"
        )


def _check_port(port: int) -> None:
    _check_range("port", port, 1, 65535)


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise InvalidValueError(f"expected {name} of {low:g} to {high:g}, found {value:g}")
