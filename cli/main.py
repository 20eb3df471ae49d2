"""The command line: collects the commands and turns errors into one line and an exit code."""

from __future__ import annotations

import logging
import sys

import typer

from tomoscribe.cli import (
    ask,
    audit,
    batch,
    bundle,
    check,
    config,
    deidentify,
    export,
    info,
    listen,
    pull,
    push,
    read,
    retract,
    sign,
    train,
    validate,
    view,
)
from tomoscribe.cli import open as open_command
from tomoscribe.core.errors import TomoscribeError

app = typer.Typer(
    name="tomoscribe",
    help="Reads CT and MRI studies, measures what it finds, drafts an evidence-locked report. Not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("read")(read.read)
app.command("open")(open_command.open_result)
app.command("sign")(sign.sign)
app.command("export")(export.export)
app.command("retract")(retract.retract)
app.command("ask")(ask.ask)
app.add_typer(audit.app, name="audit")
app.command("batch")(batch.batch)
app.command("check")(check.check)
app.command("bundle")(bundle.bundle)
app.command("view")(view.view)
app.command("deidentify")(deidentify.deidentify)
app.command("info")(info.info)
app.command("train")(train.train)
app.add_typer(validate.app, name="validate")
app.command("pull")(pull.pull)
app.command("push")(push.push)
app.command("listen")(listen.listen)
app.add_typer(config.app, name="config")


def _silence_pydicom() -> None:
    """It logs tracebacks and values of what we refuse in words; its level is no help, it sets that on import."""
    logger = logging.getLogger("pydicom")
    logger.propagate = False
    logger.addHandler(logging.NullHandler())


def main() -> None:
    """Entry point. A user's mistake gives one line on stderr and the error's exit code, never a traceback."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    _silence_pydicom()
    try:
        app()
    except TomoscribeError as error:
        sys.stderr.write(f"tomoscribe: {error.line()}\n")
        raise SystemExit(error.exit_code) from None
    except MemoryError:
        sys.stderr.write(
            "tomoscribe: this machine has no memory left for the study. Close other programs or use a larger machine.\n"
        )
        raise SystemExit(7) from None
