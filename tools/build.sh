#!/usr/bin/env bash
# Builds Clew and installs it into .venv-VERSION.
#   tools/build.sh install 3.13    the wheel, as a user gets it
#   tools/build.sh test 3.13       the same without link-time optimization, in half the time
#   tools/build.sh develop 3.13    editable, with cargo's dev profile
# The environment's own maturin builds (no isolated one), so nothing is fetched and nothing compiled twice.
set -euo pipefail
cd "$(dirname "$0")/.."
how=$1
venv=$PWD/.venv-$2
export PATH=$venv/bin:$PATH
pip=("$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --no-build-isolation --no-deps)

case $how in
install | test)
    if [[ $how = test ]]; then
        export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
    fi
    # What an editable install left among the sources must not travel in the wheel.
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
