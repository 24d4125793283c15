# make demo   real orders, appended, read, projected and refused, on a PostgreSQL of its own
# make test   what is for every day: checks, pgTAP and tests, on the system's PostgreSQL
#             and on 18
# make trust  every promise at full size, into trust-report.md and .html: hours;
#             MAJORS=18 for one major, ROUNDS=10 overnight
# make trust-again   what failed there, or was not reached, and the report of all
# make bench  every measurement beside plain SQL and beside others: an hour or two
# make bench-test every command of `evident bench`, as short as can be
# make coverage   which statements of the functions in PL/pgSQL the tests run
# make lint   the checks that need no server
# make wheel  build the wheel, and test it in an empty environment
# make lock   newest versions of everything that is installed, into requirements-dev.lock
# make fingerprints  which catalog the package installs, on each major; after freeze
# make freeze after editing sql/: paste it into the migrations

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# One version of each package, for Python 3.11 and later; see the target `lock`.
LOCK := requirements-dev.lock
# The majors to test on: what the system has, and 18 from the Python wheel.
MAJORS ?= $(shell { ls /usr/lib/postgresql 2>/dev/null; echo 18; } | sort -nu)
# Those that `make trust` tries in part, with programs from npm.
BETWEEN ?= 16 17
PROGRAMS := build/postgresql
CONCURRENT := tests/store tests/projections tests/consumers tests/ledger
# Processes that run tests side by side, one more than two cores: some only wait.
JOBS ?= 3
SUITES ?= lint pgtap pytest
CHECKS = $(filter-out pytest,$(SUITES))
# How often `make trust` takes its full size.
ROUNDS ?= 1
RUNS := build/trust
FULL = EVIDENT_FULL=1 EVIDENT_ROUNDS=$(ROUNDS) $(BIN)/pytest -q -n $(JOBS) \
    --dist worksteal --durations=20 --timeout=7200 -m 'promise or twin_of'
# What only the system's own PostgreSQL has, plpgsql_check, is checked there.
SYSTEM = $(BIN)/pytest -q --pg $(firstword $(shell ls /usr/lib/postgresql | sort -n)) tests/store/test_plpgsql_check.py
REPORT = EVIDENT_POSTGRESQL=$(PROGRAMS) PYTHONPATH=tests $(BIN)/python -m report.write $(RUNS)/*.json
# What the bounded selection in `make test` showed: python -m report.write reads it.
BOUNDED := build/trust-bounded
DURATIONS := build/durations
# Where the figures of `make bench` go; CHECK=--check compares them with the budgets.
BENCH := build/bench
CHECK ?=
# Where `make coverage` counts, and the major that has plpgsql_check.
COVERAGE ?= $(CURDIR)/build/coverage
COVERED ?= $(firstword $(MAJORS))

.DEFAULT_GOAL := help
.PHONY: help demo test trust trust-between trust-again bench bench-test lint pgtap pytest wheel coverage freeze fingerprints lock system-packages packages clean

help:
	@sed -n '/^#/!q; s/^# //p' Makefile

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo 'Python 3.11 or newer is needed: make PYTHON=python3.12 ...'; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
	    echo 'This Python cannot make a virtual environment; on Debian and Ubuntu:'; \
	    echo '    sudo apt-get install python3-venv'; rm -rf $(VENV); exit 1; }

$(VENV)/.installed: pyproject.toml $(LOCK) | $(VENV)/bin/python
	$(BIN)/pip install -q --disable-pip-version-check --no-compile -c $(LOCK) -e '.[server]'
	@touch $@

$(VENV)/.installed-dev: pyproject.toml $(LOCK) | $(VENV)/bin/python
	$(BIN)/pip install -q --disable-pip-version-check --no-compile -c $(LOCK) -e '.[dev]'
	@touch $@ $(VENV)/.installed

demo: $(VENV)/.installed
	$(BIN)/evident demo

# Side by side what does not keep both cores busy; -O shows the output of each as one.
test:
	@$(MAKE) --no-print-directory -j system-packages
	@$(if $(CHECKS),$(MAKE) --no-print-directory -j -O $(CHECKS))
	@$(if $(filter pytest,$(SUITES)),$(MAKE) --no-print-directory pytest)

# The report judges, so a run with failures goes on to it.
trust: system-packages
	@rm -rf $(RUNS)
	-for major in $(MAJORS); do \
	    $(FULL) --pg $$major --trust-report=$(RUNS)/$$major.json; \
	done
	-$(SYSTEM) --trust-report=$(RUNS)/system.json
	-$(MAKE) --no-print-directory trust-between
	$(REPORT)

# pgTAP, and one pass of the concurrency tests, on the majors that no package here has.
trust-between: system-packages
	tests/more_majors.sh $(PROGRAMS) $(BETWEEN)
	EVIDENT_POSTGRESQL=$(PROGRAMS) $(BIN)/python -m pg_evident.workshop.pgtap $(BETWEEN)
	for major in $(BETWEEN); do \
	    EVIDENT_POSTGRESQL=$(PROGRAMS) EVIDENT_SECOND=1 $(BIN)/pytest -q -n $(JOBS) \
	        --dist worksteal --pg $$major -m promise $(CONCURRENT) \
	        --trust-report=$(RUNS)/$$major.json || exit 1; \
	done

# Of each test the newest run counts; the report says how many there were again.
trust-again: system-packages
	-for major in $(MAJORS); do \
	    $(FULL) --pg $$major --trust-missing=$(RUNS) \
	        --trust-report=$(RUNS)/$$major-$$(date +%s).json; \
	done
	-$(SYSTEM) --trust-missing=$(RUNS) \
	    --trust-report=$(RUNS)/system-$$(date +%s).json
	$(REPORT)

system-packages: $(VENV)/.installed-dev packages

packages:
	@tests/system_packages.sh

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/evident check
	$(BIN)/sqlfluff lint -q sql/functions sql/projections
	$(BIN)/squawk $(filter-out %.rollback.sql,$(wildcard migrations/*.sql \
	    migrations/examples/*.sql))

pgtap: $(VENV)/.installed-dev
	$(BIN)/python -m pg_evident.workshop.pgtap $(MAJORS)

# All of it on the last of the majors; of the others see tests/support/selection.py. How
# long each test took stands in build/durations, as JUnit writes it.
pytest: $(VENV)/.installed-dev
	@echo "pytest without a server"
	@$(BIN)/pytest -q -n $(JOBS) tests/plain --junitxml=$(DURATIONS)/plain.xml \
	    --trust-report=$(BOUNDED)/plain.json
	@set -e; for major in $(MAJORS); do \
	    echo "pytest on PostgreSQL $$major"; \
	    [ $$major = $(lastword $(MAJORS)) ] && second=0 || second=1; \
	    EVIDENT_DAILY=1 EVIDENT_SECOND=$$second $(BIN)/pytest -q -n $(JOBS) \
	        --dist worksteal --pg $$major \
	        --ignore tests/plain --durations=10 --junitxml=$(DURATIONS)/$$major.xml \
	        --trust-report=$(BOUNDED)/$$major.json; \
	done

wheel: $(VENV)/.installed-dev
	$(BIN)/pytest -q tests/commands/test_wheel.py

bench-test: system-packages
	EVIDENT_MEASURE=1 $(BIN)/pytest -q -n $(JOBS) --dist worksteal \
	    --pg $(lastword $(MAJORS)) tests/commands/test_bench*.py

bench: $(VENV)/.installed-dev
	@mkdir -p $(dir $(BENCH))
	$(BIN)/evident bench all --json $(BENCH).json --plots $(BENCH) $(CHECK)

# Counting slows down: what fails for that alone is no reason to stop.
coverage: system-packages
	rm -rf $(COVERAGE)
	EVIDENT_COVERAGE=$(COVERAGE) $(BIN)/python -m pg_evident.workshop.pgtap $(COVERED)
	-EVIDENT_COVERAGE=$(COVERAGE) $(BIN)/pytest -q -n $(JOBS) --pg $(COVERED) \
	    --ignore tests/plain
	cd tests && ../$(BIN)/python -m report.coverage $(COVERAGE)

freeze: $(VENV)/.installed-dev
	$(BIN)/evident freeze

fingerprints: $(VENV)/.installed-dev
	$(BIN)/python -m pg_evident.workshop.fingerprints $(MAJORS)

# For every Python from 3.11 on, by markers; without addresses of registries.
lock: | $(VENV)/bin/python
	$(BIN)/pip install -q --disable-pip-version-check uv
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --all-extras \
	    --upgrade --no-annotate --no-emit-index-url --no-emit-find-links \
	    --custom-compile-command 'make lock' -o $(LOCK) pyproject.toml

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
