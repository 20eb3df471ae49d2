"""``tomoscribe validate WHAT``: accuracy and speed against references; one sub-command for each thing validated.

Every sub-command knows ``--json FILE`` (everything that was measured) and ``--quick`` (a small run that shows that the
machinery works; its figures mean nothing). ``tomoscribe validate --quick`` is the small run of all accuracy trials.
"""

from __future__ import annotations

import json
import shlex
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from tomoscribe.cli.options import Device
from tomoscribe.cli.validate_options import Against, Data, Json, Keep, Out, Outputs, Quick, tell

app = typer.Typer(help="Measure accuracy and speed against references, in one run.", rich_markup_mode=None)
Table = Annotated[Path | None, typer.Option("--table", metavar="FILE", help="Write the table as Markdown.")]


@app.callback(invoke_without_command=True)
def small(
    context: typer.Context, quick: Quick = False, keep: Keep = None, out: Out = None, as_json: Json = None
) -> None:
    """Measure accuracy and speed against references, in one run."""
    if context.invoked_subcommand is not None:
        return
    if not quick:
        typer.echo(context.get_help())
        raise typer.Exit
    from tomoscribe.validation.findings_trial.run import Settings
    from tomoscribe.validation.findings_trial.whole import validate_findings

    settings = Settings(samples=_samples(), chest=0, brain=0, keep=keep)
    report = validate_findings(settings, tell, is_quick=True)
    Outputs(as_json=as_json, out=out).hand_over(report)


def _samples() -> dict[str, Path]:
    """The sample studies that come with the package."""
    from tomoscribe import sample_data

    return {name: sample_data.path(name) for name in sample_data.names()}


@app.command("findings")
def findings(
    data: Data = None,
    chest: Annotated[int, typer.Option("--chest", min=0, help="Generated chest CTs.")] = 12,
    brain: Annotated[int, typer.Option("--brain", min=0, help="Generated brain MRs.")] = 12,
    first_seed: Annotated[int | None, typer.Option("--first-seed", help="Of the generated studies, held out.")] = None,
    device: Device = "auto",
    keep: Keep = None,
    quick: Quick = False,
    out: Out = None,
    against: Against = None,
    as_json: Json = None,
) -> None:
    """What the default weights find and measure, on sample data, held-out phantoms and labelled real scans."""
    from tomoscribe.validation.findings_trial.run import Settings
    from tomoscribe.validation.findings_trial.whole import validate_findings

    outputs = Outputs(as_json=as_json, out=out, against=against)
    outputs.check()
    settings = Settings(samples=_samples(), chest=0 if quick else chest, brain=0 if quick else brain)
    settings = replace(settings, device=device, keep=keep, data=None if quick else data)
    settings = replace(settings, first_seed=first_seed or settings.first_seed)
    outputs.hand_over(validate_findings(settings, tell, is_quick=quick))


@app.command("model")
def model(
    ct: Annotated[int, typer.Option("--ct", min=2, help="Generated chest CTs.")] = 60,
    mr: Annotated[int, typer.Option("--mr", min=2, help="Generated brain MRs.")] = 30,
    first_seed: Annotated[int | None, typer.Option("--first-seed", help="Of both, held out.")] = None,
    quick: Quick = False,
    out: Out = None,
    against: Against = None,
    as_json: Json = None,
) -> None:
    """Does the image matter to the report model: tokens intact, zeroed and of another patient."""
    from tomoscribe.validation.model_trial import QUICK, Settings, validate_model

    outputs = Outputs(as_json=as_json, out=out, against=against)
    outputs.check()
    settings = QUICK if quick else Settings(ct=ct, mr=mr)
    settings = replace(settings, first_seed=first_seed or settings.first_seed)
    outputs.hand_over(validate_model(settings, is_quick=quick))


@app.command("speed")
def speed(
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="Turns of each study and each peer.")] = 3,
    quick: Quick = False,
    out: Out = None,
    against: Against = None,
    as_json: Json = None,
) -> None:
    """Each stage of a study, beside peers that are installed; growing slices, studies and workers; memory."""
    from tomoscribe.validation.speed import trial
    from tomoscribe.validation.speed.whole import validate_speed

    outputs = Outputs(as_json=as_json, out=out, against=against)
    outputs.check()
    settings = trial.Settings(studies=dict(sorted(_samples().items(), reverse=True)), repeats=repeats)
    outputs.hand_over(validate_speed(trial.quick(settings) if quick else settings, tell, is_quick=quick))


@app.command("all")
def everything(
    data: Data = None,
    keep: Keep = None,
    quick: Quick = False,
    out: Out = None,
    against: Against = None,
    as_json: Json = None,
) -> None:
    """Findings, report model and speed in one report; ``dicom`` has a page of its own."""
    from tomoscribe.validation import model_trial
    from tomoscribe.validation.findings_trial import run, whole
    from tomoscribe.validation.report.model import merged
    from tomoscribe.validation.speed import trial
    from tomoscribe.validation.speed.whole import validate_speed

    outputs = Outputs(as_json=as_json, out=out, against=against)
    outputs.check()
    samples = _samples()
    findings_settings = run.Settings(samples=samples, data=data, keep=keep)
    speed_settings = trial.Settings(studies=dict(sorted(samples.items(), reverse=True)))
    if quick:
        findings_settings = replace(findings_settings, chest=0, brain=0, data=None)
        speed_settings = trial.quick(speed_settings)
    parts = [whole.validate_findings(findings_settings, tell, is_quick=quick)]
    tell("report model")
    model_settings = model_trial.QUICK if quick else model_trial.Settings()
    parts.append(model_trial.validate_model(model_settings, is_quick=quick))
    parts.append(validate_speed(speed_settings, tell, is_quick=quick))
    outputs.hand_over(merged("everything", parts))


@app.command("render")
def render(
    results: Annotated[
        list[Path], typer.Argument(metavar="FILE.json...", help="What --json wrote; several become one.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the pages.")],
    name: Annotated[str, typer.Option("--name", help="Of the files, without ending.")] = "validation",
    samples_only: Annotated[bool, typer.Option("--samples-only", help="Pictures of sample studies only.")] = False,
    against: Against = None,
) -> None:
    """HTML, Markdown and JSON of an earlier run, from its JSON; nothing is measured."""
    from tomoscribe.validation.report import model

    loaded = [model.load(result) for result in results]
    report = loaded[0] if len(loaded) == 1 else model.merged(" and ".join(one.title.lower() for one in loaded), loaded)
    if samples_only:
        report = replace(report, failures=tuple(f for f in report.failures if f.case.startswith("sample ")))
    Outputs(out=out, against=against, name=name).hand_over(report)


@app.command("cards")
def cards(
    files: Annotated[list[Path], typer.Argument(metavar="CARD.md...", help="Model cards with blocks of numbers.")],
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit code 12 when a card is out of date.")
    ] = False,
) -> None:
    """Write the numbers of model cards from the result that they name."""
    from tomoscribe.core.errors import RegressionError
    from tomoscribe.validation.report import card

    old = [file.name for file in files if card.written(file) != file.read_text(encoding="utf-8")]
    if check and old:
        raise RegressionError(
            f"out of date: {', '.join(old)}", remedy="write them with: tomoscribe validate cards " + " ".join(old)
        )
    for file in files:
        changed = card.rewrite(file) if not check else False
        typer.echo(f"{file.name}: {'written' if changed else 'up to date'}")


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
            tell=tell,
        )
    command = shlex.join(["tomoscribe", *(Path(word).name or word for word in sys.argv[1:])])  # no paths in the page
    _hand_over(markdown(trial, command=command), to_json(trial, command=command), table, as_json)


@app.command("viewer")
def viewer(
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="Turns; each viewer opens each series once.")] = 3,
    long: Annotated[bool, typer.Option("--long", help="A series of 800 slices too.")] = False,
    real_time: Annotated[
        bool, typer.Option("--real-time", help="Before everything else on a shared machine (needs the right).")
    ] = False,
    quick: Quick = False,
    table: Table = None,
    as_json: Json = None,
) -> None:
    """Speed and memory of the linked views beside napari's own canvas, in windows on a real or a virtual display."""
    from tomoscribe.validation.dicom_speed.data import QUICK_SHAPE, generated
    from tomoscribe.validation.viewer_speed import markdown, run_trial, to_json

    shapes = [QUICK_SHAPE] if quick else [(300, 512, 512), *([(800, 512, 512)] if long else [])]
    with tempfile.TemporaryDirectory(prefix="tomoscribe-validate-") as work:
        series = []
        for number, shape in enumerate(shapes):
            place = Path(work) / str(number)
            place.mkdir()
            series.append(generated(place, shape))
        trial = run_trial(series, repeats=1 if quick else repeats, real_time=real_time, tell=tell)
    command = shlex.join(["tomoscribe", *(Path(word).name or word for word in sys.argv[1:])])
    _hand_over(markdown(trial, command=command), to_json(trial, command=command), table, as_json)


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
