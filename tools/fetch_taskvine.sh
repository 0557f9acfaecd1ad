#!/usr/bin/env bash
# Makes .venv-taskvine: TaskVine and Python 3.13 of Debian 13, unpacked without root, and an environment above them with what Clew needs.
#   tools/fetch_taskvine.sh
# There is no package of it on PyPI. The machine's own archive of Debian is asked, whatever it is; the programs run with the C library
# that they were built for, whatever the machine has.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$PWD/.venv-taskvine
suite=trixie
requirements=$PWD/requirements/taskvine.txt
# TaskVine, Python and what both need; libstdc++6 is for wheels.
packages=(python3-workqueue coop-computing-tools libstdc++6)

rm -rf "$folder" "$folder.new"
tools/debian_root.sh "$suite" "$folder.new" "${packages[@]}"
mv "$folder.new" "$folder"
cd "$folder"

# The programs start with the loader and libraries of their own; nothing is exported, so what they start keeps the machine's.
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
