"""The panel: banner, reading with progress and cancel, views and windows, findings table and report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSize, Qt, QTimer
from qtpy.QtWidgets import QSplitter, QVBoxLayout, QWidget

from tomoscribe.core import Finding, Reading, Series, Study
from tomoscribe.encoders.conversions import point_from_napari
from tomoscribe.findings.measured import Progress
from tomoscribe.plugin import notices, planes, words
from tomoscribe.plugin.controls import Banner, RunBar, ViewBar
from tomoscribe.plugin.editing.bar import shortcut
from tomoscribe.plugin.editing.bench import Bench
from tomoscribe.plugin.editing.desk import Desk
from tomoscribe.plugin.editing.resume import DraftBar
from tomoscribe.plugin.findings_table import FindingsTable
from tomoscribe.plugin.graphics import keep_triton_away
from tomoscribe.plugin.layers import KEY, LayerData, marker_layer, segment_colors, study_of
from tomoscribe.plugin.listeners import Listeners
from tomoscribe.plugin.marks import Marks
from tomoscribe.plugin.mpr.linked import Linked
from tomoscribe.plugin.mpr.stage import Stage
from tomoscribe.plugin.navigate import Target, go_to, our_layers, target_of
from tomoscribe.plugin.opening.browser import StudyBrowser
from tomoscribe.plugin.opening.menu import OpenButton
from tomoscribe.plugin.reader import common_place
from tomoscribe.plugin.reporting.panel import ReportPanel
from tomoscribe.plugin.reporting.view import LIGHT, Colors
from tomoscribe.plugin.screen import Screen
from tomoscribe.plugin.state import Memory
from tomoscribe.plugin.windows import preset, preset_names
from tomoscribe.plugin.work import (
    Job,
    Opened,
    Read,
    Reader,
    load_study,
    needs_choice,
    newest,
    read_study,
    scan_place,
    show_reading,
)

if TYPE_CHECKING:
    import napari

ReaderFactory = Callable[[str], Reader]
_SIZE = QSize(500, 820)
_MIN_WIDTH = 440


def default_reader(device: str) -> Reader:
    """The reader of the package, in the language of the panel; torch is imported here, in the working thread."""
    from tomoscribe.reports.reader import StudyReader

    return StudyReader(device=device, language=words.language())


class Workspace(QWidget):
    """The panel of one viewer.

    Args:
        napari_viewer: napari gives it by this name.
        reader_factory: what makes the reader for a device name.
    """

    def __init__(self, napari_viewer: napari.Viewer, reader_factory: ReaderFactory = default_reader) -> None:
        super().__init__()
        self.device = "auto"
        self.prefers_linked = False
        self.viewer = napari_viewer
        self.study: Study | None = None
        self._reader: Reader | None = None
        self._reader_factory = reader_factory
        self._job: Job | None = None
        self._turns: dict[int, int] = {}
        self._studies: tuple[Study, ...] = ()
        self.browser: StudyBrowser | None = None
        self.memory = Memory()
        words.switch(self.memory.language or words.language())
        self.banner, self.run_bar, self.view_bar = Banner(), RunBar(), ViewBar()
        self.table, self.desk = FindingsTable(), Desk()
        self.desk.setParent(self)
        self.bench = Bench(self, napari_viewer, self.desk, self.table)
        self.panel = ReportPanel(self, napari_viewer, self.bench, self._run)
        self.report, self.draft_bar, self.open_button = self.panel.view, DraftBar(), OpenButton(self.memory)
        self.marks, self.canvas_text = Marks(napari_viewer), Screen(napari_viewer)
        self.linked = Linked(napari_viewer)
        self.stage = Stage(napari_viewer, self, self.linked)
        self.bench.follow(self.linked, self.stage)
        self._listeners = Listeners()
        self._lay_out()
        self._connect()
        self._follow_theme()
        self._adopt_open_layers()

    def sizeHint(self) -> QSize:
        return _SIZE

    @property
    def reading(self) -> Reading | None:
        """What is on the desk."""
        return self.desk.reading

    # Reading

    def open_path(self, path: Path, *, then_read: bool = False) -> None:
        """Opens the newest study of a place in a thread and reads it if wanted; several patients are a choice."""

        def scanned(studies: tuple[Study, ...]) -> None:
            self._studies = studies
            self.memory.keep_recent(path)
            if needs_choice(studies):
                self.browse(studies)
            else:
                self.open_study(newest(studies), (), then_read)

        self._run(lambda progress: scan_place(path, progress), scanned)

    def open_study(self, study: Study, series: Sequence[Series], then_read: bool) -> None:
        """Opens a study that was scanned, in the place of the one that is open."""

        def opened(result: Opened) -> None:
            if self.study is not None and self.study.study_uid != result.study.study_uid:
                self._close_study()
            for remark in result.remarks:
                notices.info(remark)
            self._add(result.layers)
            self._show_study(result.study)
            if then_read:
                self.start_reading()

        self._run(lambda progress: load_study(study, series, progress), opened)

    def browse(self, studies: Sequence[Study] = ()) -> None:
        """Opens the study browser, on what was scanned last where nothing else is given."""
        shown = tuple(studies) or self._studies or (() if self.study is None else (self.study,))
        if not shown:
            notices.error(words.tr("open a folder first: the study browser shows what is in it."))
            return
        self._studies = shown
        self.browser = StudyBrowser(shown, self)
        self.browser.wanted.connect(self.open_study)
        self.browser.show()

    def _close_study(self) -> None:
        """Takes the images of the open study away; what was edited of it stays drafted on disk."""
        self._clear_reading()
        for layer, _ in our_layers(self.viewer, "image"):
            self.viewer.layers.remove(layer)
        self.study = None

    def dragEnterEvent(self, event: Any) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: Any) -> None:
        places = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if places:
            event.acceptProposedAction()
            self.open_path(common_place(places))

    def start_reading(self) -> None:
        """Reads the study that is shown, in a thread."""
        study = self.study
        if study is None:
            notices.error("no study is open. Drag a DICOM folder into the window first.")
            return

        def work(progress: Progress) -> Read:
            return read_study(self._new_reader(progress), study, progress)

        self._run(work, lambda result: self._show_reading(result, _outcome(result.reading)))

    def _new_reader(self, progress: Progress) -> Reader:
        progress(words.tr("loading the models"), 0.0)
        keep_triton_away()
        self._reader = self._reader_factory(self.device)
        return self._reader

    def ask(self, question: str) -> None:
        """Asks the reader about what is on the desk."""
        reading = self.reading
        if reading is None:
            notices.error(words.tr("read the study first, then ask about it."))
            return

        def work(progress: Progress) -> Any:
            reader = self._reader or self._new_reader(progress)
            progress(words.tr("looking for the answer ..."), 0.5)
            return reader.ask(reading, question)

        def answered(answer: Any) -> None:
            findings = [f for f in reading.report.findings if f.tracking_uid in answer.finding_uids]
            self.panel.questions.show_answer(answer.text, findings)

        if self._run(work, answered, self.panel.questions.clear):
            self.panel.questions.show_waiting()

    def cancel(self) -> None:
        """Asks the running work to stop."""
        if self._job is not None:
            self.run_bar.show_cancelling()
            self._job.cancel()
        self.desk.cancel()

    def _run(
        self, work: Callable[[Progress], Any], done: Callable[[Any], None], otherwise: Callable[[], None] | None = None
    ) -> bool:
        """Starts work unless other work runs; whether it was started.

        Args:
            otherwise: called when the work failed or was cancelled.
        """
        if self._job is not None or self.desk.is_working:
            notices.error(words.tr("work is still running. Wait for it or cancel it first."))
            return False
        job = Job(work)
        self._job = job
        self.destroyed.connect(job.abandon)
        job.progressed.connect(self.run_bar.show_progress)
        job.done.connect(lambda result: self._finish("", lambda: done(result)))
        job.failed.connect(lambda error: self._finish("Failed", lambda: notices.failure(error), otherwise))
        job.cancelled.connect(lambda: self._finish("Cancelled", otherwise))
        self.run_bar.show_running()
        job.start()
        return True

    def _finish(self, outcome: str, *then: Callable[[], None] | None) -> None:
        self._job = None
        self.run_bar.show_idle(outcome, can_read=self.study is not None)
        for call in then:
            if call is not None:
                call()

    # Showing

    def _show_study(self, study: Study) -> None:
        if self.study is not None and self.study.study_uid != study.study_uid:
            self._clear_reading()
        self.study = study
        self.draft_bar.offer(study if self.reading is None else None)
        self.banner.show_study(study)
        self.canvas_text.show_study(study)
        self.linked.show_study(study)
        if self._job is None:
            self.run_bar.show_idle("", can_read=True)
        self._offer_windows()
        if self.viewer.dims.ndim == 3:
            self.set_plane(planes.plane_of(self.viewer.dims.order))
        if self.prefers_linked:
            self.show_linked()

    def _show_reading(self, result: Read, outcome: str) -> None:
        if self.study is None or self.study.study_uid != result.reading.study.study_uid:
            notices.error(words.tr("another study was opened meanwhile; what was read of the one before is not shown."))
            return
        self.marks.remove()
        known = {meta["series_uid"] for _, meta in our_layers(self.viewer, "image")}
        self._add(tuple(i for i in result.images if i[1]["metadata"][KEY]["series_uid"] not in known))
        self._add(result.marks)
        self._turns.clear()
        self.panel.questions.clear()
        self.draft_bar.offer(None)
        self.desk.begin(result.reading, result.volumes, result.first)
        self._show_desk(None)
        self.run_bar.show_idle(outcome, can_read=True)
        self.marks.show_dimensions()

    def _show_desk(self, marks: tuple[LayerData, ...] | None) -> None:
        """Table, report and marks of what is on the desk now.

        Args:
            marks: of the findings, in the place of those that are shown; None where they stay.
        """
        if marks is not None:
            active = self.viewer.layers.selection.active
            self.marks.remove_findings()
            self._add(marks)
            self.marks.show_dimensions()
            self.viewer.layers.selection.active = active if active in self.viewer.layers else None
        reading = self.reading
        self.bench.show(reading, {} if reading is None else _mask_colors(reading))
        self.panel.refresh()

    def _show_other(self, reading: Reading, volumes: dict[str, Any], first: Any, outcome: str) -> None:
        """A reading that was not made here: a draft, or results."""
        study = self.study

        def work(progress: Progress) -> Read:
            return show_reading(reading, volumes, progress, first)

        if study is not None:
            self._run(work, lambda result: self._show_reading(result, outcome))

    def _clear_reading(self) -> None:
        """Nothing on the desk any more; the draft of what was edited stays on disk."""
        self.marks.remove()
        self.desk.end()
        self.panel.questions.clear()
        self._show_desk(None)

    def _show_work(self, stage: str, fraction: float) -> None:
        if self._job is not None:
            return
        if stage:
            self.run_bar.show_running()
            self.run_bar.show_progress(stage, fraction)
        else:
            self.run_bar.show_idle("", can_read=self.study is not None)

    def _add(self, layers: tuple[LayerData, ...]) -> None:
        from napari.layers import Layer

        for data, meta, kind in layers:
            layer = Layer.create(data, meta, kind)
            if kind == "labels":
                layer.contour = 1
                layer.editable = False
            self.viewer.add_layer(layer)
        images = [layer for layer, _ in our_layers(self.viewer, "image")]
        if images:
            self.viewer.layers.selection.active = images[-1]

    # Navigation

    def choose_finding(self, tracking_uid: str) -> None:
        """Moves the viewer to a finding and highlights its row and its sentences."""
        if self.reading is None:
            return
        self.table.select(tracking_uid)
        self.report.focus_on_finding(tracking_uid)
        self._go(self.reading.report.finding(tracking_uid))

    def choose_statement(self, number: int) -> None:
        """Moves the viewer to the finding of a sentence; clicked again, to the next finding it stands on."""
        if self.reading is None or self.report.shown is None:
            return
        uids = self.report.shown.statements[number].finding_uids
        self.report.focus_on([number])
        if not uids:
            notices.status(self.viewer, "This sentence comes from the header; no place in the images belongs to it.")
            return
        turn = self._turns.get(number, -1) + 1
        self._turns[number] = turn
        uid = uids[turn % len(uids)]
        self.table.select(uid)
        self._go(self.reading.report.finding(uid))

    def _go(self, finding: Finding) -> None:
        target = target_of(finding)
        if target is None:
            notices.status(self.viewer, f"{finding.type.meaning}: measured without a single place in the images.")
            return
        self._mark_region(target)
        go_to(self.viewer, target)
        self.linked.look_at(target)
        self.canvas_text.refresh()

    def _mark_region(self, target: Target) -> None:
        for layer, _ in our_layers(self.viewer, "marker"):
            self.viewer.layers.remove(layer)
        if target.segment is not None or target.field_mm is None or self.study is None:
            return
        point = point_from_napari(target.point_zyx_mm)
        for _, meta in our_layers(self.viewer, "image"):
            if target.series_uid in (None, meta["series_uid"]):
                self._add((marker_layer(target.box_mm, point, meta["geometry"], self.study),))
                return

    # Views

    def show_linked(self) -> None:
        """Shows axial, coronal and sagittal at once, around one crosshair."""
        if self.stage.show_linked():
            self.view_bar.show_linked()

    def show_three_d(self) -> None:
        """Shows napari's canvas in three dimensions."""
        self.stage.show_canvas()
        planes.show_3d(self.viewer)

    def choose_plane(self, plane: planes.Plane) -> None:
        """Shows napari's canvas with a plane."""
        self.linked.scene.tell_dims()
        self.stage.show_canvas()
        self.set_plane(plane)

    def set_plane(self, plane: planes.Plane) -> None:
        """Shows a plane in radiological orientation."""
        point = self.viewer.dims.point
        planes.show_plane(self.viewer, plane)
        self.viewer.dims.point = point

    def set_window(self, name: str) -> None:
        """Applies a window preset to the visible images of its modality."""
        for layer, meta in our_layers(self.viewer, "image"):
            if name in preset_names(meta["modality"]):
                layer.contrast_limits = preset(meta["modality"], name).limits(layer.data)
                meta["preset"] = name
        self.canvas_text.refresh()

    def set_window_number(self, number: int) -> None:
        """Applies the preset of a number key, counted from 0."""
        layer = self.linked.scene.base()
        names = preset_names(layer.metadata[KEY]["modality"]) if layer is not None else ()
        if number < len(names):
            self.set_window(names[number])
            self.view_bar.windows.setCurrentText(names[number])

    def copy_report(self) -> None:
        """The report as plain text on the clipboard."""
        self.panel.copy()

    def _offer_windows(self) -> None:
        modalities = [(meta["modality"], meta["preset"]) for layer, meta in our_layers(self.viewer, "image")]
        if modalities:
            modality, chosen = modalities[-1]
            self.view_bar.offer_windows(preset_names(modality), chosen)

    # Plumbing

    def _lay_out(self) -> None:
        self.setMinimumWidth(_MIN_WIDTH)
        self.setAcceptDrops(True)
        self.run_bar.add_first(self.open_button)
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.addWidget(self.bench.box)
        splitter.addWidget(self.panel.box)
        splitter.setSizes([260, 440])
        splitter.setChildrenCollapsible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        for widget in (self.banner, self.draft_bar, self.run_bar, self.view_bar):
            layout.addWidget(widget)
        layout.addWidget(splitter, 1)

    def _connect(self) -> None:
        self.run_bar.read.clicked.connect(self.start_reading)
        self.run_bar.stop.clicked.connect(self.cancel)
        self.run_bar.copy.clicked.connect(self.copy_report)
        self.view_bar.linked_chosen.connect(self.show_linked)
        self.view_bar.plane_chosen.connect(lambda name: self.choose_plane(planes.Plane(name)))
        self.view_bar.three_d_chosen.connect(self.show_three_d)
        self.linked.preset_wanted.connect(self.set_window_number)
        self.view_bar.window_chosen.connect(self.set_window)
        self.view_bar.marks_toggled.connect(self.marks.toggle)
        self.table.chosen.connect(self.choose_finding)
        self.report.chosen.connect(self.choose_statement)
        self.bench.chosen.connect(self.choose_finding)
        self.bench.noticed.connect(self.report.focus_on_finding)
        self.panel.chosen.connect(self.choose_finding)
        self.panel.asked.connect(self.ask)
        self.open_button.path_chosen.connect(self.open_path)
        self.open_button.browser_wanted.connect(self.browse)
        shortcut(self, "Ctrl+Shift+O", self.open_button.choose_folder)
        self.panel.reopened.connect(lambda r, v: self._show_other(r, v, None, words.tr("Results opened")))
        self.draft_bar.resumed.connect(lambda r, v, first: self._show_other(r, v, first, words.tr("Draft restored")))
        self.draft_bar.bind(self._run)
        self.desk.changed.connect(self._show_desk)
        self.desk.failed.connect(notices.failure)
        self.desk.worked.connect(self._show_work)
        events = self.viewer.dims.events
        self._listeners.on(events.order, self._on_dims)
        self._listeners.on(events.ndisplay, self._on_dims)
        self._listeners.on(events.point, self.canvas_text.refresh)
        self._listeners.on(events.point, self.bench.crosshair_moved)
        self._listeners.on(self.viewer.layers.events.inserted, self._on_inserted)
        self._listeners.on(self.viewer.events.theme, self._follow_theme)
        # The panel may be closed before its viewer; then nothing of the viewer calls it any more.
        self.destroyed.connect(self._listeners.let_go)
        self.destroyed.connect(self.stage.let_go)
        self.destroyed.connect(self.linked.scene.let_go)
        self.destroyed.connect(self.bench.tools.let_go)
        self.destroyed.connect(self.desk.end)
        self.viewer.bind_key("H", lambda _: self.marks.toggle(), overwrite=True)
        self.viewer.bind_key("C", lambda _: self.copy_report(), overwrite=True)

    def _on_dims(self, event: Any = None) -> None:
        if self.viewer.dims.ndim != 3:
            return
        planes.keep_radiological(self.viewer)
        self.marks.show_dimensions()
        if self.viewer.dims.ndisplay == 2:
            self.view_bar.show_plane(planes.plane_of(self.viewer.dims.order))
        else:
            self.view_bar.show_three_d()
        self.canvas_text.refresh()

    def _on_inserted(self, event: Any) -> None:
        study = study_of(event.value.metadata)
        if study is None:
            return
        if self.study is not None and study.patient_key != self.study.patient_key:
            layer = event.value
            QTimer.singleShot(0, lambda: self._turn_away(layer))
        elif self.study is None or (study.date or "") > (self.study.date or ""):
            # napari sets the dims of a first layer only after this event.
            QTimer.singleShot(0, lambda: self._adopt(study))

    def _adopt(self, study: Study) -> None:
        if self.study is not study:
            self._show_study(study)

    def _turn_away(self, layer: Any) -> None:
        """Images of two patients never stand in one window."""
        if layer in self.viewer.layers:
            self.viewer.layers.remove(layer)
            notices.error("these images belong to another patient. Open them in a window of their own.")

    def _adopt_open_layers(self) -> None:
        for _, meta in list(our_layers(self.viewer, "image")):
            if self.study is None:
                self._show_study(meta["study"])

    def _follow_theme(self, event: Any = None) -> None:
        self.report.set_colors(LIGHT if self.viewer.theme == "light" else Colors())


def _mask_colors(reading: Reading) -> dict[str, str]:
    """The color of each finding's mask, by tracking UID."""
    found = {}
    for finding in reading.report.findings:
        region = finding.region
        label_map = reading.label_map(region.label_map) if region and region.label_map else None
        if region and label_map is not None and region.segment is not None:
            found[finding.tracking_uid] = segment_colors(label_map)[region.segment]
    return found


def _outcome(reading: Reading) -> str:
    seconds = sum(s for _, s in reading.report.provenance.timing.seconds)
    return f"Read in {seconds:.0f} s" if seconds else "Read"
