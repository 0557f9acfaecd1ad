#!/usr/bin/env bash
# Creates .rust: Debian's Rust compiler with the sources of the standard library, unpacked without root permissions.
#   tools/fetch_rust.sh
# Cargo can then compile the standard library for any target (`-Z build-std`), where rustup cannot download it. The programs are in
# .rust/bin. They run with the C library that they were built for.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$PWD/.rust
new=$folder.new

# Two calls at once must not unpack into the same folder.
exec 9>"$folder.lock"
flock 9
if "$folder/bin/rustc" --version 2>/dev/null; then
    exit
fi
rm -rf "$folder" "$new"
tools/debian_root.sh sid "$new" rustc cargo rust-src
root=$folder/root
for program in rustc cargo; do
    mkdir -p "$new/bin"
    # Through the loader, because libLLVM has a search path of its own, which replaces that of the program.
    cat >"$new/bin/$program" <<SCRIPT
#!/bin/sh
exec "$root/usr/lib64/ld-linux-x86-64.so.2" --argv0 "$root/usr/bin/$program" \\
    --library-path "$root/usr/lib/x86_64-linux-gnu" "$root/usr/bin/$program" "\$@"
SCRIPT
    chmod +x "$new/bin/$program"
done
# Debian's C compiler, and the compiler's own sources, are not needed.
rm -rf "$new/root/usr/"{libexec,lib/gcc,lib/x86_64-linux-gnu/gconv,src/rustc-*/{src,compiler}}
mv "$new" "$folder"
"$folder/bin/rustc" --version
