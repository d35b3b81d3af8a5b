# Bare `make` lists what there is.
.DEFAULT_GOAL := help
.PHONY: help setup demo test suite check requirements lock wheels clean
# Tests start hundreds of processes: none is to compile all of its modules again.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
PROJECTS := . slo otel service loadtest dashboards
PACKAGES := tailgate slo otel service loadtest dashboards tests benchmarks
STAMP := .venv/.set-up
# Tests wait for clocks a good part of their time: more at a time than CI has cores. With one more still, those that
# measure are kept waiting for each other.
WORKERS := 3
# Of Schemathesis its command is used alone; what it adds to pytest takes every worker seconds to import.
AT_ONCE := -n $(WORKERS) --dist loadgroup -p no:schemathesis

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): requirements.lock .ci/setup $(PROJECTS:%=%/pyproject.toml)
	@.ci/setup
	@touch $@

setup: $(STAMP) ## put everything needed into .venv/, and build what browsers run (cheap when nothing changed)
	@.ci/web

demo: setup ## start the reference API, load it, judge it, write a report
	@$(BIN)/tailgate run --profile smoke

check: setup ## ruff, strict types, import contracts
	$(BIN)/ruff check $(PACKAGES)
	$(BIN)/ruff format --check $(PACKAGES)
	$(BIN)/mypy
	$(BIN)/lint-imports

test: setup ## every check and every test
	@.ci/peers
	@$(MAKE) --no-print-directory --jobs 2 check suite

suite: setup
	PATH="$(CURDIR)/.venv/peers/usr/bin:$$PATH" $(BIN)/pytest $(AT_ONCE)

requirements: setup ## write docs/requirements.md of the tests that show its rows, and the stored figures
	@.ci/peers
	PATH="$(CURDIR)/.venv/peers/usr/bin:$$PATH" $(BIN)/python -m pytest $(AT_ONCE) -q -p tests.requirements.plugin -m row

lock: ## pin the dependencies again, after changing one
	@.ci/lock --upgrade

wheels: setup ## build the six wheels into dist/
	@rm -rf dist
	@for project in $(PROJECTS); do $(BIN)/uv build --wheel --no-build-isolation --out-dir dist $$project || exit 1; done

clean: ## remove what the targets made
	rm -rf .venv dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	rm -rf service/pages/node_modules service/tailgate_service/pages/built
	rm -rf loadtest/browser/node_modules loadtest/tailgate_loadtest/browser/measure.js
