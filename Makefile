# Everything a person types. What a target does is in labkit/bootstrap.py and in labkit itself.
PYTHON ?= python3
DEV := .venv-dev/bin/python

export PYTHONPATH :=

.DEFAULT_GOAL := help
.PHONY: help lab test build check lint bench lock clean python environment

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

lab: python ## Set up what is missing and open the course in JupyterLab
	@$(PYTHON) -m labkit.bootstrap lab

test: python ## Set up what is missing and run all tests (ARGS=… goes to pytest)
	@$(PYTHON) -m labkit.bootstrap test $(ARGS)

build: environment ## Rebuild exercises and notebooks from their sources
	@$(DEV) -m labkit.authoring build

check: environment ## Check the course: manifest, sources, and that what is built is up to date
	@$(DEV) -m labkit.authoring check

lint: environment ## Check the code with ruff and mypy
	@$(DEV) -m ruff check
	@$(DEV) -m ruff format --check
	@$(DEV) -m mypy

bench: environment ## Run the benchmarks against an engine that answers
	@$(DEV) -m benchmarks

lock: environment ## Write both lock files anew from pyproject.toml
	@$(DEV) -m labkit.bootstrap lock

clean: ## Remove the environments and caches; the learner's work and the engine stay
	rm -rf .venv .venv-dev .venv-otter .mypy_cache .pytest_cache .ruff_cache

environment: python
	@$(PYTHON) -m labkit.bootstrap environment

# Said here because an older Python could not even read the rest.
python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "The course needs Python 3.11 or newer; `$(PYTHON)` is %d.%d. Name a newer one: make PYTHON=python3.11 lab" % sys.version_info[:2])'
