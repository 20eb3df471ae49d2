"""Tables as they come: CSV and TSV in any usual encoding and with any usual separator, and workbooks.

A broken row or a column that is missing is told to the collector; it never ends the reading.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tomoscribe.core.errors import InputError, MissingExtraError
from tomoscribe.validation.datasets.opened import Collector
from tomoscribe.validation.metrics.extras import need

MAX_BYTES = 1 << 30
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CHINESE = re.compile(r"[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]")
_CHINESE_RUN = re.compile(rf"{_CHINESE.pattern}{{2,}}")
_SEPARATORS = ",;\t"
_EMPTY = frozenset({"", "nan", "none", "null", "na", "n/a"})

Row = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of a table by column name, blanks trimmed; every row has every column."""

    path: Path
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    encoding: str


def read_table(path: Path, into: Collector, needed: Sequence[str] = ()) -> Table | None:
    """A table; None, and a line among what was left out, where it cannot be used.

    Args:
        needed: columns without which the table says nothing (compared without regard to case).
    """
    try:
        table = _workbook(path, into) if path.suffix.lower() == ".xlsx" else _text_table(path, into)
    except (InputError, MissingExtraError, OSError, csv.Error) as error:
        into.leave_out("unreadable table", path, str(error))
        return None
    known = {c.lower(): c for c in table.columns}
    missing = [c for c in needed if c.lower() not in known]
    if missing:
        why = f"expected {', '.join(missing)}, found {', '.join(table.columns[:8])}"
        into.leave_out("table without a needed column", path, why)
        return None
    return _renamed(table, {known[c.lower()]: c for c in needed})


def keyed(table: Table | None, column: str, into: Collector, *, is_file: bool = False) -> dict[str, Row]:
    """Rows by the value of a column; a second row of the same value is told and left out.

    Args:
        is_file: whether the values are names of NIfTI files, whose ending is not part of the key.
    """
    rows: dict[str, Row] = {}
    for row in table.rows if table else ():
        key = row[column].removesuffix(".gz").removesuffix(".nii") if is_file else row[column]
        if key in rows and table is not None:
            into.leave_out("duplicated row", f"{into.place(table.path)} {key}", "the first one is used")
        else:
            rows[key] = row
    return rows


def decoded(data: bytes) -> tuple[str, str]:
    """Text of bytes in an unknown encoding, and the encoding's name: Unicode, GB18030 or Windows-1252.

    Raises:
        InputError: the bytes are no text.
    """
    for bom, name in _BOMS:
        if data.startswith(bom):
            return _strict(data, name), name
    if b"\x00" in data:
        raise InputError("expected text, found zero bytes", remedy="save the table again as UTF-8")
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        pass
    try:
        text = data.decode("gb18030")
        if _is_chinese(text):
            return text, "gb18030"
    except UnicodeDecodeError:
        pass
    return data.decode("cp1252", errors="replace"), "cp1252"


def _is_chinese(text: str) -> bool:
    """Whether what is not ASCII is Chinese in runs; Western letters read as GB18030 stand alone."""
    foreign = sum(ord(c) > 127 for c in text)
    chinese = len(_CHINESE.findall(text))
    in_runs = sum(len(run) for run in _CHINESE_RUN.findall(text))
    return chinese > 0.9 * foreign and in_runs > 0.6 * chinese


def read_text(path: Path) -> tuple[str, str]:
    """Text of a file in an unknown encoding, and the encoding's name; InputError where it is none."""
    try:
        return decoded(path.read_bytes())
    except OSError as error:
        raise InputError(f"the file cannot be read: {error.strerror}", where=path.name) from error


def value(row: Row, *columns: str) -> str | None:
    """The first of the columns that holds something."""
    for column in columns:
        found = row.get(column, "")
        if found.lower() not in _EMPTY:
            return found
    return None


def number(words: str | None) -> float | None:
    """A number at the start of words (``058Y`` is 58), None where there is none."""
    match = re.match(r"\s*[-+]?\d+(?:[.]\d+)?(?:[eE][-+]?\d+)?", words or "")
    return float(match.group()) if match else None


def label(words: str | None) -> bool | None:
    """A label: 1 and 0 in their spellings; None for blanks, -1 and everything else."""
    known = {"1": True, "1.0": True, "true": True, "yes": True, "0": False, "0.0": False, "false": False, "no": False}
    return known.get((words or "").strip().lower())


def labels_of(row: Row, columns: Iterable[tuple[str, str]]) -> dict[str, bool]:
    """Known labels of a row.

    Args:
        columns: (column of the table, key of the class).
    """
    found = {key: label(row.get(column)) for column, key in columns}
    return {key: known for key, known in found.items() if known is not None}


def _strict(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise InputError(f"expected {encoding} as its first bytes say, found bytes that are none") from error


def _text_table(path: Path, into: Collector) -> Table:
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"expected a table of at most {MAX_BYTES >> 20} MiB", where=path.name)
    text, encoding = read_text(path)
    if encoding not in ("utf-8", "utf-8-sig"):
        into.warn(f"{into.place(path)} was read as {encoding}")
    first = text.lstrip("\r\n").partition("\n")[0]
    separator = "\t" if path.suffix.lower() == ".tsv" else max(_SEPARATORS, key=first.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=False)
    columns = tuple(c.strip() for c in next(lines, []))
    if not any(columns):
        raise InputError("expected a first line with the names of the columns", where=path.name)
    return Table(path=path, columns=columns, rows=_rows(lines, columns, path, into), encoding=encoding)


def _rows(lines: Iterable[list[str]], columns: tuple[str, ...], path: Path, into: Collector) -> tuple[Row, ...]:
    rows = []
    for number_, cells in enumerate(lines, start=2):
        if not any(c.strip() for c in cells):
            continue
        if len(cells) != len(columns):
            why = f"expected {len(columns)} cells, found {len(cells)}"
            into.leave_out("broken row", f"{into.place(path)} row {number_}", why)
            continue
        rows.append(dict(zip(columns, (c.strip() for c in cells), strict=True)))
    return tuple(rows)


def _workbook(path: Path, into: Collector) -> Table:
    library = need("openpyxl", "workbooks (.xlsx)")
    try:
        book = library.load_workbook(path, read_only=True, data_only=True)
        cells = [["" if c is None else str(c) for c in row] for row in book.worksheets[0].iter_rows(values_only=True)]
        book.close()
    except (OSError, KeyError, ValueError, IndexError, library.utils.exceptions.InvalidFileException) as error:
        raise InputError("expected a workbook", where=path.name, remedy="save it as CSV") from error
    except Exception as error:  # zip and XML errors of the library have no common root
        if type(error).__name__ not in ("BadZipFile", "ParseError"):
            raise
        raise InputError("expected a workbook, found a damaged file", where=path.name) from error
    columns = tuple(c.strip() for c in cells[0]) if cells else ()
    return Table(path=path, columns=columns, rows=_rows(cells[1:], columns, path, into), encoding="xlsx")


def _renamed(table: Table, names: dict[str, str]) -> Table:
    """The same table with the needed columns spelled as the caller does."""
    if all(found == asked for found, asked in names.items()):
        return table
    rows = tuple({names.get(c, c): v for c, v in row.items()} for row in table.rows)
    columns = tuple(names.get(c, c) for c in table.columns)
    return Table(path=table.path, columns=columns, rows=rows, encoding=table.encoding)
