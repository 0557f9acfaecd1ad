#!/usr/bin/env bash
# Creates .rust: Debian's newest Rust with the sources of the standard library, unpacked without root permissions.
# With the sources, cargo compiles the standard library for any target (`-Z build-std`), where rustup cannot download one. The programs are
# in .rust/bin.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$PWD/.rust
new=$folder.new

# Two calls at once must not unpack into the same folder.
exec 9>"$folder.lock"
flock 9
if "$folder/bin/cargo" --version >/dev/null 2>&1; then
    exit
fi
rm -rf "$new"
tools/debian_root.sh sid "$new" rustc cargo rust-src
# The programs run with the C library that they were built for, not with the machine's. Changing the search path in the programs, as
# tools/fetch_python.sh does, is not enough here: LLVM's library has one of its own.
mkdir "$new/bin"
for program in rustc cargo; do
    cat >"$new/bin/$program" <<SCRIPT
#!/bin/sh
exec "$folder/root/usr/lib64/ld-linux-x86-64.so.2" --library-path "$folder/root/usr/lib/x86_64-linux-gnu" \\
    --argv0 "$folder/root/usr/bin/$program" "$folder/root/usr/bin/$program" "\$@"
SCRIPT
    chmod +x "$new/bin/$program"
done
# Debian's C compiler, and the compiler's own sources, are not needed.
rm -rf "$new/root/usr/"{libexec,lib/gcc,lib/x86_64-linux-gnu/gconv,src/rustc-*/{src,compiler}}
rm -rf "$folder"
mv "$new" "$folder"
