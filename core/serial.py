"""Core types to JSON and back, with a schema version.

File paths and voxels stay out: paths may hold a patient's name, masks go to DICOM SEG.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from tomoscribe.core.errors import InputError
from tomoscribe.core.report import Reading, Report
from tomoscribe.core.study import Study

SCHEMA = "tomoscribe.reading"
SCHEMA_VERSION = 1
NOTICE = "Not a medical device. For research use only; every sentence needs a radiologist's review."

T = TypeVar("T")


def to_json(value: Any) -> Any:
    """A core value as JSON-ready data; fields that hold paths are left out."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        hints = typing.get_type_hints(type(value))
        return {
            f.name: to_json(getattr(value, f.name))
            for f in dataclasses.fields(value)
            if f.init and not _holds_paths(hints[f.name])
        }
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (tuple, list)):
        return [to_json(v) for v in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"{type(value).__name__} has no place in JSON")


def from_json(cls: type[T], data: Any) -> T:
    """The core value of type ``cls`` that ``to_json`` wrote.

    Raises:
        InputError: unknown or missing keys, or a value of another type.
    """
    return typing.cast(T, _decode(cls, data, cls.__name__))


def reading_to_json(reading: Reading) -> dict[str, Any]:
    """The content of ``report.json``."""
    return {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "notice": NOTICE,
        "study": to_json(reading.study),
        "report": to_json(reading.report),
    }


def reading_from_json(text: str) -> Reading:
    """A Reading without label maps from the text of ``report.json``.

    Raises:
        InputError: not JSON, another schema, or a schema version this software does not know.
    """
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"expected JSON, found an error at line {error.lineno}: {error.msg}") from error
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise InputError(f"expected a JSON object with schema '{SCHEMA}'")
    if data.get("schema_version") != SCHEMA_VERSION:
        raise InputError(
            f"expected schema version {SCHEMA_VERSION}, found {data.get('schema_version')}",
            remedy="read it with the version of tomoscribe that wrote it",
        )
    return Reading(study=from_json(Study, data["study"]), report=from_json(Report, data["report"]))


def _holds_paths(hint: Any) -> bool:
    return hint is Path or any(_holds_paths(a) for a in typing.get_args(hint))


def _decode(hint: Any, data: Any, where: str) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if data is None and type(None) in args:
            return None
        return _decode(next(a for a in args if a is not type(None)), data, where)
    if origin is tuple:
        if not isinstance(data, list):
            raise InputError(f"expected a list at {where}, found {type(data).__name__}")
        kinds = [args[0]] * len(data) if len(args) == 2 and args[1] is Ellipsis else list(args)
        if len(kinds) != len(data):
            raise InputError(f"expected {len(kinds)} values at {where}, found {len(data)}")
        return tuple(_decode(k, d, f"{where}[{n}]") for n, (k, d) in enumerate(zip(kinds, data, strict=True)))
    if dataclasses.is_dataclass(hint):
        return _decode_dataclass(hint, data, where)
    if isinstance(hint, type) and issubclass(hint, Enum):
        try:
            return hint(data)
        except ValueError as error:
            raise InputError(f"expected one of {[e.value for e in hint]} at {where}, found {data!r}") from error
    if hint is float and isinstance(data, int) and not isinstance(data, bool):
        return float(data)
    if not isinstance(hint, type) or type(data) is not hint:
        raise InputError(f"expected {getattr(hint, '__name__', hint)} at {where}, found {data!r}")
    return data


def _decode_dataclass(cls: Any, data: Any, where: str) -> Any:
    if not isinstance(data, dict):
        raise InputError(f"expected an object at {where}, found {type(data).__name__}")
    hints = typing.get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls) if f.init}
    unknown = sorted(set(data) - set(fields))
    if unknown:
        raise InputError(f"unknown key '{unknown[0]}' at {where}")
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if _holds_paths(hints[name]):
            values.setdefault(name, ())
        elif name in data:
            values[name] = _decode(hints[name], data[name], f"{where}.{name}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise InputError(f"missing key '{name}' at {where}")
    return cls(**values)
