// SPDX-License-Identifier: Apache-2.0
import type { Kernel } from "../../bpf/kernel/kernel.ts";
import type { RenderedDesired } from "../2-desired/render-desired.ts";
import type { PolicyReader, Render } from "../host.ts";
import type { Desired, DesiredHook } from "../model/desired.ts";
import { hookName } from "../model/hook.ts";
import type { PacketTest } from "../model/packet-test.ts";
import type { Snapshot } from "../model/snapshot.ts";
import type { Reached, TestResult, TestRun } from "../model/test-result.ts";
import { runPacketTest } from "./run-packet-tests.ts";
import { openScratchChain, removeAll, type StepCounts } from "./scratch-chain.ts";

export interface TestRequest {
  readonly kernel: Kernel;
  readonly policy: PolicyReader;
  readonly render: Render;
  readonly snapshot: Snapshot;
  /** What the snapshot renders to on the host that is asked for, with the tests. */
  readonly rendered: Pick<RenderedDesired, "desired" | "tests">;
  /** A directory for pins that nobody else uses; empty before and after. */
  readonly scratch: string;
  /** Told before each test. */
  progress?(test: PacketTest, number: number, of: number): void;
  readonly signal?: AbortSignal;
}

/**
 * Runs every test of a policy repository; those that name no host, where this one has the chain. Nothing is attached, and nothing
 * stays pinned. Throws what loading a chain throws.
 */
export async function testPolicy(request: TestRequest): Promise<TestRun> {
  const { desired, tests } = request.rendered;
  const policies = await policiesByHost(request);
  const results: TestResult[] = [];
  const reached = new Map<string, Reached>();
  for (const [index, test] of tests.entries()) {
    request.progress?.(test, index + 1, tests.length);
    const policy = policies.get(test.host) as Desired;
    const hook = policy.hooks.find((candidate) => hookName(candidate.hook) === hookName(test.hook));
    if (hook !== undefined) results.push(await runOne(request, policy, hook, test, reached));
  }
  const tested = new Set(results.map(({ test }) => hookName(test.hook)));
  const untested = desired.hooks.map(({ hook }) => hookName(hook)).filter((name) => !tested.has(name));
  return { results, coverage: [...reached.values()], untested };
}

/** The policy as it is for each host that tests name; null is the one that is asked for. */
async function policiesByHost({ render, snapshot, rendered }: TestRequest): Promise<ReadonlyMap<string | null, Desired>> {
  const hosts = [...new Set(rendered.tests.flatMap(({ host }) => (host === null ? [] : [host])))];
  const others = hosts.length === 0 ? [] : await render(snapshot, hosts);
  const known = new Map<string | null, Desired>([[null, rendered.desired]]);
  for (const [index, other] of others.entries()) {
    const host = hosts[index] as string;
    // A policy is good or bad everywhere, but for two files that claim an interface of this host only.
    if (other.kind === "invalid") throw new Error(`The policy is not valid for host "${host}": ${other.diagnostics[0]?.message ?? ""}`);
    known.set(host, other.desired);
  }
  return known;
}

async function runOne(
  request: TestRequest,
  desired: Desired,
  hook: DesiredHook,
  test: PacketTest,
  reached: Map<string, Reached>,
): Promise<TestResult> {
  const layout = { root: request.scratch };
  try {
    const chain = await openScratchChain(request.kernel, request.policy, desired, hook, layout);
    const result = await runPacketTest(chain, test, request.signal);
    count(reached, hook, await chain.counts());
    return result;
  } finally {
    await removeAll(request.kernel, layout);
  }
}

/** Adds what one test's packets have reached. */
function count(reached: Map<string, Reached>, { hook, chain }: DesiredHook, counts: readonly StepCounts[]): void {
  const add = (step: string, rule: string | null, packets: bigint): void => {
    const key = JSON.stringify([hookName(hook), step, rule]);
    reached.set(key, { hook: hookName(hook), step, rule, packets: packets + (reached.get(key)?.packets ?? 0n) });
  };
  for (const [row, { name, reasons }] of chain.entries()) {
    const { verdicts, reasons: cells } = counts[row] as StepCounts;
    add(
      name,
      null,
      verdicts.reduce((sum, packets) => sum + packets, 0n),
    );
    for (const [cell, { name: rule, isRule }] of (reasons?.cells ?? []).entries()) if (isRule) add(name, rule, cells[cell] ?? 0n);
  }
}
