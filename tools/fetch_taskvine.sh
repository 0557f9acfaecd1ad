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

for program in apt-get dpkg-deb; do
    command -v "$program" >/dev/null || {
        echo "$program is missing: TaskVine is a package of Debian's, and only there (or from conda) can it be had" >&2
        exit 1
    }
done

# The first archive of Debian that this machine's apt knows, by its address as apt has it.
archive=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' | head -n 1)
[ -n "$archive" ] || {
    echo "apt knows no archive of Debian here" >&2
    exit 1
}
keys=/usr/share/keyrings/debian-archive-keyring.gpg

rm -rf "$folder.new"
mkdir -p "$folder.new/apt/"{lists,cache/archives/partial,etc/preferences.d,etc/apt.conf.d} "$folder.new/root/usr/"{bin,lib,lib64}
cd "$folder.new"
touch apt/status
echo "deb [signed-by=$keys] $archive $suite main" >apt/etc/sources.list
private=(-o "Dir::Etc=$PWD/apt/etc" -o "Dir::State=$PWD/apt" -o "Dir::State::status=$PWD/apt/status" -o "Dir::Cache=$PWD/apt/cache"
    -o APT::Sandbox::User= -o Debug::NoLocking=1 -qq)
apt-get "${private[@]}" update
# Nothing is installed as far as this apt knows, so all that is needed comes along.
apt-get "${private[@]}" -y install --download-only --no-install-recommends "${packages[@]}"

for part in bin lib lib64; do ln -s "usr/$part" "root/$part"; done
for package in apt/cache/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$package" | tar -x -C root --keep-directory-symlink --no-same-owner
    dpkg-deb --show --showformat '${Package} ${Version}\n' "$package"
done >versions.txt
rm -rf apt root/usr/share/{doc,man,locale}
rm -rf "$folder"
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
