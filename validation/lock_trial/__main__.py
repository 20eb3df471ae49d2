"""Prints the counted trial of the evidence lock."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tomoscribe.reports.writer import CODES
from tomoscribe.validation.lock_trial.decoder import shipped_decoder
from tomoscribe.validation.lock_trial.trial import default_sources, run_trial, table


def main() -> int:
    """Run the trial and print its table; exit code 1 when a change was missed or an untouched report refused."""
    parser = argparse.ArgumentParser(prog="python -m tomoscribe.validation.lock_trial")
    parser.add_argument("--paraphrases", type=Path, required=True, help="the frozen paraphrases (JSON)")
    parser.add_argument("--reports", type=int, default=1000, help="number of reports with a planted change")
    parser.add_argument("--first-seed", type=int, default=0, help="other seeds are other patients")
    parser.add_argument("--decoder", action="store_true", help="a third by the shipped decoder at temperature 1")
    parser.add_argument("--language", choices=CODES, default="en", help="of the reports and the paraphrases")
    arguments = parser.parse_args()
    if arguments.decoder and arguments.language != "en":
        parser.error("the decoder writes English only: leave out --decoder")
    decoder = shipped_decoder() if arguments.decoder else None
    if arguments.decoder and decoder is None:
        parser.error("no decoder weights are in this package: leave out --decoder")
    sources = default_sources(arguments.paraphrases, decoder, total=arguments.reports, language=arguments.language)
    counts = run_trial(sources, first_seed=arguments.first_seed)
    sys.stdout.write(table(counts) + "\n")
    if decoder is not None:
        refused = f"{decoder.num_refused} of {decoder.num_sentences}"
        sys.stdout.write(f"decoder sentences that the lock refused and replaced: {refused}\n")
    for missed in counts.missed:
        sys.stdout.write(f"missed: {missed}\n")
    for alarm in counts.false:
        sys.stdout.write(f"false alarm: {alarm}\n")
    return int(bool(counts.missed or counts.false))


if __name__ == "__main__":
    raise SystemExit(main())
