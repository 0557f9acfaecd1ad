#!/usr/bin/env bash
# Creates .python-VERSION: a Python from Debian that is not installed on this machine, unpacked without root permissions.
#   tools/fetch_python.sh 3.14
# It runs with the C library that it was built for, not with the machine's. It sets no environment variables, so programs that it starts use
# the machine's libraries.
set -euo pipefail
cd "$(dirname "$0")/.."
version=$1
folder=$PWD/.python-$version
new=$folder.new
program=root/usr/bin/python$version

# Two calls at once must not unpack into the same folder.
exec 9>"$folder.lock"
flock 9
if "$folder/$program" -c "import ensurepip, venv" 2>/dev/null; then
    exit
fi
rm -rf "$new"
# Wheels need libstdc++6.
tools/debian_root.sh sid "$new" "python$version" "python$version-venv" "python$version-dev" libstdc++6 patchelf
# It is prepared beside its place, for the paths that it gets there.
libraries=usr/lib/x86_64-linux-gnu
loader=usr/lib64/ld-linux-x86-64.so.2
patch() {
    "$new/root/$loader" --library-path "$new/root/$libraries" "$new/root/usr/bin/patchelf" "$@" "$new/$program"
}
# Uses DT_RPATH, because DT_RUNPATH does not apply to the dependencies of libraries. Both changes in one call, or in the other order,
# produce a program that crashes (patchelf 0.18).
patch --force-rpath --set-rpath "$folder/root/$libraries"
patch --set-interpreter "$folder/root/$loader"
# The folder where `venv` looks for pip.
sed -i "s|/usr/share/python-wheels|$folder/root&|" "$new/root/usr/lib/python$version/"_sysconfig*
rm -rf "$folder"
mv "$new" "$folder"
"$folder/$program" -m compileall -q "$folder/root/usr/lib/python$version" || true
