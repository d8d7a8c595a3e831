// SPDX-License-Identifier: Apache-2.0
import { callFunction, exit, mov64, mov64Imm, st, stx } from "../../../bpf/asm/build.ts";
import type { Instruction } from "../../../bpf/asm/instruction.ts";
import { counterColumn, countersDefinition, sumCounters } from "../../../bpf/chain/counters.ts";
import { cutEverywhere } from "../../../bpf/chain/link-segments.ts";
import type { ChainToLink, LinkedChain, StepToLink } from "../../../bpf/chain/linked-chain.ts";
import { toTcxVerdict } from "../../../bpf/chain/tc-verdict.ts";
import { verdictProgram } from "../../../bpf/chain/verdict-step.ts";
import type { HookKind, Kernel } from "../../../bpf/kernel/kernel.ts";
import { decodeClassic } from "../../../bpf/match/classic.ts";
import { compileMatch } from "../../../bpf/match/compile-match.ts";
import { loadSegments } from "../../../reconciler/5-apply/load-segments.ts";
import { segmentPin } from "../../../reconciler/model/pins.ts";
import type { Random } from "../../corpus/random.ts";
import { offlineFilter } from "../match/offline-filter.ts";
import { program } from "./steps.ts";

/** A step with a fixed verdict; null takes every packet. */
interface MatchStep {
  readonly step: StepToLink;
  readonly verdict: number;
  readonly code: Uint8Array | null;
}

/** A chain of steps with matches and without, in one program or several. */
export interface MatchChain {
  readonly chain: ChainToLink;
  readonly cuts: readonly number[];
  readonly steps: readonly MatchStep[];
}

const expressions = `
ip
ip6
tcp
udp port 53
src net 10.0.0.0/8
tcp dst port (80 or 443)
not tcp
len > 200
vlan
ip[2:2] > 100 and ether[len - 1] != 7
tcp[((tcp[12:1] & 0xf0) >> 2):4] != 0x47455420
ip[8] / ip[9] > 2
`
  .trim()
  .split("\n");

const codes = expressions.map((expression) => {
  const match = compileMatch(expression);
  if (match.kind === "fault") throw new Error(match.message);
  return match.code;
});

/** Programs that give a verdict, each in another way: those that take much stack, or call, are linked differently. */
const bodies: readonly ((verdict: number) => readonly Instruction[])[] = [
  (verdict) => [mov64Imm(0, verdict), exit()],
  (verdict) => [st("dw", 10, -480, 5), stx("dw", 10, -8, 1), mov64Imm(0, verdict), exit()],
  (verdict) => [mov64(6, 1), callFunction(1), exit(), st("dw", 10, -64, 1), mov64Imm(0, verdict), exit()],
];

/** Up to six steps of any kind, with everything that a chain can be told. `frags` is for packets of several pieces. */
export function randomMatchChain(random: Random, hook: HookKind, frags: boolean): MatchChain {
  const verdicts = hook === "xdp" ? [0, 1, 2, 2, 2, 3] : [-1, 0, 0, 2, 3, 4];
  const steps = Array.from({ length: 1 + random.below(6) }, (_, slot): MatchStep => {
    const verdict = random.pick(verdicts);
    const code = random.chance(0.75) ? random.pick(codes) : null;
    const own = code === null || random.chance(0.5);
    const body = own ? program(random.pick(bodies)(verdict), { frags }) : verdictProgram(verdict);
    const step = {
      name: `s${slot}`,
      program: body,
      slot,
      continueOn: random.chance(0.2) && code !== null ? [] : hook === "xdp" ? [2] : [-1, 0, 3],
      ...(code === null ? {} : { match: decodeClassic(code) }),
    };
    return { step: random.chance(0.2) ? { ...step, mode: "call" } : step, verdict, code };
  });
  const counters = random.chance(0.7) ? { map: "counters" } : null;
  const chain = {
    hook,
    name: "sl_test",
    steps: steps.map(({ step }) => step),
    end: random.pick(hook === "xdp" ? [2, 1] : [-1, 2]),
    counters,
  };
  const share = random.pick([0, 0, 0.5, 1]);
  return { chain, cuts: cutEverywhere(chain).filter(() => random.chance(share)), steps };
}

/** What one packet must come to, and in which steps it is counted: [step, verdict]. */
function expectedOf({ chain, steps }: MatchChain, frame: Uint8Array): { verdict: number; counted: readonly (readonly [number, number])[] } {
  const counted: (readonly [number, number])[] = [];
  const result = (verdict: number): number => (chain.hook === "xdp" ? verdict : toTcxVerdict(verdict));
  for (const [index, { step, verdict, code }] of steps.entries()) {
    if (code !== null && !offlineFilter(code, frame)) continue;
    counted.push([index, verdict]);
    if (!step.continueOn.includes(verdict)) return { verdict: result(verdict), counted };
  }
  return { verdict: result(chain.end), counted };
}

export interface MatchRun {
  readonly segments: readonly LinkedChain[];
  /** The first packet that fared otherwise than it should, in words; null when none did. */
  readonly wrong: string | null;
}

/** Loads a chain and sends frames through it; null for a chain that cannot be linked. Leaves nothing below `folder`. */
export async function runMatchChain(
  kernel: Kernel,
  folder: string,
  wanted: MatchChain,
  frames: readonly Uint8Array[],
): Promise<MatchRun | null> {
  const { chain, cuts } = wanted;
  const pin = `${folder}/counters`;
  await kernel.createMap(pin, { name: "counters", definition: countersDefinition(16), btf: null });
  try {
    const bind = (): Record<string, { kind: "pinned"; path: string }> =>
      chain.counters === null ? {} : { counters: { kind: "pinned", path: pin } };
    const plan = { kind: "cuts", cuts, reason: null } as const;
    const loaded = await loadSegments(kernel, { directory: `${folder}/chain`, chain, plan, bind });
    if (loaded.kind === "refused") return null;
    const counts = Array.from({ length: 16 }, () => new Map<number, bigint>());
    let wrong: string | null = null;
    for (const frame of frames) {
      const expected = expectedOf(wanted, frame);
      for (const [step, verdict] of expected.counted) {
        const column = counterColumn(verdict);
        counts[step]?.set(column, (counts[step].get(column) ?? 0n) + 1n);
      }
      const { verdict } = await kernel.run(segmentPin(`${folder}/chain`, 0), { packet: frame });
      if (verdict !== expected.verdict) wrong ??= `${verdict} for ${expected.verdict}: ${Buffer.from(frame).toString("hex")}`;
    }
    if (chain.counters !== null) {
      const rows = sumCounters((await kernel.readMap(pin)).values, 16);
      const differs = rows.findIndex((row, step) => row.some((count, column) => count !== (counts[step]?.get(column) ?? 0n)));
      if (differs >= 0) wrong ??= `step ${differs} has counted ${String(rows[differs])}`;
    }
    return { segments: loaded.segments, wrong };
  } finally {
    await kernel.unpin((await kernel.pins(folder)).map(({ path }) => path));
  }
}
