// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from "node:timers/promises";
import { counterColumn } from "../../bpf/chain/counters.ts";
import { verdictName } from "../../bpf/chain/verdict.ts";
import { describePacket } from "../../bpf/packets/describe-packet.ts";
import type { ExpectedCount, PacketTest, Send } from "../model/packet-test.ts";
import type { TestFailure, TestResult } from "../model/test-result.ts";
import type { ScratchChain } from "./scratch-chain.ts";
import { decidingStep } from "./trace-packet.ts";

/** Runs one test on a chain that no packet has met yet. Never throws for a packet that fares otherwise than expected. */
export async function runPacketTest(chain: ScratchChain, test: PacketTest, signal?: AbortSignal): Promise<TestResult> {
  const started = performance.now();
  let packets = 0;
  let failures: readonly TestFailure[] = [];
  for (const entry of test.entries) {
    if (failures.length > 0) break;
    signal?.throwIfAborted();
    if (entry.kind === "wait") await sleep(entry.milliseconds, undefined, signal === undefined ? {} : { signal });
    else {
      const sent = await send(chain, test, entry);
      packets += sent.packets;
      failures = sent.failures;
    }
  }
  if (failures.length === 0) failures = await checkCounters(chain, test);
  return { test, packets, milliseconds: performance.now() - started, failures };
}

async function send(chain: ScratchChain, test: PacketTest, entry: Send): Promise<{ packets: number; failures: readonly TestFailure[] }> {
  const of = entry.frames.length * entry.times;
  let packets = 0;
  for (let round = 0; round < entry.times; round++) {
    for (const frame of entry.frames) {
      const before = entry.step === null ? null : await chain.counts();
      const { verdict, packet: output } = await chain.run(frame);
      packets += 1;
      const step = before === null ? null : decidingStep(chain, before, await chain.counts());
      const failures = compare(test, entry, { frame, verdict, output, step });
      if (failures.length > 0) {
        const words = `${of > 1 ? `${packets} of ${of}: ` : ""}${describePacket(frame)}`;
        return { packets, failures: failures.map((failure) => ({ ...failure, at: entry.at, packet: words })) };
      }
    }
  }
  return { packets, failures: [] };
}

interface Fate {
  readonly frame: Uint8Array;
  readonly verdict: number;
  readonly output: Uint8Array;
  /** null when nobody asked. */
  readonly step: string | null;
}

function compare(test: PacketTest, entry: Send, fate: Fate): readonly Pick<TestFailure, "what" | "expected" | "actual">[] {
  const failures = [];
  const name = (verdict: number): string => verdictName(test.hook.kind, verdict);
  if (entry.verdict !== null && entry.verdict !== fate.verdict) {
    failures.push({ what: "verdict", expected: name(entry.verdict), actual: name(fate.verdict) });
  }
  if (entry.step !== null && fate.step !== null && entry.step !== fate.step) {
    failures.push({ what: "step", expected: entry.step, actual: fate.step });
  }
  if (entry.output !== null) {
    const expected = entry.output === "unchanged" ? fate.frame : entry.output;
    const differs = firstDifference(expected, fate.output);
    if (differs !== null) failures.push({ what: "output", ...describeDifference(expected, fate.output, differs) });
  }
  return failures;
}

function firstDifference(expected: Uint8Array, actual: Uint8Array): number | null {
  const length = Math.max(expected.length, actual.length);
  for (let at = 0; at < length; at++) if (expected[at] !== actual[at]) return at;
  return null;
}

/** The words around the first byte that differs: enough to find it in a dump. */
function describeDifference(expected: Uint8Array, actual: Uint8Array, at: number): Pick<TestFailure, "expected" | "actual"> {
  const start = at - (at % 4);
  const show = (bytes: Uint8Array): string => {
    const part = Buffer.from(bytes.subarray(start, start + 12))
      .toString("hex")
      .replace(/(.{8})(?=.)/g, "$1 ");
    return `${bytes.length} bytes, at ${start}: ${part === "" ? "nothing" : part}`;
  };
  return { expected: show(expected), actual: show(actual) };
}

async function checkCounters(chain: ScratchChain, test: PacketTest): Promise<readonly TestFailure[]> {
  if (test.counters.length === 0) return [];
  const counts = await chain.counts();
  return test.counters.flatMap(({ step, verdict, packets, bound, at }) => {
    const row = chain.generation.steps.findIndex(({ name }) => name === step);
    const actual = counts[row]?.verdicts[counterColumn(verdict)] ?? 0n;
    if (isWithin(Number(actual), packets, bound)) return [];
    const what = `counter ${step} ${verdictName(test.hook.kind, verdict)}`;
    return [{ at, what, expected: `${bound === "exactly" ? "" : bound}${packets}`, actual: String(actual), packet: null }];
  });
}

function isWithin(actual: number, expected: number, bound: ExpectedCount["bound"]): boolean {
  if (bound === ">=") return actual >= expected;
  return bound === "<=" ? actual <= expected : actual === expected;
}
