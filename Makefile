# `make demo` and `make test` do everything they need by themselves; `make help` lists the rest.

PYTHON ?= python3
VENV ?= .venv
# A package index to take torch from. Without one, tools/torch_index.py decides: the CPU build, unless there is an NVIDIA GPU.
TORCH_INDEX ?=

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --constraint constraints.txt
# Makes a virtual environment. Debian and Ubuntu have what it needs in a package of its own.
define make_venv
@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	{ echo "$(PYTHON) cannot make virtual environments; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
@$(PYTHON) -m venv $(1)
endef
WORKERS ?= 2
BENCH_ROUNDS ?= 10

.PHONY: help demo test lint types layers pytest test-pythons test-live upstream docs notebooks release-check faults soak soak-engine bench bench-engine test-lowest constraints clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

demo: $(VENV)/.demo ## Ask a LangChain chain about a text, answered by the embedded engine
	@echo "== Starting the embedded engine and asking it (cookbook/quickstart.py)"
	@$(BIN)/python cookbook/quickstart.py

test: lint types layers pytest ## Check style, types and layers, and run all tests

lint: $(VENV)/.dev ## Check style
	@echo "== ruff"
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: $(VENV)/.dev ## Check types
	@echo "== pyright"
	@$(BIN)/pyright

layers: $(VENV)/.dev ## Check the layers of imports
	@echo "== import-linter"
	@$(BIN)/lint-imports

pytest: $(VENV)/.dev upstream ## Run the tests
	@echo "== pytest"
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -q -m "not soak"

test-pythons: $(VENV)/.dev ## Run the tests that need no engine on the system's own Python, and on a newer one if it is installed
	@UV_FIND_LINKS="$${PIP_FIND_LINKS:-}" $(BIN)/python tools/second_python.py --workers $(WORKERS)

test-live: $(VENV)/.dev ## Run the public API against any endpoint: LLM_ENGINE_BASE_PATH, LLM_ENGINE_LIVE_MODEL, SCALE_API_KEY
	@$(BIN)/python -m pytest -q -rs tests/live --deselect tests/live/test_on_the_engine.py

docs: $(VENV)/.dev ## Build the documents in site/; warnings are errors
	@$(PIP) --quiet --group docs
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict && echo "== site/index.html"

notebooks: $(VENV)/.dev ## Make the notebooks of changed cookbook scripts again; CHECK=1 runs all and compares their output
	@$(PIP) --quiet --group notebooks
	@$(BIN)/python docs/make_notebooks.py $(if $(CHECK),--check)

release-check: $(VENV)/.dev ## Build wheel and sdist, and test the wheel with each extra: PYTHONS=python3.11,python3.12
	@$(BIN)/python tests/release/check_wheel.py $(if $(PYTHONS),--pythons $(PYTHONS)) $(if $(EXTRAS),--extras $(EXTRAS))

upstream: $(VENV)-upstream/.ready ## Install upstream's own client, which the tests run against the engine

faults: $(VENV)/.dev ## Run every kind of call against every fault of a server, and print the outcomes
	@$(BIN)/python tests/reliability/make_matrix.py

soak-engine: $(VENV)/.dev ## Kill the engine 50 times each while it uploads, fine-tunes and runs batches: nothing acknowledged may be lost
	@$(BIN)/python -m pytest -q -m soak tests/engine
	@LLM_ENGINE_TEST_KILLS=50 $(BIN)/python -m pytest -q --timeout 900 tests/engine/test_batches_at_work.py -k kill

soak: $(VENV)/.dev ## Send 20,000 mixed calls, 200 at once, a tenth of which fail, and check the outcome of each
	@$(BIN)/python -W error::ResourceWarning tests/reliability/make_soak.py

bench: $(VENV)/.dev upstream $(VENV)-peers/.ready $(VENV)-core/.ready ## Compare calls and tokens with other clients, and write the tables of docs/performance.md
	@$(BIN)/python benchmarks/bench.py --rounds $(BENCH_ROUNDS)
	@$(BIN)/python benchmarks/linearity.py

bench-engine: $(VENV)/.dev ## Compare the embedded engine with plain generate, and write its table of docs/performance.md
	@$(BIN)/python benchmarks/engine.py --rounds $(BENCH_ROUNDS)

test-lowest: $(VENV)/.dev ## Run the tests with the lowest versions that pyproject.toml declares
	@echo "== The lowest declared versions"
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(VENV)-lowest
	UV_FIND_LINKS="$${PIP_FIND_LINKS:-}" $(BIN)/uv pip install --quiet --python $(VENV)-lowest/bin/python \
		--resolution lowest-direct --link-mode copy --editable '.[all]' --group test
	$(VENV)-lowest/bin/python -m pytest -n $(WORKERS) --dist worksteal -q

constraints: $(VENV)/.dev ## Write constraints.txt: every dependency on every system, for Python 3.11.0 and newer; UPGRADE=1 raises the versions
	@UV_CUSTOM_COMPILE_COMMAND="make constraints" $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11.0 \
		--all-extras --group dev --group docs --group notebooks --no-annotate $(if $(UPGRADE),--upgrade) --output-file constraints.txt
	@echo "== constraints.txt: $$(grep -c == constraints.txt) versions"

clean: ## Remove what the targets made
	rm -rf $(VENV) $(VENV)-lowest $(VENV)-upstream $(VENV)-peers $(VENV)-core $(VENV)-client-* dist .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis

$(VENV)-upstream/.ready:
	@echo "== Installing upstream's client in $(VENV)-upstream"
	$(call make_venv,$(VENV)-upstream)
	@$(VENV)-upstream/bin/python -m pip install --quiet scale-llm-engine==0.0.0b45
	@touch $@

$(VENV)-peers/.ready:
	@echo "== Installing the clients to compare with in $(VENV)-peers"
	$(call make_venv,$(VENV)-peers)
	@$(VENV)-peers/bin/python -m pip install --quiet -c constraints.txt 'openai[aiohttp]>=2,<3' 'langchain-openai>=1.1' 'llama-index-llms-openai-like>=0.8'
	@touch $@

$(VENV)-core/.ready:
	@echo "== Installing the package without extras in $(VENV)-core"
	$(call make_venv,$(VENV)-core)
	@$(VENV)-core/bin/python -m pip install --quiet -c constraints.txt --editable .
	@touch $@

$(VENV)/.pip:
	@echo "== Making a virtual environment in $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	$(call make_venv,$(VENV))
	@$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@touch $@

$(VENV)/.torch: constraints.txt tools/torch_index.py | $(VENV)/.pip
	@index=$$($(BIN)/python tools/torch_index.py $(TORCH_INDEX)) && $(PIP) $$index torch
	@touch $@

$(VENV)/.demo: pyproject.toml constraints.txt $(VENV)/.torch | $(VENV)/.pip
	@echo "== Installing the package with its LangChain adapter and the embedded engine (about a minute)"
	@$(PIP) --quiet --editable '.[langchain,engine]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt $(VENV)/.torch | $(VENV)/.pip
	@echo "== Installing the package with every extra and the development tools (a minute or two)"
	@$(PIP) --quiet --editable '.[all]' --group dev
	@touch $@ $(VENV)/.demo
