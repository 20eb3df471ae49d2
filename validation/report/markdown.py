"""The report as Markdown: the same rows in the same order; plots as SVG files beside it, pictures as PNG."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path

from tomoscribe.validation.report import plots, words
from tomoscribe.validation.report.against import Comparison
from tomoscribe.validation.report.model import NOTICE, Row, Table, ValidationReport

_STYLE = (
    "svg{background:#fff}text{fill:#15202b;font:12.5px sans-serif}text.small{font-size:11px;fill:#55636f}"
    ".grid{stroke:#d5dce2}.mark{stroke:#55636f;stroke-dasharray:6 4}polyline{fill:none;stroke-width:2}"
    "line.chance{stroke:#55636f;stroke-width:2;stroke-dasharray:2 2}line.normal{stroke:#a11616;stroke-width:2}"
)
_COLORS = ("#0b5cad", "#b4461b", "#2c7a4b", "#7a3fa0", "#946300", "#4a5661")


def markdown(report: ValidationReport, comparison: Comparison | None = None, *, images: str = "") -> str:
    """The whole page.

    Args:
        images: folder of the plots and pictures as seen from the page (``files`` makes them); empty for none.
    """
    return "\n".join(_lines(report, comparison, images)) + "\n"


def files(report: ValidationReport) -> Mapping[str, bytes]:
    """Plots and pictures by file name, for the folder beside the page."""
    made = {_plot_name(n): _alone(plots.svg(plot)).encode() for n, plot in enumerate(report.plots, start=1)}
    for n, failure in enumerate(report.failures, start=1):
        made[_picture_name(n)] = base64.b64decode(failure.png)
    return made


def write_files(report: ValidationReport, folder: Path) -> None:
    """Writes what ``files`` makes."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files(report).items():
        (folder / name).write_bytes(content)


def table_lines(table: Table) -> Iterator[str]:
    """A table of rows as Markdown; chance and always normal where a row has them."""
    beside = any(r.score.chance is not None or r.score.always_normal is not None for r in table.rows)
    extra = " chance | always normal |" if beside else ""
    yield f"| what | set or group | value | 95 % interval |{extra} cases | better |"
    yield "|---|---|---|---|" + ("---|---|" if beside else "") + "---|---|"
    for row in table.rows:
        yield _row(row, beside)


def _row(row: Row, beside: bool) -> str:
    score = row.score
    value = f"{words.number(score.value, score.unit)} {words.unit(score)}".strip()
    cells = [_cell(words.what(row)), _cell(words.where(row)), f"**{value}**", words.interval(score)]
    if beside:
        cells += [words.number(score.chance, score.unit), words.number(score.always_normal, score.unit)]
    verdict = f"; {words.verdict(score)}" if words.verdict(score) else ""
    return "| " + " | ".join([*cells, words.behind(score), f"{score.better.value}{verdict}"]) + " |"


def _lines(report: ValidationReport, comparison: Comparison | None, images: str) -> Iterator[str]:
    facts = report.facts
    yield from (f"# Validation: {report.title}", "", f"**{NOTICE}**", "")
    if report.is_quick:
        yield from ("A quick run: it shows that the machinery works; its figures mean nothing.", "")
    yield f"Made by `{facts.command}` with tomoscribe {facts.version} on {facts.date}, {report.seconds:.0f} s;"
    yield f"{facts.machine}."
    yield "Intervals are 95 %, over resampled patients; one patient gives none."
    for table in report.ordered:
        yield from ("", f"## {table.title}", "")
        yield from table_lines(table)
        if table.note:
            yield from ("", table.note)
        if table is report.ordered[0]:
            yield from _doubts(report, comparison)
    yield from _plots(report, images)
    yield from _cases(report)
    yield from _rest(report)


def _doubts(report: ValidationReport, comparison: Comparison | None) -> Iterator[str]:
    if comparison is not None:
        yield from ("", f"## Against the run of {comparison.old_date}", "", comparison.summary)
        if comparison.moved:
            yield from (
                "",
                "| what | set or group | before | now | difference | by | |",
                "|---|---|---|---|---|---|---|",
            )
        for m in comparison.moved:
            old, new = words.number(m.old, m.unit), words.number(m.new, m.unit)
            yield f"| {_cell(m.name)} | {_cell(m.where)} | {old} | {new} | {m.difference} | {m.method} | {m.verdict} |"
    if report.flags or report.not_tested:
        yield from ("", "## What makes these figures doubtful", "")
    for flag in report.flags:
        cases = f" ({', '.join(flag.cases)})" if flag.cases else ""
        yield f"- **{flag.severity.value}, {flag.name.replace('_', ' ')}**: {flag.evidence}{cases}"
    for line in report.not_tested:
        yield f"- not tested: {line}"


def _plots(report: ValidationReport, images: str) -> Iterator[str]:
    if not images:
        return
    for n, plot in enumerate(report.plots, start=1):
        yield from ("", f"![{plot.title}]({images}/{_plot_name(n)})", "", f"{plot.title}. {plot.note}")
    if report.failures:
        yield from ("", "## Failures to look at", "")
    for n, failure in enumerate(report.failures, start=1):
        yield f"- {failure.kind}, {failure.case}: {failure.caption}"
        yield from ("", f"  ![{failure.caption}]({images}/{_picture_name(n)})", "")


def _cases(report: ValidationReport) -> Iterator[str]:
    if report.cases:
        yield from ("", "## Every case", "", "| case | what | true | found | error |", "|---|---|---|---|---|")
    for c in report.cases:
        mark = "**" if c.is_bad else ""
        yield f"| {c.case} | {_cell(c.what)} | {_cell(c.true)} | {mark}{_cell(c.found)}{mark} | {c.error} |"


def _rest(report: ValidationReport) -> Iterator[str]:
    if report.excluded:
        yield from ("", f"## Found and not used: {len(report.excluded)}", "", "| what | where | why |", "|---|---|---|")
    for e in report.excluded:
        yield f"| {_cell(e.what)} | {_cell(e.where)} | {_cell(e.why)} |"
    facts = report.facts
    yield from ("", "## Made with", "")
    yield f"- sha256 over the program's files: `{facts.code_sha256}`"
    yield "- " + ", ".join(f"{name} {version}" for name, version in facts.packages.items())
    if facts.load is not None:
        yield f"- load average {facts.load} at the start"
    for name, seed in facts.seeds.items():
        yield f"- seeds, {name}: {seed}"
    for name, row in facts.weights.items():
        yield f"- {name}, {row['date']}: sha256 `{row['sha256']}`"


def _alone(picture: str) -> str:
    """An SVG file that brings its own style and white ground."""
    colors = "".join(
        f".s{n}{{stroke:{c};stroke-width:2}}.s{n}.dot{{fill:{c};fill-opacity:.75;stroke:none}}"
        for n, c in enumerate(_COLORS)
    )
    head, _, rest = picture.partition(">")
    return f'{head} xmlns="http://www.w3.org/2000/svg"><style>{_STYLE}{colors}</style>{rest}\n'


def _plot_name(n: int) -> str:
    return f"plot_{n}.svg"


def _picture_name(n: int) -> str:
    return f"failure_{n:02d}.png"


def _cell(text: str) -> str:
    return text.replace("|", "/")
