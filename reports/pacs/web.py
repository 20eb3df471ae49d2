"""A peer over DICOMweb: QIDO-RS, WADO-RS, STOW-RS."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from dicomweb_client import DICOMwebClient
from requests.auth import HTTPBasicAuth

from tomoscribe.core.errors import ConfigError, OutputError
from tomoscribe.reports.pacs.credentials import client_context, secret_value
from tomoscribe.reports.pacs.errors import RefusedByPeerError, garbage, unreachable
from tomoscribe.reports.pacs.http_io import (
    BOUNDARY,
    BearerAuth,
    BoundedSession,
    MultipartFile,
    OversizedAnswerError,
    first_part,
)
from tomoscribe.reports.pacs.intake import Intake, StreamedFile, quiet_library
from tomoscribe.reports.pacs.landing import read_header
from tomoscribe.reports.pacs.peers import MAX_ANSWERS, Instance, Keep, Outcome, Sent, StudyRow, by_series
from tomoscribe.reports.pacs.uids import is_uid
from tomoscribe.reports.site import Peer

_PAGE = 1000
_ANY_SYNTAX = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_SOP_CLASS, _SOP, _SERIES, _STUDY = "00080016", "00080018", "0020000E", "0020000D"
_DATE, _MODALITIES, _DESCRIPTION = "00080020", "00080061", "00081030"
_REFERENCED, _FAILED, _REFERENCED_SOP, _REASON = "00081199", "00081198", "00081155", "00081197"
_BUSY_CODES = (408, 413, 429, 500, 502, 503, 504, 507)


class WebPeer:
    """Speaks DICOMweb with one peer."""

    def __init__(self, peer: Peer) -> None:
        if peer.dicomweb is None:
            raise ConfigError(f"peer '{peer.name}' does not speak DICOMweb")
        quiet_library()
        self._peer, self._web = peer, peer.dicomweb
        self._url = self._web.url.rstrip("/")
        self._session = BoundedSession(None if self._web.tls is None else client_context(self._web.tls))
        if self._web.secret is not None:
            value = secret_value(self._web.secret, self._web.user)
            self._session.auth = HTTPBasicAuth(self._web.user, value) if self._web.user else BearerAuth(value)
        self._client = DICOMwebClient(self._url, session=self._session, timeout=peer.timeout_s, permissive_uid=True)
        self._client.set_http_retry_params(retry=False)

    def echo(self) -> str:
        with self._talking("a query"):
            self._client.search_for_studies(limit=1)
        return "QIDO-RS answered"

    def studies(self, date: str | None, modality: str | None) -> list[StudyRow]:
        filters = {k: v for k, v in (("StudyDate", date), ("ModalitiesInStudy", modality)) if v}
        rows = self._pages(
            lambda offset: self._client.search_for_studies(
                limit=_PAGE, offset=offset, search_filters=filters, fields=[_DESCRIPTION, _MODALITIES]
            ),
            _STUDY,
        )
        return [
            StudyRow(
                study_uid=_value(row, _STUDY),
                date=_value(row, _DATE),
                modalities="/".join(_values(row, _MODALITIES)),
                description=_value(row, _DESCRIPTION),
            )
            for row in rows
        ]

    def instances(self, study_uid: str) -> list[Instance]:
        return self._instances(study_uid, {})

    def held(self, wanted: Sequence[Instance]) -> set[str] | None:
        found: set[str] = set()
        for (study, series), group in by_series(wanted).items():
            there = self._instances(study, {"SeriesInstanceUID": series})
            found |= {i.sop_uid for i in there} & {i.sop_uid for i in group}
        return found

    def _instances(self, study_uid: str, filters: dict[str, str]) -> list[Instance]:
        rows = self._pages(
            lambda offset: self._client.search_for_instances(
                study_instance_uid=study_uid,
                limit=_PAGE,
                offset=offset,
                search_filters=filters,
                fields=[_SERIES, _SOP_CLASS],
            ),
            _SOP,
        )
        return [
            Instance(
                study_uid=study_uid,
                series_uid=_value(row, _SERIES),
                sop_uid=_value(row, _SOP),
                sop_class_uid=_value(row, _SOP_CLASS) or None,
            )
            for row in rows
            if is_uid(_value(row, _SERIES))
        ]

    def _pages(self, page: Callable[[int], list[Any]], key: str) -> list[dict[str, Any]]:
        """All rows with a valid UID under the key, each UID once: pages until one brings nothing new.

        A server may make its pages as short as it likes, and may not know offsets.
        """
        rows: dict[str, dict[str, Any]] = {}
        offset = 0
        while True:
            with self._talking("a query"):
                found = page(offset)
            before = len(rows)
            rows.update({_value(row, key): row for row in found if isinstance(row, dict) and is_uid(_value(row, key))})
            offset += len(found)
            if len(rows) > MAX_ANSWERS:
                raise garbage(self._peer.name, f"more than {MAX_ANSWERS} answers to one query")
            if len(rows) == before:
                return list(rows.values())

    def fetch(self, wanted: Sequence[Instance], keep: Keep, folder: Path, max_object_bytes: int) -> None:
        intake = Intake(folder=folder, max_object_bytes=max_object_bytes, timeout_s=self._peer.timeout_s)
        for instance in wanted:
            file = StreamedFile(intake)
            try:
                self._fetch_one(instance, file)
                if file.problem:
                    raise OutputError(
                        f"what was fetched cannot be kept: {file.problem}", remedy="make room and pull again"
                    )
                header = read_header(Path(file.name))
                if header is None or (header.study_uid, header.series_uid, header.sop_uid) != (
                    instance.study_uid, instance.series_uid, instance.sop_uid,
                ):  # fmt: skip
                    raise garbage(self._peer.name, "another object than the one asked for, or no DICOM object")
                keep(instance, Path(file.name))
            finally:
                file.discard()

    def _fetch_one(self, instance: Instance, file: StreamedFile) -> None:
        url = f"{self._url}/studies/{instance.study_uid}/series/{instance.series_uid}/instances/{instance.sop_uid}"
        with self._talking("a retrieval"):
            answer = self._session.get(url, headers={"Accept": _ANY_SYNTAX}, stream=True, timeout=self._peer.timeout_s)
            with answer:
                answer.raise_for_status()
                for piece in first_part(answer):
                    file.write(piece)
                    if file.problem:
                        return
        file.finish()

    def send(self, files: Sequence[Path], told: Callable[[Sent], None]) -> None:
        for path in files:
            header = read_header(path)
            if header is None:
                told(Sent(path=path, sop_uid="", outcome=Outcome.REFUSED, detail="the file is not a DICOM object"))
            else:
                told(self._send_one(path, header.sop_uid))

    def _send_one(self, path: Path, sop_uid: str) -> Sent:
        with self._talking("a transfer"), path.open("rb") as file:
            answer = self._session.post(
                f"{self._url}/studies",
                data=MultipartFile(path, file),
                headers={
                    "Content-Type": f'multipart/related; type="application/dicom"; boundary={BOUNDARY}',
                    "Accept": "application/dicom+json",
                },
                timeout=self._peer.timeout_s,
            )
            if answer.status_code in _BUSY_CODES:
                return Sent(path=path, sop_uid=sop_uid, outcome=Outcome.BUSY, detail=f"HTTP {answer.status_code}")
            if answer.status_code not in (200, 202, 409):
                answer.raise_for_status()
            stored, reason = _stored(answer.json(), sop_uid)
        if stored:
            return Sent(path=path, sop_uid=sop_uid, outcome=Outcome.STORED)
        outcome = Outcome.BUSY if 0xA700 <= reason <= 0xA7FF else Outcome.REFUSED
        return Sent(path=path, sop_uid=sop_uid, outcome=outcome, detail=f"status {reason:04X}")

    @contextmanager
    def _talking(self, what: str) -> Iterator[None]:
        """Turns what goes wrong between two HTTP machines into errors of a peer."""
        name = self._peer.name
        try:
            yield
        except OversizedAnswerError as error:
            raise garbage(name, f"an endless answer to {what}") from error
        except requests.HTTPError as error:
            raise _http_error(name, error) from error
        except requests.exceptions.SSLError as error:
            raise unreachable(name, "its certificate was not accepted, or TLS failed") from error
        except requests.Timeout as error:
            raise unreachable(name, f"no answer within {self._peer.timeout_s:g} s") from error
        except (json.JSONDecodeError, requests.exceptions.InvalidJSONError) as error:
            raise garbage(name, f"an answer to {what} that is not JSON") from error
        except requests.RequestException as error:
            raise unreachable(name, "no connection, or it was cut") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise garbage(name, f"an answer to {what} that cannot be understood") from error


def _http_error(name: str, error: requests.HTTPError) -> Exception:
    code = 0 if error.response is None else error.response.status_code
    if code in _BUSY_CODES:
        return unreachable(name, f"HTTP {code}")
    words = {401: "the user or secret is wrong", 403: "this user may not", 404: "there is no such study or service"}
    return RefusedByPeerError(
        f"peer '{name}' refused: HTTP {code}, {words.get(code, 'the request was not accepted')}",
        remedy="check url, user and secret of the peer, and the UID",
    )


def _stored(answer: Any, sop_uid: str) -> tuple[bool, int]:
    """Whether STOW-RS's answer names the object among the stored ones; else its failure reason."""
    if isinstance(answer, list) and answer:
        answer = answer[0]
    if not isinstance(answer, dict):
        raise ValueError("no store response")
    for item in answer.get(_REFERENCED, {}).get("Value", []):
        if _value(item, _REFERENCED_SOP) == sop_uid:
            return True, 0
    for item in answer.get(_FAILED, {}).get("Value", []):
        if _value(item, _REFERENCED_SOP) == sop_uid:
            return False, int(_value(item, _REASON) or 0x0110)
    raise ValueError("a store response that does not name the object")


def _values(row: dict[str, Any], tag: str) -> list[str]:
    found = row.get(tag)
    values = found.get("Value", []) if isinstance(found, dict) else []
    return [str(v).strip() for v in values if v is not None] if isinstance(values, list) else []


def _value(row: dict[str, Any], tag: str) -> str:
    values = _values(row, tag)
    return values[0] if values else ""
