.PHONY: help install demo test test-long lint package bench validate soak example screenshots clean
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

install: $(STAMP)  ## make .venv with the harness and its development tools

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; try: make PYTHON=python3.12 $(MAKECMDGOALS)" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-deps evals==3.0.1.post1 || echo 'the reference package evals is not at hand: its tests will skip'
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-deps absl-py diversity==0.3.1 rouge-score==0.1.2 six vendi-score==0.0.3 || echo 'the libraries beside which diversity is tested are not at hand: those tests will skip'
	touch $(STAMP)

demo: install  ## tune a small model here, evaluate it, and write the report
	$(BIN)/harness demo

test: lint  ## everything that must hold: style, types, rooms, tests
	$(BIN)/python -m pytest -n 4 --dist loadfile -m "not long"

test-long: install  ## tests that take minutes: every command of the docs, parity, Ray, the built package
	$(BIN)/python -m pytest -n 4 --dist loadfile -m long

lint: install  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

package: install  ## build wheel and sdist, install the wheel in a clean place, resolve all extras
	.ci/package

bench: install  ## measure speed against the floor, and parity with OpenAI evals
	$(BIN)/python -m benchmarks

validate: install  ## is the advice any good? hundreds of tuning runs; stop and go on at will
	$(BIN)/python -m benchmarks.advice

soak: install  ## kill runs again and again under faults: is anything lost?
	$(BIN)/python benchmarks/soak.py

example: install  ## make the committed example report anew
	$(BIN)/harness demo --out reports/example --overwrite

screenshots: install  ## make the pictures of report and viewer anew (needs Chromium)
	$(BIN)/python docs/screenshots/make.py

clean:  ## remove what was built
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
