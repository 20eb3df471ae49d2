"""What libraries log of the files that we refuse never reaches the user: it quotes values and prints tracebacks."""

from __future__ import annotations

import subprocess
import sys

_SAYS = """
import logging, sys
from tomoscribe.cli import main
sys.argv = ["tomoscribe", "--version"]
try:
    main.main()
except SystemExit:
    pass
import pydicom
logging.getLogger("pydicom.pixels.decoders.base").error("a value of the file")
logging.getLogger("tomoscribe").warning("our own words")
"""


def test_pydicom_says_nothing_even_though_it_sets_its_level_when_it_is_imported():
    done = subprocess.run([sys.executable, "-c", _SAYS], capture_output=True, text=True, check=True)
    assert "a value of the file" not in done.stderr
    assert "our own words" in done.stderr
