#!/usr/bin/env bash
# All tests. Pure ones run anywhere; kernel tests need root and BPF and get network and mount namespaces of their own.
# With SLUICE_REQUIRE_KERNEL=1 a kernel test that cannot run is a failure. The last line reads "N passed, N failed".
set -uo pipefail
cd "$(dirname "$0")/.."
export PATH="$PATH:/usr/sbin:/sbin"
[ "${1:-}" = --no-setup ] || .ci/setup.sh test || exit 1

passed=0 failed=0
log=$(mktemp)
failures=$(mktemp)
declare -A beside=() others=()
trap 'rm -f "$log" "$failures" "${others[@]}"; [ ${#beside[@]} = 0 ] || kill "${beside[@]}"' EXIT

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

part() { SLUICE_PART=$1 exec unshare --net --mount --propagation private node_modules/.bin/ava --config ava.kernel.config.js; }

# Starts a part of the kernel tests, to be shown when it is over.
start() {
  others[$1]=$(mktemp)
  part "$1" >"${others[$1]}" 2>&1 </dev/null &
  beside[$1]=$!
}

finish() {
  wait "${beside[$1]}"
  local status=$?
  unset "beside[$1]"
  cat "${others[$1]}"
  count "${others[$1]}" "$status"
}

# One part of the kernel tests runs beside the pure tests, the others beside that and each other: most of them wait.
reason=$(node dist/test/lab/why-no-kernel.js)
[ -n "$reason" ] || start 3

run ${SLUICE_COVERAGE:+node_modules/.bin/c8} node_modules/.bin/ava

if [ -z "$reason" ]; then
  start 2
  run part 1
  finish 2
  finish 3
elif [ "${SLUICE_REQUIRE_KERNEL:-}" = 1 ]; then
  echo "Kernel tests (test/kernel) cannot run: $reason"
  failed=$((failed + 1))
else
  echo "Kernel tests (test/kernel) did not run: $reason"
fi

[ ! -s "$failures" ] || { echo "What failed:"; cat "$failures"; }
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
