#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Boots a systemd of its own with the unit that is shipped: in namespaces and a cgroup of its own, on the kernel, the devices and the bpffs of who
# calls this. It goes with this process. The machine's own systemd, /etc, /dev, /run and cgroups are not touched.
#   machine.sh WORK    with WORK/{etc,units,log} for /etc, for all units and for what is written, and in the environment
#                      PROJECT, NODE, BPFFS, STATE (/var/lib), SRV (/srv), USER_ID, CGROUP
set -euo pipefail
work=$1

if [ -z "${IN_CGROUP:-}" ]; then
  echo $$ >"$work/cgroup/$CGROUP/cgroup.procs"
  export IN_CGROUP=1
  exec unshare --fork --kill-child --pid --mount --cgroup --uts --ipc --propagation private "$0" "$work"
fi

# All that comes is seen by what systemd starts, as on a machine that was booted.
umount "$work/cgroup"
mount -t proc proc /proc
cat /proc/sys/kernel/random/uuid >"$work/boot_id"
mount --bind "$work/boot_id" /proc/sys/kernel/random/boot_id
mount -t sysfs sysfs /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tracefs tracefs /sys/kernel/tracing
mount --bind "$BPFFS" /sys/fs/bpf

# A root with this project in /opt, a user of its own and no units but ours.
mkdir "$work/opt" "$work/dev" "$work/upper" "$work/scratch"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$work/upper,workdir=$work/scratch" /etc
cp -r "$work/etc/." /etc
echo edge-03 >/etc/hostname
echo "sluice:x:$USER_ID:$USER_ID::/var/lib/sluice:/usr/sbin/nologin" >>/etc/passwd
echo "sluice:x:$USER_ID:" >>/etc/group
chown -R "root:$USER_ID" /etc/sluice
chmod 0750 /etc/sluice
chmod 0640 /etc/sluice/*
mount -t tmpfs tmpfs "$work/opt"
mkdir "$work/opt/sluice" "$work/opt/bin"
mount --bind "$PROJECT" "$work/opt/sluice"
touch "$work/opt/bin/node"
mount --bind "$NODE" "$work/opt/bin/node"
ln -s /opt/sluice/dist/command/cli/main.js "$work/opt/bin/sluice"
mount --rbind "$work/opt" /opt
mount --bind "$STATE" /var/lib
mount --bind "$SRV" /srv
mount --bind "$work/log" /mnt
mount -t tmpfs tmpfs "$work/dev"
cp -a /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty "$work/dev"
# What systemd has to say goes to the log of the kernel, here a pipe.
mkfifo "$work/dev/kmsg"
cat <>"$work/dev/kmsg" >"$work/log/systemd" &
mkdir "$work/dev/shm" "$work/dev/pts" "$work/dev/mqueue"
ln -s pts/ptmx "$work/dev/ptmx"
mount --rbind "$work/dev" /dev
mount -t devpts -o newinstance devpts /dev/pts
mount -t tmpfs tmpfs /usr/lib/systemd/system-generators
mount -t tmpfs tmpfs /usr/lib/systemd/system
cp -r "$work/units/." /usr/lib/systemd/system
mount -t tmpfs tmpfs /run
mount -t tmpfs -o mode=1777 tmpfs /var/tmp
mount -t tmpfs -o mode=1777 tmpfs /tmp

# As systemd does by itself where it is not told that it is in a container: mounts with credentials come from a child of it.
mount --make-rshared /

export container=lab
exec /lib/systemd/systemd --system --unit=multi-user.target --log-target=kmsg --show-status=0
