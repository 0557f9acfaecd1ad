# One recipe is one thing a person does. `make test` is what CI runs: every test on one Python at least, those of values on both.

PYTHONS := 3.11 3.15
VENVS := $(PYTHONS:%=.venv-%)
# Only `make test-long` tests them: `make between` installs Clew for each.
BETWEEN := 3.12 3.13 3.14
# What tests of remotes start; apart from the kernels, which must not see its packages.
SERVERS := .venv-servers
# TaskVine of Debian's packages, with their Python 3.13.
VINE := .venv-taskvine
# The suites start real kernels, four at a time on two cores, since kernels and their clients wait for each other half of the time; one core is
# left free where there are more. A file's cases share kernels, so a file stays in one process.
CORES := $(shell nproc 2>/dev/null || echo 2)
PYTEST_ARGS ?= -n $(shell echo $$(( $(CORES) > 4 ? $(CORES) - 1 : 4 ))) --dist loadfile
# The first Python alone runs what does not depend on the version of Python: people's stories, races, kills, planted faults, words and
# pages, notebooks in batches, clusters, the sandbox, stores and what is written to them, gaps, objects of single libraries, and what a notebook shows. `make test-long` runs all of it on each.
ONCE := tests/engine/test_what_is_written.py tests/journeys tests/kill tests/writers tests/faults tests/words tests/bench tests/package tests/run tests/adapters tests/scratch \
	$(patsubst %,tests/oracle/test_%.py,notebooks moved_programs) $(patsubst %,tests/cases/test_%.py,kernels_and_stores failures cut_short budget gaps shown_values documents) \
	$(patsubst %,tests/shell/test_%.py,flow magic enable partial terminal api outputs outputs_stored carried credentials branches html life)
FIRST := $(firstword $(PYTHONS))
RUST_TEST := $(shell command -v cargo-nextest >/dev/null && echo nextest run || echo test)
# How every test ended, for `make promises`: nextest and pytest write it, of `cargo test` what it prints is kept.
REPORTS := $(or $(CARGO_TARGET_DIR),target)/reports
RUST_REPORT := $(if $(findstring nextest,$(RUST_TEST)),$(or $(CARGO_TARGET_DIR),target)/nextest/default/junit.xml,$(REPORTS)/rust.txt)
KEEP_REPORT := $(if $(findstring nextest,$(RUST_TEST)),,2>&1 | tee $(REPORTS)/rust.txt)
# One failure must not hide another.
GO_ON := --no-fail-fast
PROMISES := python3 tools/promises.py $(RUST_REPORT) $(PYTHONS:%=$(REPORTS)/python-%.xml)
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
# rustup asks HOME where its toolchains are; with an empty HOME they are still beside the cargo on PATH.
TOOLCHAINS := $(wildcard $(abspath $(dir $(shell command -v cargo))../../.rustup))
ifneq ($(TOOLCHAINS),)
export RUSTUP_HOME ?= $(TOOLCHAINS)
endif
# The extension module's crate is compiled for one Python at a time; most of its tests are the Python ones.
FOR_PYTHON = PYO3_PYTHON=$(shell tools/find_python.sh 3.11)

.DEFAULT_GOAL := help
.PHONY: help docs demo platforms test test-long writers check format bench ratios promises promises-kept cases fuzz sanitize debug-python develop install wheels between sdist release-check crash crash-kit system-packages prepare build-tests test-rust clean-venvs $(PYTHONS:%=test-%) $(PYTHONS:%=promised-%)
.SUFFIXES:

help: ## Lists what can be made.
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

demo: .venv-3.11/.installed ## Tells the story on real data: drop, undo, two lines, kill, resume.
	tools/build.sh install 3.11
	.venv-3.11/bin/python examples/demo/run.py

# Downloads and compilers share the machine well, suites that start kernels don't. One failure must not hide another. The crash kit comes before
# the wheel of another Python has what it needs compiled anew.
test: ## Everything CI runs, on Python 3.11 and 3.15.
	$(MAKE) --jobs=3 prepare
	rm -rf $(REPORTS) $(RUST_REPORT)
	$(MAKE) --keep-going check test-rust test-$(FIRST) crash-kit $(patsubst %,test-%,$(filter-out $(FIRST),$(PYTHONS))) ratios promises-kept CRASH_ARGS=--where-possible

prepare: $(VENVS:%=%/.installed) $(SERVERS)/.installed build-tests
	-tools/system_packages.sh

build-tests:
	$(FOR_PYTHON) cargo $(RUST_TEST) --locked --workspace --no-run

system-packages:
	tools/system_packages.sh

test-long: install between $(SERVERS)/.installed $(VINE)/.installed ## The long searches: thousands of programs, hundreds of kills, PyTorch, Ray, Spark and TaskVine themselves (3 GB to fetch).
	CLEW_LONG=1 $(FOR_PYTHON) cargo $(RUST_TEST) --locked --release --workspace $(if $(findstring nextest,$(RUST_TEST)),--success-output final,-- --show-output)
	for python in $(PYTHONS); do .venv-$$python/bin/python -m pytest -m long -rP $(PYTEST_ARGS) || exit 1; done
	for python in $(filter-out $(FIRST),$(PYTHONS)); do .venv-$$python/bin/python -m pytest $(ONCE) $(PYTEST_ARGS) || exit 1; done
	for python in $(BETWEEN); do .venv-$$python/bin/python -m pytest $(PYTEST_ARGS) || exit 1; done
	.venv-3.13/bin/python -m pytest -m taskvine -rP tests/adapters
	CLEW_LONG=1 $(MAKE) system-packages crash-kit platforms

# `make crash` in two or three minutes, `CLEW_LONG=1 make crash` in hours: every n of everything. It makes file systems of
# its own, which takes root.
crash: .venv-3.11/.installed ## Kills, full disks, power cuts, failing calls, damaged files: what is lost, and what is wrong.
	tools/build.sh test 3.11
	$(MAKE) system-packages crash-kit

# With the wheel that is installed. `make crash CRASH_ARGS="power disks"` runs some parts; with `--where-possible`, as in `make test`, a machine
# that lets nobody mount or trace is told and no failure.
# All that tests need, since a part of the workspace would be compiled anew, with other features.
crash-kit: .venv-3.11/.installed build-tests
	PYTHONPATH=tests .venv-3.11/bin/python -m crash $(CRASH_ARGS)

writers: .venv-3.11/.installed ## Ten processes, then ten kernels on one store, ten minutes each (CLEW_SECONDS), gc racing them: what was lost and corrupt.
	tools/build.sh test 3.11
	cargo run --locked --release --quiet --package clew-testing --bin writers
	PYTHONPATH=tests .venv-3.11/bin/python -m writers

check: .venv-3.11/.installed ## Formatting, lints, types, spelling, links, directions of imports, licences, unused dependencies.
	cargo fmt --all --check
	$(FOR_PYTHON) cargo clippy --locked --workspace --all-targets --quiet -- -D warnings
	PATH=$(CURDIR)/.venv-3.11/bin:$$PATH tools/check.sh

# With the targets of rustup where they are installed, else with Debian's Rust (1.3 GB in .rust).
platforms: ## Compiles all crates for macOS and Windows, without linking: whether all that they use exists there.
	tools/check_platforms.sh

docs: .venv-docs/.installed ## Builds the documentation site in site/, and checks its links and anchors.
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict --quiet
	@echo "The site is in site/index.html."

prose: .venv-3.11/.installed ## Reports long sentences, private phrases, module names that are no nouns, repeated type names.
	.venv-3.11/bin/python tools/prose.py

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

promises: ## Prints every promise with the tests that show it, run now, and how they ended.
	rm -rf $(REPORTS) $(RUST_REPORT)
	$(MAKE) --jobs=3 prepare
	-$(MAKE) --keep-going $(PYTHONS:%=promised-%) test-rust RUST_TEST="$(RUST_TEST) $(if $(findstring nextest,$(RUST_TEST)),-E 'test(/(^|::)p[0-9]{2}_/)',)"
	$(PROMISES)

$(PYTHONS:%=promised-%): promised-%: .venv-%/.installed
	tools/build.sh test $*
	.venv-$*/bin/python -m pytest --junitxml=$(REPORTS)/python-$*.xml -k "test_p0 or test_p1" $(PYTEST_ARGS)

# Last in `make test`: of the reports of what has just run.
promises-kept:
	$(PROMISES)

cases: .venv-3.11/.installed ## Prints the cases that must come back right, with pass or fail.
	tools/build.sh install 3.11
	.venv-3.11/bin/python tools/cases.py tests/cases $(PYTEST_ARGS)

# `CLEW_SECONDS=600 make fuzz` is the long form; `FUZZ_ARGS="store value"` searches in these only, `--keep` keeps what was found out.
fuzz: ## Searches for bytes that a reader does not bear, a minute for each; goes on where it was stopped.
	python3 tools/fuzz.py $(FUZZ_ARGS)

# `make sanitize SANITIZE_ARGS="tests/engine/test_roundtrip.py"` checks these only.
sanitize: .venv-3.11/.installed ## Checks every access to memory of the object walk and of mapped memory (valgrind; half an hour).
	tools/build.sh test 3.11
	python3 tools/sanitize.py $(SANITIZE_ARGS)

# `make debug-python DEBUG_ARGS="tests/engine -n 2"` runs these only.
debug-python: .venv-3.11/.installed ## Runs suites on a CPython that checks how it is called (Debian's python3.11-dbg).
	tools/build.sh test 3.11
	python3 tools/debug_python.py $(DEBUG_ARGS)

develop: $(VENVS:%=%/.installed) ## Installs Clew into both environments for working on it (fast build, edits show).
	for python in $(PYTHONS); do tools/build.sh develop $$python || exit 1; done

install: $(VENVS:%=%/.installed) ## Builds the wheel for both Pythons and installs it into their environments.
	for python in $(PYTHONS); do tools/build.sh install $$python || exit 1; done

# `make wheels WHEELS_ARGS="--target x86_64-unknown-linux-musl --python 3.11"` builds one.
wheels: .venv-release/.installed ## Builds the wheels of a release for all Pythons and platforms in dist/, and tries them (hours).
	.venv-release/bin/python packaging/wheels.py dist $(WHEELS_ARGS)

sdist: .venv-release/.installed ## Builds the sdist with all crates, which builds without a network, in dist/.
	PATH=$(CURDIR)/.venv-release/bin:$$PATH python -m build --no-isolation --sdist --outdir dist

# It takes the sdist and the wheel that are in dist/, and builds those that are not there.
release-check: .venv-release/.installed ## Checks the workflows, the versions, the sdist and the wheel, and tries the wheel.
	.venv-release/bin/python tools/release_check.py all dist

between: $(BETWEEN:%=.venv-%/.installed)
	for python in $(BETWEEN); do tools/build.sh install $$python || exit 1; done

test-rust: $(SERVERS)/.installed
	mkdir -p $(REPORTS)
	$(FOR_PYTHON) cargo $(RUST_TEST) $(GO_ON) --locked --workspace $(KEEP_REPORT)

$(PYTHONS:%=test-%): test-%: .venv-%/.installed $(SERVERS)/.installed
	tools/build.sh test $*
	.venv-$*/bin/python -m pytest --junitxml=$(REPORTS)/python-$*.xml $(PYTEST_ARGS) $(if $(filter-out $(FIRST),$*),$(ONCE:%=--ignore=%))

.venv-%/.installed: requirements/check.txt
	tools/make_venv.sh $*

.venv-3.11/.installed: requirements/py311.txt
.venv-3.12/.installed .venv-3.13/.installed .venv-3.14/.installed .venv-3.15/.installed: .venv-3.%/.installed: requirements/py3%.txt requirements/py313.txt
.venv-docs/.installed: requirements/docs.txt
.venv-release/.installed: requirements/release.txt requirements/release/package-lock.json
.venv-servers/.installed: requirements/servers.txt requirements/servers/package-lock.json

$(VINE)/.installed: tools/fetch_taskvine.sh requirements/taskvine.txt
	tools/fetch_taskvine.sh

clean-venvs: ## Removes all environments, those of the benchmarks' peers too.
	rm -rf $(VENVS) $(BETWEEN:%=.venv-%) $(SERVERS) $(VINE) .venv-docs .venv-release .venv-bench-* .venv-older
