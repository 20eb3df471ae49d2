"""``python -m tomoscribe.cli``."""

from tomoscribe.cli.main import main

main()
