PYTHON := .venv/bin/python
# Named after the system's Python, so that an upgrade of Debian renews the environment.
READY := .venv/ready-$(notdir $(realpath /usr/bin/python3))

.DEFAULT_GOAL := help
.PHONY: help setup run test test-endurance fuzz soak test-vm vm-image deb deb-check lint audit check bench bench-check performance docs clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv, and as root install the Debian packages it needs

$(READY): requirements.txt setup.cfg pyproject.toml scripts/setup
	@echo "Setting up .venv (once, about a minute) ..."
	@scripts/setup $@

run: setup ## an AT prompt on a gateway of its own, with a simulated network
	@$(PYTHON) -m gateway console

test: setup ## run the test suite (a minute or two)
	$(PYTHON) -m pytest -n auto --dist loadfile

test-endurance: setup ## noise, floods and a soak (minutes)
	$(PYTHON) -m pytest -v -s tests/endurance -o faulthandler_timeout=600

soak: setup ## everything at once for HOURS=n, every byte compared, memory watched
	$(PYTHON) -m tests.endurance.soak --hours $(or $(HOURS),1) $(if $(SEED),--seed $(SEED)) $(if $(RIG),--rig $(RIG))

fuzz: setup ## look for input that fails, each target SECONDS long (60)
	$(PYTHON) -m tests.fuzz $(or $(SECONDS),60) $(TARGETS)

test-vm: setup ## test Wi-Fi and the packages in virtual machines (about half an hour)
	$(PYTHON) -m pytest -v tests/vm -o faulthandler_timeout=1200

vm-image: setup ## make their images now, with what they need on this host
	$(PYTHON) -m tests.vm.disk_image

deb: setup ## build the Debian packages in a clean Debian into dist/; SUITE=bookworm for 12
	@PYTHON=$(PYTHON) packaging/build-deb $(or $(SUITE),trixie) $(ARCH)

deb-check: deb ## try these packages, as root (about 10 minutes)
	@packaging/check-deb $(or $(SUITE),trixie)

lint: setup ## ruff and mypy --strict
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

audit: ## look up known vulnerabilities of the pinned packages
	@scripts/audit

check: lint test ## lint, then test: what a change has to pass

bench: setup ## measure speed and memory, and print the table (about 10 minutes)
	$(PYTHON) -m benchmarks --json build/bench.json

bench-check: setup ## count calls, instructions, memory; fail where 10 % worse (RENEW=1: new baseline)
	$(PYTHON) -m benchmarks.check $(if $(CI),--strict) $(if $(RENEW),--write-baseline)

performance: setup ## renew docs/performance.md from what make bench has measured
	@$(PYTHON) -m benchmarks --from build/bench.json --write-docs > build/bench.txt

docs: setup ## renew docs/commands.md from the command table
	@$(PYTHON) -m gateway.documentation > docs/commands.md.new
	@mv docs/commands.md.new docs/commands.md

clean: ## delete .venv and everything else that was made
	rm -rf .venv *.egg-info build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
