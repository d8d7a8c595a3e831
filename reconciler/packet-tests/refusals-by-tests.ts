// SPDX-License-Identifier: Apache-2.0
import type { RenderedDesired } from "../2-desired/render-desired.ts";
import { type Host, renderOf } from "../host.ts";
import { printOrigin } from "../model/origin.ts";
import type { Refusal } from "../model/plan.ts";
import type { Snapshot } from "../model/snapshot.ts";
import { scratchRoot } from "./scratch-root.ts";
import { testPolicy } from "./test-policy.ts";

/** Enough to see what is wrong; `sluice test` shows all. */
const mostShown = 10;

/** Runs the policy's packet tests on this kernel: each one that fails is a reason not to apply it. */
export async function refusalsByTests(
  host: Host,
  snapshot: Snapshot,
  rendered: Pick<RenderedDesired, "desired" | "tests">,
): Promise<readonly Refusal[]> {
  if (rendered.tests.length === 0) return [];
  const { kernel, policy, layout } = host;
  const render = renderOf(host);
  const { results } = await testPolicy({ kernel, policy, render, snapshot, rendered, scratch: await scratchRoot(kernel, layout) });
  const failed = results.filter(({ failures }) => failures.length > 0);
  return failed.slice(0, mostShown).map(({ test, failures: [first] }) => {
    const said = first === undefined ? "" : `: ${first.what} expected ${first.expected}, was ${first.actual}`;
    const packet = first?.packet == null ? "" : ` (${first.packet})`;
    const place = first === undefined ? printOrigin(test.at) : printOrigin(first.at);
    const message = `Test "${test.name}" fails at ${place}${said}${packet}`;
    return { hook: test.hook, code: "tests-failed", message, hint: "sluice test shows every test" };
  });
}
