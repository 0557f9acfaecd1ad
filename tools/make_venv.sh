#!/usr/bin/env bash
# Makes .venv-VERSION with exactly the pinned packages.
#   tools/make_venv.sh 3.13
set -euo pipefail
cd "$(dirname "$0")/.."
version=$1
venv=.venv-$version

python=$(tools/find_python.sh "$version")
echo "Making $venv with $("$python" --version)"
rm -rf "$venv"
"$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
    -r "requirements/py${version/./}.txt" -r requirements/check.txt
touch "$venv/.installed"
