#!/usr/bin/env bash
# Sees to it that the programs of the system are there that the crash kit needs (system calls that fail: strace; file
# systems of its own: e2fsprogs, mount, util-linux), and the tests of remotes (a far side behind ssh: openssh). Installs
# them where it may; a skipped proof is a red proof.
set -euo pipefail
export PATH=$PATH:/usr/sbin:/sbin
declare -A packages=([strace]=strace [mkfs.ext4]=e2fsprogs [mount]=mount [umount]=mount [unshare]=util-linux
    [ssh]=openssh-client [ssh-keygen]=openssh-client [sshd]=openssh-server)

wanted=()
for program in "${!packages[@]}"; do
    command -v "$program" >/dev/null || wanted+=("${packages[$program]}")
done
[ ${#wanted[@]} -eq 0 ] && exit 0

if command -v apt-get >/dev/null && [ "$(id -u)" -eq 0 ]; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${wanted[@]}" >/dev/null
else
    echo "The crash kit and the tests of remotes need these packages of your system, and prove nothing without them: ${wanted[*]}" >&2
    exit 1
fi
