# Two commands do everything: `make reproduce` and `make test`. The rest: `make help`.

PYTHON  ?= python3
PROFILE ?= demo
DATA    ?= synthetic
DEVICE  ?= auto
SEED    ?= 0
OUT     ?=
COLUMNS ?=
RULES   ?=
NAME    := $(if $(filter synthetic groceries,$(DATA)),$(DATA),$(if $(wildcard $(DATA)/.),$(notdir $(abspath $(DATA))),$(basename $(notdir $(DATA)))))
RUN     ?= $(or $(OUT),runs/$(PROFILE)-$(NAME))

VENV := .venv
PY   := $(VENV)/bin/python
# One BLAS thread a process: the arrays are small, and two busy cores make threads spin.
export OMP_NUM_THREADS ?= 1

.PHONY: help setup reproduce smoke test test-all bench gpu reliability forensics peers lab report check lint clean
.DEFAULT_GOAL := help

help:
	@echo "make reproduce   set up, run all notebooks, print the paper's numbers beside ours"
	@echo "make test        set up, run the tests (some four minutes on two cores)"
	@echo "make smoke       the notebooks at their smallest (about two minutes)"
	@echo "make test-all    the slow tests too"
	@echo "make bench       speed, as ratios against a named peer, to reports/benchmarks.md"
	@echo "make gpu         a GPU beside two CPU cores, to reports/gpu/ (at most ten minutes; DATA=...)"
	@echo "make reliability the fault drills, the long ones too, to reports/RELIABILITY.md (some 20 minutes)"
	@echo "make forensics   error rates of the search for the recipe of Tables 1-3, to reports/FORENSICS.md (some 20 minutes)"
	@echo "make peers       an environment of its own for peers of the bench (neuralforecast, stockpyl, mealpy)"
	@echo "make lab         open the notebooks in JupyterLab"
	@echo "make report      copy what is worth keeping of a run to reports/ (RUN=$(RUN))"
	@echo "make check       say what is in the data, what a run would skip, and what it would stop at (DATA=...)"
	@echo "make lint        ruff and the layers of imports"
	@echo "make clean       remove runs/ and caches; 'make clean ALL=1' removes $(VENV) too"
	@echo
	@echo "Variables: PROFILE=smoke|demo|full  DEVICE=auto|cpu|cuda  SEED=0  OUT=<folder>"
	@echo "           DATA=synthetic|groceries|<a table of sales: csv, xlsx or parquet>|<folder of attachments>"
	@echo "           of a table: COLUMNS=\"item=sku,date=day,qty=units\"  RULES=\"fill_gaps=zero\"  (see data/README.md)"

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'bowerbird needs Python 3.11 or newer, found %s; make ... PYTHON=python3.12' % sys.version.split()[0])"
	@echo "Setting up $(VENV) (once; a few minutes, most of it for torch) ..."
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev,baselines,search,interactive,holidays]"
	@touch $@

# The groceries are 31 MB, so only DATA=groceries installs them.
SOURCE := $(if $(filter groceries,$(DATA)),$(VENV)/.groceries)

$(VENV)/.groceries: $(VENV)/.ready
	$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[groceries]"
	@touch $@

TABLE := $(if $(COLUMNS),--columns "$(COLUMNS)") $(if $(RULES),--rules "$(RULES)")

reproduce: setup $(SOURCE)
	@$(PY) -m bowerbird reproduce --profile $(PROFILE) --data "$(DATA)" $(TABLE) --device $(DEVICE) --seed $(SEED) --out "$(OUT)"

smoke: setup $(SOURCE)
	@$(PY) -m bowerbird reproduce --profile smoke --data "$(DATA)" $(TABLE) --device $(DEVICE) --seed $(SEED) --out "$(OUT)"

test: setup
	$(PY) -m pytest -q -n 2 --dist loadfile -m "not slow"

test-all: setup
	$(PY) -m pytest -q -n 2 --dist loadfile

bench: setup
	$(PY) tests/bench

gpu: setup
	$(PY) tests/bench/gpu.py "$(DATA)"

reliability: setup
	-$(PY) -m pytest -q -m drill -o junit_family=xunit1 --junitxml=.reliability.xml
	$(PY) tests/reliability_report.py .reliability.xml reports/RELIABILITY.md
	@rm -f .reliability.xml

forensics: setup
	$(PY) -m bowerbird forensics

peers:
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check -r tests/bench/requirements-peers.txt

lab: setup
	$(PY) -m jupyterlab notebooks

report: setup
	@$(PY) -m bowerbird report "$(RUN)"

check: setup $(SOURCE)
	@$(PY) -m bowerbird check "$(DATA)" $(TABLE)

lint: setup
	$(PY) -m ruff check src tests notebooks
	$(VENV)/bin/lint-imports

clean:
	rm -rf runs .pytest_cache .ruff_cache .hypothesis build
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
	$(if $(ALL),rm -rf $(VENV) src/*.egg-info)
