"""The trials from the command line: ``export``, ``kill``, ``throughput``, ``memory``."""

from __future__ import annotations

import argparse
import contextlib
import shlex
from pathlib import Path

from tomoscribe.validation.batch_trial.export import add_full_size, copied, make_export
from tomoscribe.validation.batch_trial.kill import kill_trial


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tomoscribe.validation.batch_trial")
    commands = parser.add_subparsers(dest="command", required=True)
    export = commands.add_parser("export", help="write a generated export")
    export.add_argument("folder", type=Path)
    export.add_argument("--studies", type=int, default=200)
    export.add_argument("--broken-every", type=int, default=20)
    export.add_argument("--full-size", type=int, default=0, help="so many studies of full size beside them")
    export.add_argument("--real", type=Path, help="a folder of real scans to put beside the generated ones")
    export.set_defaults(run=_export)
    kill = commands.add_parser("kill", help="kill -9 at random moments, against an undisturbed run")
    kill.add_argument("export", type=Path)
    kill.add_argument("work", type=Path)
    kill.add_argument("--kills", type=int, default=20)
    kill.add_argument("--seed", type=int, default=1)
    kill.add_argument("--batch", default="", metavar="OPTIONS", help="further options of tomoscribe batch, quoted")
    kill.set_defaults(run=_kill)
    throughput = commands.add_parser("throughput", help="studies an hour: one process, two workers, Ray")
    throughput.add_argument("work", type=Path, help="a new folder")
    throughput.add_argument("--studies", type=int, default=24)
    throughput.add_argument("--repeats", type=int, default=2)
    throughput.add_argument("--real-time", action="store_true", help="before all other work on this machine (root)")
    throughput.set_defaults(run=_throughput)
    one = commands.add_parser("one-run", help="one run of the throughput trial, in this process")
    one.add_argument("way")
    one.add_argument("export", type=Path)
    one.add_argument("out", type=Path)
    one.set_defaults(run=_one_run)
    memory = commands.add_parser("memory", help="memory of one process over many small studies")
    memory.add_argument("work", type=Path, help="a new folder, or one whose export is read")
    memory.add_argument("--studies", type=int, default=1000)
    memory.set_defaults(run=_memory)
    arguments = parser.parse_args()
    arguments.run(arguments)


def _export(arguments: argparse.Namespace) -> None:
    planted = make_export(arguments.folder, arguments.studies, broken_every=arguments.broken_every)
    add_full_size(arguments.folder, arguments.full_size)
    if arguments.real:
        copied(arguments.folder, arguments.real)
    print(f"{len(planted)} studies, {sum(p.broken is not None for p in planted)} broken")


def _kill(arguments: argparse.Namespace) -> None:
    trial = kill_trial(
        arguments.export,
        arguments.work,
        kills=arguments.kills,
        seed=arguments.seed,
        arguments=tuple(shlex.split(arguments.batch)),
    )
    print(f"{trial.num_done} done, {trial.num_set_aside} set aside, {len(trial.kills)} kills")
    print(f"undisturbed run {trial.reference_seconds:.0f} s; differences: {len(trial.differences)}")
    print("\n".join(trial.differences))


def _throughput(arguments: argparse.Namespace) -> None:
    from tomoscribe.validation.batch_trial.throughput import lines, throughput_trial
    from tomoscribe.validation.dicom_speed.priority import real_time

    with real_time() if arguments.real_time else contextlib.nullcontext():
        result = throughput_trial(
            arguments.work,
            num_studies=arguments.studies,
            repeats=arguments.repeats,
            said=lambda w: print(w, flush=True),
        )
    print("\n".join(lines(result)))


def _one_run(arguments: argparse.Namespace) -> None:
    from tomoscribe.validation.batch_trial.throughput import one_run

    print(one_run(arguments.way, arguments.export, arguments.out))


def _memory(arguments: argparse.Namespace) -> None:
    from tomoscribe.validation.batch_trial.memory import make_small_export, memory_trial

    if not (arguments.work / "export").is_dir():
        make_small_export(arguments.work / "export", arguments.studies)
    trial = memory_trial(arguments.work / "export", arguments.work / "out", said=lambda w: print(w, flush=True))
    print(f"{len(trial.rss_bytes)} studies, {trial.num_set_aside} set aside")
    print(f"growth after the first hundred: {trial.growth_bytes / 1e6:.1f} MB over a thousand studies")


if __name__ == "__main__":
    main()
