// SPDX-License-Identifier: Apache-2.0
import { verdicts as verdictNumbers } from "../../chain/verdict.ts";
import { noEntries } from "../../kernel/entries.ts";
import type { HookKind } from "../../kernel/kernel.ts";
import type { LibraryProgram, LowerContext, LowerProblem, LowerProblems, ProgramSettings, Reasons } from "../library-program.ts";
import { errorAt } from "../shared/problem.ts";
import { programSchema } from "../shared/schema.ts";

/** Copies of packets, for `sluice tap`. */
export const tap: LibraryProgram = {
  name: "tap",
  summary: "Copies packets that come by, or that leave the chain with chosen verdicts, to `sluice tap`; passes everything",
  object: "tap.bpf.o",
  functions: { xdp: "tap_xdp", "tc-ingress": "tap_tc", "tc-egress": "tap_tc" },
  schema: programSchema("tap"),
  lower: (parameters, context) => lowerTap(parameters as TapParameters, context),
};

/** The map of a tap's records. */
export const samplesMap = "samples";
/** The map that says until when somebody listens. */
export const listeningMap = "listening";

/** The map of struct counts. */
export const countersMap = "counters";

/** Whether a tap's function is one that sees packets leave the chain. */
export function seesLeaving(name: string): boolean {
  return Object.values(leavingFunctions).includes(name);
}

const leavingFunctions = { xdp: "tap_leaving_xdp", tc: "tap_leaving_tc" };

/** `with` of a tap step, as tap.schema.json allows it. */
interface TapParameters {
  readonly verdicts?: readonly VerdictWord[];
  readonly snaplen?: number | bigint;
  readonly one_in?: number | bigint;
  readonly limit_pps?: number | bigint;
  readonly buffer?: number | bigint;
}

type VerdictWord = "pass" | "drop" | "redirect" | "tx" | "aborted";

/** Names of verdicts that a word stands for at tc; at xdp they have their own. */
const tcWords: Readonly<Partial<Record<VerdictWord, readonly string[]>>> = {
  pass: ["next", "ok", "reclassify", "pipe", "queued", "repeat"],
  drop: ["shot", "stolen", "trap"],
  redirect: ["redirect"],
};

function lowerTap(parameters: TapParameters, { hook }: LowerContext): ProgramSettings | LowerProblems {
  const { verdicts, snaplen = 96, one_in = 1, limit_pps = 1000, buffer = 1_048_576 } = parameters;
  const problems = (verdicts ?? []).flatMap((word, index) => verdictProblem(word, index, hook));
  if (problems.length > 0) return { kind: "problems", problems };
  const bits = verdicts === undefined ? {} : { verdicts: verdictBits(verdicts, hook) };
  const leaving = leavingFunctions[hook === "xdp" ? "xdp" : "tc"];
  return {
    kind: "settings",
    globals: { snaplen: Number(snaplen), one_in: Number(one_in), limit_pps: Number(limit_pps), ...bits },
    ...(verdicts === undefined ? {} : { function: leaving }),
    maps: { samples: { maxEntries: Number(buffer), layout: "", content: "none", entries: noEntries(0, 0), print: null } },
    reasons,
  };
}

/** struct counts of the object. */
const reasons: Reasons = {
  map: countersMap,
  valueSize: 40,
  cells: ["seen", "copied", "not chosen", "over the limit", "lost"].map((name, index) => ({
    name,
    isRule: false,
    key: 0,
    offset: index * 8,
  })),
};

function verdictProblem(word: VerdictWord, index: number, hook: HookKind): readonly LowerProblem[] {
  if (hook === "xdp" || tcWords[word] !== undefined) return [];
  const expected = Object.keys(tcWords)
    .map((name) => `"${name}"`)
    .join(", ");
  return [errorAt(["verdicts", index], "not-one-of", `Verdict "${word}" does not exist at tc: expected ${expected}`)];
}

/** One bit per number; -1 of tc is bit 31. */
function verdictBits(words: readonly VerdictWord[], hook: HookKind): number {
  const numbers = verdictNumbers(hook);
  const names = words.flatMap((word) => (hook === "xdp" ? [word] : (tcWords[word] ?? [])));
  return names.reduce((bits, name) => (bits | (1 << ((numbers[name] as number) & 31))) >>> 0, 0);
}
