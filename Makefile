# Every target sets up what it needs. `make help` lists them.
PYTHON ?= python3.11
DATA_ROOT ?= data
PORT ?= 3000
LOOK_PORT ?= 3001
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
LOCK := $(UV) pip compile --quiet --universal --python-version 3.11 --no-strip-extras --generate-hashes --no-annotate --no-header --no-emit-index-url --upgrade

.DEFAULT_GOAL := help
.PHONY: benchmark coverage test-kubernetes docs help setup setup-dev run look ui ui-read-only test lint format types layers check lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-17s %s\n", $$1, $$2}'

run: setup  ## turn the built-in sample into a training CSV (DATA_ROOT=data)
	@$(BIN)/video-assets run --sample --data-root "$(DATA_ROOT)"

ui: setup  ## web UI and daemon on DATA_ROOT, http://127.0.0.1:3000 (PORT=3000)
	@exec $(BIN)/video-assets ui --data-root "$(DATA_ROOT)" --port "$(PORT)"

look: setup  ## a page with all clips of DATA_ROOT, kept and dropped, http://127.0.0.1:3001 (LOOK_PORT=3001 EDIT=1)
	@exec $(BIN)/video-assets look --data-root "$(DATA_ROOT)" --port "$(LOOK_PORT)" $(if $(EDIT),--edit)

ui-read-only: setup  ## web UI on DATA_ROOT that shows everything and starts nothing (PORT=3000)
	@exec $(BIN)/video-assets ui --read-only --data-root "$(DATA_ROOT)" --port "$(PORT)"

# Most of the time of WAITING tests is waiting, for a daemon or a server: the others have the cores meanwhile, and are shown first.
WAITING := $(addprefix tests/,browser checking cli defs helm integration local slurm sources/miradata upstream workers)
SIDE_BY_SIDE := $(BIN)/python -m pytest --dist worksteal
# Every process would compile the same plugins, libraries and tests.
test $(VENV)/.compiled: export PYTHONDONTWRITEBYTECODE =
# Threads for linear algebra turn idly for a while in every process that loads numpy.
test: export OPENBLAS_NUM_THREADS := 1
# What tests write lies in memory where there is plenty: a disk lets them wait for each write that must be durable.
# Not where programs may not lie there (containers mount it so): some tests start what they write.
IS_ROOMY = awk '/^MemAvailable/ {exit $$2 < 12000000}' /proc/meminfo && [ "$$(df -k --output=avail /dev/shm | tail -1)" -gt 6000000 ] \
  && ! grep -q ' /dev/shm .*noexec' /proc/mounts
test: export TMPDIR := $(or $(TMPDIR),$(shell { $(IS_ROOMY); } 2>/dev/null && echo /dev/shm || echo /tmp))
test: setup-dev  ## run all tests, or those of ARGS
ifdef ARGS
	$(BIN)/python -m pytest $(ARGS)
else
	@log=$$(mktemp); $(SIDE_BY_SIDE) -n 4 $(WAITING) >"$$log" 2>&1 & waiting=$$!; trap 'kill -INT $$waiting' INT TERM; \
	$(SIDE_BY_SIDE) -n 2 $(addprefix --ignore=,$(WAITING)); others=$$?; \
	wait $$waiting; ended=$$?; cat "$$log"; rm -f "$$log"; exit $$((others > ended ? others : ended))
endif

test-kubernetes: setup-dev  ## install the chart on the cluster of KUBECONFIG, break things, compare CSVs (IMAGE=repository:tag)
	PATH="$(CURDIR)/$(BIN):$$PATH" PYTHONPATH=tests/fakes:tests/builders $(BIN)/python tests/kubernetes/prove.py $(STEPS)

coverage: setup-dev  ## run all tests and measure coverage, also of the programs that they start (at least 90 %)
	$(BIN)/python -m pytest -n 2 --dist worksteal --cov --cov-report=term --cov-fail-under=90 $(ARGS)

check: format lint layers types test  ## everything that CI runs

format: $(VENV)/.dev-ready
	$(BIN)/ruff format

lint: $(VENV)/.dev-ready
	$(BIN)/ruff format --check
	$(BIN)/ruff check

layers: $(VENV)/.dev-ready
	$(BIN)/lint-imports --no-logo

types: $(VENV)/.dev-ready
	$(BIN)/pyrefly check

docs: $(VENV)/.dev-ready  ## write docs/settings.md from the settings model
	$(BIN)/python docs/generate.py

lock: $(VENV)/.uv-ready  ## renew the pins in requirements/
	$(LOCK) pyproject.toml requirements/build.in -o requirements/run.txt
	$(LOCK) pyproject.toml requirements/build.in --extra kubernetes -o requirements/image.txt
	$(LOCK) pyproject.toml requirements/build.in --extra kubernetes --extra lance --group dev -o requirements/dev.txt

benchmark: setup-dev  ## list the benchmarks, or run one (NAME=growth ARGS="--known 10000")
ifdef NAME
	$(BIN)/python benchmarks/$(NAME).py $(ARGS)
else
	@for file in benchmarks/*.py; do printf '  %-18s %s\n' "$$(basename $$file .py)" "$$(sed -n '1s/^"""//p' $$file)"; done
endif

clean:  ## remove the environment and the sample's results
	rm -rf $(VENV) data

setup: $(VENV)/.run-ready
setup-dev: $(VENV)/.compiled

# uv does not read what pip was told (private index, certificate of a proxy): it is handed on.
LIKE_PIP = eval "$$($(PYTHON) requirements/uv_like_pip.py)"
HELP = Behind a proxy or a private index: docs/install.md

$(VENV)/.uv-ready:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) not found: install it, or name another Python >= 3.11 with PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -m pip --version >/dev/null || { echo "$(PYTHON) has no pip: install it (Debian: python3-pip)" >&2; exit 1; }
	$(PYTHON) -m venv --without-pip $(VENV)
	@$(PYTHON) -m pip --quiet --disable-pip-version-check --python $(VENV) install "uv==0.13.*" \
	  || { echo "make: step 1 of 3 failed: pip could not fetch uv, see above. $(HELP)" >&2; exit 1; }
	@touch $@

# A third of what tests may use is imported at all: it is compiled when they are collected the first time, in one process instead of in
# each, which also rewrites their asserts. What cannot be imported the tests themselves say.
BYTE_CODE_OF_run := --compile-bytecode
$(VENV)/.compiled: $(VENV)/.dev-ready
	@echo "Compiling what the tests import: once, about a quarter of a minute"
	@$(BIN)/python -m pytest --collect-only -qq >/dev/null 2>&1 || true
	@touch $@

$(VENV)/.%-ready: requirements/%.txt pyproject.toml $(VENV)/.uv-ready
	@echo "Fetching and installing about $$(grep -c '==' $<) packages into $(VENV): once, about half a minute, nothing is shown meanwhile"
	@$(LIKE_PIP); $(UV) pip install --quiet $(BYTE_CODE_OF_$*) --python $(BIN)/python --require-hashes -r requirements/$*.txt \
	  || { echo "make: step 2 of 3 failed: uv could not fetch the packages of requirements/$*.txt, see above. $(HELP)" >&2; exit 1; }
	@$(LIKE_PIP); $(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable . \
	  || { echo "make: step 3 of 3 failed: this checkout could not be installed into $(VENV), see above" >&2; exit 1; }
	@$(BIN)/python -m compileall -q video_assets  # where PYTHONDONTWRITEBYTECODE is set every process would compile it again
	@touch $@
