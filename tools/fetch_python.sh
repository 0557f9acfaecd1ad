#!/usr/bin/env bash
# Makes .python-VERSION: a Python of Debian's that this machine does not have, unpacked without root.
#   tools/fetch_python.sh 3.14
# It runs with the C library that it was built for, whatever the machine has. Nothing is exported, so the programs that it
# starts keep the machine's libraries.
set -euo pipefail
cd "$(dirname "$0")/.."
version=$1
folder=$PWD/.python-$version

rm -rf "$folder" "$folder.new"
# libstdc++6 is for wheels.
tools/debian_root.sh sid "$folder.new" "python$version" "python$version-venv" "python$version-dev" libstdc++6 patchelf
mv "$folder.new" "$folder"
root=$folder/root
libraries=$root/usr/lib/x86_64-linux-gnu
loader=$root/usr/lib64/ld-linux-x86-64.so.2
patch() {
    "$loader" --library-path "$libraries" "$root/usr/bin/patchelf" "$@" "$root/usr/bin/python$version"
}
# An old-fashioned rpath, since a runpath does not count for what the libraries need themselves. Both in one call, or in the
# other order, make a program that crashes (patchelf 0.18).
patch --force-rpath --set-rpath "$libraries"
patch --set-interpreter "$loader"
# Where `venv` finds pip.
sed -i "s|/usr/share/python-wheels|$root&|" "$root/usr/lib/python$version/"_sysconfig*
"$root/usr/bin/python$version" -m compileall -q "$root/usr/lib/python$version" || true
