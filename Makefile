# make run    environment, simulated retailer if there is no data, then the whole pipeline
# make test   environment, then every test
# make bench  the purchase model against others; BENCH="--seeds 1 --windows 1" for less of it
#             (two more: .venv/bin/python benchmarks/brands.py --help, and optimization.py)
#
# RAW_DIR=folder    read your own tables      DATA_DIR=folder   write results elsewhere
# ENV=tiny          another configuration     PYTHON=python3.12 another interpreter
# PIP_FLAGS=...     for pip, such as another index to take torch from

PYTHON   ?= python3
VENV     ?= .venv
ENV      ?=
DATA_DIR ?= data
RAW_DIR  ?= data/01_raw

KEDRO  = $(VENV)/bin/kedro
PIP    = $(VENV)/bin/python -m pip --quiet --disable-pip-version-check $(PIP_FLAGS)
STAMP  = $(VENV)/.installed
PARAMS = --params=raw_dir=$(RAW_DIR),data_dir=$(DATA_DIR) $(if $(ENV),--env=$(ENV))

export COLUMNS ?= 160

.PHONY: run test bench lint viz docs clean

run: $(STAMP)
ifneq ($(origin RAW_DIR),command line)
	@ls $(RAW_DIR) | grep -qE '\.(csv|csv\.gz|parquet)$$' || { \
	  echo "No tables in $(RAW_DIR): simulating a retailer there."; \
	  $(KEDRO) run --pipelines=simulation $(PARAMS); }
endif
	@echo "Running the six pipelines on $(RAW_DIR)."
	$(KEDRO) run $(PARAMS)
	@echo
	@echo "Offers to send  $(DATA_DIR)/07_model_output/offers_to_send.csv"
	@echo "Their plan      $(DATA_DIR)/07_model_output/optimal_offers.parquet"
	@echo "Results table   $(DATA_DIR)/08_reporting/model_results.csv"
	@echo "Plots           $(DATA_DIR)/08_reporting/*_plot.png"
	@echo "Report          $(DATA_DIR)/08_reporting/report.html"

test: $(STAMP)
	@echo "Running the tests."
	$(VENV)/bin/python -m pytest

bench: $(STAMP)
	$(VENV)/bin/python benchmarks/modelling.py $(BENCH)

lint: $(STAMP)
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

viz: $(STAMP)
	$(KEDRO) viz run

docs: $(STAMP)
	$(VENV)/bin/mkdocs build --strict

clean:
	rm -rf $(VENV) site .viz .mypy_cache .ruff_cache .pytest_cache

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "promo_kedro needs Python 3.11 or later; name one with PYTHON=python3.11"; exit 1; }
	@echo "Making the environment in $(VENV) (versions from constraints.txt; some minutes)."
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --constraint constraints.txt torch
	$(PIP) install --constraint constraints.txt --editable ".[dev]"
	@touch $(STAMP)
