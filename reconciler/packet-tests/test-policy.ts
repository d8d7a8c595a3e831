// SPDX-License-Identifier: Apache-2.0
import type { Kernel } from "../../bpf/kernel/kernel.ts";
import { readPacketTests } from "../2-desired/read-packet-tests.ts";
import { renderDesired } from "../2-desired/render-desired.ts";
import type { PolicyReader } from "../host.ts";
import type { Desired } from "../model/desired.ts";
import type { Diagnostic } from "../model/diagnostic.ts";
import { hookName } from "../model/hook.ts";
import type { Invalid } from "../model/outcome.ts";
import type { PacketTest } from "../model/packet-test.ts";
import type { Snapshot } from "../model/snapshot.ts";
import { runPacketTest } from "./run-packet-tests.ts";
import { openScratchChain, removeAll } from "./scratch-chain.ts";
import type { ReachedStep, TestResult, TestRun } from "../model/test-result.ts";

export interface TestRequest {
  readonly kernel: Kernel;
  readonly policy: PolicyReader;
  readonly snapshot: Snapshot;
  /** Whose policy is tested where a file does not say. */
  readonly host: string;
  /** A directory for pins that nobody else uses; empty before and after. */
  readonly scratch: string;
  /** Told before each test. */
  progress?(test: PacketTest, number: number, of: number): void;
  readonly signal?: AbortSignal;
}

/** Reads and runs every test of a policy repository. Nothing is attached, and nothing stays pinned. */
export async function testPolicy(request: TestRequest): Promise<({ readonly kind: "tested" } & TestRun) | Invalid> {
  const chains = renderHosts(request);
  const found: Diagnostic[] = [];
  const known = {
    hooks: (host: string | null) => chains(host)?.hooks.map(({ hook }) => hookName(hook)) ?? [],
    steps: (host: string | null, name: string) =>
      chains(host)?.hooks.find(({ hook }) => hookName(hook) === name)?.chain.map((step) => step.name) ?? [],
  };
  const broken = chains.diagnostics(null);
  if (broken.length > 0) return { kind: "invalid", diagnostics: broken };
  const tests = readPacketTests(request.snapshot.files, known, (diagnostic) => void found.push(diagnostic));
  if (found.some(({ severity }) => severity === "error")) return { kind: "invalid", diagnostics: found };

  const results: TestResult[] = [];
  const reached = new Map<string, ReachedStep>();
  for (const [index, test] of tests.entries()) {
    request.progress?.(test, index + 1, tests.length);
    const desired = chains(test.host) as Desired;
    results.push(await runOne(request, desired, test, reached));
  }
  const tested = new Set(tests.map(({ hook }) => hookName(hook)));
  const untested = (chains(null)?.hooks ?? []).map(({ hook }) => hookName(hook)).filter((name) => !tested.has(name));
  return { kind: "tested", results, coverage: [...reached.values()], untested };
}

async function runOne(request: TestRequest, desired: Desired, test: PacketTest, reached: Map<string, ReachedStep>): Promise<TestResult> {
  const name = hookName(test.hook);
  const hook = desired.hooks.find((candidate) => hookName(candidate.hook) === name);
  if (hook === undefined) throw new Error(`The policy has no chain ${name}`);
  const layout = { root: request.scratch };
  try {
    const chain = await openScratchChain(request.kernel, request.policy, desired, hook, layout);
    const result = await runPacketTest(chain, test, request.signal);
    for (const [row, counts] of (await chain.counts()).entries()) {
      const step = chain.generation.steps[row]?.name as string;
      const before = reached.get(`${name} ${step}`)?.packets ?? 0n;
      reached.set(`${name} ${step}`, { hook: name, step, packets: counts.reduce((sum, count) => sum + count, before) });
    }
    return result;
  } finally {
    await removeAll(request.kernel, layout);
  }
}

interface HostChains {
  /** What the policy renders to for a host; null when it is invalid. */
  (host: string | null): Desired | null;
  diagnostics(host: string | null): readonly Diagnostic[];
}

/** Renders the policy once per host that tests name. */
function renderHosts({ policy, snapshot, host }: TestRequest): HostChains {
  const rendered = new Map<string, ReturnType<typeof renderDesired>>();
  const render = (name: string | null) => {
    const key = name ?? host;
    const known = rendered.get(key) ?? renderDesired({ ...policy, snapshot, host: key });
    rendered.set(key, known);
    return known;
  };
  const chains = (name: string | null): Desired | null => {
    const result = render(name);
    return result.kind === "rendered" ? result.desired : null;
  };
  const diagnostics = (name: string | null): readonly Diagnostic[] => {
    const result = render(name);
    return result.kind === "invalid" ? result.diagnostics : [];
  };
  return Object.assign(chains, { diagnostics });
}
