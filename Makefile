# Two commands matter: `make demo` and `make test`. Each sets up by itself what it needs.
# PYTHON=python3.12 picks an interpreter; otherwise the first that fits (3.10 to 3.13) is used.

SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench test-slow test-versions pictures schema clean

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(STAMP) ## Make .venv and install EchoTrace with its developers' tools

$(STAMP): pyproject.toml constraints-dev.txt .ci/find-python
	@python=$$(.ci/find-python $(PYTHON)) && echo "setting up $(VENV) with $$($$python --version)" \
	  && $$python -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --constraint constraints-dev.txt --editable '.[dev]'
	@touch $@

demo: setup ## Profile the bundled recordings offline
	@$(BIN)/echotrace demo

test: setup check ## Run every test and check
	@$(BIN)/python -m pytest -n 2 --dist loadgroup

check: setup ## Format, lint, types, layers
	@$(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@PYTHONPATH=. $(BIN)/lint-imports --no-logo

bench: setup ## Run the benches and print their tables
	@for bench in .extras/bench/*.py; do echo "== $$bench"; $(BIN)/python $$bench || exit 1; done

test-slow: setup ## Run the tests that take longer than the suite's budget
	@$(BIN)/python -m pytest -m slow

test-versions: setup ## Run the suite on every Python from 3.10 to 3.13 that is installed
	@.ci/test-versions

pictures: setup ## Draw the README's pictures from the demo
	@$(BIN)/python .extras/make_pictures.py

schema: setup ## Write the JSON Schema of a report from the dataclasses
	@$(BIN)/python -m echotrace.model.schema --write

clean: ## Remove what the other targets made
	rm -rf $(VENV) .venvs dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
