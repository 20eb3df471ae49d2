"""A peer over DIMSE: C-ECHO, C-FIND, C-GET or C-MOVE, C-STORE, N-ACTION."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import build_context, build_role, evt
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    Comprehensive3DSRStorage,
    LabelMapSegmentationStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
    StorageCommitmentPushModel,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

from tomoscribe.core.errors import ConfigError, OutputError, TomoscribeError
from tomoscribe.encoders.dicom.broken import BROKEN_FILE
from tomoscribe.encoders.dicom.headers import text
from tomoscribe.reports.pacs.association import entity
from tomoscribe.reports.pacs.contexts import offered_contexts, wanted_contexts
from tomoscribe.reports.pacs.credentials import client_context
from tomoscribe.reports.pacs.errors import RefusedByPeerError, garbage, unreachable
from tomoscribe.reports.pacs.intake import (
    ANNOUNCED_PDU_BYTES,
    Intake,
    guard_handler,
    quiet_library,
    streamed_file,
)
from tomoscribe.reports.pacs.landing import Header, read_header
from tomoscribe.reports.pacs.peers import MAX_ANSWERS, Instance, Keep, Outcome, Sent, StudyRow, by_series
from tomoscribe.reports.pacs.uids import is_uid
from tomoscribe.reports.site import Peer, Retrieve, Site

PENDING = (0xFF00, 0xFF01)
MAX_QUERY_OBJECT_BYTES = 1 << 22
_UIDS_A_REQUEST = 100
_STORED = (0x0000, 0xB000, 0xB006, 0xB007)
RESULT_CLASSES = {
    "storage of Segmentation": SegmentationStorage,
    "storage of Comprehensive 3D SR": Comprehensive3DSRStorage,
    "storage of Secondary Capture": SecondaryCaptureImageStorage,
}
"""What the listener sends."""
LABEL_MAPS = "storage of Label Map Segmentation"
Handlers = Sequence[tuple[Any, ...]]


class DimsePeer:
    """Speaks DIMSE with one peer; each call is an association of its own."""

    def __init__(self, site: Site, peer: Peer) -> None:
        if peer.dimse is None:
            raise ConfigError(f"peer '{peer.name}' does not speak DIMSE")
        quiet_library()
        self._site, self._peer, self._dimse = site, peer, peer.dimse
        self._tls = None if self._dimse.tls is None else client_context(self._dimse.tls)

    def echo(self) -> str:
        with self._associate([build_context(Verification)]) as assoc:
            self._status(assoc.send_c_echo(), "C-ECHO")
        return "C-ECHO answered"

    def offers(self) -> dict[str, bool]:
        """Which services that we may need the peer offers to us, by name.

        Raises:
            PeerError: it cannot be reached.
        """
        retrieve = {
            Retrieve.GET: StudyRootQueryRetrieveInformationModelGet,
            Retrieve.MOVE: StudyRootQueryRetrieveInformationModelMove,
        }[self._dimse.retrieve]
        services = {
            "C-ECHO": Verification,
            "C-FIND": StudyRootQueryRetrieveInformationModelFind,
            f"C-{self._dimse.retrieve.value.upper()}": retrieve,
            **RESULT_CLASSES,
        }
        if self._peer.label_maps:
            services[LABEL_MAPS] = LabelMapSegmentationStorage
        if self._dimse.storage_commitment:
            services["storage commitment"] = StorageCommitmentPushModel
        with self._associate([build_context(uid) for uid in services.values()]) as assoc:
            there = {str(c.abstract_syntax) for c in assoc.accepted_contexts}
        return {name: str(uid) in there for name, uid in services.items()}

    def studies(self, date: str | None, modality: str | None) -> list[StudyRow]:
        keys = _keys("STUDY", StudyInstanceUID="", StudyDate=date or "", StudyDescription="")
        keys.ModalitiesInStudy = modality or ""
        found = self._find([keys])
        return [
            StudyRow(
                study_uid=_uid(ds, "StudyInstanceUID"),
                date=text(ds, "StudyDate") or "",
                modalities=(text(ds, "ModalitiesInStudy") or "").replace("\\", "/"),
                description=text(ds, "StudyDescription") or "",
            )
            for ds in found
            if _uid(ds, "StudyInstanceUID")
        ]

    def instances(self, study_uid: str) -> list[Instance]:
        series = self._find([_keys("SERIES", StudyInstanceUID=study_uid, SeriesInstanceUID="")])
        uids = sorted({_uid(ds, "SeriesInstanceUID") for ds in series} - {""})
        return self._instances([(study_uid, u, None) for u in uids])

    def held(self, wanted: Sequence[Instance]) -> set[str] | None:
        try:
            found = self._instances([(i.study_uid, i.series_uid, i.sop_uid) for i in wanted])
        except RefusedByPeerError:
            return None
        return {i.sop_uid for i in found} & {i.sop_uid for i in wanted}

    def _instances(self, keys: Sequence[tuple[str, str, str | None]]) -> list[Instance]:
        queries = [
            _keys("IMAGE", StudyInstanceUID=s, SeriesInstanceUID=e, SOPInstanceUID=i or "", SOPClassUID="")
            for s, e, i in keys
        ]
        found = []
        for query, ds in self._find_with_keys(queries):
            sop = _uid(ds, "SOPInstanceUID")
            if sop:
                found.append(
                    Instance(
                        study_uid=str(query.StudyInstanceUID),
                        series_uid=str(query.SeriesInstanceUID),
                        sop_uid=sop,
                        sop_class_uid=_uid(ds, "SOPClassUID") or None,
                    )
                )
        return found

    def _find(self, queries: Sequence[Dataset]) -> list[Dataset]:
        return [ds for _, ds in self._find_with_keys(queries)]

    def _find_with_keys(self, queries: Sequence[Dataset]) -> list[tuple[Dataset, Dataset]]:
        """Answers of queries on one association, each beside its query."""
        answers: list[tuple[Dataset, Dataset]] = []
        model = StudyRootQueryRetrieveInformationModelFind
        if not queries:
            return answers
        with self._associate([build_context(model)]) as assoc:
            self._require(assoc, model, "queries (C-FIND)")
            for query in queries:
                for status, ds in assoc.send_c_find(query, model):
                    code = self._status(status, "C-FIND", PENDING)
                    if code in PENDING and ds is not None:
                        answers.append((query, ds))
                    if len(answers) > MAX_ANSWERS:
                        assoc.abort()
                        raise garbage(self._peer.name, f"more than {MAX_ANSWERS} answers to one query")
        return answers

    def fetch(self, wanted: Sequence[Instance], keep: Keep, folder: Path, max_object_bytes: int) -> None:
        intake = Intake(folder=folder, max_object_bytes=max_object_bytes, timeout_s=self._peer.timeout_s)
        fetching = _Fetching(wanted=list(wanted), keep=keep)
        handlers = [guard_handler(intake), (evt.EVT_C_STORE, fetching.take)]
        if self._dimse.retrieve is Retrieve.GET:
            self._get(wanted, handlers, intake)
        else:
            self._move(wanted, handlers, intake)
        fetching.complain(self._peer.name)

    def _get(self, wanted: Sequence[Instance], handlers: Handlers, intake: Intake) -> None:
        model = StudyRootQueryRetrieveInformationModelGet
        contexts = wanted_contexts(i.sop_class_uid for i in wanted if i.sop_class_uid)
        roles = [build_role(str(uid), scp_role=True) for uid in {c.abstract_syntax for c in contexts}]
        with self._associate([build_context(model), *contexts], handlers, roles, intake) as assoc:
            self._require(assoc, model, "C-GET")
            for keys in _retrieve_keys(wanted):
                for status, _ in assoc.send_c_get(keys, model):
                    self._status(status, "C-GET", (*PENDING, 0xB000))

    def _move(self, wanted: Sequence[Instance], handlers: Handlers, intake: Intake) -> None:
        model = StudyRootQueryRetrieveInformationModelMove
        with ExitStack() as stack:
            stack.enter_context(self._receiving(handlers, intake))
            assoc = stack.enter_context(self._associate([build_context(model)], (), (), intake))
            self._require(assoc, model, "C-MOVE")
            for keys in _retrieve_keys(wanted):
                for status, _ in assoc.send_c_move(keys, self._site.ae_title, model):
                    self._status(status, "C-MOVE", (*PENDING, 0xB000))

    @contextmanager
    def _receiving(self, handlers: Handlers, intake: Intake) -> Iterator[None]:
        """A storage SCP on the port of ``listen`` for the time of a C-MOVE; only the peer's AE title may call it."""
        from tomoscribe.reports.pacs.contexts import accepted_contexts
        from tomoscribe.reports.pacs.credentials import server_context

        listen = self._site.listening()
        ae = entity(self._site.ae_title, self._peer.timeout_s)
        ae.require_called_aet = True
        ae.require_calling_aet = [self._dimse.ae_title]
        ae.supported_contexts = list(accepted_contexts())
        try:
            server = ae.start_server(
                (listen.address, listen.port),
                block=False,
                evt_handlers=list(handlers),
                ssl_context=None if listen.tls is None else server_context(listen.tls),
            )
        except OSError as error:
            raise ConfigError(
                f"port {listen.port} is taken, and C-MOVE needs it to receive: {error.strerror}",
                remedy="stop the listener meanwhile, or set retrieve: get for this peer",
            ) from error
        try:
            yield
        finally:
            server.shutdown()  # type: ignore[union-attr]

    def send(self, files: Sequence[Path], told: Callable[[Sent], None]) -> None:
        headers = [(f, read_header(f)) for f in files]
        for path, header in headers:
            if header is None:
                told(Sent(path=path, sop_uid="", outcome=Outcome.REFUSED, detail="the file is not a DICOM object"))
        usable = [(f, h) for f, h in headers if h is not None]
        if not usable:
            return
        kinds = [(h.sop_class_uid, h.transfer_syntax_uid) for _, h in usable]
        with self._associate(offered_contexts(kinds)) as assoc:
            accepted = {(str(c.abstract_syntax), str(c.transfer_syntax[0])) for c in assoc.accepted_contexts}
            for path, header in usable:
                told(self._send_one(assoc, path, header, accepted))

    def _send_one(self, assoc: Any, path: Path, header: Header, accepted: set[tuple[str, str]]) -> Sent:
        if (header.sop_class_uid, header.transfer_syntax_uid) in accepted:
            item: Any = os.fspath(path)
        elif header.sop_class_uid in {c for c, _ in accepted}:
            item = _uncompressed(path)
        else:
            item = None
        if item is None:
            detail = "the peer does not take objects of this class and transfer syntax"
            return Sent(path=path, sop_uid=header.sop_uid, outcome=Outcome.REFUSED, detail=detail)
        try:
            code = self._code(assoc.send_c_store(item), "C-STORE")
        except (ValueError, AttributeError) as error:
            raise garbage(self._peer.name, f"an association that does not fit: {type(error).__name__}") from error
        except RuntimeError as error:
            raise unreachable(self._peer.name, "the connection was cut") from error
        if code in _STORED:
            return Sent(path=path, sop_uid=header.sop_uid, outcome=Outcome.STORED)
        outcome = Outcome.BUSY if 0xA700 <= code <= 0xA7FF else Outcome.REFUSED
        return Sent(path=path, sop_uid=header.sop_uid, outcome=outcome, detail=f"status {code:04X}")

    def ask_commitment(self, transaction_uid: str, objects: Sequence[tuple[str, str]]) -> None:
        """N-ACTION: asks the peer to commit to (SOP class, SOP instance); its report comes to the listener.

        Raises:
            PeerError: it does not answer; RefusedByPeerError where it will not.
        """
        request = Dataset()
        request.TransactionUID = transaction_uid
        request.ReferencedSOPSequence = [_reference(*o) for o in objects]
        with self._associate([build_context(StorageCommitmentPushModel)]) as assoc:
            self._require(assoc, StorageCommitmentPushModel, "storage commitment")
            status, _ = assoc.send_n_action(request, 1, StorageCommitmentPushModel, "1.2.840.10008.1.20.1.1")
            self._status(status, "N-ACTION")

    @contextmanager
    def _associate(
        self, contexts: Sequence[Any], handlers: Handlers = (), roles: Sequence[Any] = (), intake: Intake | None = None
    ) -> Iterator[Any]:
        """An association that is released at the end, or aborted where the work on it failed."""
        with ExitStack() as stack:
            if intake is None:
                intake = _query_intake(stack, self._peer.timeout_s)
            guards = [h for h in handlers if h[0] is evt.EVT_CONN_OPEN] or [guard_handler(intake)]
            ae = entity(self._site.ae_title, self._peer.timeout_s)
            assoc = ae.associate(
                self._dimse.host,
                self._dimse.port,
                contexts=list(contexts),
                ae_title=self._dimse.ae_title,
                max_pdu=ANNOUNCED_PDU_BYTES,
                ext_neg=list(roles),
                tls_args=None if self._tls is None else (self._tls, self._dimse.host),
                evt_handlers=[*guards, *(h for h in handlers if h[0] is not evt.EVT_CONN_OPEN)],
            )
            if not assoc.is_established:
                raise self._not_established(assoc)
            try:
                yield assoc
            except BaseException:
                if assoc.is_established:
                    assoc.abort()
                raise
            if assoc.is_established:
                assoc.release()

    def _not_established(self, assoc: Any) -> Exception:
        if assoc.is_rejected:
            answer = assoc.acceptor.primitive
            why = f"{answer.result_str}: {answer.reason_str}"
            if answer.result == 1:
                return RefusedByPeerError(
                    f"peer '{self._peer.name}' refused the association ({why})",
                    remedy=f"check both AE titles; the peer must know '{self._site.ae_title}'",
                )
            return unreachable(self._peer.name, why)
        if assoc.rejected_contexts:
            return RefusedByPeerError(
                f"peer '{self._peer.name}' offers nothing of what was asked for",
                remedy="ask its administrator to allow it to us",
            )
        if assoc.is_aborted:
            return unreachable(self._peer.name, "it did not answer as a DICOM peer does")
        return unreachable(self._peer.name, "no connection, or TLS failed")

    def _require(self, assoc: Any, abstract_syntax: str, words: str) -> None:
        if not any(c.abstract_syntax == abstract_syntax for c in assoc.accepted_contexts):
            raise RefusedByPeerError(
                f"peer '{self._peer.name}' does not offer {words} to us", remedy="ask its administrator to allow it"
            )

    def _code(self, status: Dataset, what: str) -> int:
        """The status code. Raises PeerError where there is none: cut off or timed out."""
        if "Status" not in status:
            raise unreachable(self._peer.name, f"no answer to {what} within {self._peer.timeout_s:g} s, or cut off")
        return int(status.Status)

    def _status(self, status: Dataset, what: str, good: Sequence[int] = ()) -> int:
        code = self._code(status, what)
        if code != 0 and code not in good:
            kind = unreachable if 0xA700 <= code <= 0xA7FF else _refused
            raise kind(self._peer.name, f"{what} gave status {code:04X}")
        return code


@dataclass
class _Fetching:
    """Takes what C-GET or C-MOVE brings: only objects that were asked for, each once."""

    wanted: list[Instance]
    keep: Keep
    num_strange: int = 0
    problem: str | None = None

    def take(self, event: Any) -> int:
        file = streamed_file(event)
        file.finish()
        try:
            return self._take(file)
        finally:
            file.discard()

    def _take(self, file: Any) -> int:
        if file.problem:
            self.problem = file.problem
            return 0xA700
        header = read_header(Path(file.name))
        named = None if header is None else next((i for i in self.wanted if _is_that(i, header)), None)
        if named is None:
            self.num_strange += 1
            return 0xA900
        try:
            self.keep(named, Path(file.name))
        except OSError as error:
            self.problem = f"writing failed: {error.strerror}"
            return 0xA700
        except TomoscribeError as error:
            self.problem = error.what
            return 0xA700
        return 0x0000

    def complain(self, peer_name: str) -> None:
        if self.problem:
            raise OutputError(f"what was fetched cannot be kept: {self.problem}", remedy="make room and pull again")
        if self.num_strange:
            raise garbage(peer_name, f"{self.num_strange} object(s) that were not asked for or are no DICOM objects")


def _is_that(instance: Instance, header: Header) -> bool:
    return (instance.study_uid, instance.series_uid, instance.sop_uid) == (
        header.study_uid,
        header.series_uid,
        header.sop_uid,
    )


def _query_intake(stack: ExitStack, timeout_s: float) -> Intake:
    """For associations on which no object should come: a folder that goes again."""
    import tempfile

    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="tomoscribe-"))
    return Intake(folder=Path(folder), max_object_bytes=MAX_QUERY_OBJECT_BYTES, timeout_s=timeout_s)


def _keys(level: str, **values: str) -> Dataset:
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.QueryRetrieveLevel = level
    for name, value in values.items():
        setattr(ds, name, value)
    return ds


def _retrieve_keys(wanted: Sequence[Instance]) -> Iterator[Dataset]:
    """Identifiers at IMAGE level, some hundred objects each, so that what is here already is not sent again."""
    for (study, series), instances in by_series(wanted).items():
        for chunk in _batches(instances):
            keys = Dataset()
            keys.QueryRetrieveLevel = "IMAGE"
            keys.StudyInstanceUID, keys.SeriesInstanceUID = study, series
            keys.SOPInstanceUID = [i.sop_uid for i in chunk]
            yield keys


def _batches(instances: list[Instance]) -> Iterator[list[Instance]]:
    for start in range(0, len(instances), _UIDS_A_REQUEST):
        yield instances[start : start + _UIDS_A_REQUEST]


def _reference(sop_class_uid: str, sop_uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class_uid, sop_uid
    return item


def _uid(ds: Dataset, keyword: str) -> str:
    """The UID, an empty string where there is none or it is no UID."""
    value = text(ds, keyword) or ""
    return value if is_uid(value) else ""


def _uncompressed(path: Path) -> Dataset | None:
    """The object with its pixels decoded, for a peer that takes no compressed ones; None where that fails."""
    try:
        ds = dcmread(path)
        if ds.file_meta.TransferSyntaxUID.is_compressed:
            ds.decompress(generate_instance_uid=False)
        return ds
    except (*BROKEN_FILE, RuntimeError):
        return None


def _refused(peer_name: str, why: str) -> RefusedByPeerError:
    return RefusedByPeerError(f"peer '{peer_name}' refused: {why}", remedy="ask its administrator")
