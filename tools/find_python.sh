#!/usr/bin/env bash
# Prints the path of an interpreter of the given minor version that can make virtual environments.
#   tools/find_python.sh 3.13
# In order: $CLEW_PYTHON_3_13, pyenv's versions (newest patch first), python3.13 on PATH, the one that `tools/fetch_python.sh` fetched or
# can fetch. If there is none, it prints what to do and fails, because a skipped test counts as a failed test.
set -euo pipefail
version=$1
variable="CLEW_PYTHON_${version//./_}"
here=$(cd "$(dirname "$0")" && pwd)
fetched=$(dirname "$here")/.python-$version/root/usr/bin/python$version

candidates() {
    [ -n "${!variable:-}" ] && echo "${!variable}"
    if command -v pyenv >/dev/null; then
        # Also search beside pyenv itself: pyenv looks for its versions in HOME, which may be an empty folder.
        for root in "$(pyenv root)" "$(dirname "$(dirname "$(readlink -f "$(command -v pyenv)")")")"; do
            ls -d "$root/versions/$version".*/bin/"python$version" 2>/dev/null | sort -rV || true
        done
    fi
    type -ap "python$version" || true
    echo "$fetched"
    return 0
}

works() {
    "$1" -c "import sys, ensurepip, venv, sqlite3; assert '%d.%d' % sys.version_info[:2] == '$version'" >/dev/null 2>&1
}

first_that_works() {
    while read -r candidate; do
        if works "$candidate"; then
            echo "$candidate"
            return 0
        fi
    done < <(candidates)
    return 1
}

first_that_works && exit 0
"$here/fetch_python.sh" "$version" >&2 && first_that_works && exit 0

cat >&2 <<MESSAGE
Python $version with \`venv\` and \`ensurepip\` was not found, and the tests prove nothing without it.
Install it (\`pyenv install $version\`, or your system's packages with the venv module), or say where it is:
    $variable=/path/to/python$version make test
MESSAGE
exit 1
