"""Libraries that only validation needs, imported late."""

from __future__ import annotations

import importlib
from typing import Any

from tomoscribe.core.errors import MissingExtraError


def need(module: str, purpose: str) -> Any:
    """The module; MissingExtraError that says how to install it where it is not there."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(purpose, "validate") from error
