#!/usr/bin/env bash
# Creates .python-VERSION: a Python from Debian that is not installed on this machine, unpacked without root permissions.
#   tools/fetch_python.sh 3.14
# It runs with the C library that it was built for, not with the machine's. It sets no environment variables, so programs that it starts use
# the machine's libraries.
set -euo pipefail
cd "$(dirname "$0")/.."
version=$1
folder=$PWD/.python-$version

rm -rf "$folder" "$folder.new"
# Wheels need libstdc++6.
tools/debian_root.sh sid "$folder.new" "python$version" "python$version-venv" "python$version-dev" libstdc++6 patchelf
mv "$folder.new" "$folder"
root=$folder/root
libraries=$root/usr/lib/x86_64-linux-gnu
loader=$root/usr/lib64/ld-linux-x86-64.so.2
patch() {
    "$loader" --library-path "$libraries" "$root/usr/bin/patchelf" "$@" "$root/usr/bin/python$version"
}
# Uses DT_RPATH, because DT_RUNPATH does not apply to the dependencies of libraries. Both changes in one call, or in the other order,
# produce a program that crashes (patchelf 0.18).
patch --force-rpath --set-rpath "$libraries"
patch --set-interpreter "$loader"
# The folder where `venv` looks for pip.
sed -i "s|/usr/share/python-wheels|$root&|" "$root/usr/lib/python$version/"_sysconfig*
"$root/usr/bin/python$version" -m compileall -q "$root/usr/lib/python$version" || true
