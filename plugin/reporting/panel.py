"""The report in the panel, and everything that is done to it: language, sentences, signing, sending, asking."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QMenu, QPushButton, QToolButton, QVBoxLayout, QWidget

from tomoscribe.core import Override, ReportStatus, SectionName, Source
from tomoscribe.core.errors import TomoscribeError
from tomoscribe.plugin import notices
from tomoscribe.plugin.editing import draft
from tomoscribe.plugin.editing.bar import shortcut
from tomoscribe.plugin.editing.bench import Bench
from tomoscribe.plugin.editing.desk import Desk, identity
from tomoscribe.plugin.editing.forms import ask_words
from tomoscribe.plugin.reporting import dialogs, steps
from tomoscribe.plugin.reporting.questions import QuestionBox
from tomoscribe.plugin.reporting.view import ReportView
from tomoscribe.plugin.state import Memory
from tomoscribe.plugin.words import language, speak, switch, tr
from tomoscribe.reports import editing
from tomoscribe.reports.audit import Event
from tomoscribe.reports.labels import labels_of

if TYPE_CHECKING:
    import napari

Run = Callable[[Callable[[Any], Any], Callable[[Any], None]], bool]
"""Work with progress in the panel's bar, and what is done with its result."""
_FREE = (SectionName.FINDINGS, SectionName.IMPRESSION, SectionName.RECOMMENDATION)


class ReportPanel(QObject):
    """Toolbar, text and question box of one panel.

    Signals:
        chosen: tracking UID of a finding that the viewer shall go to.
        reopened: (reading, volumes) from a result folder.
        asked: a question to the reader.
    """

    chosen = Signal(str)
    reopened = Signal(object, object)
    asked = Signal(str)

    def __init__(self, owner: QWidget, viewer: napari.Viewer, bench: Bench, run: Run) -> None:
        super().__init__(owner)
        self.view, self.questions, self.box = ReportView(), QuestionBox(), QWidget()
        self.status, self.sign = QLabel(), QToolButton()
        self.language, self.sentence, self.export, self.more = (
            QPushButton(),
            QPushButton(),
            QPushButton(),
            QToolButton(),
        )
        self.dialog: Any = None
        self.translated = False
        self._owner, self._viewer, self._bench, self._run = owner, viewer, bench, run
        self._lay_out()
        self._connect()
        self.refresh()

    @property
    def desk(self) -> Desk:
        return self._bench.desk

    def refresh(self) -> None:
        """Shows what is on the desk."""
        reading = self.desk.reading
        report = None if reading is None else reading.report
        second = report.in_translation() if report is not None and self.translated else None
        self.translated = second is not None
        if second is not None and report is not None:
            self.view.show_report(second, (), signed_language=report.language)
        else:
            self.view.show_report(report, self.desk.objections)
        words = "" if report is None else tr(report.status.value.replace("_", " "))
        marked = f' <span style="color:#ffc457">{tr("translation")}</span>' if self.translated else ""
        self.status.setText(f"<b>{words}{marked}</b>")
        for widget in (self.sign, self.language, self.export, self.sentence):
            widget.setEnabled(report is not None)

    # Text

    def copy(self) -> None:
        """The report that is shown, as plain text on the clipboard."""
        from tomoscribe.reports.export.text import plain_text

        report = self.view.shown
        if report is None:
            return
        text = plain_text(report, labels_of(report.language))
        if self.translated:
            text = f"{tr('TRANSLATION. Not the signed text; where the two differ, the signed one holds.')}\n{text}"
        QGuiApplication.clipboard().setText(text)
        notices.status(self._viewer, tr("Report copied as plain text."))

    def switch_language(self) -> None:
        """The signed text, or its translation, which is made where there is none."""
        reading = self.desk.reading
        if reading is None:
            return
        self.translated = not self.translated
        if self.translated and reading.report.translation is None:
            self.desk.apply(tr("Translate"), lambda r, _: steps.in_other_language(r))
        else:
            self.refresh()

    def switch_interface(self) -> None:
        """The user interface in the other language, from now on."""
        switch(steps.OTHER[language()])
        Memory().keep_language(language())
        reading = self.desk.reading
        self._bench.show(reading, self._bench.colors)
        self.refresh()

    def edit_sentence(self, number: int) -> None:
        """Opens a sentence for editing; of a translation, that it cannot be edited."""
        reading = self.desk.reading
        if reading is None:
            return
        if self.translated:
            notices.error(tr("the translation follows the signed text: switch to that one (L) and edit it there."))
            return
        words = reading.report.statements[number].text
        self._open_sentence(
            tr("Edit sentence"), words, lambda r, text, override: editing.say(r, number, text, override), number
        )

    def add_sentence(self, section: SectionName) -> None:
        """Opens an empty sentence at the end of a section."""
        self._open_sentence(
            tr("Add sentence"), "", lambda r, text, override: editing.add_sentence(r, section, text, override), None
        )

    def _open_sentence(
        self, title: str, words: str, change: Callable[[Any, str, Override | None], Any], number: int | None
    ) -> None:
        def check(text: str) -> tuple[str, ...]:
            return () if self.desk.reading is None else _against(self.desk.reading, change, text)

        def done(text: str, reason: str | None) -> None:
            signer, at = identity()
            override = Override(by=signer.name, at=at, reason=reason) if reason else None

            def edit(reading: Any, _: Any) -> Any:
                changed = change(reading, text, override)
                if override is not None:
                    steps.record(reading.study, Event.EDITED, f"sentence against a measurement: {override.reason}")
                return changed

            self._bench.change(title, edit)

        self.dialog = dialogs.SentenceDialog(title, words, check, done, self._owner)
        self.dialog.open()

    def show_differences(self) -> None:
        """What changed since the draft."""
        reading, first = self.desk.reading, self.desk.first
        if reading is not None and first is not None:
            self.dialog = dialogs.DifferencesDialog(steps.changes(first, reading.report), self._owner)
            self.dialog.open()

    # Signing

    def release(self, status: ReportStatus) -> None:
        """Preliminary or final, after asking once more."""
        signer, _ = identity()
        title = tr("Sign") if status is ReportStatus.FINAL else tr("Release as preliminary")
        lines = [tr("By {name}, the account that the operating system vouches for.", name=signer.name)]
        if self.desk.objections:
            lines.append(tr("The evidence lock objects to {count} point(s).", count=len(self.desk.objections)))

        def done() -> None:
            who = identity()
            self.desk.apply(title, lambda r, _: steps.release(r, status, who), seals=True)

        self.dialog = dialogs.ConfirmDialog(title, lines, done, self._owner)
        self.dialog.open()

    def append(self) -> None:
        """An addendum with its reason."""

        def done(text: str, reason: str) -> None:
            who = identity()
            self.desk.apply(tr("Addendum"), lambda r, _: steps.append(r, text, reason, who), seals=True)

        labels = (tr("Sentence"), tr("Reason"))
        self.dialog = dialogs.TwoWordsDialog(tr("Addendum"), labels, done, self._owner)
        self.dialog.open()

    def withdraw(self) -> None:
        """Entered in error, with a reason."""

        def done(reason: str) -> None:
            who = identity()
            self.desk.apply(tr("Withdraw"), lambda r, _: steps.withdraw(r, reason, who), seals=True)

        self.dialog = ask_words(self._owner, tr("Withdraw"), tr("Why was it entered in error?"), done)

    def tell(self) -> None:
        """Who was told of the selected finding, and how; by whom and when is known."""
        uid = self._bench.table.selected
        if uid is None or self.desk.reading is None:
            notices.error(tr("select the critical finding in the table first."))
            return

        def done(told: str, how: str) -> None:
            who = identity()
            self.desk.apply(tr("Critical finding told"), lambda r, _: steps.tell(r, uid, told, how, who))

        labels = (tr("Who was told"), tr("How"))
        ways = [tr(w) for w in dialogs.WAYS]
        self.dialog = dialogs.TwoWordsDialog(tr("Critical finding told"), labels, done, self._owner, ways)
        self.dialog.open()

    # Files

    def choose_export(self) -> None:
        """Asks for a folder and writes everything that may leave into it."""
        self.dialog = self._folder_dialog(tr("Folder for the results"), self.export_to)

    def export_to(self, folder: Path) -> None:
        """Writes results and documents into a folder."""
        reading, volumes = self.desk.reading, dict(self.desk.volumes)
        if reading is None:
            return

        def done(written: steps.Exported) -> None:
            if self.desk.reading is reading:
                draft.discard(reading.study)
            notices.info(tr("{count} files written to {folder}.", count=len(written.files), folder=written.folder.name))
            for words in written.held_back:
                notices.info(words)

        self._run(lambda progress: steps.export(reading, volumes, folder, progress), done)

    def choose_results(self) -> None:
        """Asks for a folder of results of the open study, and shows them."""
        self.dialog = self._folder_dialog(tr("Folder with results of this study"), self.reopen)

    def reopen(self, folder: Path) -> None:
        """Shows the results in a folder."""
        study = getattr(self._owner, "study", None)
        if study is None:
            notices.error(tr("open the study first, then its results."))
            return
        self._run(lambda progress: steps.reopen(study, folder, progress), lambda result: self.reopened.emit(*result))

    def choose_preferences(self) -> None:
        """Asks for a file and writes the edits into it as pairs for training."""
        dialog = QFileDialog(self._owner, tr("Edits as preference pairs"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilter("JSON lines (*.jsonl)")
        dialog.setDefaultSuffix("jsonl")
        dialog.fileSelected.connect(lambda path: self.keep_preferences(Path(path)))
        dialog.open()
        self.dialog = dialog

    def keep_preferences(self, path: Path) -> None:
        """Writes the edits of sentences as pairs, on request only."""
        from tomoscribe.reports.preferences import pairs_of, save_pairs

        reading = self.desk.reading
        if reading is None:
            return
        found = pairs_of(reading)
        self._run(
            lambda _: save_pairs(found, path),
            lambda _: notices.info(tr("{count} pairs written; no name, date or UID is in them.", count=len(found))),
        )

    def _folder_dialog(self, title: str, done: Callable[[Path], None]) -> QFileDialog:
        dialog = QFileDialog(self._owner, title)
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.fileSelected.connect(lambda path: done(Path(path)))
        dialog.open()
        return dialog

    # Plumbing

    def _lay_out(self) -> None:
        for button, words, tip in (
            (self.sign, "Sign", "Preliminary, final, addendum, withdrawn"),
            (self.language, "Language (L)", "The signed text, or its translation"),
            (self.sentence, "Edit (F2)", "Edit the sentence that was clicked last; double-click does the same"),
            (self.export, "Export", "Results and every document that may leave, into a folder"),
            (self.more, "More", "Add a sentence, critical findings, changes, results, preference pairs"),
        ):
            speak(button, "setText", words)
            speak(button, "setToolTip", tip)
            button.setStyleSheet("padding: 3px 6px;")
        row = QHBoxLayout()
        row.setSpacing(3)
        row.addWidget(self.status)
        row.addStretch(1)
        for button in (self.sign, self.language, self.sentence, self.export, self.more):
            row.addWidget(button)
        layout = QVBoxLayout(self.box)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addLayout(row)
        layout.addWidget(self.view, 1)
        layout.addWidget(self.questions)
        self.actions: dict[str, Any] = {}
        self._menu(self.sign, (
            ("Sign (final)", lambda: self.release(ReportStatus.FINAL)),
            ("Release as preliminary", lambda: self.release(ReportStatus.PRELIMINARY)),
            ("Addendum", self.append),
            ("Withdraw (entered in error)", self.withdraw),
        ))  # fmt: skip
        titles = {s: f"Add sentence: {s.value}" for s in _FREE}
        self._menu(self.more, (
            *((titles[s], lambda s=s: self.add_sentence(s)) for s in _FREE),
            ("Clinical facts for guidelines", self._bench.know),
            ("Critical finding told", self.tell),
            ("Changes since the draft", self.show_differences),
            ("Open results", self.choose_results),
            ("Edits as preference pairs", self.choose_preferences),
            ("中文 / English", self.switch_interface),
        ))  # fmt: skip

    def _menu(self, button: QToolButton, rows: Any) -> None:
        menu = QMenu(button)
        for words, call in rows:
            action = menu.addAction("")
            speak(action, "setText", words)
            action.triggered.connect(lambda _=False, call=call: call())
            self.actions[words] = action
        button.setMenu(menu)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)

    def _connect(self) -> None:
        self.language.clicked.connect(self.switch_language)
        self.export.clicked.connect(self.choose_export)
        self.sentence.clicked.connect(self._edit_current)
        self.view.edit_wanted.connect(self.edit_sentence)
        self.questions.asked.connect(self.asked)
        self.questions.cited.connect(self.chosen)
        shortcut(self._owner, "L", self.switch_language)
        shortcut(self._owner, "Q", self.questions.question.setFocus)
        shortcut(self._owner, "F2", self._edit_current)

    def _edit_current(self) -> None:
        if self.view.current is None:
            notices.status(self._viewer, tr("Click a sentence first."))
        else:
            self.edit_sentence(self.view.current)


def _against(reading: Any, change: Callable[[Any, str, Override | None], Any], text: str) -> tuple[str, ...]:
    """What the lock holds against the sentence that an edit would make."""
    try:
        changed = change(reading, text, None)
    except TomoscribeError:
        return ()
    before = reading.report.statements
    new = [n for n, s in enumerate(changed.report.statements) if s.source is Source.CLINICIAN and s not in before]
    return tuple(words for n in new for words in editing.contradictions(changed, n))
