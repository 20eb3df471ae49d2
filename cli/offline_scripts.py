"""The scripts and the page of a bundle; ``@...@`` is filled in when it is made."""

INSTALL_SH = """\
#!/bin/sh
# Installs tomoscribe @VERSION@ from this folder without a network.
#   sh install.sh TARGET      TARGET: a new folder for the virtual environment
# PYTHON names the interpreter, by default python@PYTHON@ or python3.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
target=${1:?"usage: sh install.sh TARGET"}
[ ! -e "$target" ] || { echo "install.sh: $target is there already; name a new folder" >&2; exit 2; }
python=${PYTHON:-$(command -v python@PYTHON@ || command -v python3 || true)}
[ -n "$python" ] || { echo "install.sh: no Python found; set PYTHON" >&2; exit 2; }
found=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
if [ "$found" != "@PYTHON@" ]; then
  echo "install.sh: these wheels are for Python @PYTHON@, $python is $found; set PYTHON" >&2
  exit 2
fi
echo "Checking the files ..."
if ! (cd "$here" && sha256sum --quiet -c SHA256SUMS); then
  echo "install.sh: a file was changed or is missing; copy the folder again" >&2
  exit 3
fi
echo "Installing into $target ..."
"$python" -m venv ${VENV_OPTIONS:-} "$target"
"$target/bin/python" -m pip install --quiet --disable-pip-version-check --no-cache-dir \\
  --no-index --find-links "$here/wheels" "@WANTED@"
"$target/bin/python" - "$here/weights.json" <<'CHECK'
import hashlib, json, pathlib, sys, sysconfig
installed = pathlib.Path(sysconfig.get_paths()["purelib"]) / "tomoscribe"
found = {hashlib.sha256(p.read_bytes()).hexdigest() for p in installed.rglob("*.safetensors")}
wanted = json.loads(pathlib.Path(sys.argv[1]).read_text())
altered = [w["name"] for w in wanted if w["sha256"] not in found]
sys.exit("install.sh: altered weights: " + ", ".join(altered) if altered else 0)
CHECK
echo "Done: $target/bin/tomoscribe --help"
"""

INSTALL_PS1 = """\
# Installs tomoscribe @VERSION@ from this folder without a network.
#   powershell -ExecutionPolicy Bypass -File install.ps1 -Target C:\\tomoscribe
param(
    [Parameter(Mandatory = $true)][string]$Target,
    [string]$Python = "py"
)
$ErrorActionPreference = "Stop"
$here = Split-Path -Parent $MyInvocation.MyCommand.Path
if (Test-Path -LiteralPath $Target) { throw "$Target is there already; name a new folder" }
Write-Output "Checking the files ..."
foreach ($line in Get-Content -LiteralPath (Join-Path $here "SHA256SUMS")) {
    $sum, $name = $line -split "  ", 2
    $file = Join-Path $here ($name -replace "/", "\\")
    $found = (Get-FileHash -Algorithm SHA256 -LiteralPath $file).Hash.ToLower()
    if ($found -ne $sum) { throw "$name was changed; copy the folder again" }
}
Write-Output "Installing into $Target ..."
if ($Python -eq "py") { & py "-@PYTHON@" -m venv $Target } else { & $Python -m venv $Target }
if ($LASTEXITCODE -ne 0) { throw "no virtual environment could be made: Python @PYTHON@ is needed" }
$inside = Join-Path $Target "Scripts\\python.exe"
$wheels = Join-Path $here "wheels"
& $inside -m pip install --quiet --disable-pip-version-check --no-cache-dir --no-index --find-links $wheels "@WANTED@"
if ($LASTEXITCODE -ne 0) { throw "the installation failed" }
& $inside -m tomoscribe.cli info
Write-Output ("Done: " + (Join-Path $Target "Scripts\\tomoscribe.exe") + " --help")
"""

README = """\
tomoscribe @VERSION@ without a network
Not a medical device.

For Python @PYTHON@ on @PLATFORM@.

Linux:    sh install.sh /opt/tomoscribe
Windows:  powershell -ExecutionPolicy Bypass -File install.ps1 -Target C:\\tomoscribe

wheels/       every package, tomoscribe's own with its weights among them
weights.json  the weights inside, with their hashes and licences
SHA256SUMS    of every file here; the scripts check them first

Nothing is fetched by the scripts, and nothing at run time.
"""
