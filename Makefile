# make demo: environment and main job. make test: environment and all checks.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps
# uv, itself from the lock, installs it in a quarter of pip's time; where it cannot, pip does.
LOCKED := --no-deps --require-hashes -r requirements.lock
# Tests write and sync thousands of small files: in memory where the system offers that.
SCRATCH ?= $(shell test -w /dev/shm && echo /dev/shm || echo $${TMPDIR:-/tmp})

# Bytecode is kept whatever the shell says: each command of the tests is a process of its own.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: env demo test bench lock kernels sessions clean

env: $(READY)

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed, this is " + sys.version) if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	sed -n '/^uv==/,/^[a-z]/p' requirements.lock | sed '$$d' > $(VENV)/uv.txt
	$(PIP) --require-hashes -r $(VENV)/uv.txt
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python $(LOCKED) || $(PIP) $(LOCKED)
	$(PIP) --no-build-isolation --editable .
	$(BIN)/quant compile
	touch $(READY)

demo: env
	$(BIN)/quant demo

test: env
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy quant_assets
	$(BIN)/lint-imports
	TMPDIR=$(SCRATCH) $(BIN)/pytest
	$(BIN)/dg check defs
	$(BIN)/dagster definitions validate -w workspace.yaml

bench: env
	$(BIN)/python -m quant_assets_tests.benchmarks

# Resolve the lock anew, from PyPI, with hashes and without any registry's address.
lock:
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --no-annotate --output-file requirements.lock

# List the kernels that `quant compile` compiles, as the demo calls them.
kernels:
	$(BIN)/python -m quant_assets.cli.bake_kernels

# Bake market sessions into package data, from pandas_market_calendars.
sessions:
	$(BIN)/python -m quant_assets.storage.bake_sessions
