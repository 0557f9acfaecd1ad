#!/usr/bin/env bash
# Builds Clew and installs it into .venv-VERSION.
#   tools/build.sh install 3.13    the same wheel that users get
#   tools/build.sh test 3.13       a wheel that compiles faster (tools/tested.toml), with the command of the Rust tests
#   tools/build.sh develop 3.13    an editable install, with cargo's dev profile
# It uses the environment's maturin without build isolation, so nothing is downloaded or compiled twice.
set -euo pipefail
cd "$(dirname "$0")/.."
how=$1
venv=$PWD/.venv-$2
[ -x "$venv/bin/python" ] || {
    echo "There is no .venv-$2 yet: \`make .venv-$2/.installed\` makes it" >&2
    exit 1
}
export PATH=$venv/bin:$PATH
pip=("$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --no-build-isolation --no-deps)

case $how in
install | test)
    if [[ $how = test ]]; then
        # The command of the Rust tests, for the Python that they are built for. `make test` has just built it.
        PYO3_PYTHON=$(tools/find_python.sh 3.11) cargo test --locked --quiet --workspace --no-run
        export CLEW_COMMAND=${CARGO_TARGET_DIR:-$PWD/target}/debug/clew
        # Each is built only once, so incremental compilation does not help.
        export CARGO_INCREMENTAL=0
        pip+=(--config-settings "build-args=--profile=dev --config=tools/tested.toml")
    fi
    # The wheel must not contain the extension module of an editable install.
    rm -f python/clew/_engine*.so
    "${pip[@]}" --force-reinstall .
    ;;
develop)
    "${pip[@]}" --editable .
    ;;
*)
    echo "Unknown way to build: $how" >&2
    exit 2
    ;;
esac
"$venv/bin/clew" --version
