#!/usr/bin/env bash
# Unpacks packages of a Debian suite with all their dependencies into FOLDER/root. It needs no root permissions and does not change the
# machine.
#   tools/debian_root.sh trixie FOLDER python3.13 libstdc++6
#   tools/debian_root.sh trixie/arm64 FOLDER python3.13    for another architecture
#   tools/debian_root.sh trixie/source FOLDER python3.13   only downloads the sources
# It downloads from the Debian archive that the machine's apt uses. FOLDER/versions.txt lists the unpacked packages.
set -euo pipefail
suite=${1%/*}
architecture=$(dpkg --print-architecture)
[ "$suite" = "$1" ] || architecture=${1#*/}
folder=$2
shift 2

for program in apt-get dpkg-deb; do
    command -v "$program" >/dev/null || {
        echo "$program is missing: these are packages of Debian's" >&2
        exit 1
    }
done

# The URL of the first Debian archive in this machine's apt configuration.
archive=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' | head -n 1)
[ -n "$archive" ] || {
    echo "apt knows no archive of Debian here" >&2
    exit 1
}
keys=/usr/share/keyrings/debian-archive-keyring.gpg

mkdir -p "$folder/apt/"{lists,cache/archives/partial,etc/preferences.d,etc/apt.conf.d} "$folder/root/usr/"{bin,lib,lib64}
cd "$folder"
touch apt/status
kind=deb
if [ "$architecture" = source ]; then
    kind=deb-src
    architecture=$(dpkg --print-architecture)
fi
echo "$kind [signed-by=$keys] $archive $suite main" >apt/etc/sources.list
private=(-o "Dir::Etc=$PWD/apt/etc" -o "Dir::State=$PWD/apt" -o "Dir::State::status=$PWD/apt/status" -o "Dir::Cache=$PWD/apt/cache"
    -o "APT::Architecture=$architecture" -o "APT::Architectures=$architecture" -o APT::Sandbox::User= -o Debug::NoLocking=1 -qq)
apt-get "${private[@]}" update
if [ "$kind" = deb-src ]; then
    apt-get "${private[@]}" source --download-only "$@"
    rm -rf apt root
    exit
fi
# For this apt no package is installed, so it downloads all dependencies.
apt-get "${private[@]}" -y install --download-only --no-install-recommends "$@"

for part in bin lib lib64; do ln -s "usr/$part" "root/$part"; done
for package in apt/cache/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$package" | tar -x -C root --keep-directory-symlink --no-same-owner
    dpkg-deb --show --showformat '${Package} ${Version}\n' "$package"
done >versions.txt
rm -rf apt root/usr/share/{doc,man,locale}
