# Two commands: `make demo` runs the pipeline, `make test` the tests.
# The first of these that is a supported Python; or PYTHON=/path/to/python.
PYTHONS := python3 python3.13 python3.12 python3.11
SUPPORTED := import sys, ensurepip, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHON ?= $(shell for python in $(PYTHONS); do \
	$$python -c "$(SUPPORTED)" 2>/dev/null && echo $$python && break; done)
# deploy/requirements.lock has what production needs, and no tools of developers.
LOCK ?= requirements.lock
BIN := .venv/bin
# Of each lock file, because `make demo` needs more than production.
INSTALLED := .venv/installed-$(subst /,-,$(LOCK))
TARGET ?= local
FAULT_SEED ?= 2
PORTS := $(if $(FIRST_PORT),--first-port $(FIRST_PORT))

.DEFAULT_GOAL := help
.PHONY: help install demo emulators emulators-stop images test test-all conformance soak lint format sql bench docs \
	lock clean

help: ## list the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 13

install: $(INSTALLED) profiles.yml ## create .venv from requirements.lock

$(INSTALLED): $(LOCK) pyproject.toml
	@$(PYTHON) -c "$(SUPPORTED)" 2>/dev/null || { \
	  echo "Nightshift needs Python 3.11, 3.12 or 3.13 with its venv module (on Debian:" \
	    "python3-venv). Install one, or set PYTHON=/path/to/python." >&2; exit 3; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r $(LOCK)
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

profiles.yml: | profiles.yml.example
	cp profiles.yml.example profiles.yml

demo: install ## run the pipeline over 60 days of a sample company (TARGET=redshift)
	$(BIN)/python -m tests.emulators.demo --target $(TARGET) $(PORTS)

emulators: install ## start the demo's emulators again (FIRST_PORT=15740)
	$(BIN)/python -m tests.emulators.demo_setup start $(PORTS)

emulators-stop: install ## stop the demo's emulators
	$(BIN)/python -m tests.emulators.demo_setup stop

images: install ## record docs/images from the demo (needs chromium; run make demo first)
	$(BIN)/python -m tests.looker.pictures
	$(BIN)/python -m tests.emulators.screenshots

# Three workers on two cores, because tests wait for processes and disks. A file stays in one
# of them, so that its tests share its fixtures. The tests start hundreds of processes, each of
# which would compile its modules if none stored them.
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest \
	-n 3 --dist loadfile --no-loadscope-reorder

test: install ## fast test suite, five minutes on two cores
	MODEL_ROUNDS=3 $(PYTEST) -m "not slow and not conformance"

test-all: install ## all tests: also crash recovery, failure injection, both warehouses
	MODEL_ROUNDS=60 FAULT_ROUNDS=30 $(PYTEST)

conformance: install ## dbt's adapter test suite on the Redshift emulator, 20 minutes
	$(PYTEST) -m conformance tests/emulators/redshift/conformance

soak: install ## thousands of random syncs, faults and kills, an hour and more
	MODEL_ROUNDS=3000 $(BIN)/python -m pytest --timeout=0 \
	  tests/loaders/salesforce/test_random_scenarios.py
	FAULT_ROUNDS=600 FAULT_SEED=$(FAULT_SEED) $(BIN)/python -m pytest --timeout=0 \
	  tests/nightly/test_random_faults.py

lint: install ## ruff, mypy, sqlfluff; LookML matches the YAML; deployment files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/sqlfluff lint --processes 2 models tests/dbt
	$(BIN)/nightshift looker build --check
	$(BIN)/hadolint deploy/Dockerfile
	$(BIN)/cfn-lint deploy/aws/nightshift.yaml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec deploy/compose.yaml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows \
	  .github/workflows/*.yaml
	$(BIN)/kubernetes-validate --strict --quiet deploy/kubernetes/*.yaml

format: install ## format Python and SQL
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/sqlfluff fix --processes 2 models tests/dbt

sql: install ## write every statement that is sent to Redshift to var/sql/statements.sql
	$(BIN)/python -m tests.redshift.sent_statements var/sql/statements.sql

bench: install ## benchmarks, side by side with the alternatives
	$(BIN)/python -m tests.bench

docs: install ## generate dbt's documentation and serve it on port 8080
	$(BIN)/dbt docs generate
	$(BIN)/dbt docs serve --port 8080

COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-header --no-strip-extras --extra task-history

lock: install ## write both lock files from pyproject.toml, for all Pythons
	$(COMPILE) --extra dev --output-file requirements.lock pyproject.toml
	$(COMPILE) --extra deploy --constraint requirements.lock \
	  --output-file deploy/requirements.lock pyproject.toml

clean: emulators-stop ## delete what runs wrote: warehouse, demo, dbt's output (.venv stays)
	rm -rf target logs var/* .demo-redshift && touch var/.gitkeep
