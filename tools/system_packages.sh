#!/usr/bin/env bash
# Checks that the system programs for the tests exist, and installs missing ones if it has the permission. The crash tests need strace
# (failing system calls), e2fsprogs, mount and util-linux (separate file systems). The tests of remotes need openssh (a server behind ssh).
# The script fails if a program is missing, because a skipped test counts as a failed test.
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
