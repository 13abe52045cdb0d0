# make run   set up and run the demo audit        make test   set up and pass the tests
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCKS := requirements.lock requirements-cuda.lock
READY := $(VENV)/.ready-$(shell cat $(LOCKS) | sha256sum | cut -c1-16)
AUDIT ?= demo

SCALE ?= full

.PHONY: run test soak benchmark setup lint format schema lock clean

run: setup
	$(BIN)/snakemake --cores all --quiet rules -- $(AUDIT)
	@$(BIN)/python -m scripts.summary $(AUDIT)

test: setup lint  # CLUSTER=1 for an audit on a Slurm of one node, too
	$(BIN)/python -m pytest -m "not soak" -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

benchmark: setup  # SCALE=small for a few minutes instead of seventy
	$(BIN)/snakemake --cores all --quiet rules --config scale=$(SCALE) -- benchmark

# llama.cpp is compiled, which takes five minutes, so that only the soak tests have it
soak: setup
	grep -o '^[^ ;]*==[^ ;]*' requirements.lock > $(VENV)/pins
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint $(VENV)/pins "llama-cpp-python[server]==0.3.36"
	$(BIN)/python -m pytest -m soak

setup: $(READY)

# The locks hold every package with its hashes, so that pip resolves nothing and checks each file.
# torch comes first, since pip may be configured to take one without CUDA from elsewhere, but beside
# a lock prefers PyPI's; only that one for Linux needs NVIDIA's libraries, which are the second lock.
$(READY): $(LOCKS)
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.12 …" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --dest $(VENV)/torch "$$(grep -o '^torch==[^ ]*' requirements.lock)"
	sed -n '/^torch==/,/[^\\]$$/p' requirements.lock > $(VENV)/torch/lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-index --find-links $(VENV)/torch -r $(VENV)/torch/lock
	rm -r $(VENV)/torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements.lock
	! $(BIN)/python -m pip check | grep -q '^torch ' || $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-cuda.lock
	touch $@

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

lock:  # the locks from the pins in requirements.lock
	PYTHON=$(PYTHON) .ci/lock

clean:  # outputs and cache; the environment stays
	find results -mindepth 1 -maxdepth 1 ! -name README.md -exec rm -rf {} +
	rm -rf cache logs .snakemake
