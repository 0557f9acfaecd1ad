# One recipe is one thing a person does. `make test` is what CI runs, on both Pythons, nothing skipped.

PYTHONS := 3.11 3.13
VENVS := $(PYTHONS:%=.venv-%)
# The suites start real kernels, two at a time: more would only make them wait for each other.
# A file's cases share kernels, so a file stays in one process.
PYTEST_ARGS ?= -n 2 --dist loadfile
RUST_TEST := $(shell command -v cargo-nextest >/dev/null && echo nextest run || echo test)
# rustup asks HOME where its toolchains are; with an empty HOME they are still beside the cargo on PATH.
TOOLCHAINS := $(wildcard $(abspath $(dir $(shell command -v cargo))../../.rustup))
ifneq ($(TOOLCHAINS),)
export RUSTUP_HOME ?= $(TOOLCHAINS)
endif
# The extension module's crate is compiled for one Python at a time; most of its tests are the Python ones.
FOR_PYTHON = PYO3_PYTHON=$(shell tools/find_python.sh 3.11)

.DEFAULT_GOAL := help
.PHONY: help demo test test-long check format bench ratios cases develop wheels prepare build-tests test-rust clean-venvs $(PYTHONS:%=test-%)
.SUFFIXES:

help: ## Lists what can be made.
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

demo: .venv-3.11/.installed ## Tells the story on real data: drop, undo, two lines, kill, resume.
	tools/build.sh install 3.11
	.venv-3.11/bin/python examples/demo/run.py

# Downloads and compilers share the machine well, suites that start kernels don't. One failure must not hide another.
test: ## Everything CI runs, on Python 3.11 and 3.13.
	$(MAKE) --jobs=3 prepare
	$(MAKE) --keep-going check test-rust $(PYTHONS:%=test-%) ratios

prepare: $(VENVS:%=%/.installed) build-tests

build-tests:
	$(FOR_PYTHON) cargo $(RUST_TEST) --locked --workspace --no-run

test-long: wheels ## The long searches: thousands of programs, hundreds of kills.
	CLEW_LONG=1 $(FOR_PYTHON) cargo $(RUST_TEST) --locked --release --workspace $(if $(findstring nextest,$(RUST_TEST)),--success-output final,-- --show-output)
	for python in $(PYTHONS); do .venv-$$python/bin/python -m pytest -m long -rP $(PYTEST_ARGS) || exit 1; done

check: .venv-3.11/.installed ## Formatting, lints, types, spelling, directions of imports, licences, unused dependencies.
	cargo fmt --all --check
	$(FOR_PYTHON) cargo clippy --locked --workspace --all-targets --quiet -- -D warnings
	PATH=$(CURDIR)/.venv-3.11/bin:$$PATH tools/check.sh

format: .venv-3.11/.installed ## Formats Rust and Python.
	cargo fmt --all
	.venv-3.11/bin/ruff format .
	.venv-3.11/bin/ruff check --fix .

# `make bench BENCH_ARGS="--only arrays"`; `--list` tells what there is, docs/benchmarks how to read it.
bench: .venv-3.11/.installed ## What recording and moving cost, beside the peers, on this machine: tables and plots.
	tools/build.sh install 3.11
	.venv-3.11/bin/python -m bench $(BENCH_ARGS)

# Last in `make test`, when nothing else runs; it takes the wheel that the suite on 3.11 installed.
ratios: .venv-3.11/.installed ## What must not become slower, as ratios to work of the same kind in the same run.
	.venv-3.11/bin/python -m bench.ratios

cases: .venv-3.11/.installed ## Prints the cases that must come back right, with pass or fail.
	tools/build.sh install 3.11
	.venv-3.11/bin/python tools/cases.py tests/cases $(PYTEST_ARGS)

develop: $(VENVS:%=%/.installed) ## Installs Clew into both environments for working on it (fast build, edits show).
	for python in $(PYTHONS); do tools/build.sh develop $$python || exit 1; done

wheels: $(VENVS:%=%/.installed) ## Builds the wheel for both Pythons and installs it.
	for python in $(PYTHONS); do tools/build.sh install $$python || exit 1; done

test-rust:
	$(FOR_PYTHON) cargo $(RUST_TEST) --locked --workspace

$(PYTHONS:%=test-%): test-%: .venv-%/.installed
	tools/build.sh test $*
	.venv-$*/bin/python -m pytest $(PYTEST_ARGS)

.venv-%/.installed: requirements/check.txt
	tools/make_venv.sh $*

.venv-3.11/.installed: requirements/py311.txt
.venv-3.13/.installed: requirements/py313.txt

clean-venvs: ## Removes all environments, those of the benchmarks' peers too.
	rm -rf $(VENVS) .venv-bench-*
