#!/usr/bin/env bash
# Sees to it that the programs of the system are there that the crash kit needs: system calls that fail (strace), file
# systems of its own (e2fsprogs, mount, util-linux). Installs them where it may; a skipped proof is a red proof.
set -euo pipefail
export PATH=$PATH:/usr/sbin:/sbin
declare -A packages=([strace]=strace [mkfs.ext4]=e2fsprogs [mount]=mount [umount]=mount [unshare]=util-linux)

wanted=()
for program in "${!packages[@]}"; do
    command -v "$program" >/dev/null || wanted+=("${packages[$program]}")
done
[ ${#wanted[@]} -eq 0 ] && exit 0

if command -v apt-get >/dev/null && [ "$(id -u)" -eq 0 ]; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${wanted[@]}" >/dev/null
else
    echo "The crash kit needs these packages of your system, and proves nothing without them: ${wanted[*]}" >&2
    exit 1
fi
