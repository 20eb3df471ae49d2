"""The trials from the command line: ``export``, ``kill``, ``memory``, ``throughput``."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from tomoscribe.validation.batch_trial.export import copied, make_export
from tomoscribe.validation.batch_trial.kill import kill_trial


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tomoscribe.validation.batch_trial")
    commands = parser.add_subparsers(dest="command", required=True)
    export = commands.add_parser("export", help="write a generated export")
    export.add_argument("folder", type=Path)
    export.add_argument("--studies", type=int, default=200)
    export.add_argument("--broken-every", type=int, default=20)
    export.add_argument("--real", type=Path, help="a folder of real scans to put beside the generated ones")
    kill = commands.add_parser("kill", help="kill -9 at random moments, against an undisturbed run")
    kill.add_argument("export", type=Path)
    kill.add_argument("work", type=Path)
    kill.add_argument("--kills", type=int, default=20)
    kill.add_argument("--seed", type=int, default=1)
    kill.add_argument("--batch", default="", metavar="OPTIONS", help="further options of tomoscribe batch, quoted")
    arguments = parser.parse_args()
    if arguments.command == "export":
        planted = make_export(arguments.folder, arguments.studies, broken_every=arguments.broken_every)
        if arguments.real:
            copied(arguments.folder, arguments.real)
        print(f"{len(planted)} studies, {sum(p.broken is not None for p in planted)} broken")
    else:
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


if __name__ == "__main__":
    main()
