#!/usr/bin/env bash
# Runs a command in a folder that contains a system of its own, without root permissions.
#   packaging/in_root.sh ROOT FOLDER COMMAND [ARGUMENT...]
# The command sees FOLDER as /work, and an empty /tmp. Programs for aarch64 run under QEMU, of which only the processes in here know.
set -euo pipefail
root=$1
folder=$2
shift 2
QEMU=
if [ -e "$root/lib/ld-linux-aarch64.so.1" ] && [ "$(uname -m)" != aarch64 ]; then
    here=$(cd "$(dirname "$0")/.." && pwd)
    QEMU=$here/.qemu/root/usr/bin/qemu-aarch64
    [ -x "$QEMU" ] || "$here/tools/debian_root.sh" sid "$here/.qemu" qemu-user >&2
fi
export QEMU
mkdir -p "$root/"{dev,proc,tmp,work}
# A user namespace has a list of foreign binary formats of its own. Flag F: QEMU is opened now, outside the folder.
unshare --user --map-root-user --mount --pid --fork --kill-child bash -euc '
    root=$1 folder=$2
    shift 2
    if [ -n "$QEMU" ]; then
        mount -t binfmt_misc none /proc/sys/fs/binfmt_misc
        head="\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
        mask="\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"
        echo ":qemu-aarch64:M::$head:$mask:$QEMU:F" >/proc/sys/fs/binfmt_misc/register
    fi
    mount --rbind /dev "$root/dev"
    mount -t proc proc "$root/proc"
    mount -t tmpfs tmpfs "$root/tmp"
    mount --bind "$folder" "$root/work"
    exec env -i HOME=/tmp PATH=/work/venv/bin "$(command -v chroot)" "$root" "$@"' \
    bash "$root" "$folder" "$@"
