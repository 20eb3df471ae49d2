"""A progress dialog around work that a caller waits for, while the window stays alive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QCoreApplication, QEventLoop, Qt, QThread
from qtpy.QtWidgets import QApplication, QProgressDialog

from tomoscribe.core.errors import CancelledError
from tomoscribe.findings.measured import Progress
from tomoscribe.plugin.work import Job

_STEPS = 1000
_SHOW_AFTER_MS = 400


def in_gui_thread() -> bool:
    """Whether there is a Qt application with windows and this is its thread."""
    app = QCoreApplication.instance()
    return isinstance(app, QApplication) and QThread.currentThread() is app.thread()


def run_with_dialog(work: Callable[[Progress], Any], title: str) -> Any:
    """Runs the work in a thread behind a modal dialog with a cancel button; its result.

    Raises:
        CancelledError: the user cancelled.
        TomoscribeError: what the work raised.
    """
    dialog = QProgressDialog(title, "Cancel", 0, _STEPS, QApplication.activeWindow())
    dialog.setWindowTitle("Tomoscribe")
    dialog.setWindowModality(Qt.WindowModality.ApplicationModal)
    dialog.setMinimumDuration(_SHOW_AFTER_MS)
    dialog.setAutoClose(False)
    dialog.setAutoReset(False)
    loop, outcome = QEventLoop(), _Outcome()
    job = Job(work)

    def show(stage: str, fraction: float) -> None:
        dialog.setLabelText(f"{title}: {stage}")
        dialog.setValue(int(_STEPS * fraction))

    def finish(result: Any, error: Exception | None) -> None:
        outcome.result, outcome.error = result, error
        loop.quit()

    job.progressed.connect(show)
    job.done.connect(lambda result: finish(result, None))
    job.failed.connect(lambda error: finish(None, error))
    job.cancelled.connect(lambda: finish(None, CancelledError("cancelled by the user")))
    dialog.canceled.connect(job.cancel)
    job.start()
    loop.exec_()
    dialog.close()
    dialog.deleteLater()
    if outcome.error is not None:
        raise outcome.error
    return outcome.result


class _Outcome:
    result: Any = None
    error: Exception | None = None
