#!/usr/bin/env bash
# Makes a checkout ready: Debian packages, npm packages, the build. Quick when there is nothing to do.
#   .ci/setup.sh demo|test|bench
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

# One line for each thing a purpose needs: what to look for, and the Debian package that has it.
needs() {
  printf '%s\n' clang:clang bpftool:bpftool ip:iproute2 git:git nsenter:util-linux \
    /usr/include/bpf/bpf_helpers.h:libbpf-dev /usr/include/linux/bpf.h:linux-libc-dev \
    "/usr/lib/$(uname -m)-linux-gnu/libpcap.so.0.8:libpcap0.8"
  case "$1" in
    test) printf '%s\n' tc:iproute2 ping:iputils-ping strace:strace xdp-loader:xdp-tools ssh-keygen:openssh-client \
      /usr/sbin/sshd:openssh-server setfacl:acl gpg:gnupg tshark:tshark /lib/systemd/systemd:systemd \
      prometheus-alertmanager:prometheus-alertmanager podman:podman crun:crun \
      /usr/lib/podman/netavark:netavark jq:jq ;;
    bench) printf '%s\n' nft:nftables ipset:ipset xdp-loader:xdp-tools iptables:iptables ethtool:ethtool taskset:util-linux ;;
  esac
}

# npm puts its packages' programs first in PATH, and one of them is called nft too.
system_path=$(printf '%s' "$PATH:/usr/sbin:/sbin" | tr : '\n' | grep -v '/node_modules/' | paste -sd :)

is_there() {
  case "$1" in
    /*) [ -e "$1" ] ;;
    *) PATH="$system_path" command -v "$1" >/dev/null ;;
  esac
}

install_debian_packages() {
  local missing=() need
  while read -r need; do is_there "${need%%:*}" || missing+=("${need##*:}"); done < <(needs "$1")
  [ ${#missing[@]} -gt 0 ] || return 0
  local line="apt-get install -y --no-install-recommends ${missing[*]}"
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    die "Missing: ${missing[*]}. As root, run once:" "  apt-get update && $line"
  fi
  say "Installing Debian packages: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  local log
  log=$(mktemp)
  { apt-get update -qq && $line -qq; } >"$log" 2>&1 || { cat "$log" >&2; die "Cannot install the Debian packages"; }
  rm -f "$log"
}

install_npm_packages() {
  command -v node >/dev/null || die "Missing: Node.js 20.19 or newer"
  node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
    die "Node.js $(node --version) is too old: Sluice needs 20.19 or newer"
  cmp -s package-lock.json node_modules/.sluice-lock && return 0
  say "Installing npm packages"
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
  cp package-lock.json node_modules/.sluice-lock
}

build() {
  local stamp=dist/.built
  if [ ! -e "$stamp" ] || [ -n "$(find reconciler schemas bpf test tsconfig.json package-lock.json -newer "$stamp" -type f -print -quit)" ]; then
    say "Compiling"
    local started=dist/.started
    mkdir -p dist
    touch "$started"
    rm -rf dist/reconciler dist/schemas dist/test dist/command
    node_modules/.bin/tsc
    npm run --silent bundle
    chmod +x dist/command/cli/main.js
    node dist/bpf/programs/build.js
    node dist/schemas/build-validators.js
    mv "$started" "$stamp"
  fi
}

install_debian_packages "${1:?demo, test or bench}"
install_npm_packages
build
