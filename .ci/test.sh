#!/usr/bin/env bash
# All tests. Pure ones run anywhere; kernel tests need root and BPF and get network and mount namespaces of their own.
# With SLUICE_REQUIRE_KERNEL=1 a kernel test that cannot run is a failure. The last line reads "N passed, N failed".
set -uo pipefail
cd "$(dirname "$0")/.."
export PATH="$PATH:/usr/sbin:/sbin"
[ "${1:-}" = --no-setup ] || .ci/setup.sh test || exit 1

passed=0 failed=0 beside=
log=$(mktemp)
other=$(mktemp)
failures=$(mktemp)
trap 'rm -f "$log" "$other" "$failures"; [ -z "$beside" ] || kill "$beside"' EXIT

# Runs ava, shows it as it comes, and counts.
run() {
  "$@" 2>&1 </dev/null | tee "$log"
  count "$log" "${PIPESTATUS[0]}"
}

# Counts the tests that ava lists; a run that fails in any other way counts as one failure. What ava says of failures, which it does
# behind the list, is kept for the end of the log, where a reader of CI looks first.
count() {
  local log=$1 status=$2 ok bad
  sed -i 's/\x1b\[[0-9;]*m//g' "$log"
  ok=$(grep -c '^ *✔ ' "$log")
  bad=$(grep -cE '^ *✘ ' "$log")
  [ "$status" = 0 ] || [ "$bad" != 0 ] || bad=1
  if [ "$status" != 0 ]; then
    { grep -E '^ *✘ ' "$log"; sed -n '/^ *─$/,$p' "$log"; } | head -300 >>"$failures"
  fi
  passed=$((passed + ok))
  failed=$((failed + bad))
}

half() { SLUICE_HALF=$1 exec unshare --net --mount --propagation private node_modules/.bin/ava --config ava.kernel.config.js; }

# One half of the kernel tests runs beside the pure tests and the other half: most of them wait.
reason=$(node dist/test/lab/why-no-kernel.js)
if [ -z "$reason" ]; then
  half 2 >"$other" 2>&1 </dev/null &
  beside=$!
fi

run ${SLUICE_COVERAGE:+node_modules/.bin/c8} node_modules/.bin/ava

if [ -z "$reason" ]; then
  run half 1
  wait "$beside"
  status=$?
  beside=
  cat "$other"
  count "$other" "$status"
elif [ "${SLUICE_REQUIRE_KERNEL:-}" = 1 ]; then
  echo "Kernel tests (test/kernel) cannot run: $reason"
  failed=$((failed + 1))
else
  echo "Kernel tests (test/kernel) did not run: $reason"
fi

[ ! -s "$failures" ] || { echo "What failed:"; cat "$failures"; }
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
