"""``tomoscribe sign RESULT``: review, release, add to, correct a report, as the account that runs the command."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from tomoscribe.cli.open import ResultPath
from tomoscribe.cli.site_options import SiteFile

if TYPE_CHECKING:
    from tomoscribe.core import Reading, Report
    from tomoscribe.reports.signing import Signer


def sign(
    result: ResultPath,
    accept: Annotated[
        list[str] | None, typer.Option("--accept", metavar="N|all", help="Findings you agree with; repeat, or all.")
    ] = None,
    reject: Annotated[
        list[str] | None,
        typer.Option("--reject", metavar="N:REASON", help="A finding that is none, with the reason; repeat."),
    ] = None,
    told: Annotated[
        list[str] | None,
        typer.Option("--told", metavar="N:WHO:HOW", help="Who was told of a critical finding, and how; repeat."),
    ] = None,
    preliminary: Annotated[bool, typer.Option("--preliminary", help="Release as preliminary, not as final.")] = False,
    addendum: Annotated[
        str | None, typer.Option("--addendum", metavar="TEXT", help="A sentence to add after signing.")
    ] = None,
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="TEXT", help="Why, for an addendum or a correction.")
    ] = None,
    site_file: SiteFile = None,
) -> None:
    """Sign the report of a result folder as the account you are logged in with; refused while a finding is unreviewed.

    After signing, --addendum adds a sentence, and --reject takes a finding back (a correction).
    """
    from tomoscribe.reports.acts import Act, Desk, Subject
    from tomoscribe.reports.export import open_folder, replace_report
    from tomoscribe.reports.signing import edits_between, now

    desk, opened = Desk.here("tomoscribe sign", site_file), open_folder(result)
    subject, before = Subject.of(opened), opened.reading.report
    signer, at = desk.allow(Act.SIGN, subject), now()
    reading = _told(opened.reading, told or (), signer, at)
    if addendum is not None:
        reading = _appended(reading, addendum, reason, signer, at)
    elif before.is_signed and reject:
        reading = _corrected(reading, reject, signer, at)
    elif not (before.is_signed and told):
        reading = _released(reading, accept or (), reject or (), preliminary, signer, at)
    status = reading.report.status.value.replace("_", " ")
    with contextlib.ExitStack() as acts:
        edits = edits_between(before, reading.report)
        if edits:
            acts.enter_context(desk.doing(Act.EDIT, subject, edits))
        if reading.report.history != before.history:
            acts.enter_context(desk.doing(Act.SIGN, subject, status))
        files = replace_report(opened, reading, result)
    typer.echo(f"The report is {status}, by {signer.name}.")
    typer.echo("\n".join(str(f) for f in files))


def _released(
    reading: Reading, accept: Sequence[str], reject: Sequence[str], preliminary: bool, signer: Signer, at: str
) -> Reading:
    from tomoscribe.core import ReportStatus, Review, ReviewState
    from tomoscribe.reports import signing

    report = reading.report
    rejected = _rejections(report, reject)
    for uid, why in rejected.items():
        outcome = Review(state=ReviewState.REJECTED, reviewer=signer.name, at=at, reason=why)
        reading = signing.review(reading, [uid], outcome)
    if "all" in accept:
        uids = [f.tracking_uid for f in signing.unreviewed(reading.report)]
    else:
        uids = [_uid(report, number) for number in accept]
    accepted = Review(state=ReviewState.ACCEPTED, reviewer=signer.name, at=at)
    reading = signing.review(reading, uids, accepted) if uids else reading
    status = ReportStatus.PRELIMINARY if preliminary else ReportStatus.FINAL
    return signing.release(reading, status, signer, at)


def _corrected(reading: Reading, reject: Sequence[str], signer: Signer, at: str) -> Reading:
    from tomoscribe.core import Review, ReviewState
    from tomoscribe.reports import signing

    for uid, why in _rejections(reading.report, reject).items():
        outcome = Review(state=ReviewState.REJECTED, reviewer=signer.name, at=at, reason=why)
        reading = signing.reconsider(reading, [uid], outcome, signer)
    return reading


def _appended(reading: Reading, text: str, reason: str | None, signer: Signer, at: str) -> Reading:
    from tomoscribe.core.errors import ConfigError
    from tomoscribe.reports import signing

    if not reason:
        raise ConfigError("an addendum needs a reason", remedy='give one with --reason "TEXT"')
    return signing.append(reading, text, signer, at, reason)


def _told(reading: Reading, told: Sequence[str], signer: Signer, at: str) -> Reading:
    from tomoscribe.core import Communication
    from tomoscribe.core.errors import ConfigError
    from tomoscribe.reports import signing

    for words in told:
        parts = [p.strip() for p in words.split(":", 2)]
        if len(parts) != 3:
            raise ConfigError(f"expected --told N:WHO:HOW, found '{words}'")
        uid = _uid(reading.report, parts[0])
        reading = signing.tell(
            reading, Communication(finding_uid=uid, told=parts[1], by=signer.name, at=at, how=parts[2])
        )
    return reading


def _rejections(report: Report, reject: Sequence[str]) -> dict[str, str]:
    """Tracking UID to reason."""
    from tomoscribe.core.errors import ConfigError

    found = {}
    for words in reject:
        number, _, why = words.partition(":")
        if not why.strip():
            raise ConfigError(f"expected --reject N:REASON, found '{words}'")
        found[_uid(report, number.strip())] = why.strip()
    return found


def _uid(report: Report, number: str) -> str:
    """The tracking UID of a finding by its number in ``tomoscribe open``."""
    from tomoscribe.core.errors import ConfigError

    if not number.isdigit() or not 1 <= int(number) <= len(report.findings):
        raise ConfigError(
            f"expected a finding's number of 1 to {len(report.findings)}, found '{number}'",
            remedy="see them with: tomoscribe open RESULT",
        )
    return report.findings[int(number) - 1].tracking_uid
