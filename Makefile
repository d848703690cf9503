# Daily commands; `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/sh

VENV := .venv
PYTHON := $(VENV)/bin/python
# The virtual environment comes first, so that npm's scripts find the Node it may have brought.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
# Compiled modules are kept: without them every start would take a third of a second longer.
export PYTHONDONTWRITEBYTECODE :=

# One more than two cores have: those that wait for leases and clocks leave them free.
TESTS_AT_ONCE := 3

FRONTEND_SOURCES := $(shell find frontend/src frontend/*.ts frontend/*.json templates -type f 2>/dev/null | grep -v tsbuildinfo)

.PHONY: help run setup setup-tests test chaos conformance check fix bench reference screenshots

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 16

run: $(VENV)/.runtime frontend/dist/.stamp ## Start everything: http://127.0.0.1:8000 (PORT=… to change)
	@PATCHBAY_DEMO=$${PATCHBAY_DEMO:-1} PATCHBAY_OUTBOUND_ALLOW=$${PATCHBAY_OUTBOUND_ALLOW:-127.0.0.1,localhost} \
	PATCHBAY_FOLLOW_PARENT=1 exec $(PYTHON) manage.py serve

setup: $(VENV)/.runtime frontend/dist/.stamp ## Install and build what `make run` needs

setup-tests: $(VENV)/.develop frontend/dist/.stamp ## Install what the tests need, the browser included
	@sh scripts/install_browser.sh

test: setup-tests ## Run every test (PYTEST="-k name" to choose)
	@cd frontend && npm test --silent
	@$(PYTHON) -m pytest -n $(TESTS_AT_ONCE) --dist loadfile $(PYTEST)

conformance: $(VENV)/.develop ## The public MCP suite against /mcp and against our client
	@node=$$(sh tests/conformance/install.sh $(VENV)) && $(PYTHON) -m tests.conformance --node $$node

chaos: setup-tests ## Break everything that can break, and show a table of figures (CHAOS_SIZE=P or N, PYTEST="-k name")
	@$(PYTHON) -m tests.chaos $(PYTEST)

check: $(VENV)/.develop frontend/dist/.stamp ## Format, lint, types, imports, missing migrations
	ruff format --check .
	ruff check .
	mypy
	lint-imports
	$(PYTHON) manage.py makemigrations --check --dry-run
	cd frontend && npm run --silent check

fix: $(VENV)/.develop ## Format and mend what can be mended
	ruff check --fix .
	ruff format .
	cd frontend && npm run --silent fix

bench: $(VENV)/.develop ## Overhead of the engine beside a bare service, of tool calls beside the bare SDK, and a million runs
	@$(PYTHON) -m tests.bench
	@$(PYTHON) -m tests.bench.tools
	@$(PYTHON) -m tests.bench.history

reference: $(VENV)/.develop ## Renew what docs/reference/ and the frontend's types take from the code
	@$(PYTHON) manage.py export_reference docs/reference
	@cd frontend && npm run --silent api-types

screenshots: setup-tests ## Take pictures of every page into screenshots/, and renew the README's
	@$(PYTHON) -m pytest tests/browser
	@cp screenshots/editor-ran.png docs/images/editor.png

# --- what is made once, and again only when its sources change -------------------------------

$(VENV)/bin/python:
	@sh scripts/make_venv.sh $(VENV)

$(VENV)/.runtime: requirements/runtime.txt | $(VENV)/bin/python
	@echo "Installing Python packages…"
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/runtime.txt
	@touch $@

$(VENV)/.develop: requirements/develop.txt | $(VENV)/bin/python
	@echo "Installing Python packages for development…"
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/develop.txt
	@touch $@ $(VENV)/.runtime

frontend/node_modules/.stamp: frontend/package.json frontend/package-lock.json | $(VENV)/bin/python
	@sh scripts/install_node.sh $(VENV)
	@echo "Installing frontend packages…"
	@cd frontend && npm install --no-audit --no-fund --silent
	@touch $@

frontend/dist/.stamp: frontend/node_modules/.stamp $(FRONTEND_SOURCES)
	@echo "Building the frontend…"
	@cd frontend && npm run --silent build > /dev/null
	@touch $@
