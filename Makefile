# Two commands are all a fresh machine needs: `make demo` and `make test`.
# Everything else is a step of one of them, under the verb that people use for it.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
RIVALS := $(VENV)/rivals/.ready
# Most of a test's time is spent waiting for a server, so more workers than cores pay.
WORKERS ?= 4

.PHONY: help demo test slow venv stack stack-status stack-logs stack-stop stack-reset \
        lint types layers format unit integration golden docs bench drills drills-cluster matrix soak e2e-llm pins clean image push

help: ## List the verbs
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

demo: venv stack ## Tell the whole story on the seed topology, against the real stack
	@$(BIN)/python -m stack push > /dev/null
	@$(BIN)/python -m stack.demo

test: venv lint types layers stack-tests ## Check everything, against the real stack
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal -m 'not disruptive and not cluster and not long' $(PYTEST)
	@$(BIN)/python -m pytest -q -m 'disruptive and not cluster and not long' $(PYTEST)

slow: stack-tests ## Check what takes longer than `make test`: long tests, broken clusters, `make soak`, `make drills-cluster`
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal -m 'long and not disruptive' $(PYTEST)
	@$(BIN)/python -m pytest -q -m 'long and disruptive' $(PYTEST)
	@$(BIN)/python -m stack start --with rabbitmq-cluster
	@$(BIN)/python -m pytest -q -m cluster $(PYTEST)
	@$(MAKE) soak
	@$(MAKE) drills-cluster

venv: $(READY) ## Make .venv with the pinned dependencies

$(READY): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "bizops needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version). Try: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
	    && { echo "installing python3-venv"; apt-get update -qq && apt-get install -qq -y python3-venv >/dev/null; }; } \
	  || { echo "no venv: as root, apt-get install python3-venv"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the pinned dependencies into $(VENV)"
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r constraints.txt
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q bizops  # as pip does with what it copies: a third of a plan's start
	@touch $@

# Optional parts beside the others: make stack WITH=rabbitmq-cluster, or several with commas between.
WITH ?=
stack: venv ## Start the real servers (nothing happens if they run); WITH=rabbitmq-cluster for more
	@$(BIN)/python -m stack start --with '$(WITH)'

.PHONY: stack-tests
stack-tests: venv
	@$(BIN)/python -m stack start --with rabbitmq-310
	@$(BIN)/python -m stack push > /dev/null

stack-status stack-logs stack-stop stack-reset: stack-%: venv ## See, read, stop or wipe the servers
	@$(BIN)/python -m stack $*

image: venv ## Build the image of the agent workers, and print its name
	@$(BIN)/python -m stack image

# Where the image goes, HOST/PATH; without it, the registry of the local stack.
REGISTRY ?=
push: venv ## Push it: make push REGISTRY=ghcr.io/acme
	@$(BIN)/python -m stack push --registry '$(REGISTRY)'

lint: venv ## Lint, and check the format
	@$(BIN)/ruff check -q . && $(BIN)/ruff format -q --check .

types: venv ## Check types, strictly
	@$(BIN)/mypy

layers: venv ## Check that imports point down only
	@$(BIN)/lint-imports --no-cache > $(VENV)/layers.log || { cat $(VENV)/layers.log; exit 1; }

format: venv ## Format, and mend what can be mended
	@$(BIN)/ruff check -q --fix .; $(BIN)/ruff format -q .

unit: venv ## Run the tests that need no servers
	@$(BIN)/python -m pytest -q -m 'not integration' $(PYTEST)

integration: stack-tests ## Run the tests that need the servers
	@$(BIN)/python -m pytest -q -m 'integration and not cluster' $(PYTEST)

golden: venv ## Rewrite the golden files; read the difference before you commit it
	@BIZOPS_GOLDEN=write $(BIN)/python -m pytest -q tests/unit tests/docs -k golden $(PYTEST)

docs: venv ## Write docs/topology-reference.md from the models, docs/compatibility.md from the results
	@$(BIN)/python -m docs.reference
	@$(BIN)/python -m matrix --page

bench: stack $(RIVALS) ## Measure, beside what the raw clients and other workers need in the same minute
	@$(BIN)/python benchmarks/all.py
	@$(BIN)/python benchmarks/workers.py

$(RIVALS): benchmarks/constraints.txt | $(READY)
	@echo "installing what the workers are measured beside into $(VENV)/rivals"
	@$(PYTHON) -m venv $(VENV)/rivals
	@$(VENV)/rivals/bin/pip install -q --disable-pip-version-check --require-hashes -r benchmarks/constraints.txt
	@touch $@

drills: venv ## Do harm to servers of its own and to workers, count, and write docs/drills.md
	@$(BIN)/python -m drills --page docs/drills.md $(DRILLS)

# ONLY chooses parts; FRESH=1 runs what has passed, too.
matrix: venv ## Run the live suites on every version of the servers, and write docs/compatibility.md
	@$(BIN)/python -m matrix --only '$(ONLY)' $(if $(FRESH),--fresh)

drills-cluster: venv ## Kill, freeze and cut off members of clusters under the command line, and write docs/drills-cluster.md
	@$(BIN)/python -m drills.cluster --page docs/drills-cluster.md $(DRILLS)

soak: stack-tests ## Many more kills and random topologies than `make test` has time for
	@SOAK=1 $(BIN)/python -m pytest -q -m 'not cluster' tests/e2e $(PYTEST)

e2e-llm: venv ## Let an agent ask a small real model, offline; downloads 200 MB once
	@$(BIN)/python -m stack start --with smollm2
	@E2E_LLM=1 $(BIN)/python -m pytest -q tests/e2e/test_workers.py -k real_model $(PYTEST)

pins: venv ## Pin the dependencies anew, with hashes
	@$(BIN)/pip install -q --disable-pip-version-check pip-tools
	@$(BIN)/pip-compile -q --strip-extras --allow-unsafe --extra dev --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-header -o constraints.txt pyproject.toml
	@$(BIN)/pip-compile -q --strip-extras --allow-unsafe --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-header -o benchmarks/constraints.txt benchmarks/requirements.in
	@# For the image's interpreter, not this one, which only uv can do; one file has to hold on both machines.
	@$(BIN)/pip install -q --disable-pip-version-check uv
	@for machine in aarch64 x86_64; do \
	  $(BIN)/uv pip compile -q --upgrade --python-version 3.13 --python-platform $$machine-manylinux_2_28 \
	    --only-binary :all: --generate-hashes --no-emit-index-url --no-header \
	    -o $(VENV)/$$machine.txt workers/requirements.in || exit 1; done
	@cmp $(VENV)/aarch64.txt $(VENV)/x86_64.txt && cp $(VENV)/x86_64.txt workers/constraints.txt

clean: ## Remove what was built in this checkout; the stack stays
	@rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
