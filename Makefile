# make setup | demo | up | test | chaos | bench | lint | clean.   PYTHON=/path/to/python3.13 chooses the interpreter.
# Kept to what GNU make 3.81 understands, the one macOS ships.

VENV := .venv
PY := $(VENV)/bin/python
REQUIREMENTS := requirements.txt requirements-dev.txt gpu_task/requirements.txt client/requirements.txt \
	local/requirements.txt constraints.txt

VIDEO ?=
STYLE ?=
TESTS ?= tests
# Most of the tests' time is waiting for other processes: two at a time take little more than half.
TEST_WORKERS ?= 2
CHAOS_SEED ?= 1
CHAOS_SECONDS ?= 600
CHAOS_RUNS ?=

.PHONY: help setup demo up test chaos bench lint clean

help:
	@echo "make setup                      virtual environment and Azurite (a second run is instant)"
	@echo "make demo [VIDEO=f] [STYLE=s]   the whole system on this machine, on a six-second clip; result in demo-output/"
	@echo "make up                         the local stack until Ctrl-C; then: $(PY) -m client submit FILE --style NAME"
	@echo "make test [TESTS=path]          lint, then the tests"
	@echo "make chaos [CHAOS_RUNS=n]       ten minutes (or n runs) of real faults on a stack of its own; CHAOS_SEED=k: others"
	@echo "make bench                      how fast it is: every benchmark of speed, then docs/performance.md; about 40 minutes"
	@echo "make lint                       ruff, pyright, import-linter"
	@echo "make clean                      remove what the above made, but for .local (your jobs and their results)"

setup: $(VENV)/.installed node_modules/.installed
	@:

$(VENV)/.installed: $(REQUIREMENTS)
	@sh scripts/make-venv.sh
	@sh scripts/quietly.sh $(VENV)/install.log "Installing Python packages (about 4 GB on Linux)" \
		$(PY) -m pip install --disable-pip-version-check --no-input -r requirements-dev.txt -c constraints.txt
	@touch $@

node_modules/.installed: package.json package-lock.json
	@command -v npm >/dev/null || { echo "npm is missing: Azurite, the storage emulator, needs Node.js 20 or later (https://nodejs.org)" >&2; exit 1; }
	@mkdir -p .local
	@sh scripts/quietly.sh .local/npm-install.log "Installing Azurite" npm ci --no-audit --no-fund
	@touch $@

demo: setup
	@$(PY) -m local demo $(if $(VIDEO),--video "$(VIDEO)") $(if $(STYLE),--style "$(STYLE)")

up: setup
	@$(PY) -m local up $(ARGS)

test: lint
	$(VENV)/bin/pytest -n $(TEST_WORKERS) --dist loadfile $(TESTS)

chaos: setup
	@$(PY) -m tests.chaos --seed $(CHAOS_SEED) $(if $(CHAOS_RUNS),--runs $(CHAOS_RUNS),--seconds $(CHAOS_SECONDS)) $(ARGS)

bench: setup
	@$(PY) -m benchmarks all

lint: setup
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/pyright
	$(VENV)/bin/lint-imports

clean:
	rm -rf $(VENV) node_modules demo-output .local/demo .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
