// SPDX-License-Identifier: Apache-2.0
import { hookName } from "../model/hook.ts";
import type { TestRun } from "../model/test-result.ts";

/** What `sluice test --json` prints beside its format: without the packets themselves. */
export function testsToJson({ results, coverage, untested }: TestRun): object {
  const failed = results.filter(({ failures }) => failures.length > 0).length;
  return {
    summary: { passed: results.length - failed, failed },
    tests: results.map(({ test, packets, milliseconds, failures }) => ({
      name: test.name,
      at: test.at,
      hook: hookName(test.hook),
      host: test.host,
      passed: failures.length === 0,
      packets,
      milliseconds: Math.round(milliseconds * 10) / 10,
      failures,
    })),
    coverage,
    untested,
  };
}
