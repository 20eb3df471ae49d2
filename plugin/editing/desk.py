"""The desk of one panel: the reading that is edited, its history, and every edit done off the GUI thread in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from qtpy.QtCore import QObject, Signal

from tomoscribe.core import Finding, Reading, Report, Volume
from tomoscribe.core.errors import InputError, OutputError
from tomoscribe.findings.measured import Progress
from tomoscribe.plugin.editing import draft
from tomoscribe.plugin.editing.history import History
from tomoscribe.plugin.layers import LayerData
from tomoscribe.plugin.work import Job, finding_marks
from tomoscribe.reports.lock import Objection
from tomoscribe.reports.signing import Signer, now, process_identity

Edit = Callable[[Reading, Progress], Reading]


@dataclass(frozen=True, kw_only=True, eq=False)
class Edited:
    """An edit that was done.

    Args:
        marks: the layers of findings made anew, None where they did not change.
        trouble: why the draft could not be saved, None when it was.
    """

    reading: Reading
    objections: tuple[Objection, ...]
    marks: tuple[LayerData, ...] | None
    trouble: Exception | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class _Wanted:
    words: str
    edit: Edit
    is_step: bool = True
    seals: bool = False


class Desk(QObject):
    """Holds what is being edited.

    Signals:
        changed: the reading or the lock's objections are others; carries the new layers of findings, or None.
        failed: an edit could not be done; carries the error. Nothing was changed.
        worked: words and fraction of the edit that runs; empty words when nothing runs any more.
    """

    changed = Signal(object)
    failed = Signal(object)
    worked = Signal(str, float)

    def __init__(self) -> None:
        super().__init__()
        self.first: Report | None = None
        self.objections: tuple[Objection, ...] = ()
        self.volumes: dict[str, Volume] = {}
        self._history: History | None = None
        self._waiting: deque[_Wanted] = deque()
        self._job: Job | None = None
        self._is_edit = False

    @property
    def reading(self) -> Reading | None:
        return None if self._history is None else self._history.reading

    @property
    def history(self) -> History | None:
        return self._history

    @property
    def is_working(self) -> bool:
        """Whether an edit runs; looking at what is there is none."""
        return self._job is not None and self._is_edit

    def begin(self, reading: Reading, volumes: Mapping[str, Volume], first: Report | None = None) -> None:
        """Takes a reading onto the desk, as it was drafted or with the draft it goes on from."""
        self.end()
        self.first, self.volumes = first or reading.report, dict(volumes)
        self._history = History(reading)
        self._run(_Wanted(words="", edit=lambda r, _: r, is_step=False))

    def end(self) -> None:
        """Clears the desk; what runs is abandoned. The draft on disk stays."""
        if self._job is not None:
            self._job.abandon()
        self._job, self._history, self.objections = None, None, ()
        self._waiting.clear()
        self.volumes, self.first = {}, None

    def apply(self, words: str, edit: Edit, *, seals: bool = False) -> None:
        """Does an edit off the GUI thread, after those that wait already.

        Args:
            words: what is done, for the undo button.
            edit: gives the new reading; what it raises is told by ``failed``.
            seals: a signature: it cannot be undone, nor can what lies before it.
        """
        self._enter(_Wanted(words=words, edit=edit, seals=seals))

    def undo(self) -> None:
        """Takes the last step back."""
        self._travel(History.undo)

    def redo(self) -> None:
        """Does the step again that was taken back last."""
        self._travel(History.redo)

    def cancel(self) -> None:
        """Asks the running edit to stop and forgets those that wait."""
        self._waiting.clear()
        if self._job is not None:
            self._job.cancel()

    def _travel(self, move: Callable[[History], Reading | None]) -> None:
        history = self._history
        if history is None or self._job is not None:
            return
        before = history.reading
        if move(history) is not None:
            self._run(_Wanted(words="", edit=lambda r, _: r, is_step=False), before)

    def _enter(self, wanted: _Wanted) -> None:
        if self._history is None:
            self.failed.emit(InputError("nothing was read yet", remedy="read the study first"))
        elif self._job is not None:
            self._waiting.append(wanted)
        else:
            self._run(wanted)

    def _run(self, wanted: _Wanted, shown: Reading | None = None) -> None:
        """Starts an edit.

        Args:
            shown: the reading whose marks are on the screen now, where it is not the present one.
        """
        history = self._history
        if history is None:
            return
        before, first, volumes = history.reading, self.first, dict(self.volumes)
        is_first = wanted.words == "" and shown is None

        def work(progress: Progress) -> Edited:
            return _edited(before, wanted.edit, first, volumes, None if is_first else (shown or before), progress)

        job = Job(work)
        self._job, self._is_edit = job, wanted.is_step
        job.progressed.connect(self.worked)
        job.done.connect(lambda result: self._done(wanted, result))
        job.failed.connect(self._over)
        job.cancelled.connect(lambda: self._over(None))
        self.destroyed.connect(job.abandon)
        job.start()

    def _done(self, wanted: _Wanted, result: Edited) -> None:
        history = self._history
        self._job = None
        if history is None:
            return
        if wanted.seals:
            self._history = History(result.reading)
        elif wanted.is_step and result.reading is not history.reading:
            history.push(wanted.words, result.reading)
        self.objections = result.objections
        self.worked.emit("", 1.0)
        self.changed.emit(result.marks)
        if result.trouble is not None:
            self.failed.emit(result.trouble)
        self._next()

    def _over(self, error: Exception | None) -> None:
        self._job = None
        self.worked.emit("", 1.0)
        if error is not None:
            self.failed.emit(error)
        self._next()

    def _next(self) -> None:
        if self._job is None and self._waiting:
            self._run(self._waiting.popleft())


def _edited(
    before: Reading,
    edit: Edit,
    first: Report | None,
    volumes: Mapping[str, Volume],
    shown: Reading | None,
    progress: Progress,
) -> Edited:
    """The edit, what the lock says of it, its layers, and the draft on disk.

    Args:
        shown: the reading whose marks are on the screen; None when nothing of it was edited yet.
    """
    from tomoscribe.reports.lock import EvidenceLock

    reading = edit(before, progress)
    objections = EvidenceLock.of(reading)
    if shown is None:
        return Edited(reading=reading, objections=objections, marks=None)
    changed = reading.report.findings != shown.report.findings or reading.label_maps != shown.label_maps
    marks = finding_marks(reading, volumes, progress) if changed else None
    trouble: Exception | None = None
    try:
        drafted = draft.Draft(reading=reading, first=first or reading.report, saved_at=now())
        draft.save(drafted, before=shown)
    except OutputError as error:
        trouble = error
    return Edited(reading=reading, objections=objections, marks=marks, trouble=trouble)


def identity() -> tuple[Signer, str]:
    """Who acts, by the operating system, and when."""
    return process_identity(), now()


def finding_at(reading: Reading, xyz_mm: Sequence[float]) -> Finding | None:
    """The finding whose mask holds a point in LPS mm, None where there is none."""
    label_map = reading.label_map("findings")
    if label_map is None:
        return None
    k, j, i = (round(float(v)) for v in label_map.geometry.to_index(xyz_mm))
    depth, height, width = label_map.geometry.shape
    if not (0 <= k < depth and 0 <= j < height and 0 <= i < width):
        return None
    number = int(label_map.array[k, j, i])
    uid = next((s.tracking_uid for s in label_map.segments if s.number == number), None)
    return next((f for f in reading.report.findings if uid is not None and f.tracking_uid == uid), None)
