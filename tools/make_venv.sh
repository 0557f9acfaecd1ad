#!/usr/bin/env bash
# Creates .venv-VERSION with exactly the pinned packages.
#   tools/make_venv.sh 3.13
#   tools/make_venv.sh servers    for the servers that tests start
#   tools/make_venv.sh docs       for building the documentation site
set -euo pipefail
cd "$(dirname "$0")/.."
version=$1
venv=.venv-$version

case $version in
servers)
    python=$(tools/find_python.sh 3.11)
    packages=(-r requirements/servers.txt)
    ;;
docs)
    python=$(tools/find_python.sh 3.11)
    packages=(-r requirements/docs.txt)
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
if [ "$version" = servers ]; then
    command -v npm >/dev/null || {
        echo "npm is missing (Node.js, https://nodejs.org): it installs the server that speaks Azure" >&2
        exit 1
    }
    cp requirements/servers/package*.json "$venv"
    # Not `--prefix`: npm would look for the machine's settings (certificates, a registry) below that folder.
    (cd "$venv" && npm ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error)
fi
touch "$venv/.installed"
