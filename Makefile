# Two commands: `make demo` runs the nightly job, `make test` the tests.
PYTHON ?= python3.11
BIN := .venv/bin
TARGET ?= local

.DEFAULT_GOAL := help
.PHONY: help install demo test test-all conformance soak lint format bench docs lock clean

help: ## say what each command does
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

install: .venv/installed profiles.yml ## a virtual environment under .venv, from requirements.lock

.venv/installed: requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { \
	  echo "Nightshift needs Python 3.11: set PYTHON=/path/to/python3.11" >&2; exit 3; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

profiles.yml: | profiles.yml.example
	cp profiles.yml.example profiles.yml

demo: install ## a made-up company's sixty days, the whole night (TARGET=redshift)
	$(BIN)/python -m tests.emulators.demo --target $(TARGET)

# Two processes; a file stays in one of them, so that its nights are made once.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test: install ## the tests of every day, ten minutes on two cores
	MODEL_ROUNDS=20 $(PYTEST) -m "not slow and not conformance"

test-all: install ## every test: each kind of night, kill and engine too
	MODEL_ROUNDS=200 $(PYTEST)

conformance: install ## dbt's public suite for adapters on the Redshift stand-in: twenty minutes
	$(PYTEST) -m conformance tests/emulators/redshift/conformance

soak: install ## thousands of random nights, faults and kills against Salesforce
	MODEL_ROUNDS=3000 $(BIN)/python -m pytest --timeout=0 \
	  tests/loaders/salesforce/test_random_scenarios.py

lint: install ## style of Python and SQL, and LookML in step with the YAML
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/sqlfluff lint --processes 2 models tests/dbt
	$(BIN)/nightshift looker build --check

format: install ## put Python and SQL in shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/sqlfluff fix --processes 2 models tests/dbt

bench: install ## benchmarks, side by side with what one would use instead
	$(BIN)/python -m tests.bench

docs: install ## dbt's catalog of the warehouse under var/, served on port 8080
	$(BIN)/dbt docs generate
	$(BIN)/dbt docs serve --port 8080

lock: ## requirements.lock anew from pyproject.toml
	$(BIN)/pip-compile --quiet --extra dev --no-strip-extras --allow-unsafe \
	  --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --no-emit-trusted-host --no-header --output-file requirements.lock pyproject.toml

clean: ## remove what runs left: warehouse, demo, dbt's output (not .venv)
	rm -rf target logs var/* && touch var/.gitkeep
