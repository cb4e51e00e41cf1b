# The verbs of this project; CI calls the same ones. Everything is set up as it is needed, into .venv and target/.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# The engine in the environment is rebuilt when its sources are newer.
ENGINE := $(VENV)/.engine
RUST := $(shell find rust -name '*.rs' -not -path '*/target/*') rust/core/Cargo.toml rust/python/Cargo.toml Cargo.toml Cargo.lock
PROFILE ?= --release
FUZZ_SECONDS ?= 60
# What to run of them: names, fast, slow or all; versions, and --fetch to get missing ones from Debian.
SUITES ?= fast
VERSIONS ?=
# Frameworks, or versions of them, as django or django==4.2.*; all if there are none.
FRAMEWORKS ?=
# A build for this environment's interpreter, whatever other environment is active.
export VIRTUAL_ENV := $(abspath $(VENV))
export PYO3_PYTHON := $(abspath $(BIN))/python

.PHONY: help setup demo test test-rust test-python test-fuzz test-all test-suites test-versions test-frameworks lint format bench bench-export fuzz clean

help: ## list the verbs
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "HogTrace needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Name another one: make PYTHON=python3.13 …")'
	@command -v cargo >/dev/null || { echo "HogTrace builds a Rust extension and needs cargo: https://rustup.rs"; exit 1; }
	@echo "· setting up $(VENV) (once)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "maturin>=1.16,<2"
	@touch $@

$(ENGINE): $(READY) $(RUST)
	@echo "· building the engine and installing hogtrace[dev] (a few minutes the first time)"
	@$(BIN)/maturin develop $(PROFILE) > $(VENV)/build.log 2>&1 || { cat $(VENV)/build.log; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "hogtrace[dev]"
	@touch $@

setup: $(ENGINE) ## make .venv, build the engine, install everything for development

demo: setup ## watch HogTrace inside Django's admin, under gunicorn
	@$(BIN)/python examples/django_admin/demo.py

test: test-rust test-python ## the tests: Rust, then Python against the real frameworks and servers

test-rust:
	cargo test --quiet

test-python: setup
	PYTHONDEVMODE=1 $(BIN)/python -m pytest -q -m "not slow"

test-all: test-rust test-fuzz setup ## the tests, the long ones too, and other projects' tests with probes in them
	PYTHONDEVMODE=1 $(BIN)/python -m pytest -q
	$(BIN)/python -m tests.suites.projects fast

test-suites: setup ## other projects' tests, bare and with every function probed (SUITES=fast, slow, all, or names)
	$(BIN)/python -m tests.suites.projects $(SUITES)

test-versions: ## the Python tests on every CPython from 3.11 on (VERSIONS="3.12 3.13"; --fetch: from Debian)
	$(PYTHON) -m tests.suites.versions $(VERSIONS)

test-frameworks: setup ## the frameworks' packages with each version of their frameworks (FRAMEWORKS="django")
	$(BIN)/python -m tests.suites.frameworks $(FRAMEWORKS)

lint: setup ## rustfmt, clippy, ruff, mypy, and the stub of the engine against the engine
	cargo fmt --all --check
	cargo clippy --quiet --workspace --all-targets -- -D warnings
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --check --quiet
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest hogtrace._engine --ignore-disjoint-bases

format: setup ## put all sources into canonical form
	cargo fmt --all
	$(BIN)/ruff check --quiet --fix
	$(BIN)/ruff format --quiet

# Apart from the environment: ddtrace brings a plugin for pytest.
PEERS := $(VENV)/bench

$(PEERS)/.ready: benchmarks/requirements.txt $(READY)
	@echo "· fetching what the benchmarks are compared with"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade --target $(PEERS) -r $<
	@touch $@

bench: setup $(PEERS)/.ready ## what a probe costs, side by side with decorators and with ddtrace's wrapping context
	PYTHONPATH=$(PEERS) $(BIN)/python benchmarks/call_cost.py

bench-export: setup ## what requests of an application lose when an exporter fails, hangs or is slow, and its accounts
	$(BIN)/python benchmarks/export_faults.py

fuzz: ## fuzz the compiler and the verifier: FUZZ_SECONDS or FUZZ_RUNS each (needs nightly Rust and cargo-fuzz)
	@command -v cargo-fuzz >/dev/null || { echo "cargo-fuzz is missing: cargo install cargo-fuzz"; exit 1; }
	for target in source bytes; do \
		mkdir -p rust/fuzz/corpus/$$target && \
		cargo +nightly fuzz run --fuzz-dir rust/fuzz --features fuzzer --sanitizer none --target-dir target/fuzz \
			$$target rust/fuzz/corpus/$$target rust/fuzz/seeds/$$target -- -max_len=1024 -dict=rust/fuzz/$$target.dict \
			$(if $(FUZZ_RUNS),-runs=$(FUZZ_RUNS),-max_total_time=$(FUZZ_SECONDS)) || exit 1; done

test-fuzz: ## a counted run of what is fuzzed, the same every time (needs neither)
	cargo test --quiet --manifest-path rust/fuzz/Cargo.toml --target-dir target/fuzz

clean: ## remove what was built
	rm -rf target $(VENV) .suites rust/fuzz/target hogtrace/*.so
