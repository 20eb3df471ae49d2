"""``tomoscribe validate WHAT``: accuracy and speed against references; one sub-command for each thing validated.

Every sub-command prints its table and knows ``--json FILE`` (everything that was measured) and ``--quick`` (a small run
that shows that the machinery works; its figures mean nothing).
"""

from __future__ import annotations

import json
import shlex
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    help="Measure accuracy and speed against references, in one run.", no_args_is_help=True, rich_markup_mode=None
)
Json = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write everything measured as JSON.")]
Quick = Annotated[bool, typer.Option("--quick", help="A small run that shows that it works; no figures to quote.")]
Table = Annotated[Path | None, typer.Option("--table", metavar="FILE", help="Write the table as Markdown.")]


@app.command("dicom")
def dicom(
    scan: Annotated[
        Path | None, typer.Option("--scan", metavar="DIR", help="A folder with one CT series; the sample by default.")
    ] = None,
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="Turns; each reader reads once in each.")] = 5,
    readers: Annotated[
        list[str] | None, typer.Option("--reader", metavar="NAME", help="Only these beside ours; may be repeated.")
    ] = None,
    real_time: Annotated[
        bool, typer.Option("--real-time", help="Read before everything else on a shared machine (needs the right).")
    ] = False,
    quick: Quick = False,
    table: Table = None,
    as_json: Json = None,
) -> None:
    """Speed, memory and values of the DICOM reader beside other readers that are installed."""
    from tomoscribe import sample_data
    from tomoscribe.validation.dicom_speed import markdown, run_trial, to_json
    from tomoscribe.validation.dicom_speed.data import LONG_SHAPE, QUICK_SHAPE, generated, scan_and_copies
    from tomoscribe.validation.peers import ADAPTERS

    if not quick and scan is None:
        scan = sample_data.path("chest_ct")
    with tempfile.TemporaryDirectory(prefix="tomoscribe-validate-") as work:
        long = generated(Path(work), QUICK_SHAPE if quick else LONG_SHAPE)
        series = scan_and_copies(scan or long.folder, Path(work) / "copies")
        trial = run_trial(
            [*series, long],
            repeats=1 if quick else repeats,
            adapters=readers or ADAPTERS,
            real_time=real_time,
            tell=_tell,
        )
    command = shlex.join(["tomoscribe", *(Path(word).name or word for word in sys.argv[1:])])  # no paths in the page
    _hand_over(markdown(trial, command=command), to_json(trial, command=command), table, as_json)


def _tell(line: str) -> None:
    typer.echo(line, err=True)


def _hand_over(text: str, facts: dict[str, Any], table: Path | None, as_json: Path | None) -> None:
    """Prints the table, and writes the files that were asked for."""
    from tomoscribe.core.errors import OutputError

    typer.echo(text)
    for path, content in ((table, text), (as_json, json.dumps(facts, indent=2) + "\n")):
        if path is None:
            continue
        try:
            path.write_text(content, encoding="utf-8")
        except OSError as error:
            raise OutputError(
                f"the result cannot be written: {error.strerror}", where=path.name, remedy="choose another place"
            ) from error
