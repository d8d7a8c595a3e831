// SPDX-License-Identifier: Apache-2.0
import fc from "fast-check";
import { counterColumn, counterColumns, counterRowSize } from "../../../bpf/chain/counters.ts";
import type { ChainToLink, LinkedChain, LinkMode, StepToLink } from "../../../bpf/chain/linked-chain.ts";
import { toTcxVerdict } from "../../../bpf/chain/tc-verdict.ts";
import type { HookKind } from "../../../bpf/kernel/kernel.ts";
import { runProgram, type Word, type World } from "./run-program.ts";
import { shapes, step, stepHelper, tailCallHelper } from "./steps.ts";

/** A chain of these steps at XDP, which ends with pass and counts nothing unless told otherwise. */
export const chainOf = (steps: readonly StepToLink[], settings: Partial<ChainToLink> = {}): ChainToLink => ({
  hook: "xdp",
  name: "sl_test_xdp",
  steps,
  end: 2,
  counters: null,
  ...settings,
});

/** What running a chain on one packet did. */
export interface Run {
  readonly verdict: number;
  /** Numbers of the steps that ran, in order. */
  readonly ran: readonly number[];
  /** Counts by place in the counters' value, what is 0 left out. */
  readonly counted: Readonly<Record<number, number>>;
}

/** Thrown by the helper bpf_tail_call that finds a program, because that never comes back. */
class TailCall extends Error {
  readonly index: number;

  constructor(index: number) {
    super(`Tail call to segment ${index}`);
    this.index = index;
  }
}

/** Runs a chain, in as many segments as it has, whose step `n` gives verdicts[n]. Every step must be handed the context. */
export function run(segments: readonly LinkedChain[], verdicts: readonly number[]): Run {
  const ran: number[] = [];
  const counters = new Map<number, Word>(Array.from({ length: 16 * counterColumns }, (_, cell) => [cell * 8, 0]));
  const helper = (number: number, registers: readonly (Word | undefined)[]): Word => {
    if (number === tailCallHelper) return tailCall(segments, registers);
    const n = number - stepHelper;
    if (registers[1] !== "context") throw new Error(`Step ${n} did not get the context`);
    ran.push(n);
    return verdicts[n] as number;
  };
  const verdict = runSegment(segments, 0, { helper, counters });
  const counted = [...counters].filter(([, count]) => count !== 0);
  return { verdict, ran, counted: Object.fromEntries(counted) as Record<number, number> };
}

/** Steps that make tail calls find nothing in their arrays. */
function tailCall(segments: readonly LinkedChain[], registers: readonly (Word | undefined)[]): number {
  const [, context, map, index] = registers;
  if (map !== "map" || typeof index !== "number" || segments[index] === undefined) return -2;
  if (context !== "context") throw new Error(`Segment ${index} did not get the context`);
  throw new TailCall(index);
}

function runSegment(segments: readonly LinkedChain[], index: number, world: World): number {
  try {
    return runProgram((segments[index] as LinkedChain).instructions, world);
  } catch (error) {
    if (!(error instanceof TailCall)) throw error;
    return runSegment(segments, error.index, world);
  }
}

/** What running the steps one after another means. */
export function expectRun({ hook, steps, end, counters }: ChainToLink, verdicts: readonly number[]): Run {
  const stops = steps.findIndex(({ continueOn }, n) => !continueOn.includes(verdicts[n] as number));
  const last = stops < 0 ? steps.length - 1 : stops;
  const verdict = stops < 0 ? end : (verdicts[stops] as number);
  const counted: Record<number, number> = {};
  for (const [n, { slot }] of steps.slice(0, last + 1).entries()) {
    if (counters !== null) counted[slot * counterRowSize + counterColumn(verdicts[n] as number) * 8] = 1;
  }
  return { verdict: hook === "xdp" ? verdict : toTcxVerdict(verdict), ran: steps.slice(0, last + 1).map((_, n) => n), counted };
}

const anyVerdict = fc.oneof(
  fc.integer({ min: -1, max: 9 }),
  fc.constantFrom(2, 2, 2, 0, 1),
  fc.integer({ min: -0x80000000, max: 0x7fffffff }),
);

/** A step of a random chain. */
export interface AnyStep {
  readonly shape: string;
  readonly continueOn: readonly number[];
  readonly called: boolean;
  readonly verdict: number;
}

/** Steps of every shape and continue set. */
export const anyStep: fc.Arbitrary<AnyStep> = fc.record({
  shape: fc.constantFrom(...Object.keys(shapes)),
  continueOn: fc.oneof(fc.constant([2]), fc.constant([0, 3, -1]), fc.array(anyVerdict, { minLength: 1, maxLength: 5 })),
  called: fc.boolean(),
  verdict: anyVerdict,
});

/** The chain of random steps. */
export function toChain(hook: HookKind, steps: readonly AnyStep[], counted: boolean, end: number): ChainToLink {
  const settings = (called: boolean): { mode?: LinkMode } => (called ? { mode: "call" } : {});
  return chainOf(
    steps.map(({ shape, continueOn, called }, n) =>
      step(`${n}-${shape}`, shapes[shape]?.(n) ?? [], { continueOn, slot: steps.length - n, ...settings(called) }),
    ),
    { hook, end, counters: counted ? { map: "counters" } : null },
  );
}
