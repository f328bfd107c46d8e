# Two commands matter: `make run` starts everything on this machine, `make test` tries everything.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: setup run demo test lint setup-test setup-torch clean

setup: $(VENV)/.run-installed ## .venv with everything that serving needs, and the koe command

$(VENV)/.python:
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13) and "Koe needs Python 3.11 to 3.13; this is " + sys.version.split()[0] + ": make PYTHON=/path/to/python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.run-installed: $(VENV)/.python requirements/run.txt pyproject.toml
	$(PIP) install -r requirements/run.txt
	$(PIP) install --no-deps --editable .
	touch $@

setup-test: $(VENV)/.test-installed

$(VENV)/.test-installed: $(VENV)/.run-installed requirements/test.txt
	$(PIP) install -r requirements/test.txt
	touch $@

setup-torch: $(VENV)/.torch-installed ## torch and what training needs; never needed to serve the bundled model

$(VENV)/.torch-installed: $(VENV)/.test-installed requirements/train.txt
	$(PIP) install -r requirements/train.txt
	touch $@

run: setup ## API, workers, schedule and Valkey on this machine
	exec $(BIN)/koe serve

demo: setup ## the same, in a folder of its own, with three weeks of feedback and a surge
	exec $(BIN)/koe demo

lint: setup-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .

test: setup-test lint ## everything, on SQLite and PostgreSQL, with a real Valkey
	$(BIN)/pytest -n 2 --dist loadfile $(PYTEST_ARGS)

clean:
	rm -rf $(VENV) build *.egg-info
