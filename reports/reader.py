"""``StudyReader``: a study in, a Reading out. The one object that viewer, batch and server hold."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING

from tomoscribe.core import Finding, Laterality, Presence, Provenance, Reading, Report, Study, Timing, Volume
from tomoscribe.core.errors import ConfigError, InputError, LockError, UnsupportedError
from tomoscribe.core.uids import sha256_of
from tomoscribe.findings.measured import Measured, Progress
from tomoscribe.reports.examinations import Selection, select
from tomoscribe.reports.memory import peak_memory_bytes
from tomoscribe.reports.plan import Plan, make_plan
from tomoscribe.reports.writer import DECODER_LANGUAGE, check_language, translated, write_report
from tomoscribe.reports.writer.header import Exam

if TYPE_CHECKING:
    from tomoscribe.encoders.towers import Tower
    from tomoscribe.findings.change import Prior
    from tomoscribe.fusion.report_model import ReportModel
    from tomoscribe.fusion.types import StudyTokens
    from tomoscribe.reports.questions import GroundedAnswer

TEXTS = ("decoder", "writer")
NOTHING_OUTLINED = "nothing could be outlined: there is no segmentation beside this report"


@dataclass(frozen=True, kw_only=True, eq=False)
class _Seen:
    """What was loaded and encoded of one study, kept for questions and exports."""

    plan: Plan
    volumes: dict[str, Volume]
    tokens: StudyTokens | None


class StudyReader:
    """Reads studies: measures, looks, writes, locks. Keeps the images of the last study for questions.

    Args:
        device: ``auto``, ``cpu`` or ``cuda:N``.
        text: who words the sentences, ``decoder`` or ``writer``; the evidence lock checks both. The decoder writes
            English only: in any other language the writer words everything, and the provenance says so.
        language: of the report, ISO 639-1; a flag or a site file sets it.
        translation: a second language, in which the report carries a translation; None for none.

    Raises:
        ConfigError: an unknown text or language, or a translation into the report's own language.
    """

    def __init__(
        self, *, device: str = "auto", text: str = "decoder", language: str = "en", translation: str | None = None
    ) -> None:
        if text not in TEXTS:
            raise ConfigError(f"expected text by decoder or writer, found '{text}'")
        if translation is not None and check_language(translation) == language:
            raise ConfigError(f"expected a translation into another language than the report's ('{language}')")
        self._device = device
        self._language = check_language(language)
        self._translation = translation
        self._text = text if language == DECODER_LANGUAGE else "writer"
        self._seen: dict[str, _Seen] = {}
        self._model: ReportModel | None = None

    def plan(self, study: Study) -> Plan:
        """What would run where and how much memory it takes; nothing is loaded.

        Raises:
            RefusedSeriesError, UnsupportedError: nothing in the study can be read.
            MemoryPlanError: not even the smallest plan fits.
        """
        return make_plan(select(study), self._device, self._text)

    def read(self, study: Study, progress: Progress | None = None) -> Reading:
        """Measures a study and drafts its report; no objection of the evidence lock is left in it.

        Args:
            progress: called with the stage and the fraction done; cancelling is raising CancelledError in it.

        Raises:
            TomoscribeError: the study cannot be read; the message says what to do.
        """
        report_progress = progress or _silent
        clock = _Clock()
        selection = select(study)
        plan = make_plan(selection, self._device, self._text)
        with clock.stage("load"):
            report_progress("loading images", 0.02)
            volumes = _load(study, selection)
        with clock.stage("measure"):
            tower = _tower(selection.exam, plan)
            measured = _measure(selection.exam, volumes, plan, tower, _part(report_progress, 0.08, 0.76))
        with clock.stage("compare"):
            measured = _compared(study, selection.exam, volumes, measured, plan, _part(report_progress, 0.76, 0.82))
        with clock.stage("look"):
            report_progress("looking at the whole study", 0.82)
            heads, tokens = _look(volumes, tower, measured)
        self._seen = {
            study.study_uid: _Seen(plan=plan, volumes={v.series.series_uid: v for v in volumes.values()}, tokens=tokens)
        }
        findings = (*measured.findings, *heads)
        with clock.stage("write"):
            report_progress("writing the report", 0.88)
            warnings = (*measured.warnings, *_without_masks(measured), *plan.reductions, *_notes(volumes))
            report = self._write(study, findings, plan, warnings)
        report_progress("done", 1.0)
        timed = replace(report.provenance, timing=clock.timing())
        return Reading(study=study, report=replace(report, provenance=timed), label_maps=measured.label_maps)

    def volumes(self, study: Study) -> dict[str, Volume]:
        """The volumes that the last reading of this study used, by series UID; loaded if it was not read last."""
        if study.study_uid in self._seen:
            return dict(self._seen[study.study_uid].volumes)
        return {v.series.series_uid: v for v in _load(study, select(study)).values()}

    def ask(self, reading: Reading, question: str) -> GroundedAnswer:
        """An answer that stands on findings of this reading and names them, or says that it was not assessed.

        Raises:
            ConfigError: the question is empty.
        """
        from tomoscribe.reports.questions import answer_question

        seen = self._seen.get(reading.study.study_uid)
        tokens = seen.tokens if seen is not None else None
        return answer_question(question, reading, self._report_model(self.plan(reading.study)), tokens)

    def _write(self, study: Study, findings: tuple[Finding, ...], plan: Plan, warnings: tuple[str, ...]) -> Report:
        from tomoscribe.reports.lock import lock_report
        from tomoscribe.reports.wording import reworded

        model = self._report_model(plan) if plan.text == "decoder" else None
        seen = self._seen[study.study_uid]
        told = (*study.warnings, *warnings)
        provenance = self._provenance(plan, model)
        written = write_report(study, findings, provenance=provenance, warnings=told, language=self._language)
        report = written if model is None else reworded(written, model, seen.tokens)
        if self._translation is not None:
            report = translated(report, study, self._translation, told)
        report = report if model is None else lock_report(report, written, study)
        return _without_objection(study, report)

    def _provenance(self, plan: Plan, model: ReportModel | None) -> Provenance:
        """Who worded the report: the decoder, or the writer with its language where that is not English."""
        suffix = "" if self._language == DECODER_LANGUAGE else f"-{self._language}"
        languages = {"language": self._language, "translation": self._translation}
        is_plain = self._language == DECODER_LANGUAGE and self._translation is None
        return Provenance(
            version=version("tomoscribe"),
            model="report-decoder" if model else f"report-writer{suffix}",
            weights_sha256=model.weights_sha256 if model else None,
            config_sha256=sha256_of({"text": plan.text, "temperature": 0} | ({} if is_plain else languages)),
            device=plan.device.name,
        )

    def _report_model(self, plan: Plan) -> ReportModel:
        if self._model is None or self._model.device != plan.device.name:
            from tomoscribe.fusion.report_model import ReportModel

            self._model = ReportModel.load(plan.device.name)
        return self._model


def _without_objection(study: Study, report: Report) -> Report:
    from tomoscribe.reports.lock import EvidenceLock

    objections = EvidenceLock(study).check(report)
    if objections:
        first = objections[0]
        raise LockError(
            f"the evidence lock objects to the drafted report: {first.words}",
            where=study.study_uid,
            remedy="report this as a defect of tomoscribe; nothing was written",
        )
    return report


def _load(study: Study, selection: Selection) -> dict[str, Volume]:
    from tomoscribe.encoders.dicom import load_volume

    return {role: load_volume(study, series) for role, series in selection.series.items()}


def _tower(exam: Exam, plan: Plan) -> Tower:
    """The tower of the examination; a volume that measuring encodes is not encoded again for the whole study."""
    from tomoscribe.encoders.towers import StudyTower, shared_tower

    return StudyTower.of(shared_tower("unet-ct" if exam is Exam.CT_CHEST else "unet-mr", device=plan.device.name))


def _measure(exam: Exam, volumes: dict[str, Volume], plan: Plan, tower: Tower, progress: Progress) -> Measured:
    if exam is Exam.CT_CHEST:
        from tomoscribe.findings.chest import measure_chest

        return measure_chest(volumes["CT"], progress=progress, device=plan.device.name)
    from tomoscribe.findings.brain import measure_brain

    return measure_brain(volumes, progress=progress, device=plan.device.name, tower=tower)


def _compared(
    study: Study, exam: Exam, volumes: dict[str, Volume], measured: Measured, plan: Plan, progress: Progress
) -> Measured:
    """The nodules and masses of a chest CT beside the same ones in the earlier studies of the patient."""
    if exam is not Exam.CT_CHEST or not study.priors:
        return measured
    from tomoscribe.encoders.nodule_net import NoduleNet
    from tomoscribe.findings.change import compare

    unread: list[str] = []
    priors = _priors(study, unread)
    network = NoduleNet.load(plan.device.name)
    compared = compare(measured, volumes["CT"], study, priors, classifier=network, progress=progress)
    return replace(compared, warnings=(*compared.warnings, *unread))


def _priors(study: Study, unread: list[str]) -> Iterator[Prior]:
    """The chest CT of each earlier study, newest first, loaded when it is asked for; what cannot be read is told."""
    from tomoscribe.findings.change import Prior

    for earlier in study.priors:
        try:
            selection = select(earlier)
            if selection.exam is Exam.CT_CHEST:
                yield Prior(study=earlier, volume=_load(earlier, selection)["CT"])
        except InputError:
            unread.append(f"the examination of {earlier.date} cannot be read and was not compared")
        except UnsupportedError:
            continue


def _look(volumes: dict[str, Volume], tower: Tower, measured: Measured) -> tuple[tuple[Finding, ...], StudyTokens]:
    from tomoscribe.findings.heads import head_findings
    from tomoscribe.fusion.types import StudyTokens

    output = tower.encode(volumes)
    heads = head_findings(output, tower, volumes)
    return tuple(h for h in heads if not _is_measured(h, measured)), StudyTokens.from_towers([output])


def _is_measured(head: Finding, measured: Measured) -> bool:
    """Whether a mask already shows what a head suspects: the same type, present on the same side or on both."""
    return any(
        f.presence is Presence.PRESENT
        and f.type == head.type
        and (f.laterality in (head.laterality, Laterality.BILATERAL) or head.laterality is None)
        for f in measured.findings
    )


def _notes(volumes: dict[str, Volume]) -> tuple[str, ...]:
    return tuple(f"Series {v.series.series_number}: {note}" for v in volumes.values() for note in v.notes)


def _without_masks(measured: Measured) -> tuple[str, ...]:
    """Said where the results will hold no segmentation."""
    return () if any(m.array.any() for m in measured.label_maps) else (NOTHING_OUTLINED,)


def _part(progress: Progress, start: float, stop: float) -> Progress:
    return lambda stage, fraction: progress(stage, start + (stop - start) * fraction)


def _silent(stage: str, fraction: float) -> None:
    """Progress that nobody watches."""


class _Clock:
    """Seconds of each stage, and the peak memory of the process so far."""

    def __init__(self) -> None:
        self._seconds: list[tuple[str, float]] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self._seconds.append((name, time.perf_counter() - start))

    def timing(self) -> Timing:
        return Timing(seconds=tuple(self._seconds), peak_memory_bytes=peak_memory_bytes())
