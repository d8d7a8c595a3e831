#!/usr/bin/env bash
# All tests. Pure ones run anywhere; kernel tests need root and BPF and get network and mount namespaces of their own.
# With SLUICE_REQUIRE_KERNEL=1 a kernel test that cannot run is a failure. The last line reads "N passed, N failed".
set -uo pipefail
cd "$(dirname "$0")/.."
export PATH="$PATH:/usr/sbin:/sbin"
[ "${1:-}" = --no-setup ] || .ci/setup.sh test || exit 1

passed=0 failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Runs ava and adds up what its summary says; a run that dies without one counts as a failure.
count() {
  "$@" 2>&1 </dev/null | tee "$log"
  local status=${PIPESTATUS[0]} ok bad
  ok=$(sed 's/\x1b\[[0-9;]*m//g' "$log" | sed -nE 's/^ *([0-9]+) tests? passed.*/\1/p' | tail -1)
  bad=$(sed 's/\x1b\[[0-9;]*m//g' "$log" | sed -nE 's/^ *([0-9]+) (tests? failed|tests? remained pending.*|uncaught exceptions?|unhandled rejections?)$/\1/p' | awk '{sum += $1} END {print sum + 0}')
  [ "$status" = 0 ] || [ "$bad" != 0 ] || bad=1
  passed=$((passed + ${ok:-0}))
  failed=$((failed + bad))
}

count ${SLUICE_COVERAGE:+node_modules/.bin/c8} node_modules/.bin/ava

reason=$(node dist/test/lab/why-no-kernel.js)
if [ -z "$reason" ]; then
  count unshare --net --mount --propagation private node_modules/.bin/ava --config ava.kernel.config.js
elif [ "${SLUICE_REQUIRE_KERNEL:-}" = 1 ]; then
  echo "Kernel tests (test/kernel) cannot run: $reason"
  failed=$((failed + 1))
else
  echo "Kernel tests (test/kernel) did not run: $reason"
fi

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
