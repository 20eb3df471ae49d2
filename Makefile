# The same commands for people and CI. `make report` and `make test` set up what they need.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install --disable-pip-version-check -q -c constraints.txt
FOLDERS := core encoders phantoms findings fusion reports training validation plugin cli sample_data
OUT ?= out/chest_ct
PACKAGING := pyproject.toml setup.py constraints.txt

.PHONY: help report test check format system clean

help:
	@echo "make report   read the sample chest CT into $(OUT)/report.html"
	echo "make test     all checks and tests"
	echo "make check    ruff, mypy, import contracts (no tests)"
	echo "make format   format the code"
	echo "make clean    remove what the other targets made"

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "tomoscribe needs Python 3.11 or newer, found " + sys.version.split()[0] + "; name one with: make PYTHON=/path/to/python3 ...")'
	$(PYTHON) -m venv $(VENV) || { echo "Cannot make a virtual environment: on Debian install python3-venv"; exit 2; }

$(VENV)/.ready-run: $(PACKAGING) | $(PY)
	@echo "Installing tomoscribe into $(VENV) (torch is large: some minutes the first time) ..."
	$(PIP) -e .
	touch $@

$(VENV)/.ready-dev: $(PACKAGING) | $(PY)
	@echo "Installing tomoscribe and its development tools into $(VENV) (torch is large: some minutes the first time) ..."
	$(PIP) -e '.[gui,train,documents,pacs,validate,astra,openclip,dev]'
	touch $@ $(VENV)/.ready-run

report: $(VENV)/.ready-run
	@$(PY) -m tomoscribe.cli read sample_data/chest_ct --out "$(OUT)"
	echo "Open $(OUT)/report.html in a browser."

system:
	@scripts/setup-system.sh

.types: setup.py
	@mkdir -p .types/tomoscribe
	for folder in $(FOLDERS); do ln -sfn "../../$$folder" ".types/tomoscribe/$$folder"; done
	touch .types

check: $(VENV)/.ready-dev .types
	@$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	MYPYPATH=.types $(PY) -m mypy -p tomoscribe
	$(PY) -c 'from importlinter.cli import lint_imports_command; lint_imports_command()'

test: check system
	@$(PY) -m pytest $(PYTEST_ARGS)

format: $(VENV)/.ready-dev
	@$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

clean:
	@rm -rf $(VENV) .types out build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
