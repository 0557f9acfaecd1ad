#!/usr/bin/env bash
# Creates .venv-VERSION with exactly the pinned packages.
#   tools/make_venv.sh 3.13
#   tools/make_venv.sh servers    for the servers that tests start
#   tools/make_venv.sh docs       for building the documentation site
#   tools/make_venv.sh release    for checking a release
set -euo pipefail
cd "$(dirname "$0")/.."
version=$1
venv=.venv-$version

case $version in
servers)
    python=$(tools/find_python.sh 3.11)
    packages=(-r requirements/servers.txt)
    ;;
docs | release)
    python=$(tools/find_python.sh 3.11)
    packages=(-r "requirements/$version.txt")
    ;;
*)
    python=$(tools/find_python.sh "$version")
    packages=(-r "requirements/py${version/./}.txt" -r requirements/check.txt)
    ;;
esac
echo "Making $venv with $("$python" --version)"
rm -rf "$venv"
"$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input "${packages[@]}"
if [ "$version" = servers ] || [ "$version" = release ]; then
    command -v npm >/dev/null || {
        echo "npm is missing (Node.js, https://nodejs.org): it installs what requirements/$version/package.json lists" >&2
        exit 1
    }
    cp "requirements/$version"/package*.json "$venv"
    # Not `--prefix`: npm would look for the machine's settings (certificates, a registry) below that folder.
    (cd "$venv" && npm ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error)
fi
if [ "$version" = release ]; then
    # What the wheel is installed with, without a network.
    "$venv/bin/python" -m pip download --quiet --disable-pip-version-check --only-binary :all: --dest "$venv/wheels" \
        --constraint requirements/py311.txt ipython cloudpickle ipykernel jupyter_client
fi
touch "$venv/.installed"
