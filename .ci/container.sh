#!/usr/bin/env bash
# Builds the image from the Containerfile and tries it: version, doctor, a chain applied and looked at in namespaces of its own.
# Needs root, buildah and debootstrap; takes minutes. Unless BASE and RUNTIME are given no image registry is asked: they are made by
# debootstrap, with this machine's Node.js.
#   [BASE=image RUNTIME=image] .ci/container.sh
set -euo pipefail
cd "$(dirname "$0")/.."
image=localhost/sluice:check base=${BASE:-localhost/node:check} runtime=${RUNTIME:-localhost/debian:check}
work=$(mktemp -d)
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs
store=(--root "$work/store" --runroot "$work/run")

cleanup() {
  buildah "${store[@]}" rm --all >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap cleanup EXIT

# Two bases of one root: a bare Debian, and the same with Node.js and npm.
make_bases() {
  debootstrap --variant=minbase bookworm "$work/base" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
  rm -rf "$work"/base/var/cache/apt/archives/*.deb "$work"/base/var/lib/apt/lists/*
  import "$runtime"
  local prefix=$work/base/usr/local
  install -D "$(readlink -f "$(command -v node)")" "$prefix/bin/node"
  mkdir -p "$prefix/lib/node_modules"
  cp -rL "$(npm root --global)/npm" "$prefix/lib/node_modules/npm"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$prefix/bin/npm"
  if [ -n "${NODE_EXTRA_CA_CERTS:-}" ]; then
    install -D "$NODE_EXTRA_CA_CERTS" "$work/base/etc/ssl/extra.pem"
    import "$base" --env NODE_EXTRA_CA_CERTS=/etc/ssl/extra.pem
  else
    import "$base"
  fi
  rm -rf "$work/base"
}

import() {
  local name=$1 container
  shift
  container=$(buildah "${store[@]}" from scratch)
  buildah "${store[@]}" add -q "$container" "$work/base" / >/dev/null
  buildah "${store[@]}" config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@" "$container"
  buildah "${store[@]}" commit -q --rm "$container" "$name" >/dev/null
}

# The image as it is run: its own root, the host's /sys, only the capabilities that docs/operations.md names.
try_image() {
  local container root
  container=$(buildah "${store[@]}" from "$image")
  root=$(buildah "${store[@]}" mount "$container")
  export root
  cp -r policies/minimal "$root/tmp/policy"
  echo "image: $(du -sm "$root" | cut -f1) MB"
  unshare --net --mount --pid --fork --propagation private bash -euo pipefail -c '
    ip link set lo up
    ip link add eth0 type veth peer name peer0
    ip link set eth0 up
    mount -t proc proc "$root/proc"
    mount -t sysfs sysfs "$root/sys"
    mount -t bpf bpf "$root/sys/fs/bpf"
    in_image() {
      setpriv --bounding-set -all,+bpf,+net_admin,+perfmon,+sys_chroot --inh-caps -all --no-new-privs chroot "$root" sluice "$@"
    }
    in_image version
    in_image doctor
    in_image apply --dir /tmp/policy --yes
    in_image inspect eth0/xdp | grep no-telnet
    in_image uninstall --yes'
}

[ -n "${BASE:-}" ] || make_bases
buildah "${store[@]}" bud -q --build-arg BASE="$base" --build-arg RUNTIME="$runtime" -t "$image" . >/dev/null
try_image
echo "The image builds and runs"
