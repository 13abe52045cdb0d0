# make run   set up and run the demo audit        make test   set up and pass the tests
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCKS := requirements.lock requirements-cuda.lock
READY := $(VENV)/.ready-$(shell cat $(LOCKS) | sha256sum | cut -c1-16)
ALOUD := $(PYTHON) scripts/tools/aloud.py
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALL := $(PIP) install --progress-bar off --no-deps
AUDIT ?= demo

SCALE ?= full

.PHONY: run test soak benchmark setup lint format schema docs lock clean

run: setup
	@$(BIN)/snakemake --cores all --quiet rules progress -- $(AUDIT)
	@$(BIN)/python -m scripts.tools.summary $(AUDIT)

test: setup lint  # CLUSTER=1 for an audit on a Slurm of one node, too
	$(BIN)/python -m pytest -m "not soak" -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

benchmark: setup  # SCALE=small for a few minutes instead of seventy
	$(BIN)/snakemake --cores all --quiet rules progress --config scale=$(SCALE) -- benchmark

# llama.cpp is compiled, which takes five minutes, so that only the soak tests have it
soak: setup
	grep -o '^[^ ;]*==[^ ;]*' requirements.lock > $(VENV)/pins
	$(ALOUD) "compiling llama.cpp" $(PIP) install --progress-bar off --constraint $(VENV)/pins "llama-cpp-python[server]==0.3.36"
	$(BIN)/python -m pytest -m soak

setup: $(READY)

# The locks hold every package with its hashes, so that pip resolves nothing and checks each file.
# torch comes first, since pip may be configured to take one without CUDA from elsewhere, but beside
# a lock prefers PyPI's; only that one for Linux needs NVIDIA's libraries, which are the second lock.
$(READY): $(LOCKS)
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11.4 or newer is needed: make PYTHON=python3.12 …" if sys.version_info < (3, 11, 4) else 0)'
	@echo "Setting up $(VENV), once: about 1 GB of packages is fetched, which takes some minutes."
	@$(ALOUD) "making $(VENV)" $(PYTHON) -m venv $(VENV)
	@$(ALOUD) "fetching torch" $(PIP) download --progress-bar off --no-deps --dest $(VENV)/torch "$$(grep -o '^torch==[^ ]*' requirements.lock)"
	@sed -n '/^torch==/,/[^\\]$$/p' requirements.lock > $(VENV)/torch/lock
	@$(ALOUD) "installing torch" $(INSTALL) --no-index --find-links $(VENV)/torch -r $(VENV)/torch/lock
	@rm -r $(VENV)/torch
	@$(ALOUD) "installing the other packages" $(INSTALL) -r requirements.lock
	@! $(PIP) check | grep -q '^torch ' || $(ALOUD) "installing CUDA's libraries" $(INSTALL) -r requirements-cuda.lock
	@touch $@

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/snakemake --lint

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile rules

schema: setup  # config/schemas/ from the types in Python: the configuration, and each file format
	$(BIN)/python -m scripts.workflow.config > config/schemas/config.schema.json
	$(BIN)/python -m scripts.workflow.formats

docs: setup  # the pages in docs/ as a site in site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

lock:  # the locks from the pins in requirements.lock
	PYTHON=$(PYTHON) .ci/lock

clean:  # outputs and cache; the environment stays
	find results -mindepth 1 -maxdepth 1 ! -name README.md -exec rm -rf {} +
	rm -rf cache logs .snakemake
