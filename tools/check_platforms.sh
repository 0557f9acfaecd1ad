#!/usr/bin/env bash
# Type-checks all crates for macOS and Windows: whether everything that the code uses exists there. Nothing is linked or run.
#   tools/check_platforms.sh
#   tools/check_platforms.sh aarch64-apple-darwin
# It uses the standard library of an installed target (`rustup target add aarch64-apple-darwin x86_64-pc-windows-msvc`). For other targets
# it takes Debian's Rust, and compiles the standard library first.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- aarch64-apple-darwin x86_64-pc-windows-msvc
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}/platforms
mkdir -p "$CARGO_TARGET_DIR"

# Crates with code in C compile it in their build scripts. The Rust code does not depend on the result, so no C compiler for these platforms
# is needed: the compilers write nothing, and the archiver writes an empty library where a build script looks for it.
cat >"$CARGO_TARGET_DIR/ar" <<'EOF'
#!/bin/sh
for argument; do case $argument in -out:*) : >"${argument#-out:}" ;; esac; done
EOF
chmod +x "$CARGO_TARGET_DIR/ar"
export TARGET_CC=true TARGET_CXX=true TARGET_CC_MASM_ASM=true TARGET_AR=$CARGO_TARGET_DIR/ar
# PyO3 needs no interpreter of the platform, only its version.
export PYO3_CROSS=1 PYO3_CROSS_PYTHON_VERSION=3.13 PYO3_NO_PYTHON=1

failed=()
for target in "$@"; do
    echo "== $target"
    cargo=(cargo)
    std=()
    if ! ls "$(rustc --print target-libdir --target "$target")"/libstd-* >/dev/null 2>&1; then
        tools/fetch_rust.sh
        # RUSTC_BOOTSTRAP lets a stable cargo use -Z.
        cargo=(env RUSTC="$PWD/.rust/bin/rustc" RUSTC_BOOTSTRAP=1 "$PWD/.rust/bin/cargo")
        std=(-Z build-std=std,panic_abort,proc_macro)
    fi
    RUSTFLAGS="-D warnings" "${cargo[@]}" check --quiet --locked --workspace --keep-going --target "$target" "${std[@]}" ||
        failed+=("$target")
done

if [ ${#failed[@]} -gt 0 ]; then
    printf 'Failed: %s\n' "${failed[@]}"
    exit 1
fi
echo "All crates compile for $*."
