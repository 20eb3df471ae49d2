"""The words of the user interface in English and Chinese: English in the code, Chinese in one table.

Words of reports come from the writer and from ``reports.labels``, never from here.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from tomoscribe.plugin.words_zh import CHINESE

LANGUAGES = ("en", "zh")
_TABLES: dict[str, dict[str, str]] = {"en": {}, "zh": CHINESE}


class _Speech:
    """The language in use, and what has to be said anew when it changes."""

    def __init__(self) -> None:
        self.language = "en"
        self.spoken: list[tuple[weakref.ref[Any], str, str]] = []
        self.listeners: list[weakref.WeakMethod[Callable[[], None]]] = []


_speech = _Speech()


def language() -> str:
    """ISO 639-1 code of the user interface."""
    return _speech.language


def tr(words: str, /, **slots: Any) -> str:
    """The words in the language of the user interface, with their slots filled."""
    said = _TABLES[_speech.language].get(words, words)
    return said.format(**slots) if slots else said


def speak(widget: Any, setter: str, words: str) -> None:
    """Sets a text of a widget (``setText``, ``setToolTip``, ...) now, and again whenever the language changes."""
    getattr(widget, setter)(tr(words))
    _speech.spoken.append((weakref.ref(widget), setter, words))


def on_switch(method: Callable[[], None]) -> None:
    """Calls a bound method after each change of the language, as long as its object lives."""
    _speech.listeners.append(weakref.WeakMethod(method))


def switch(to: str) -> None:
    """Says everything in another language."""
    _speech.language = to if to in LANGUAGES else "en"
    _speech.spoken = [entry for entry in _speech.spoken if _say_again(*entry)]
    alive = [(ref, method) for ref in _speech.listeners if (method := ref()) is not None]
    _speech.listeners = [ref for ref, method in alive if _told(method)]


def _say_again(ref: weakref.ref[Any], setter: str, words: str) -> bool:
    widget = ref()
    return widget is not None and _told(lambda: getattr(widget, setter)(tr(words)))


def _told(call: Callable[[], None]) -> bool:
    """Whether the widget behind the call is still there; Qt may have deleted it before Python does."""
    try:
        call()
    except RuntimeError:
        return False
    return True
