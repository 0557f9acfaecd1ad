#!/usr/bin/env bash
# Builds a wheel for each Python from the sdist in FOLDER, puts it there, and checks it. It runs in an image of manylinux or musllinux:
#   docker run --rm -v "$PWD:/clew" -w /clew quay.io/pypa/manylinux_2_28_x86_64 packaging/wheels.sh FOLDER
set -euo pipefail
folder=$(realpath "$1")
smoke=$(realpath "$(dirname "$0")/../tools/smoke.py")
scratch=$(mktemp -d)

curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --quiet --profile minimal --default-toolchain stable
export PATH=$HOME/.cargo/bin:$PATH
# One folder for all Pythons, so that cargo compiles the crates once.
mkdir "$scratch/source"
tar -xzf "$folder"/clew-*.tar.gz -C "$scratch/source" --strip-components=1
export CARGO_TARGET_DIR=$scratch/target

for tag in cp311 cp312 cp313 cp314 cp315; do
    python=/opt/python/$tag-$tag/bin/python
    "$python" -m pip wheel --no-deps --wheel-dir "$scratch/$tag" "$scratch/source"
    # Fails if a binary in the wheel needs a newer C library than the platform has.
    auditwheel repair --plat "$AUDITWHEEL_PLAT" --wheel-dir "$scratch/$tag/repaired" "$scratch/$tag"/*.whl
    "$python" -m venv "$scratch/$tag/venv"
    "$scratch/$tag/venv/bin/pip" install "$scratch/$tag/repaired"/*.whl ipykernel jupyter_client
    env -i PATH="$scratch/$tag/venv/bin" "$scratch/$tag/venv/bin/python" "$smoke"
    cp "$scratch/$tag/repaired"/*.whl "$folder"
done
