#!/usr/bin/env bash
# Unpacks packages of a suite of Debian with all that they need into FOLDER/root, without root and without changing the machine.
#   tools/debian_root.sh trixie FOLDER python3.13 libstdc++6
# The machine's own archive of Debian is asked, whatever it is. FOLDER/versions.txt lists what was unpacked.
set -euo pipefail
suite=$1
folder=$2
shift 2

for program in apt-get dpkg-deb; do
    command -v "$program" >/dev/null || {
        echo "$program is missing: these are packages of Debian's" >&2
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

mkdir -p "$folder/apt/"{lists,cache/archives/partial,etc/preferences.d,etc/apt.conf.d} "$folder/root/usr/"{bin,lib,lib64}
cd "$folder"
touch apt/status
echo "deb [signed-by=$keys] $archive $suite main" >apt/etc/sources.list
private=(-o "Dir::Etc=$PWD/apt/etc" -o "Dir::State=$PWD/apt" -o "Dir::State::status=$PWD/apt/status" -o "Dir::Cache=$PWD/apt/cache"
    -o APT::Sandbox::User= -o Debug::NoLocking=1 -qq)
apt-get "${private[@]}" update
# Nothing is installed as far as this apt knows, so all that is needed comes along.
apt-get "${private[@]}" -y install --download-only --no-install-recommends "$@"

for part in bin lib lib64; do ln -s "usr/$part" "root/$part"; done
for package in apt/cache/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$package" | tar -x -C root --keep-directory-symlink --no-same-owner
    dpkg-deb --show --showformat '${Package} ${Version}\n' "$package"
done >versions.txt
rm -rf apt root/usr/share/{doc,man,locale}
