#!/usr/bin/env bash
# One file of the kernel tests, by its path below test/ and without ".test.ts": .ci/kernel-test.sh kernel/chain/differential
set -euo pipefail
cd "$(dirname "$0")/.."
.ci/setup.sh test
export SLUICE_REQUIRE_KERNEL=1
exec unshare --net --mount --propagation private node_modules/.bin/ava --config ava.kernel.config.js "dist/test/$1.test.js" "${@:2}"
