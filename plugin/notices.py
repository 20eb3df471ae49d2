"""What the user is told: napari notifications for errors and remarks, the status bar for hints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.utils.notifications import ErrorNotification, notification_manager, show_error, show_info

from tomoscribe.core.errors import TomoscribeError

if TYPE_CHECKING:
    from napari.components import ViewerModel


def info(words: str) -> None:
    """A remark that goes away by itself."""
    show_info(words)


def error(words: str) -> None:
    """An error in words that say what to do."""
    show_error(words)


def failure(exception: Exception) -> None:
    """An exception of the working thread: a user's error as one line with the remedy, a bug with its traceback."""
    if isinstance(exception, TomoscribeError):
        show_error(exception.line())
    else:
        notification_manager.dispatch(ErrorNotification(exception))


def status(viewer: ViewerModel, words: str) -> None:
    """A hint in the status bar."""
    viewer.status = words
