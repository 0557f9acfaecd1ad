#!/usr/bin/env bash
# Installs a wheel into an empty environment without Rust and Node.js, and runs tools/smoke.py there.
#   packaging/smoke.sh native 3.13 WHEEL                          with a Python of this machine
#   packaging/smoke.sh aarch64-unknown-linux-gnu 3.11 WHEEL       with Debian's arm64 Python, under QEMU on other processors
#   packaging/smoke.sh x86_64-unknown-linux-musl 3.11 WHEEL       with a Python for musl, compiled from Debian's sources
set -euo pipefail
cd "$(dirname "$0")/.."
kind=$1
python=$2
wheel=$(realpath "$3")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
pip=("$(tools/find_python.sh 3.11)" -m pip)
options=(--quiet --disable-pip-version-check --no-input)
packages=(ipython cloudpickle ipykernel jupyter_client)

# Downloads what Clew needs, for a platform: emulated processes need no network then.
download() {
    local platforms=()
    for platform; do platforms+=(--platform "$platform"); done
    "${pip[@]}" download "${options[@]}" --only-binary :all: --python-version "$python" --implementation cp "${platforms[@]}" \
        --dest "$scratch/packages" "${packages[@]}"
}

case $kind in
native)
    "$(tools/find_python.sh "$python")" -m venv "$scratch/venv"
    "$scratch/venv/bin/python" -m pip install "${options[@]}" "$wheel" ipykernel jupyter_client
    env -i PATH="$scratch/venv/bin" HOME="$scratch" "$scratch/venv/bin/python" tools/smoke.py
    exit
    ;;
aarch64-unknown-linux-gnu)
    root=$PWD/.python-$python-arm64
    [ -x "$root/root/usr/bin/python$python" ] || tools/debian_root.sh bookworm/arm64 "$root" "python$python" "python$python-venv" libstdc++6
    interpreter=/usr/bin/python$python
    download manylinux_2_{28,17}_aarch64 manylinux2014_aarch64
    ;;
x86_64-unknown-linux-musl)
    root=$PWD/.python-$python-musl
    tools/musl_python.sh "$python"
    interpreter=/usr/local/bin/python$python
    download musllinux_1_{2,1}_x86_64
    ;;
*)
    echo "There is no Python for $kind" >&2
    exit 2
    ;;
esac

cp "$wheel" tools/smoke.py "$scratch"
inside() { packaging/in_root.sh "$root/root" "$scratch" "$@"; }
inside "$interpreter" -m venv /work/venv
inside /work/venv/bin/python -m pip install "${options[@]}" --no-index --find-links /work/packages "/work/$(basename "$wheel")" ipykernel jupyter_client
inside /work/venv/bin/python /work/smoke.py
