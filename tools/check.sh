#!/usr/bin/env bash
# Runs the checks that do not belong to cargo. All of them run and show their failures; the script fails if one fails.
set -uo pipefail
cd "$(dirname "$0")/.."
failed=()

check() {
    local name=$1
    shift
    echo "== $name"
    "$@" || failed+=("$name")
}

check "directions of imports" python tools/directions.py
check "links" python tools/links.py
check "licences" python tools/licences.py
check "unused dependencies" python tools/unused_dependencies.py
check "ruff format" ruff format --check .
check "ruff" ruff check .
check "mypy" mypy
# What the system lacks is an error for mypy, unless `sys.platform` is checked before.
for system in darwin win32; do
    check "mypy for $system" mypy --platform "$system" --cache-dir ".mypy_cache/$system" --package clew
done
check "mypy of the demo" mypy examples/demo
check "mypy of builds and releases" mypy build_backend packaging/wheels.py tools/release_check.py tools/smoke.py
check "spelling" typos

if [ ${#failed[@]} -gt 0 ]; then
    printf 'Failed: %s\n' "${failed[@]}"
    exit 1
fi
echo "All checks passed."
