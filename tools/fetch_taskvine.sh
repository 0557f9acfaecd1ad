#!/usr/bin/env bash
# Creates .venv-taskvine: TaskVine and Python 3.13 of Debian 13, unpacked without root permissions, and an environment with Clew's
# dependencies.
#   tools/fetch_taskvine.sh
# TaskVine is not on PyPI. The packages come from the Debian archive that the machine's apt uses. The programs run with the C library that
# they were built for, not with the machine's.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$PWD/.venv-taskvine
suite=trixie
requirements=$PWD/requirements/taskvine.txt
# TaskVine, Python and their dependencies. Wheels need libstdc++6.
packages=(python3-workqueue coop-computing-tools libstdc++6)

rm -rf "$folder" "$folder.new"
tools/debian_root.sh "$suite" "$folder.new" "${packages[@]}"
mv "$folder.new" "$folder"
cd "$folder"

# The programs use their own loader and libraries. No environment variables are set, so programs that they start use the machine's
# libraries.
wrap() {
    rm -f "$1"
    cat >"$1" <<END
#!/bin/sh
exec $folder/root/usr/lib64/ld-linux-x86-64.so.2 --library-path $folder/root/usr/lib/x86_64-linux-gnu --argv0 "\$0" $folder/root/usr/bin/$2 "\$@"
END
    chmod +x "$1"
}
python=root/usr/bin/python3
wrap $python python3.13
$python -m compileall -q root/usr/lib/python3* || true

$python -m venv --without-pip --system-site-packages venv
wrap venv/bin/vine_worker vine_worker
# The machine's pip may be too old for this Python.
python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest . pip
wheel=$(echo pip-*.whl)
venv/bin/python "$wheel/pip" install --quiet --disable-pip-version-check --no-input -r "$requirements"
rm "$wheel"
touch .installed
