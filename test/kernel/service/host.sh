#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A host that runs containers by podman: in namespaces of its own, on the kernel, the devices and the bpffs of who calls this. All that it runs
# goes with this process. The machine's own /etc, /run, /var/lib and cgroups are not touched.
#   host.sh WORK    with WORK/{etc,image} for what lies over /etc and over the root of the image, and in the environment PROJECT, NODE, BPFFS;
#                   WORK/lib becomes /var/lib, and WORK/ready is there when all is
set -euo pipefail
work=$1

if [ -z "${IN_NAMESPACES:-}" ]; then
  export IN_NAMESPACES=1
  exec unshare --fork --kill-child --pid --mount --uts --ipc --propagation private "$0" "$work"
fi

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tracefs tracefs /sys/kernel/tracing
mount --bind "$BPFFS" /sys/fs/bpf

# The root of the image: this machine's, with the project where the Containerfile puts it.
mkdir "$work/root" "$work/scratch" "$work/scratch-etc"
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/image,workdir=$work/scratch" "$work/root"
mkdir -p "$work/root/opt/sluice" "$work/root/usr/local/bin"
mount --bind "$PROJECT" "$work/root/opt/sluice"
touch "$work/root/usr/local/bin/node"
mount --bind "$NODE" "$work/root/usr/local/bin/node"
ln -sf /opt/sluice/dist/command/cli/main.js "$work/root/usr/local/bin/sluice"

mount -t overlay overlay -o "lowerdir=/etc,upperdir=$work/etc,workdir=$work/scratch-etc" /etc
mount -t tmpfs tmpfs /run
# Where podman keeps its locks.
mount -t tmpfs tmpfs /dev/shm
mkdir -p "$work/lib/containers"
mount --bind "$work/lib" /var/lib

hostname host.example
touch "$work/ready"
# Whatever loses its parent is this shell's, which waits for it.
sleep infinity &
wait
