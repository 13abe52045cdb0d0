# make run   set up and run the demo audit        make test   set up and pass the tests
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready-$(shell sha256sum requirements.lock | cut -c1-16)
ALOUD := $(PYTHON) scripts/aloud.py
PIP := $(BIN)/python -m pip install --progress-bar off --disable-pip-version-check
AUDIT ?= demo

SCALE ?= full

.PHONY: run test soak benchmark setup lint format schema clean

run: setup
	@$(BIN)/snakemake --cores all --quiet rules progress -- $(AUDIT)
	@$(BIN)/python -m scripts.summary $(AUDIT)

test: setup lint
	$(BIN)/python -m pytest -m "not soak" -n logical --maxprocesses 4 --dist loadfile

benchmark: setup  # SCALE=small for a few minutes instead of seventy
	$(BIN)/snakemake --cores all --quiet rules progress --config scale=$(SCALE) -- benchmark

# llama.cpp is compiled, which takes five minutes, so that only the soak tests have it
soak: setup
	$(ALOUD) "compiling llama.cpp" $(PIP) --constraint requirements.lock "llama-cpp-python[server]==0.3.36"
	$(BIN)/python -m pytest -m soak

setup: $(READY)

$(READY): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.12 …" if sys.version_info < (3, 11) else 0)'
	@echo "Setting up $(VENV), once: about 1 GB of packages is fetched, which takes some minutes."
	@$(ALOUD) "making $(VENV)" $(PYTHON) -m venv $(VENV)
	@$(ALOUD) "installing torch" $(PIP) "$$(grep '^torch==' requirements.lock)"
	@$(ALOUD) "installing the other packages" $(PIP) -r requirements.lock
	@touch $@

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/snakemake --lint

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile rules

schema: setup  # config/schemas/config.schema.json from the schema in Python
	$(BIN)/python -m scripts.workflow.config > config/schemas/config.schema.json

clean:  # outputs and cache; the environment stays
	find results -mindepth 1 -maxdepth 1 ! -name README.md -exec rm -rf {} +
	rm -rf cache logs .snakemake
