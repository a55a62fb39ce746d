# nanonet: every command, each of which does the set-up by itself where it is missing.
# Works with GNU make 3.81 (macOS) and later; needs bash and Python 3.11, 3.12 or 3.13.

SHELL := bash
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup-done
EXPERIMENT ?= nanonet

# Written as one line of Python because a recipe cannot hold an indented block.
SUPPORTED := import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 13) else \
	"nanonet needs Python 3.11, 3.12 or 3.13, but %s is %s.%s; name another with: make setup PYTHON=python3.12" % (sys.executable, *v))

.DEFAULT_GOAL := help
.PHONY: help setup simulate status train evaluate demo test validate lint check benchmark

help:  ## this list
	@echo "usage: make TARGET [VARIABLE=value ...]"; echo
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo; awk '/^#: /{print "  " substr($$0, 4)}' $(MAKEFILE_LIST)

setup: $(STAMP)  ## make .venv and install everything (again when setup.cfg changes)
	@echo "ready: $$($(BIN)/python --version) in $(VENV)"

$(STAMP): setup.cfg pyproject.toml setup.py
	@command -v "$(PYTHON)" >/dev/null || { \
	  echo "make setup: there is no '$(PYTHON)' here; install Python 3.11 to 3.13 or name it: make setup PYTHON=python3.12" >&2; exit 1; }
	@[ -x $(BIN)/python ] || $(PYTHON) -c '$(SUPPORTED)'
	@[ -x $(BIN)/python ] || { echo "making $(VENV) with $$($(PYTHON) --version)"; $(PYTHON) -m venv $(VENV); } || { \
	  rm -rf $(VENV); echo "make setup: $(VENV) could not be made (on Debian and Ubuntu: apt install python3-venv)" >&2; exit 1; }
	@$(BIN)/python -c '$(SUPPORTED)' || { echo "make setup: remove $(VENV) to make it anew" >&2; exit 1; }
	@echo "installing nanonet with everything it can use; log: $(VENV)/setup.log"
	@set -o pipefail; $(BIN)/python -m pip install -e '.[all,dev]' 2>&1 | tee $(VENV)/setup.log | while IFS= read -r line; do \
	  case "$$line" in \
	    *Downloading*"B)") echo "  $${line#*Downloading }" ;; \
	    "Building wheel"*|"Installing collected"*) echo "  $${line%%:*}" ;; \
	    ERROR*) echo "$$line" ;; \
	  esac; \
	done || { tail -n 20 $(VENV)/setup.log; echo "make setup: pip failed, see $(VENV)/setup.log" >&2; exit 1; }
	@touch $@

simulate: $(STAMP)  ## simulate compositions (PRESET POINTS ENGINE WORKERS ARGS); start again to resume
	$(BIN)/python -m simulations.run \
	  $(if $(PRESET),protocol=$(PRESET)) $(if $(POINTS),design.n=$(POINTS)) \
	  $(if $(ENGINE),engine=$(ENGINE)) $(if $(WORKERS),workers=$(WORKERS)) $(ARGS)

status: $(STAMP)  ## how far each state point of a campaign is
	$(BIN)/python -m simulations.status $(ARGS)

train: $(STAMP)  ## train a surrogate (EXPERIMENT ARGS)
	$(BIN)/python -m nanonet.train +experiment=$(EXPERIMENT) $(ARGS)

evaluate: $(STAMP)  ## tables and figures of a checkpoint (ARGS="checkpoint=...")
	$(BIN)/python -m nanonet.evaluate $(ARGS)

demo: $(STAMP)  ## simulate, train, predict and compare, in one go
	$(BIN)/python -m simulations.demo $(ARGS)

test: $(STAMP)  ## the tests (ARGS="-k name" for some of them)
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

validate: $(STAMP)  ## the long physical checks (ENGINE, default lammps; fails where it is missing)
	$(BIN)/python -m pytest --validate -m validate --engine=$(or $(ENGINE),lammps) $(ARGS)

lint: $(STAMP)  ## style, types and import contracts; changes nothing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test  ## lint and test

benchmark: $(STAMP)  ## measure what benchmarks/ measures (ARGS)
	$(BIN)/python -m benchmarks $(ARGS)

#: variables
#:   PYTHON=python3        the interpreter that setup makes .venv with (3.11 to 3.13)
#:   VENV=.venv            the environment; in an active conda environment: VENV=$CONDA_PREFIX
#:   PRESET=workstation    paper, workstation or smoke: a name in conf/protocol
#:   POINTS=4              number of compositions of the design
#:   ENGINE=lammps         a name in conf/engine
#:   WORKERS=2             number of one-core workers
#:   EXPERIMENT=nanonet    a name in conf/experiment
#:   ARGS="..."            anything else, passed on as it is
