PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: help demo docs test lint types pytest soundness compat benchmarks clean

help: ## list the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/examples.stamp: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("relbo-ir needs Python 3.11 or newer: make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[examples]'
	touch $@

$(VENV)/dev.stamp: $(VENV)/examples.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

demo: $(VENV)/examples.stamp ## the coin's IR at each level, three fits beside their references, a picture
	$(BIN)/python examples/demo.py out/demo.png

$(VENV)/docs.stamp: $(VENV)/examples.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[docs]'
	touch $@

docs: $(VENV)/docs.stamp ## the documentation, in out/docs/index.html
	$(BIN)/python -m mkdocs build --strict

test: lint types pytest ## ruff, pyright and all tests

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/dev.stamp
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/pyright

pytest: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -q -n auto

N ?= 1000
SEED ?= 0
soundness: $(VENV)/dev.stamp ## N random programs of a SEED held to the exact oracle, and all mutants
	SOUNDNESS_PROGRAMS=$(N) SOUNDNESS_SEED=$(SEED) $(BIN)/python -m pytest -q -n auto \
	  tests/soundness tests/test_soundness_programs.py

compat: $(VENV)/dev.stamp ## the subset that also runs with the newest JAX
	$(BIN)/python -m pytest -q -n auto -m compat

benchmarks: $(VENV)/dev.stamp ## step time and compile time, side by side
	$(BIN)/python benchmarks/step_time.py
	$(BIN)/python benchmarks/compile_time.py

clean: ## remove the environment and what was written
	rm -rf $(VENV) out build *.egg-info
