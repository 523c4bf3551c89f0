# Serai. Two commands matter: make demo, make test. See README.md.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
MAKEFLAGS += --no-print-directory
# Each process would compile all modules of the product again
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
PORT ?= 8000
PEOPLE ?=
VENV ?= .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python
INSTALL := $(RUN) tools/install.py
PYTEST := $(BIN)/pytest -rs --dist loadgroup

.PHONY: help
help: ## lists the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

.PHONY: demo
demo: $(VENV)/.runtime ## builds the demonstration programme and serves it (PORT=8000, PEOPLE=, KEEP=1, LMS_DATA)
	@$(RUN) -m lms demo --port $(PORT) $(if $(PEOPLE),--people $(PEOPLE)) $(if $(KEEP),--keep) --first "$(MAKE) catalogues" --beside "nice -n 19 $(MAKE) assets" --afterwards "$(MAKE) -k video fonts"

.PHONY: serve
serve: $(VENV)/.build assets ## serves the checkout and takes in each change of a file (PORT=8000, PEOPLE=2000, EMPTY=1, LMS_DATA)
	@$(RUN) tools/serve.py --port $(PORT) $(if $(PEOPLE),--people $(PEOPLE)) $(if $(EMPTY),--empty)

.PHONY: test
test: needs-tests $(VENV)/.dev $(VENV)/.video assets fonts fonts-tests validators ## prepares everything and runs all tests but the long ones
	@$(MAKE) check-style
	@echo "Tests: every slice, on SQLite and PostgreSQL, in a real browser; templates, layers and types beside them"
	@{ $(MAKE) check-structure && $(BIN)/mypy; } >.stamps/checks.txt 2>&1 & checks=$$!
	@failed=0; rm -f .stamps/failed.txt
	@$(PYTEST) -n 3 -m "not long" $(if $(SECOND_CHANCE),--failed-to=.stamps/failed.txt) || failed=$$?
	@checked=0; wait $$checks || { cat .stamps/checks.txt; checked=1; }
	@if [ "$(SECOND_CHANCE)" ]; then $(RUN) tools/second_attempt.py $$([ $$failed = 1 ] || echo --show) && [ $$failed -le 1 ] && failed=0; fi
	@exit $$((failed + checked))

.PHONY: test-touched
test-touched: $(VENV)/.dev assets ## runs the tests of the slices that differ from main, style, layers, types, and the quick contracts (SINCE=main)
	@$(MAKE) check-style
	@{ $(MAKE) check-structure && $(BIN)/mypy; } >.stamps/checks.txt 2>&1 & checks=$$!
	@failed=0
	@$(PYTEST) -n 2 -m "not long" $$($(RUN) tools/touched.py $(or $(SINCE),main)) || failed=$$?
	@wait $$checks || { cat .stamps/checks.txt; failed=1; }
	@exit $$failed

.PHONY: test-long
test-long: needs-tests-long $(VENV)/.dev $(VENV)/.video assets fonts fonts-tests validators ## all on PostgreSQL too, crashes, the whole demonstration, 100 examples of each property
	@$(PYTEST) -n 3 --no-loadscope-reorder -m "long or property" --hypothesis-profile=long

.PHONY: test-versions
test-versions: assets ## runs the tests of slices on each other Python from 3.11 to 3.13 that is installed
	@for version in 3.11 3.12 3.13; do
	  if python$$version -c '' 2>/dev/null && ! $(BIN)/python$$version -c '' 2>/dev/null; then
	    $(MAKE) test-slices PYTHON=python$$version VENV=.venv-$$version
	  fi
	done

.PHONY: test-slices
test-slices: $(VENV)/.dev
	@echo "Tests of slices on $$($(RUN) --version)"
	@$(PYTEST) -n 2 -m "not long" tests/core tests/people tests/catalogue tests/enrolment tests/attendance

.PHONY: coverage
coverage: needs-tests $(VENV)/.dev $(VENV)/.video assets fonts fonts-tests validators ## runs the same tests and prints which lines of the product they reach (ARGS=tests/enrolment)
	@$(PYTEST) -n 2 -m "not long" --cov=lms --cov-branch --cov-report=term:skip-covered $(ARGS)

.PHONY: test-tls
test-tls: needs-tests $(VENV)/.dev $(VENV)/.video assets fonts fonts-tests ## runs all browser journeys through nginx with TLS
	@$(BIN)/pytest -rs tests/journeys -m "not long" --through=tls

.PHONY: test-containers
test-containers: $(VENV)/.dev wheel ## starts both compose files with podman, as root, and runs the documented commands in them
	@sh tools/needs.sh tests podman debootstrap
	@$(BIN)/pytest -n0 -rs tests/containers/start_compose.py

.PHONY: bench
bench: $(VENV)/.dev assets ## measures the aims of speed at full size (ARGS=--all: every topic; ARGS="--only NAME --json")
	@$(RUN) -m bench $(ARGS)

.PHONY: mutants
mutants: $(VENV)/.dev assets ## breaks the rules behind certificates, one place at a time, and counts what the tests notice
	@$(RUN) tools/mutants.py $(ARGS)

.PHONY: check
check: check-style check-structure
	@$(BIN)/mypy

.PHONY: check-style
check-style: $(VENV)/.dev
	@echo "Checks: ruff"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .

.PHONY: check-structure
check-structure: $(VENV)/.dev
	@echo "Checks: djlint, layers"
	@$(BIN)/djlint lms --lint --quiet
	@PYTHONPATH=. $(BIN)/lint-imports --no-cache >.stamps/layers.txt || { cat .stamps/layers.txt; exit 1; }

.PHONY: messages
messages: $(VENV)/.dev ## extracts the messages of the interface (lms/translations/messages.pot) and takes them into the catalogues
	@$(RUN) tools/messages.py
	@$(RUN) -m tools.catalogues
	@$(RUN) -m tools.catalogues --compile

.PHONY: pictures
pictures: needs-tests $(VENV)/.dev assets fonts ## takes pictures of the main pages in three languages, or those of the README (README=1, ADDRESS=http://127.0.0.1:8000)
	@$(RUN) tools/pictures.py $(or $(ADDRESS),http://127.0.0.1:8000) $(or $(FOLDER),$(if $(README),docs/pictures,var/pictures)) $(if $(README),--readme)

.PHONY: catalogues
catalogues: $(VENV)/.runtime ## compiles the catalogues of translations
	@$(RUN) -m tools.catalogues --compile

.PHONY: assets
assets: $(VENV)/.runtime $(VENV)/.build catalogues
	@$(RUN) static/build.py
	@$(RUN) -m static.fonts

.PHONY: fonts
fonts: assets ## installs the large fonts that certificates in CJK need
	@$(RUN) -m static.fonts --large

.PHONY: video
video: $(VENV)/.video ## installs ffmpeg, for lectures given in the browser, where the system has none

.PHONY: wheel
wheel: assets ## builds an installable package into dist/
	@rm -f dist/serai-*.whl
	@$(RUN) -m hatchling build --target wheel --directory dist

.PHONY: sbom
sbom: $(VENV)/.dev ## writes the software bill of materials (CycloneDX) into dist/
	@$(RUN) -m tools.sbom dist/serai.cdx.json

.PHONY: lock
lock: $(VENV)/.dev ## brings the lock files to the newest allowed versions
	@$(INSTALL) -r requirements-installer.txt
	@compile() { $(BIN)/uv pip compile --upgrade --quiet --generate-hashes --universal --python-version 3.11 \
	  --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' "$$@"; }
	@compile pyproject.toml -o requirements.txt
	@compile pyproject.toml --all-extras -c requirements.txt -o requirements-extras.txt
	@for part in build dev; do compile requirements-$$part.in -o requirements-$$part.txt; done
	@for part in installer fonts fonts-large fonts-tests video; do compile --no-deps requirements-$$part.in -o requirements-$$part.txt; done

.PHONY: clean
clean: ## removes what was built and installed here (never data)
	@rm -rf .venv .venv-3.* .stamps .coverage node_modules tools/validators/node_modules static/build tests/fonts dist

# What must be there first ---------------------------------------------------------------------------------------

.PHONY: needs-tests
needs-tests:
	@sh tools/needs.sh tests chromium nginx logrotate

.PHONY: needs-tests-long
needs-tests-long:
	@sh tools/needs.sh tests chromium firefox webkit nginx java logrotate pgbouncer promtool

.PHONY: fonts-tests
fonts-tests: assets
	@$(RUN) -m static.fonts --tests

.PHONY: validators
validators: $(VENV)/.build
	@$(RUN) tools/validators/install.py

$(VENV)/.made:
	@PYTHON="$(PYTHON)" sh tools/needs.sh venv
	@echo "Environment: $(VENV)"
	@without=; if $(PYTHON) -m pip --version >/dev/null 2>&1; then without=--without-pip; fi  # 3 s
	@$(PYTHON) -m venv $$without $(VENV)
	@mkdir -p .stamps
	@touch $@

$(VENV)/.runtime: $(VENV)/.made requirements.txt
	@echo "Libraries: what the product runs on"
	@$(PYTHON) -m compileall -q lms & compiled=$$!  # a second of the first start
	@$(INSTALL) -r requirements.txt
	@wait $$compiled
	@touch $@

$(VENV)/.build: $(VENV)/.runtime requirements-build.txt
	@echo "Libraries: what builds the assets and the wheel"
	@$(INSTALL) -r requirements-build.txt
	@touch $@

$(VENV)/.dev: $(VENV)/.build requirements-dev.txt
	@echo "Libraries: what tests and checks"
	@$(INSTALL) -r requirements-dev.txt
	@mkdir -p .stamps
	@touch $@

$(VENV)/.video: $(VENV)/.made requirements-video.txt
	@if ! command -v ffmpeg >/dev/null; then
	  echo "Libraries: ffmpeg, for lectures given in the browser"
	  $(INSTALL) -r requirements-video.txt
	fi
	@touch $@
