# Everything that this repository can do, by name. `make` alone lists it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
PYTHON := .venv/bin/python
CARBET := $(PYTHON) -m carbet
# Compiled modules are what makes a start quick.
unexport PYTHONDONTWRITEBYTECODE

# What the development environment and the tests' browser need from the system.
BROWSER := chromium:chromium
# A true mail server for the tests: the daemon, then what IMAP, LMTP and submission need.
MAIL := /usr/lib/dovecot/imap:dovecot-imapd /usr/lib/dovecot/lmtp:dovecot-lmtpd \
  /usr/lib/dovecot/submission:dovecot-submissiond

.PHONY: help
help: ## List what can be made
	@printf 'make <but>\n\n'
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | \
	  awk -F'\t' '{ printf "  %-12s %s\n", $$1, $$2 }'

##@ Run

.PHONY: run
run: install ## Start everything with the demonstration territory (Ctrl-C stops it)
	@exec $(CARBET) demo

.PHONY: doctor
doctor: install ## Say what is wrong here and how to mend it
	@$(CARBET) doctor

.PHONY: install
install: ## Install what running needs, from the lock
	@.ci/install runtime

.PHONY: develop
develop: ## Install what working on the code needs, from the lock
	@.ci/install development

##@ Prove

.PHONY: check
check: develop ## Prove what needs no test: format, lint, types, storeys, templates, migrations
	@.ci/check

.PHONY: test
test: develop ## Run every test (installs Chromium and Dovecot when missing); ARGS="-k name" narrows
	@.ci/system-packages $(BROWSER) $(MAIL)
	@$(PYTHON) -m pytest $(ARGS)

.PHONY: test-pg15
test-pg15: develop ## Run every test on Debian's PostgreSQL 15
	@[ -x /usr/lib/postgresql/15/bin/postgres ] || .ci/system-packages postgres-15:postgresql-15
	@.ci/system-packages $(BROWSER) $(MAIL)
	@CARBET_TEST_PG_BIN=/usr/lib/postgresql/15/bin CARBET_TEST_STATE=$(CURDIR)/var/test-pg15 \
	  $(PYTHON) -m pytest $(ARGS)

.PHONY: benchmark
benchmark: develop ## Measure three sizes of territory beside the floor (an hour); ARGS="--sizes 1000"
	@.ci/system-packages wrk:wrk
	@$(PYTHON) -m benchmarks.run $(ARGS)

.PHONY: format
format: develop ## Format the code
	@.venv/bin/ruff format --quiet . && .venv/bin/ruff check --quiet --fix .

##@ Keep

# Hashes without addresses: the lock says what is installed, the machine says from where.
COMPILE := pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-annotate --no-header --no-emit-index-url

.PHONY: lock
lock: develop ## Resolve the dependencies of pyproject.toml again (UPGRADE=1 takes newer ones)
	@uv=$$(command -v uv || echo .tools/bin/uv); \
	$$uv $(COMPILE) $(if $(UPGRADE),--upgrade) pyproject.toml --output-file requirements.lock; \
	$$uv $(COMPILE) $(if $(UPGRADE),--upgrade) pyproject.toml --group dev \
	  --constraints requirements.lock --output-file requirements-dev.lock
	@.ci/install development

.PHONY: clean
clean: ## Forget caches and the tests' server; the database in var/ stays
	@rm -rf var/test-pg var/test-pg15 .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	@find carbet tests -name __pycache__ -type d -prune -exec rm -rf {} +
