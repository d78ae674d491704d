PYTHON := .venv/bin/python
# Named after the system's Python, so that an upgrade of Debian renews the environment.
READY := .venv/ready-$(notdir $(realpath /usr/bin/python3))

.DEFAULT_GOAL := help
.PHONY: help setup run test lint check bench docs clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv, and as root install the Debian packages it needs

$(READY): requirements.txt setup.cfg pyproject.toml scripts/setup
	@echo "Setting up .venv (once, about a minute) ..."
	@scripts/setup $@

run: setup ## an AT prompt on a gateway of its own, with a simulated network
	@$(PYTHON) -m gateway console

test: setup ## run the whole test suite
	$(PYTHON) -m pytest

lint: setup ## ruff and mypy --strict
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

check: lint test ## lint, then test: what a change has to pass

bench: setup ## measure speed and memory, and print the table
	$(PYTHON) -m benchmarks

docs: setup ## renew docs/commands.md from the command table
	@$(PYTHON) -m gateway.documentation > docs/commands.md.new
	@mv docs/commands.md.new docs/commands.md

clean: ## delete .venv and everything else that was made
	rm -rf .venv *.egg-info build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
