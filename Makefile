# The front door. `make` alone prints the list.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
PYTEST := $(BIN)/python -m pytest
# Files are shared out to two workers, each with servers of its own; half of a test is waiting for them.
PARALLEL := -n 2 --dist loadfile


.PHONY: help setup up down demo test test-unit test-contracts test-integration test-matrix test-e2e check lint format types schemas migrate bench logs kafka-jars clean simulate test-faults test-tamper test-canary test-api test-retries validate fuzz browser test-ui

help: ## print this list
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

$(STAMP): requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

setup: $(STAMP) ## make the environment at .venv from the lock

browser: ## install Chromium for the tests of pages, where this machine lets us (Debian, as root)
	@command -v chromium chromium-browser google-chrome >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
	  && for try in 1 2 3; do apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends chromium fonts-dejavu-core >/dev/null && break; done; } \
	  || echo "no Chromium here: the tests of pages are skipped, or fail with LEDGERLINE_REQUIRE_BROWSER=1"

up: setup ## start the whole system on this machine (postgres feed)
	$(BIN)/ledgerline up

down: setup ## stop it
	$(BIN)/ledgerline down

demo: setup ## start it and play a practice: visits, claims, answers, payments
	$(BIN)/ledgerline demo

kafka-jars: setup ## fetch Apache Kafka through Maven
	@$(BIN)/python -m shared.runtime.native.kafka deploy/kafka/pom.xml .deploy/kafka

test: setup lint types ## everything that CI runs
	$(PYTEST) $(PARALLEL) tests --ignore=tests/ui

test-unit: setup ## rules, codecs, folds, stories: no I/O
	$(PYTEST) tests/unit tests/golden tests/architecture

test-contracts: setup ## committed schemas and samples of old events against the code
	$(PYTEST) tests/contracts

test-integration: setup ## a real PostgreSQL and a real Kafka
	$(PYTEST) $(PARALLEL) tests/integration

test-matrix: setup ## every operation x role x tenant x object: 20,000 wrong requests, none succeeds
	LEDGERLINE_TEST_LONG=1 $(PYTEST) -s tests/integration/security/test_matrix.py

test-api: setup ## made-up requests to every operation: no 5xx, no answer that its description does not name
	$(PYTEST) -s tests/integration/security/described_api.py

test-retries: setup ## 1,000 writes, each sent 20 times at once: one effect each
	LEDGERLINE_TEST_LONG=1 $(PYTEST) -s tests/integration/security/test_idempotency.py

test-ui: setup browser ## the pages in a real Chromium over a system that played some days; pictures in build/pictures
	$(PYTEST) --timeout 900 tests/ui

test-e2e: setup ## a practice's days through the public interface, on both feeds, with kills
	$(PYTEST) tests/e2e

test-faults: setup ## 200 patients, 90 days, 200 random kills and stops on each feed: the balances of the undisturbed run (hours)
	$(PYTEST) -s tests/e2e/practice_under_faults.py

simulate: setup ## all services in one process over a world that fails by a seed: SEEDS=2000, FIRST=0
	$(BIN)/python -m tests.simulation --seeds $(or $(SEEDS),2000) --first $(or $(FIRST),0)

test-canary: setup ## a month on both feeds in which every personal field is a word of its own: none lies anywhere in clear
	LEDGERLINE_TEST_LONG=1 $(PYTEST) -s tests/e2e/test_canaries.py

test-tamper: setup ## 100,000 single bytes changed in stored events, and as many in an evidence pack: every one found
	LEDGERLINE_TAMPERS=100000 $(PYTEST) -s -k single_byte tests/integration/runtime/test_tampering_at_random.py tests/integration/cycle/test_evidence.py

lint: setup ## format, lint rules, import walls, spelling
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/typos

format: setup ## rewrite formatting and import order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: setup ## mypy strict and pyright strict
	$(BIN)/mypy
	$(BIN)/pyright

check: lint types test-unit ## before a commit

schemas: setup ## write JSON Schema, OpenAPI and AsyncAPI from the code
	$(BIN)/python -m deploy.schemas

migrate: setup ## bring the databases of the running system to this version
	$(BIN)/ledgerline up

bench: setup ## speed as ratios, each beside its yardstick in the same run
	$(BIN)/python -m tests.benchmarks

validate: setup ## a thousand claims and a hundred 999s that we write, read by another validator (minutes)
	$(BIN)/python -m tests.validation

FUZZ := .deploy/fuzz
FUZZ_SECONDS ?= 600

fuzz: setup ## damaged X12 of every set for FUZZ_SECONDS (600): nothing raises, nothing is slow
	@test -x $(FUZZ)/venv/bin/python || $(PYTHON) -m venv $(FUZZ)/venv
	@$(FUZZ)/venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tests/fuzz/requirements.lock
	$(BIN)/python -m tests.fuzz.corpus $(FUZZ)/corpus
	$(FUZZ)/venv/bin/python -m tests.fuzz $(FUZZ)/corpus $(FUZZ_SECONDS)

logs: setup ## follow the logs of the running system
	$(BIN)/ledgerline logs

clean: setup ## stop the system and remove its state and every build product
	-$(BIN)/ledgerline down
	rm -rf .ledgerline .deploy build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis $(VENV)
